"""The reduce stage as SQLGlot trees: one named query per step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from sqlglot import exp

from contractlang.engines.base import TooWideError, native_column
from contractlang.engines.sql import direct, moments
from contractlang.engines.sql.rows import (
    HUGEINT,
    ORDERED,
    Extent,
    Extents,
    Tree,
    Typed,
    as_text,
    build,
    column,
    constant,
    decided,
)
from contractlang.plan.relations import Derive, Filter, Group, Join, Measure, Reduction, RowExpr, Scan, Union
from contractlang.plan.rewrites.columns import wanted


@dataclass(frozen=True, slots=True)
class Source:
    """A bound table: the view to read, its number of rows, and what is known of its columns."""

    view: str
    rows: int
    columns: Extents


@dataclass(frozen=True, slots=True)
class Stage:
    """The query of a step, its columns, and an upper bound of its rows.

    `name` is the step's name in SQL: its own, unless a view has it. `inputs` are the names of the steps it reads.
    """

    name: str
    query: exp.Select
    columns: Extents
    rows: int
    inputs: tuple[str, ...]
    grouped: bool = False


def stages(reduction: Reduction, sources: Mapping[str, Source]) -> dict[str, Stage]:
    """The query of every step that is needed, in order, with the columns that are read of it.

    Raises TooWideError where a result may pass 128 bits.
    """
    found: dict[str, Stage] = {}
    views = {source.view for source in sources.values()}
    needed = wanted(reduction)
    for step in reduction.steps:
        if step.name not in needed:
            continue
        read = needed[step.name]
        name = f"{step.name} (step)" if step.name in views else step.name
        match step.relation:
            case Scan() as scan:
                found[step.name] = _scan(name, scan, sources[scan.table])
            case Derive(source, columns):
                found[step.name] = _derive(name, columns, source, found[source], read)
            case Filter(source, condition):
                found[step.name] = _filter(name, condition, source, found[source], read)
            case Group() as group:
                found[step.name] = _group(name, group, found[group.input])
            case Join() as join:
                found[step.name] = _join(name, join, found[join.left_input], found[join.right_input], read)
            case Union(inputs):
                found[step.name] = _union(name, inputs, [found[i] for i in inputs])
            case _:
                assert_never(step.relation)
    return found


def query(
    found: Mapping[str, Stage], step: str, columns: Sequence[str], stored: frozenset[str], *, plain: bool = True
) -> exp.Select:
    """A query for columns of a step, with one named part per step it needs; `stored` steps are tables already.

    Ordered and with texts as text, unless it is not `plain`.
    """
    names = [_written(name, found[step].columns[name]) if plain else column(name) for name in columns]
    final = _select(names, _table(found[step].name))
    if plain:
        final = final.order_by(*(column(name) for name in columns), copy=False)
    return with_steps(final, found, [step], stored)


def with_steps(
    final: exp.Select, found: Mapping[str, Stage], steps: Sequence[str], stored: frozenset[str]
) -> exp.Select:
    """The query with the parts that it needs in front."""
    needed: set[str] = set()
    waiting = list(steps)
    while waiting:
        name = waiting.pop()
        if name not in needed and name not in stored:
            needed.add(name)
            waiting.extend(found[name].inputs)
    for name, stage in found.items():
        if name in needed:
            alias = exp.to_identifier(stage.name, quoted=True)
            final = final.with_(alias, as_=stage.query, materialized=None if stage.grouped else False, copy=False)
    return final


def shared(found: Mapping[str, Stage], sinks: Sequence[str]) -> list[str]:
    """Grouped steps that are read more than once, in order: worth computing once.

    A step that is only read on the way to a kept one is not read again.
    """
    kept: list[str] = []
    for name, stage in reversed(list(found.items())):
        readers = [root for root in [*sinks, *kept] if root != name and name in _reached(found, root, kept)]
        if stage.grouped and len(readers) + sinks.count(name) > 1:
            kept.append(name)
    return kept[::-1]


def _reached(found: Mapping[str, Stage], root: str, kept: Sequence[str]) -> set[str]:
    """The steps that a query of `root` reads, not looking behind those that are kept."""
    seen: set[str] = set()
    waiting = list(found[root].inputs)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if name not in kept:
                waiting.extend(found[name].inputs)
    return seen


def _table(name: str, alias: str | None = None) -> exp.Table:
    table = exp.to_identifier(name, quoted=True)
    return exp.Table(this=table, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)) if alias else None)


def _written(name: str, extent: Extent) -> Tree:
    """A column with its texts as text."""
    return _named(as_text(Typed(column(name), extent)).tree, name) if extent.native else column(name)


def _select(parts: Iterable[Tree], source: exp.Expr) -> exp.Select:
    return exp.Select(expressions=list(parts)).from_(source, copy=False)


def _read_of(before: Stage, read: Collection[str]) -> list[str]:
    """The columns of a step that are read further on; at least one, because a query has one."""
    return [c for c in before.columns if c in read] or list(before.columns)[:1]


def _filter(name: str, condition: RowExpr, source: str, before: Stage, read: Collection[str]) -> Stage:
    known = {c: before.columns[c] for c in _read_of(before, read)}
    select = _select((column(c) for c in known), _table(before.name))
    kept = build(condition, before.columns)
    if decided(kept) is not True:
        select = select.where(kept.tree, copy=False)
    return Stage(name, select, known, before.rows, (source,))


def _named(part: Tree, name: str) -> Tree:
    return exp.Alias(this=part, alias=exp.to_identifier(name, quoted=True))


def _scan(name: str, scan: Scan, source: Source) -> Stage:
    names: list[Tree] = [_read(c, source.columns[c]) for c in scan.columns]
    known = {c: source.columns[c] for c in scan.columns}
    if not names:
        names, known = [_named(exp.Literal.number(1), "one")], {"one": Extent("int", 1, 1, missing=False)}
    return Stage(name, _select(names, _table(source.view)), known, source.rows, ())


def _read(name: str, extent: Extent) -> Tree:
    """A narrower integer type in a file would overflow early; 64 bits cost nothing."""
    if extent.native is not None:
        return _named(column(native_column(name)), name)
    return _named(exp.cast(column(name), "BIGINT"), name) if extent.kind == "int" else column(name)


def _derive(
    name: str, columns: Sequence[tuple[str, RowExpr]], source: str, before: Stage, read: Collection[str]
) -> Stage:
    built = {c: build(e, before.columns) for c, e in columns if c in read}
    kept = [c for c in _read_of(before, read) if c not in built]
    parts = [*(column(c) for c in kept), *(_named(part.tree, c) for c, part in built.items())]
    known = {c: before.columns[c] for c in kept} | {c: p.extent for c, p in built.items()}
    return Stage(name, _select(parts, _table(before.name)), known, before.rows, (source,))


def _group(name: str, group: Group, before: Stage) -> Stage:
    keys = [key for key in group.keys if not before.columns[key].empty] or list(group.keys)
    carried = moments.together(group.measures, before.columns)
    measures = {m.name: carried.get(m.name) or _measure(m, before) for m in group.measures}
    fresh = [_named(part.tree, c) for c, part in measures.items()]
    shown = [column(key) if key in keys else _nothing(key, before.columns[key]) for key in group.keys]
    select = _select([*shown, *fresh], _table(before.name))
    if keys:
        select = select.group_by(*(column(key) for key in keys), copy=False)
    else:  # SQL gives one row for no rows; the plan gives one row per combination of keys that is there
        select = select.having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(0)))
    known = {key: before.columns[key] for key in group.keys} | {c: part.extent for c, part in measures.items()}
    return Stage(name, select, known, before.rows, (group.input,), grouped=True)


def _nothing(name: str, extent: Extent) -> Tree:
    return _named(constant(None, extent.kind).tree, name)


def _measure(measure: Measure, before: Stage) -> Typed:
    count = exp.Count(this=exp.Star())
    counted = Extent("int", 0, before.rows, missing=False, additive=True)
    if measure.operand is None or measure.function == "count":
        return Typed(count, counted)
    operand = build(measure.operand, before.columns)
    if measure.function in ("min", "max") and operand.extent.native not in ORDERED:
        operand = as_text(operand)
    extent = operand.extent
    match measure.function:
        case "last" if measure.by is not None:
            return _last(operand, build(measure.by, before.columns))
        case "sum" if (flag := _flag_of(measure.operand, before.columns)) is not None:
            return Typed(exp.CountIf(this=flag), counted)
        case "sum":
            part = _sum(operand, before.rows)
        case "count_distinct":
            distinct = exp.Count(this=exp.Distinct(expressions=[operand.tree]))
            part = Typed(distinct, Extent("int", 0, before.rows, extent.missing))
        case "min":
            part = Typed(exp.Min(this=operand.tree), extent)
        case "max":
            part = Typed(exp.Max(this=operand.tree), extent)
        case _:
            raise ValueError(f"no measure `{measure.function}`")
    if not extent.missing:
        return part
    asked = _gaps(measure.operand, before.columns)
    seen = column(asked[0]) if asked is not None and len(asked) == 1 else operand.tree.copy()
    whole = exp.EQ(this=exp.Count(this=seen), expression=count)
    return Typed(exp.Case().when(whole, part.tree), part.extent)


_STRICT = ("+", "-", "*", "negate", "abs", "least", "greatest", "rescale")


def _gaps(operand: RowExpr, columns: Extents) -> list[str] | None:
    """The columns of which a missing value makes the result missing, where nothing else does; None where more may."""
    match operand.op:
        case "const" if operand.value is not None:
            return []
        case "column":
            name = str(operand.value)
            return [name] if columns[name].missing else []
        case name if name in _STRICT:
            parts = [_gaps(arg, columns) for arg in operand.args]
            return None if None in parts else list(dict.fromkeys(c for part in parts for c in part or ()))
        case _:
            return None


def _flag_of(operand: RowExpr, columns: Extents) -> Tree | None:
    """The condition of a sum of 1 where it is yes, else 0: counting such rows costs half as much as adding up."""
    match operand:
        case RowExpr(
            "case", (RowExpr("missing", (asked,)), _, flag, RowExpr("const", value=1), RowExpr("const", value=0))
        ):
            found = build(flag, columns)
            return found.tree if asked == flag and not found.extent.missing else None
        case _:
            return None


def _last(operand: Typed, by: Typed) -> Typed:
    """The value on the row with the greatest `by`; the database would skip rows without a value."""
    if by.extent.native not in ORDERED:
        by = as_text(by)
    if operand.extent.labels and operand.extent.native is None and not operand.extent.missing:
        # Carrying small numbers along costs much less than carrying texts.
        code = direct.as_code(operand.tree, operand.extent.labels)
        operand = Typed(code, replace(operand.extent, native="code"))
    function = "arg_max_null" if operand.extent.missing else "arg_max"
    value: Tree = exp.Anonymous(this=function, expressions=[operand.tree, by.tree])
    extent = replace(operand.extent, missing=operand.extent.missing or by.extent.missing)
    if by.extent.missing:
        whole = exp.EQ(this=exp.Count(this=by.tree.copy()), expression=exp.Count(this=exp.Star()))
        value = exp.Case().when(whole, value)
    return Typed(value, extent)


def _sum(operand: Typed, rows: int) -> Typed:
    """The sum is HUGEINT in the database; it is handed on as BIGINT where it is known to fit."""
    times = 1 if operand.extent.additive else rows
    low, high = min(0, operand.extent.low * times), max(0, operand.extent.high * times)
    if low < -HUGEINT or high >= HUGEINT:
        raise TooWideError(f"a sum of {rows} values may not fit into 128 bits")
    extent = Extent("int", low, high, operand.extent.missing, additive=True)
    total = exp.Sum(this=operand.tree)
    return Typed(total if extent.wide else exp.cast(total, "BIGINT"), extent)


def _union(name: str, inputs: Sequence[str], parts: Sequence[Stage]) -> Stage:
    names = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    stored = {c: len({p.columns[c].stored for p in parts}) == 1 for c in names}
    queries = [
        _select((column(c) if stored[c] else _written(c, part.columns[c]) for c in names), _table(part.name))
        for part in parts
    ]
    both = exp.union(*queries, distinct=False, copy=False) if len(queries) > 1 else queries[0]
    known = {
        c: Extent(
            parts[0].columns[c].kind,
            min(p.columns[c].low for p in parts),
            max(p.columns[c].high for p in parts),
            any(p.columns[c].missing for p in parts),
            parts[0].columns[c].native if stored[c] else None,
            labels=parts[0].columns[c].labels if stored[c] else (),
        )
        for c in names
    }
    query = _select((column(c) for c in names), both.subquery("u", copy=False))
    return Stage(name, query, known, sum(p.rows for p in parts), tuple(inputs))


def _equal(a: str, of_a: Extent, b: str, of_b: Extent) -> Tree:
    x, y = Typed(column(a, "l"), of_a), Typed(column(b, "r"), of_b)
    if of_a.stored != of_b.stored:
        x, y = as_text(x), as_text(y)
    return exp.EQ(this=x.tree, expression=y.tree)


def _join(name: str, join: Join, left: Stage, right: Stage, read: Collection[str]) -> Stage:
    fresh = [_named(column(c, "r"), n) for c, n in join.columns]
    added = {n for _, n in join.columns}
    kept = [c for c in _read_of(left, read) if c not in added]
    tests = [_equal(a, left.columns[a], b, right.columns[b]) for a, b in join.on]
    if join.within is not None:
        tests += _within(*join.within, open_end=right.columns[join.within[2]].missing)
    on = exp.and_(*tests)
    select = _select([*(column(c, "l") for c in kept), *fresh], _table(left.name, "l"))
    select = select.join(_table(right.name, "r"), on=on, join_type="left" if join.left else "inner", copy=False)
    matched = {
        n: replace(e, missing=e.missing or join.left, additive=False)
        for c, n in join.columns
        for e in (right.columns[c],)
    }
    known = {c: left.columns[c] for c in kept} | matched
    rows = left.rows * max(1, right.rows) if join.many else left.rows
    if join.many:
        known = {n: replace(e, additive=False) for n, e in known.items()}
    return Stage(name, select, known, rows, (join.left_input, join.right_input))


def _within(day: str, first: str, end: str, *, open_end: bool) -> list[Tree]:
    """Tests that a date of the left side lies within two of the right side; a missing second one is open."""
    before: Tree = exp.LT(this=column(day, "l"), expression=column(end, "r"))
    if open_end:
        before = exp.paren(exp.or_(column(end, "r").is_(exp.null()), before))
    return [exp.GTE(this=column(day, "l"), expression=column(first, "r")), before]
