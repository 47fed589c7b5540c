"""Short spellings of row expressions and relations."""

from __future__ import annotations

from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Account, Measure, Output, Reduction, Relation, RowExpr, Step
from tests.engines.plans import PLACE, Builder


def col(name: str, scale: int = 0, kind: str = "int") -> RowExpr:
    return RowExpr("column", value=name, kind=kind, scale=scale)


def lit(value: int | str | bool | None, scale: int = 0) -> RowExpr:
    kind = "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "int"
    return RowExpr("const", value=value, kind=kind, scale=scale)


def times(left: RowExpr, right: RowExpr) -> RowExpr:
    return RowExpr("*", (left, right), scale=left.scale + right.scale)


def op(name: str, *args: RowExpr) -> RowExpr:
    """An operation whose result has the scale of its last argument."""
    flag = name in {"<", "<=", ">", ">=", "is", "is not", "and", "or", "not", "missing", "in"}
    last = args[-1]
    return RowExpr(name, args, kind="flag" if flag else last.kind, scale=0 if flag else last.scale)


def step(name: str, relation: Relation) -> Step:
    return Step(name, relation, PLACE)


def plan(steps: tuple[Step, ...], outputs: tuple[Output, ...], accounts: tuple[Account, ...] = ()) -> Plan:
    return Builder().plan(reduction=Reduction(steps, outputs, accounts))


def total(name: str, operand: RowExpr) -> Measure:
    return Measure(name, "sum", operand)
