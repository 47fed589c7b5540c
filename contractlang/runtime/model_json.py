"""The resolved contract as plain data: what it settles, what it reads, what it computes, what it pays and promises."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from contractlang.plan.compiler import Compiled
from contractlang.plan.nodes import Plan
from contractlang.runtime.binding_report import decimal, plain
from contractlang.runtime.formatting import unit_words
from contractlang.runtime.heading import heading
from contractlang.semantics.model import ColumnSchema, TableSchema

FORMAT = "vbc-model/1"


def as_json(compiled: Compiled) -> dict[str, Any]:
    """The latest text, with the dates of all texts."""
    plan = compiled.plans[-1]
    head = heading(compiled).as_json()
    first, last = compiled.term
    return {
        "format": FORMAT,
        **{name: head[name] for name in ("contract", "version", "title", "payer", "texts", "language")},
        "unit": plan.unit,
        "period": plan.period,
        "term": [first.isoformat(), last.isoformat()],
        "periods": [
            {"label": p.label, "start": p.start.isoformat(), "end": p.end.isoformat()} for p in compiled.periods()
        ],
        "tables": [_table(table) for table in compiled.tables],
        "values": _values(plan),
        "payments": list(plan.payments),
        "requirements": [{"reason": r.reason, "place": r.origin.place} for r in plan.requirements],
        "guarantees": [{"title": a.title, "place": a.origin.place} for a in plan.assertions],
        "illustrative": [{"name": a.name, "words": a.words, "place": a.origin.place} for a in plan.assumptions],
    }


def _table(table: TableSchema) -> dict[str, Any]:
    return {
        "name": table.name,
        "kind": table.kind,
        "member_level": table.member_level,
        "dated": table.dated,
        "keys": [
            {"name": k.name, "role": k.role, "labels": None if k.labels is None else list(k.labels)} for k in table.keys
        ],
        "columns": [_column(column) for column in table.columns],
    }


def _column(column: ColumnSchema) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.type.kind.value,
        "unit": unit_words(column.type),
        "decimals": column.decimals,
        "low": _number(column.low),
        "high": _number(column.high),
        "labels": None if column.labels is None else list(column.labels),
        "missing": None if column.missing is None else plain(column.missing),
    }


def _values(plan: Plan) -> list[dict[str, Any]]:
    found = []
    for named in plan.names:
        type_ = plan.nodes[named.node].type
        found.append(
            {
                "name": named.name,
                "kind": type_.kind.value,
                "unit": unit_words(type_),
                "grain": sorted(type_.grain),
                "role": named.role,
                "label": named.label,
                "may_be": [state.words for state in sorted(type_.absent)],
                "place": named.origin.place,
            }
        )
    return found


def _number(value: Fraction | None) -> str | None:
    return None if value is None else decimal(value)
