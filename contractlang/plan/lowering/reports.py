"""`report`: which values are shown to whom, and what is hidden."""

from __future__ import annotations

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import references
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import one
from contractlang.syntax import ast

MOST = 10_000
"""The greatest number of rows, days or months, and the greatest limit of small cells."""

COUNTS = ("show", "top", "totals", "suppress", "appeal")


def lower_reports(low: Lowering) -> tuple[nodes.Report, ...]:
    """All reports of the contract; those that fail are reported and left out."""
    found: list[nodes.Report] = []
    for name, item in low.scope.items.items():
        if isinstance(item, ast.Block) and item.kind == "report":
            low.used.add(name)
            report = _report(low, name, item)
            if report is not None:
                found.append(report)
    return tuple(found)


def _report(low: Lowering, name: str, block: ast.Block) -> nodes.Report | None:
    clauses = {s.word: s for s in block.steps}
    for word in COUNTS:
        if sum(s.word == word for s in block.steps) > 1:
            one(low, block, word)
            return None
    show = one(low, block, "show")
    if show is None or block.subject is None:
        return None
    per = _keys(low, show.names("per"))
    shown = [(n.text, _value(low, n, per)) for n in show.names("shown")]
    if per is None or any(ref is None for _, ref in shown):
        return None
    top = _top(low, clauses.get("top"), per)
    totals = _totals(low, clauses.get("totals"), per)
    if (top is None and "top" in clauses) or totals is None:
        return None
    suppress = clauses.get("suppress")
    numbers = {word: count_of(low, clauses[word]) for word in ("suppress", "appeal") if word in clauses}
    if None in numbers.values():
        return None
    return nodes.Report(
        name,
        block.subject.text,
        block.issued.value if block.issued is not None else "",
        tuple((n, ref) for n, ref in shown if ref is not None),
        per,
        block.span,
        top,
        totals,
        numbers.get("suppress"),
        suppress is not None and suppress.get("complementary") is not None,
        numbers.get("appeal"),
    )


def count_of(low: Lowering, clause: ast.Step) -> int | None:
    """The whole number of a clause, from 1 on; None after a report."""
    number = clause.get("count")
    if (
        isinstance(number, ast.Number)
        and not number.symbol
        and number.value.denominator == 1
        and 1 <= number.value <= MOST
    ):
        return int(number.value)
    assert number is not None
    low.error("kind-mismatch", f"`{number.span.text}` is no count", number.span, "write a whole number from 1 on")
    return None


def _keys(low: Lowering, names: tuple[ast.Name, ...]) -> tuple[str, ...] | None:
    for name in names:
        if name.text not in low.scope.categories:
            low.scope.unknown(name, list(low.scope.categories), "category")
            return None
    return tuple(n.text for n in names)


def _value(low: Lowering, name: ast.Name, per: tuple[str, ...] | None) -> Ref | None:
    """A named value that does not vary by more than the rows of the report."""
    ref = references.lower_name(low, name)
    if ref is None or per is None:
        return None
    beyond = [k for k in low.beyond(ref) if k not in per]
    if beyond:
        low.error(
            "grain-mismatch",
            f"`{name.text}` varies by {' and '.join(beyond)}, and the rows of the report do not",
            name.span,
            f"write `show … per {', '.join((*per, *beyond))}`",
        )
        return None
    return ref


def _top(low: Lowering, clause: ast.Step | None, per: tuple[str, ...]) -> tuple[int, str, str, int] | None:
    if clause is None:
        return None
    key, by, count = clause.get("key"), clause.get("by"), count_of(low, clause)
    assert isinstance(key, ast.Name)
    assert isinstance(by, ast.Name)
    if key.text not in per:
        low.scope.unknown(key, list(per), "key of the report")
        return None
    ref = _value(low, by, per)
    if ref is None or count is None:
        return None
    if not low.type(ref).numeric:
        low.error("kind-mismatch", "the rows are ordered by a number", by.span, "name a number or an amount")
        return None
    return count, key.text, by.text, ref


def _totals(low: Lowering, clause: ast.Step | None, per: tuple[str, ...]) -> tuple[str, ...] | None:
    if clause is None:
        return ()
    for name in clause.names("shown"):
        if name.text not in (*per, "network"):
            low.scope.unknown(name, [*per, "network"], "key of the report")
            return None
    return tuple(n.text for n in clause.names("shown"))
