"""Given values cut into a plan: a node becomes a constant, or a lookup by key, and what stood behind it is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.semantics.model import TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Grain, Kind, Type
from contractlang.source import Span
from contractlang.values import Absent, State, Value

Labels = tuple[tuple[str, str], ...]
"""Key names with labels, sorted by name; of what is given, periods by their number (`month` is `3`)."""


@dataclass(slots=True)
class Cut:
    """The values given for one node, by the labels of the keys that the example names."""

    name: str
    span: Span
    values: dict[Labels, Value]


def cut_plan(plan: nodes.Plan, cuts: dict[Ref, Cut], given: dict[str, Value], keys: set[str]) -> tuple[nodes.Plan, int]:
    """The plan with the cuts; the keys that lookups need stand first, so all indices move by their number."""
    wanted = sorted({key for cut in cuts.values() for labels in cut.values for key, _ in labels})
    shift = len(wanted)
    origin = plan.nodes[0].origin if plan.nodes else next(iter(cuts.values())).span
    built: list[nodes.Node] = [
        nodes.Node(
            nodes.Key(key),
            (),
            Type(Kind.NUMBER, grain=_moment_grain(key, plan.period))
            if key in PERIODS
            else Type(Kind.TEXT, grain=frozenset({key})),
            origin,
        )
        for key in wanted
    ]
    schemas = {t.name: t for t in plan.tables}
    for ref, node in enumerate(plan.nodes):
        moved = replace(node, args=tuple(a + shift for a in node.args))
        if ref in cuts:
            moved = _cut_node(moved, cuts[ref], wanted, schemas)
        elif isinstance(node.op, nodes.Cell):
            moved = replace(node, op=nodes.Const(_not_given(node.op, schemas)), args=(), type=node.type)
        elif isinstance(node.op, nodes.Key) and node.op.key in keys and node.op.key not in PERIODS:
            moved = replace(node, op=nodes.Const(given[node.op.key]), args=())
        built.append(moved)
    names = tuple(replace(n, node=n.node + shift) for n in plan.names)
    return replace(plan, nodes=tuple(built), names=names, requirements=(), assertions=(), refusals=()), shift


def _moment_grain(key: str, period: str) -> Grain:
    """What the number of a period varies by: a longer one by the settled period, a shorter one by both."""
    return frozenset({period} if PERIODS[key] >= PERIODS[period] else {period, key})


def _cut_node(node: nodes.Node, cut: Cut, wanted: list[str], schemas: Mapping[str, TableSchema]) -> nodes.Node:
    if set(cut.values) == {()}:
        return replace(node, op=nodes.Const(cut.values[()]), args=())
    keys = [k for k in wanted if any(key == k for labels in cut.values for key, _ in labels)]
    given = sorted(cut.values.items(), key=lambda item: -len(item[0]))  # `otherwise` holds for what no row names
    rows = [
        nodes.TermsRow(tuple(_pattern(dict(labels).get(k), k) for k in keys), value, cut.span)
        for labels, value in given
    ]
    if isinstance(node.op, nodes.Cell):  # what is not given takes the rule of its column
        rows.append(nodes.TermsRow((None,) * len(keys), _not_given(node.op, schemas), cut.span))
    return replace(node, op=nodes.Terms("given", cut.name, tuple(rows)), args=tuple(wanted.index(k) for k in keys))


def _pattern(label: str | None, key: str) -> Value | None:
    if label is None:
        return None
    return Fraction(label) if key in PERIODS else label


def _not_given(op: nodes.Cell, schemas: Mapping[str, TableSchema]) -> Value:
    schema = schemas.get(op.table)
    column = schema.column(op.column) if schema is not None else None
    if column is not None and column.missing is not None:
        return column.missing
    return Absent(State.MISSING, f"`{op.table}.{op.column}` is not given")


def reached_by(plan: nodes.Plan, roots: list[Ref]) -> set[Ref]:
    """The nodes that some nodes read, through other periods as well."""
    named = {n.name: n.node for n in plan.names}
    reached: set[Ref] = set()
    stack = list(roots)
    while stack:
        ref = stack.pop()
        if ref in reached:
            continue
        reached.add(ref)
        node = plan.nodes[ref]
        stack.extend(node.args)
        if isinstance(node.op, nodes.Previous) and node.op.name in named:
            stack.append(named[node.op.name])
    return reached
