"""Made-up results of the Shared Savings Program in arrays: as many rows as wanted, in the shape of the published ones."""

from __future__ import annotations

import numpy as np

from contractlang.engines.base import Bytes, Column, Frame, Inputs, Table
from contractlang.plan.nodes import Plan
from contractlang.semantics.model import TableSchema
from contractlang.values import State


def mssp_inputs(plan: Plan, count: int, year: str, seed: int = 1) -> Inputs:
    """`count` ACOs in one year."""
    schema = next(table for table in plan.tables if table.name == "results")
    rng = np.random.default_rng(seed)
    members = np.exp(rng.uniform(np.log(5_000), np.log(150_000), count)).astype(np.int64)
    benchmark = (members * rng.normal(11_000, 1_500, count).clip(6_000, 16_000)).astype(np.int64) * 100
    spent = (benchmark * rng.normal(0.97, 0.04, count)).astype(np.int64)
    one = np.ones(count, dtype=np.uint8)
    numbers = {
        "benchmark": (benchmark, 2),
        "expenditure": (spent, 2),
        "beneficiaries": (members, 0),
        "person_years": (members, 0),
        "updated_benchmark": (benchmark // members, 2),
        "elected_msr": (rng.integers(0, 5, count) * 50, 4),
        "elected_msr_step": (np.full(count, 1), 4),
        "quality": (rng.integers(6_000, 10_000, count), 4),
        "disaster": (np.where(rng.random(count) < 0.1, benchmark // 1_000, 0), 2),
        "advance": (np.where(rng.random(count) < 0.1, benchmark // 2_000, 0), 2),
        "revenue": (benchmark // 3, 2),
        "printed_rate": (rng.integers(0, 7_500, count), 4),
    }
    flags = {
        "met_standard": rng.random(count) < 0.95,
        "met_alternative": rng.random(count) < 0.5,
        "guardrail": one == 0,
    }
    columns: dict[str, Column] = {}
    for name, (values, scale) in numbers.items():
        columns[name] = Column("int", np.ascontiguousarray(values, dtype=np.int64), scale)
    for name, flag in flags.items():
        columns[name] = Column("flag", flag.astype(np.uint8))
    for name in ("track", "revenue_class"):
        labels = _labels(schema, name)
        columns[name] = Column("code", rng.integers(0, len(labels), count), labels=labels)
    columns["agreement_start"] = Column("date", rng.integers(17_897, 19_723, count))
    for name in ("revenue", "printed_rate"):
        columns[name] = _partly(columns[name], rng.random(count) < 0.5)
    units = [f"A{i:07}" for i in range(count)]
    keys = {
        plan.unit: Column("text", np.array(units, dtype=object)),
        plan.period: Column("text", np.full(count, year, dtype=object)),
    }
    return Inputs(Frame(units, [year] * count), {"results": Table("results", keys, columns)})


def _labels(schema: TableSchema, name: str) -> tuple[str, ...]:
    found = schema.column(name)
    return () if found is None or found.labels is None else found.labels


def _partly(column: Column, gone: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Column:
    """A column of which some cells are not applicable."""
    states: Bytes = np.where(gone, int(State.NOT_APPLICABLE), 0).astype(np.uint8)
    values = np.where(gone, 0, column.values)
    return Column(column.form, values, column.scale, column.labels, states, {int(State.NOT_APPLICABLE): "not printed"})
