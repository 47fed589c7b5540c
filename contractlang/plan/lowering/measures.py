"""`measures`: sets of measures with weights and gates.

A set has the values of its measures at the grain of the category that keys its table: `ambulatory.rate` varies by
`measure`. Measures outside the set are not applicable there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.counting import counted_sums, counted_wide
from contractlang.plan.lowering.improvement import improvement
from contractlang.plan.lowering.rates import register_values
from contractlang.plan.lowering.spending import population_of
from contractlang.plan.lowering.supplied import supplied
from contractlang.semantics.terms import TermsTable, terms_table
from contractlang.semantics.types import Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State

OUTSIDE = "not one of its measures"
WIDE = frozenset({"numerator", "denominator"})
"""Columns of a set's table that name a column of the input for each measure."""


@dataclass(frozen=True, slots=True)
class MeasureSet:
    """A lowered set: its key category, its labels, its table of terms, and the number of gates."""

    name: str
    key: str
    labels: tuple[str, ...]
    table: TermsTable
    gates: int
    falling: tuple[str, ...]  # measures for which lower is better


def lower_measures(low: Lowering, name: str, block: ast.Block) -> bool:
    """A set of measures with its table; registers its values and remembers the set for `quality`."""
    assert block.table is not None
    wide = set(block.table.header) >= WIDE
    found = _set(low, name, _without_columns(block.table, WIDE) if wide else block.table)
    if found is None:
        return False
    table = None if block.source is None else low.declared.inputs.get(block.source.text)
    grain = low.settled | {found.key} | {n.text for n in block.per}
    inside = within_set(low, found, block.table.span)
    if table is not None and not table.member_level:
        ok = supplied(low, name, block, table, grain, inside)
    else:
        population = population_of(low, block)
        key = ast.Name((found.key,), span=block.table.span)
        if population is None:
            return False
        if wide:
            sums = counted_wide(low, name, block, population, found.key, found.labels)
        else:
            sums = counted_sums(low, name, block, population, (*block.per, key))
        ok = sums is not None and register_values(low, name, block, sums, grain, inside) is not None
    if not ok:
        return False
    for word, terms in found.table.columns.items():
        rows_ = tuple(
            nodes.TermsRow(pattern, value, span)
            for pattern, value, span in zip(found.table.patterns, terms.values, terms.spans, strict=True)
        )
        outside = nodes.TermsRow((None,), Absent(State.NOT_APPLICABLE, OUTSIDE), block.span)
        absent = terms.type.absent | {State.NOT_APPLICABLE}
        type_ = replace(terms.type, grain=frozenset({found.key}), absent=absent)
        node = low.emit(
            nodes.Terms(name, word, (*rows_, outside)), (_key(low, found.key, block.span),), type_, block.span
        )
        low.register(f"{name}.{word}", node, "parameter", f"{name} {word.replace('_', ' ')}", block.table.span, name)
    low.sets[name] = found
    return improvement(low, name, block, low.values[f"{name}.rate"], direction(low, found, block.span))


def direction(low: Lowering, found: MeasureSet, span: Span) -> Ref:
    """-1 for measures where lower is better, 1 for the others of the set."""
    rows = [nodes.TermsRow((label,), Fraction(-1 if label in found.falling else 1), span) for label in found.labels]
    outside = nodes.TermsRow((None,), Absent(State.NOT_APPLICABLE, OUTSIDE), span)
    type_ = Type(Kind.NUMBER, grain=frozenset({found.key}), absent=frozenset({State.NOT_APPLICABLE}))
    return low.emit(nodes.Terms(found.name, "direction", (*rows, outside)), (_key(low, found.key, span),), type_, span)


def _key(low: Lowering, key: str, span: Span) -> Ref:
    return low.emit(nodes.Key(key), (), Type(Kind.CATEGORY, scheme=key, grain=frozenset({key})), span)


def within_set(low: Lowering, found: MeasureSet, span: Span) -> Callable[[Ref], Ref]:
    """Makes a value not applicable for measures outside the set."""

    def inside(ref: Ref) -> Ref:
        key = _key(low, found.key, span)
        flag = Type(Kind.FLAG, grain=frozenset({found.key}))
        among = low.emit(nodes.Among(found.labels), (key,), flag, span)
        outside = low.absent(State.NOT_APPLICABLE, OUTSIDE, low.type(ref), span)
        type_ = low.type(ref)
        type_ = replace(type_, grain=type_.grain | {found.key}, absent=type_.absent | {State.NOT_APPLICABLE})
        return low.emit(nodes.Choose(), (among, ref, outside), type_, span)

    return inside


# The table of a set --------------------------------------------------------------------------------------------------


def _set(low: Lowering, name: str, written: ast.Terms) -> MeasureSet | None:
    table = terms_table(low.scope, name, written, low.sink, whole=False)
    if table is None:
        return None
    labels = tuple(p[0] for p in table.patterns if isinstance(p[0], str))
    gates = [word for word in table.columns if word.startswith("gate_")]
    if gates != [f"gate_{i}" for i in range(1, len(gates) + 1)]:
        low.error(
            "gates-out-of-order",
            f"the gates of `{name}` are not numbered 1, 2, 3 …",
            written.span,
            "number the columns from `gate 1` on",
        )
        return None
    falling: list[str] = []
    for row, pattern in enumerate(table.patterns):
        values = [table.columns[g].values[row] for g in gates]
        direction = _direction(low, values, str(pattern[0]), table.spans[row]) if gates else 1
        if direction is None:
            return None
        better = table.columns.get("lower_is_better")
        if better is not None and gates and better.values[row] is not (direction < 0):
            low.error(
                "direction-contradicts-gates",
                f"the gates of `{pattern[0]}` {'fall' if direction < 0 else 'rise'}, but lower is {'' if better.values[row] else 'not '}better",
                table.spans[row],
                "turn the gates round, or correct `lower_is_better`",
            )
            return None
        if direction < 0 or (better is not None and better.values[row] is True):
            falling.append(str(pattern[0]))
    return MeasureSet(name, table.keys[0], labels, table, len(gates), tuple(falling))


def _direction(low: Lowering, values: Sequence[object], label: str, span: Span) -> int | None:
    numbers = [v for v in values if isinstance(v, Fraction)]
    if len(numbers) == len(values):
        pairs = list(pairwise(numbers))
        if all(a < b for a, b in pairs):
            return 1
        if all(a > b for a, b in pairs):
            return -1
    low.error(
        "gates-out-of-order",
        f"the gates of `{label}` neither rise nor fall",
        span,
        "write every gate further than the one before",
    )
    return None


def _without_columns(table: ast.Terms, words: frozenset[str]) -> ast.Terms:
    kept = [i for i, word in enumerate(table.header) if word not in words]
    cut = tuple(replace(row, cells=tuple(row.cells[i] for i in kept)) for row in table.rows)
    return replace(table, header=tuple(table.header[i] for i in kept), rows=cut)
