"""Which columns a step has, and which of them others read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from contractlang.plan.relations import (
    Derive,
    Filter,
    Group,
    Join,
    Reduction,
    Relation,
    RowExpr,
    Scan,
    Step,
    Union,
)


def inputs(relation: Relation) -> tuple[str, ...]:
    """The steps that a relation reads."""
    match relation:
        case Scan():
            return ()
        case Derive(source) | Filter(source) | Group(source):
            return (source,)
        case Join(left, right):
            return (left, right)
        case Union(sources):
            return sources
        case _:
            assert_never(relation)


def read(expression: RowExpr | None) -> Iterator[str]:
    """The columns that an expression reads."""
    if expression is None:
        return
    if expression.op == "column":
        yield str(expression.value)
    for arg in expression.args:
        yield from read(arg)


def available(reduction: Reduction) -> dict[str, tuple[str, ...]]:
    """The columns of every step."""
    found: dict[str, tuple[str, ...]] = {}
    for step in reduction.steps:
        match step.relation:
            case Scan(_, columns):
                found[step.name] = columns
            case Derive(source, columns):
                found[step.name] = tuple(dict.fromkeys([*found[source], *(name for name, _ in columns)]))
            case Filter(source):
                found[step.name] = found[source]
            case Group(_, keys, measures):
                found[step.name] = (*keys, *(measure.name for measure in measures))
            case Join(left, _, _, columns):
                found[step.name] = tuple(dict.fromkeys([*found[left], *(name for _, name in columns)]))
            case Union(sources):
                first, *others = (found[source] for source in sources)
                found[step.name] = tuple(name for name in first if all(name in other for other in others))
            case _:
                assert_never(step.relation)
    return found


def wanted(reduction: Reduction) -> dict[str, set[str]]:
    """For every step that an output or account needs, directly or not, the columns that are read of it."""
    needed: dict[str, set[str]] = {}
    for output in reduction.outputs:
        names = [*(c for _, c in output.keys), *(c for _, c, _ in output.columns)]
        needed.setdefault(output.step, set()).update(names)
    for account in reduction.accounts:
        names = [*(c for _, c in account.keys), "rows", *(c for _, c, _ in account.columns)]
        needed.setdefault(account.step, set()).update([*names, *([account.reason] if account.reason else [])])
    for check in reduction.checks:
        needed.setdefault(check.step, set()).update(check.columns)
    for step in reversed(reduction.steps):
        if step.name in needed:
            for source, names_read in _read_by(step.relation, needed[step.name]):
                needed.setdefault(source, set()).update(names_read)
    return needed


def _read_by(relation: Relation, of_it: set[str]) -> list[tuple[str, set[str]]]:
    match relation:
        case Scan():
            return []
        case Derive(source, columns):
            made = {name for name, _ in columns}
            return [(source, (of_it - made) | {c for name, e in columns if name in of_it for c in read(e)})]
        case Filter(source, condition):
            return [(source, of_it | set(read(condition)))]
        case Group(source, keys, measures):
            parts = [e for m in measures if m.name in of_it for e in (m.operand, m.by)]
            return [(source, set(keys) | {c for e in parts for c in read(e)})]
        case Join(left, right, on, columns, within=within):
            added = {name: column for column, name in columns}
            of_left = {name for name in of_it if name not in added} | {a for a, _ in on}
            of_right = {added[n] for n in of_it if n in added} | {b for _, b in on}
            return [
                (left, of_left | set(within[:1] if within else ())),
                (right, of_right | set(within[1:] if within else ())),
            ]
        case Union(sources):
            return [(source, set(of_it)) for source in sources]
        case _:
            assert_never(relation)


def ordered(steps: Sequence[Step]) -> tuple[Step, ...] | None:
    """The steps, each after those that it reads and otherwise in the order given; None where they run in a circle."""
    by_name: Mapping[str, Step] = {step.name: step for step in steps}
    done: dict[str, Step] = {}
    for first in steps:
        waiting, open_ = [first.name], set[str]()
        while waiting:
            name = waiting[-1]
            missing = [source for source in inputs(by_name[name].relation) if source not in done]
            if name in done or not missing:
                done.setdefault(name, by_name[name])
                waiting.pop()
            elif name in open_:
                return None
            else:
                open_.add(name)
                waiting.extend(reversed(missing))
    return tuple(done.values())
