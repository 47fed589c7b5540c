"""Measures that are supplied: a hospital, a survey or a registry reports the rate of each group itself."""

from __future__ import annotations

from collections.abc import Callable

from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.rates import only_reportable
from contractlang.plan.lowering.reduction import one
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Grain
from contractlang.syntax import ast


def supplied(
    low: Lowering, name: str, block: ast.Block, table: TableSchema, grain: Grain, inside: Callable[[Ref], Ref]
) -> bool:
    """Measures whose rates come from a table at group grain: `rate COLUMN`, `denominator COLUMN`."""
    assert block.source is not None
    low.used.add(table.name)
    if {k.name for k in table.keys} != grain:
        keys = ", ".join(sorted(grain))
        low.error("grain-mismatch", f"`{table.name}` is not keyed by {keys}", block.source.span, f"key it `per {keys}`")
        return False
    for clause in block.steps:
        if clause.word in ("rate", "denominator"):
            assert clause.argument is not None
            with low.table_columns(table):
                ref = expressions.numeric(low, clause.argument, f"`{clause.word}`")
            if ref is None:
                return False
            role = "amount" if clause.word == "rate" else "input"
            low.register(
                f"{name}.{clause.word}", inside(ref), role, f"{name} {clause.word}", clause.span, name, clause.word
            )
    if f"{name}.rate" not in low.values:
        one(low, block, "rate")
        return False
    rate = low.values[f"{name}.rate"]
    checked = only_reportable(low, name, block, rate)
    if checked is None:
        return False
    if checked != rate:
        low.names = [n for n in low.names if n.name != f"{name}.rate"]
        rate = low.register(f"{name}.rate", checked, "amount", f"{name} rate", block.span, name)
    low.also(name, rate)
    return True
