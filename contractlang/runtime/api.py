"""The public interface: plain functions over files, and results that answer questions. Exported by `contractlang`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.interchange import as_json as findings_json
from contractlang.plan.compiler import compile_file
from contractlang.runtime.executor import Engines
from contractlang.runtime.given import given_stage
from contractlang.runtime.heading import Heading, heading
from contractlang.runtime.member_rows import member_rows as rows_of_members
from contractlang.runtime.public_types import (
    Checked,
    Contract,
    ContractError,
    Explanation,
    FilePath,
    Finding,
    Identity,
    Reconciled,
    Settled,
    Validated,
    findings_of,
)
from contractlang.runtime.reconcile import reconcile as compare
from contractlang.runtime.reconcile_terms import reconciled_value, stated_amounts, uncertain_inputs
from contractlang.runtime.reducing import Progress, quiet
from contractlang.runtime.runs import (
    Opened,
    open_run,
    parse_overrides,
    reduced,
    settle,
    settle_reduced,
)
from contractlang.runtime.stages import load, save
from contractlang.runtime.trace import DEEPEST, trace
from contractlang.source import SourceFile
from contractlang.syntax.formatter import format_source
from contractlang.syntax.parser import parse


def check(path: FilePath, *, roots: Sequence[FilePath] = ()) -> Checked:
    """Check a contract, library or amendment with everything it uses. Never raises for what is in the file."""
    sink = Sink()
    compile_file(Path(path), sink, roots=[Path(root) for root in roots])
    return Checked(findings_of(sink), findings_json(sink))


def compile(  # noqa: A001 - the verb of the language; the built-in is not needed beside it
    path: FilePath, *, overrides: Mapping[str, str] | None = None, roots: Sequence[FilePath] = ()
) -> Contract:
    """Compile a contract. `overrides` maps constants and `block.step` to values as a contract writes them.

    Raises ContractError when there are errors.
    """
    sink = Sink()
    values = parse_overrides(overrides or {}, sink)
    compiled = compile_file(Path(path), sink, overrides=values, roots=[Path(root) for root in roots])
    if compiled is None or sink.failed:
        raise ContractError(findings_of(sink))
    return Contract(Path(path), compiled, findings_of(sink))


def evaluate(
    contract: FilePath,
    data: FilePath,
    *,
    periods: Sequence[str] = (),
    groups: Sequence[str] = (),
    tables: Mapping[str, FilePath] | None = None,
    overrides: Mapping[str, str] | None = None,
    engine: str = "auto",
    roots: Sequence[FilePath] = (),
    memory: str | None = None,
    progress: Progress = quiet,
    keep: FilePath | None = None,
    known_on: dt.date | None = None,
    lenient: bool = False,
) -> Settled:
    """Settle a contract on the data of a binding, as known on a day where `known_on` names one.

    With `lenient`, rows that cannot be used are set aside instead of refused: see `Settled.set_aside`.

    `memory` (`4GB`) bounds what member rows take; the rest goes to a temporary folder. `progress` is called with a stage
    and the steps done and to do. What the reduce stage found is written into the folder `keep`, for `reopen`. Raises ContractError when nothing can be settled. Held groups and failed guarantees do not raise: see `findings`.
    """
    sink = Sink()
    opened = _open(
        contract,
        data,
        tables=tables,
        overrides=overrides,
        roots=roots,
        sink=sink,
        memory=memory,
        known_on=known_on,
        lenient=lenient,
    )
    with closing(opened.dataset):
        stage = reduced(opened, sink, periods=periods, groups=groups, progress=progress)
        if stage is None:
            raise ContractError(findings_of(sink))
        if keep is not None:
            save(replace(stage, findings=[asdict(f) for f in findings_of(sink)]), Path(keep), _identity(opened.heading))
    result = settle_reduced(
        opened.compiled, stage, sink, periods=periods, groups=groups, engine=engine, progress=progress
    )
    if result is None:
        raise ContractError(findings_of(sink))
    return Settled(opened.heading, result, findings_of(sink), stage.report)


def evaluate_given(
    contract: Contract,
    tables: Mapping[str, object],
    *,
    periods: Sequence[str] = (),
    groups: Sequence[str] = (),
    engine: str = "auto",
) -> Settled:
    """Settle a compiled contract on tables of values: columns by name, as lists or as Arrow.

    Numbers are decimal text, integers or decimals; None is a cell without a value. Tables of member rows cannot be given.
    Raises ContractError when nothing can be settled.
    """
    sink = Sink()
    stage = given_stage(contract.compiled, tables, sink)
    result = None
    if stage is not None:
        result = settle_reduced(contract.compiled, stage, sink, periods=periods, groups=groups, engine=engine)
    if result is None or stage is None:
        raise ContractError(findings_of(sink))
    return Settled(heading(contract.compiled), result, findings_of(sink), stage.report)


def validate(
    contract: FilePath,
    data: FilePath,
    *,
    tables: Mapping[str, FilePath] | None = None,
    roots: Sequence[FilePath] = (),
    memory: str | None = None,
) -> Validated:
    """Bind data to the tables of a contract without settling. Never raises for what is in the files."""
    sink = Sink()
    opened = open_run(
        Path(contract), Path(data), sink, tables=_paths(tables), roots=[Path(root) for root in roots], memory=memory
    )
    if opened is None:
        return Validated(findings_of(sink), {})
    with closing(opened.dataset):
        return Validated(findings_of(sink), opened.dataset.report.to_json())


def member_rows(
    contract: FilePath,
    data: FilePath,
    group: str,
    period: str,
    *,
    limit: int = 100,
    tables: Mapping[str, FilePath] | None = None,
    overrides: Mapping[str, str] | None = None,
    roots: Sequence[FilePath] = (),
    memory: str | None = None,
    known_on: dt.date | None = None,
) -> list[dict[str, Any]]:
    """The member rows of every population for a group and period, at most `limit` of each: which count, which are left
    out and why. They are about single persons.

    Raises ContractError, and KeyError for a period outside the term.
    """
    sink = Sink()
    opened = _open(
        contract, data, tables=tables, overrides=overrides, roots=roots, sink=sink, memory=memory, known_on=known_on
    )
    with closing(opened.dataset):
        return rows_of_members(opened, group, period, limit)


def identify(text: str) -> Identity | None:
    """What a text is by its first lines; None when they cannot be read."""
    document = parse(SourceFile("<text>", text), Sink())
    return None if document is None else Identity(document.kind, document.name.text, document.header.version or "")


def reopen(
    contract: FilePath,
    data: str,
    kept: FilePath,
    *,
    periods: Sequence[str] = (),
    groups: Sequence[str] = (),
    overrides: Mapping[str, str] | None = None,
    engine: str = "auto",
    roots: Sequence[FilePath] = (),
    progress: Progress = quiet,
    known_on: dt.date | None = None,
) -> Settled | None:
    """Settle again from what `evaluate` kept of its reduce stage, without the data; the result has the same bytes.

    `data` is the name of the binding as it was given. None when the folder has nothing finished of this very contract.
    Raises ContractError.
    """
    sink = Sink()
    values = parse_overrides(overrides or {}, sink)
    compiled = compile_file(
        Path(contract), sink, overrides=values, roots=[Path(root) for root in roots], known_on=known_on
    )
    if compiled is None or sink.failed:
        raise ContractError(findings_of(sink))
    head = heading(compiled, data)
    stage = load(Path(kept), _identity(head))
    if stage is None:
        return None
    sink = Sink()  # what was found before is kept with the stage
    result = settle_reduced(compiled, stage, sink, periods=periods, groups=groups, engine=engine, progress=progress)
    found = (*(Finding(**{**f, "notes": tuple(f["notes"])}) for f in stage.findings), *findings_of(sink))
    if result is None:
        raise ContractError(found)
    return Settled(head, result, found, stage.report)


def _identity(head: Heading) -> str:
    return json.dumps(head.identity(), sort_keys=True)


def explain(settled: Settled, name: str, group: str, period: str, *, depth: int | None = None) -> Explanation:
    """Explain a named value of one group and period. Raises KeyError for an unknown name, group or period."""
    row = settled.row(group, period)
    found = trace(settled.result, settled.full_name(name), row, DEEPEST if depth is None else depth)
    if found is None:
        raise KeyError(f"no value `{name}` in {period}")
    return Explanation(settled, row, found)


def format(text: str, *, name: str = "<text>") -> str:  # noqa: A001 - see `compile`
    """The text of a contract in its canonical layout. Raises ContractError when it does not parse."""
    sink = Sink()
    found = format_source(SourceFile(name, text), sink)
    if found is None or sink.failed:
        raise ContractError(findings_of(sink))
    return found


def reconcile(
    contract: FilePath,
    data: FilePath,
    against: str,
    *,
    value: str | None = None,
    tolerance: Fraction | int | str = 1,
    uncertain: Mapping[str, str] | None = None,
    periods: Sequence[str] = (),
    tables: Mapping[str, FilePath] | None = None,
    overrides: Mapping[str, str] | None = None,
    engine: str = "auto",
    roots: Sequence[FilePath] = (),
    known_on: dt.date | None = None,
) -> Reconciled:
    """Compare our amounts with those that the data state in the column `against`.

    `uncertain` maps inputs to half of their last printed step (`{"quality": "0.005%"}`). Raises ContractError.
    """
    sink = Sink()
    opened = _open(contract, data, tables=tables, overrides=overrides, roots=roots, sink=sink, known_on=known_on)
    moved = uncertain_inputs(opened, uncertain or {}, sink)
    stated = stated_amounts(opened, against, _paths(tables), sink)
    result = settle(opened, sink, periods=periods, engines=Engines(settle=engine)) if stated is not None else None
    name = reconciled_value(result, value, sink) if result is not None else None
    if result is None or name is None or stated is None or moved is None:
        raise ContractError(findings_of(sink))
    found = compare(result, name, stated, Fraction(tolerance), column=against, uncertain=moved)
    return Reconciled(found, findings_of(sink))


def _open(
    contract: FilePath,
    data: FilePath,
    *,
    tables: Mapping[str, FilePath] | None,
    overrides: Mapping[str, str] | None,
    roots: Sequence[FilePath],
    sink: Sink,
    memory: str | None = None,
    known_on: dt.date | None = None,
    lenient: bool = False,
) -> Opened:
    opened = open_run(
        Path(contract),
        Path(data),
        sink,
        overrides=overrides,
        tables=_paths(tables),
        roots=[Path(root) for root in roots],
        memory=memory,
        known_on=known_on,
        lenient=lenient,
    )
    if opened is None:
        raise ContractError(findings_of(sink))
    return opened


def _paths(tables: Mapping[str, FilePath] | None) -> dict[str, Path]:
    return {name: Path(path) for name, path in (tables or {}).items()}
