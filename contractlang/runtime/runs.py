"""A contract and its data opened together: what `run`, `explain` and `reconcile` start from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.base import Inputs, Programme
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.plan.nodes import Plan
from contractlang.plan.row_uses import periods_read, row_uses
from contractlang.runtime.binding import Binding, read_binding
from contractlang.runtime.dataset import Dataset, Rows, bind
from contractlang.runtime.executor import AUTO, Engines, execute, reduce_stage, settle_stage
from contractlang.runtime.heading import Heading, heading
from contractlang.runtime.reducing import Progress, quiet
from contractlang.runtime.result import Result
from contractlang.runtime.stages import Stage
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse_expression

SHOWN = 12
"""Names that a message lists before it counts the rest."""


@dataclass(frozen=True)
class Opened:
    """A compiled contract with bound data, ready to be settled."""

    compiled: Compiled
    binding: Binding
    dataset: Dataset
    programme: Programme
    heading: Heading
    lenient: bool = False
    identifiers: bool = False

    @property
    def inputs(self) -> Inputs:
        return self.dataset.inputs(list(self.programme.plans))


def open_run(
    contract: Path,
    data: Path,
    sink: Sink,
    *,
    overrides: Mapping[str, str] | None = None,
    tables: Mapping[str, Path] | None = None,
    roots: Sequence[Path] = (),
    memory: str | None = None,
    known_on: dt.date | None = None,
    lenient: bool = False,
    identifiers: bool = False,
) -> Opened | None:
    """Compile a contract and bind its data; None, with every problem in the sink, when it cannot be settled.

    `overrides` maps constants and `block.step` to the text of a value; `tables` gives files by table name.
    `known_on` looks at the data and the amendments as they were known on that day. A `lenient` run sets rows aside that
    cannot be used. With `identifiers`, findings name the keys of members.
    """
    values = parse_overrides(overrides or {}, sink)
    compiled = compile_file(contract, sink, overrides=values, roots=roots, known_on=known_on)
    if compiled is None or sink.failed:
        return None
    binding = read_binding(data, sink)
    if binding is None:
        return None
    periods = [period.label for period in compiled.periods()]
    plans = programme(compiled)

    def look(refused: Dataset) -> None:
        """What the rows that are left say beyond the errors: a second run should not be needed to find out."""
        reduce_stage(plans, refused.inputs(list(plans.plans)), sink, identifiers=identifiers)

    rows = Rows(
        row_uses(compiled.plans),
        periods_read(plans.plans),
        lenient=lenient,
        identifiers=identifiers,
        look=look,
    )
    dataset = bind(
        compiled.tables,
        binding,
        tables or {},
        sink,
        unit=compiled.unit,
        period=compiled.period,
        periods=periods,
        memory=memory,
        known_on=known_on,
        rows=rows,
    )
    if dataset is None:
        return None
    return Opened(compiled, binding, dataset, plans, heading(compiled, str(data)), lenient, identifiers)


def programme(compiled: Compiled) -> Programme:
    """The plan that governs each period of the term."""
    plans = {p.label: plan for p in compiled.periods() if (plan := compiled.plan_for(p.label)) is not None}
    return Programme(plans)


def settle(
    opened: Opened,
    sink: Sink,
    *,
    periods: Sequence[str] = (),
    groups: Sequence[str] = (),
    engines: Engines = AUTO,
    progress: Progress = quiet,
) -> Result | None:
    """Settle the given periods and groups (all, when none are given); None when there is nothing to settle.

    A group or period that does not exist is reported.
    """
    if not _ready(opened, sink, periods, groups):
        return None
    result = execute(
        opened.programme,
        opened.inputs,
        sink,
        periods=periods,
        groups=groups,
        engines=engines,
        progress=progress,
        aside=opened.dataset.set_aside if opened.lenient else None,
        identifiers=opened.identifiers,
    )
    if result is not None and not opened.dataset.frame.units:
        _report_strange_groups(result, groups, opened.compiled.unit, sink)
    return result


def reduced(
    opened: Opened, sink: Sink, *, periods: Sequence[str] = (), groups: Sequence[str] = (), progress: Progress = quiet
) -> Stage | None:
    """The first half of `settle`: everything that needs the data."""
    if not _ready(opened, sink, periods, groups):
        return None
    aside = list(opened.dataset.set_aside) if opened.lenient else None
    found = reduce_stage(opened.programme, opened.inputs, sink, progress=progress, aside=aside)
    if found is None:
        return None
    report, listed = opened.dataset.report.to_json(), bool(opened.dataset.frame.units)
    return Stage(*found, report, listed=listed, set_aside=tuple(aside or ()))


def settle_reduced(
    compiled: Compiled,
    stage: Stage,
    sink: Sink,
    *,
    periods: Sequence[str] = (),
    groups: Sequence[str] = (),
    engine: str = "auto",
    progress: Progress = quiet,
) -> Result | None:
    """The second half of `settle`: needs the reduced tables only."""
    result = settle_stage(
        programme(compiled),
        stage.inputs,
        stage.accounts,
        sink,
        periods=periods,
        groups=groups,
        engine=engine,
        progress=progress,
    )
    if result is None:
        return None
    if not stage.listed:
        _report_strange_groups(result, groups, compiled.unit, sink)
    return replace(result, set_aside=tuple(stage.set_aside))


def _ready(opened: Opened, sink: Sink, periods: Sequence[str], groups: Sequence[str]) -> bool:
    """Report periods and groups that do not exist; False when nothing that exists is asked for."""
    _known(periods, opened.programme.plans, ("period-unknown", opened.compiled.period), sink)
    listed = dict.fromkeys(opened.dataset.frame.units)
    if listed:
        _known(groups, listed, ("group-unknown", opened.compiled.unit), sink)
    return not sink.failed or any(group in listed for group in groups)


def _report_strange_groups(result: Result, groups: Sequence[str], unit: str, sink: Sink) -> None:
    known = dict.fromkeys([*result.settlement.frame.units, *(out.group for out in result.left_out)])
    _known(groups, known, ("group-unknown", unit), sink)


def parse_overrides(written: Mapping[str, str], sink: Sink) -> dict[str, ast.Expr]:
    """The values of `--set NAME=VALUE`, read as the language reads them."""
    found: dict[str, ast.Expr] = {}
    for name, text in written.items():
        value = parse_expression(SourceFile(f"--set {name}", text), sink)
        if value is not None:
            found[name] = value
    return found


def resolve_name(result: Result, name: str, sink: Sink) -> str | None:
    """The full name of a value: a block stands for its amount or total, what is paid by the month for its sum.

    Reports a name that the contract lacks.
    """
    for full in (name, f"{name}.total", f"{name}.amount", f"{name}.score", f"{name}.rate"):
        if full in result.names:
            paid = result.plan.paid(full) if result.names[full].named.role == "payment" else None
            found = full if paid is None else paid.name
            if finer := sorted(result.names[found].type.grain - result.plan.settled):
                sink.report(_several(name, finer, result.plan))
                return None
            return found
    sink.report(_unknown("value-unknown", name, list(result.names), "the contract has no value"))
    return None


def _several(name: str, finer: Sequence[str], plan: Plan) -> Diagnostic:
    return Diagnostic(
        "value-unknown",
        f"`{name}` varies by {' and '.join(finer)}: there are several for a {plan.unit} and {plan.period}",
        help="name a value that adds it up; `--out` writes all of them",
    )


def _known(asked: Iterable[str], known: Mapping[str, object], what: tuple[str, str], sink: Sink) -> None:
    code, word = what
    for name in asked:
        if name not in known:
            sink.report(_unknown(code, name, list(known), f"there is no {word}"))


def _unknown(code: str, name: str, known: list[str], message: str) -> Diagnostic:
    near = get_close_matches(name, known, n=3)
    shown = ", ".join(f"`{k}`" for k in known[:SHOWN]) + (
        f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    )
    help_ = f"did you mean {' or '.join(f'`{k}`' for k in near)}?" if near else f"there are {shown}"
    return Diagnostic(code, f"{message} `{name}`", help=help_)
