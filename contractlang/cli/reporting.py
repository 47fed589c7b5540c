"""`vbc report`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FILE, FINDINGS, assignments, echo_json, paths, progress, report, status, table
from contractlang.cli.options import contract_and_data

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.export import Writing
    from contractlang.runtime.reports import Table


@click.command("report", short_help="Show the reports of a contract, small cells suppressed.")
@contract_and_data
@click.option("--name", metavar="NAME", help="This report only.")
@click.option("--period", "periods", metavar="P", multiple=True, help="This period only (may be repeated).")
@click.option("--group", metavar="G", help="What this group receives.")
@click.option("--out", type=FILE, help="Write a CSV file for each receiver, and one of each report, into this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def reporting(
    *,
    contract: Path,
    data: Path,
    tables: tuple[str, ...],
    sets: tuple[str, ...],
    known_on: dt.date | None,
    engine: str,
    name: str | None,
    periods: tuple[str, ...],
    group: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Settle CONTRACT on the data of a binding and show its reports.

    A report to the settled units is shown with all of them side by side; --group shows what one receives, and --out writes
    each receiver's own file.
    """
    overrides, files = assignments(sets, "--set"), paths(tables)
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime import report_forms
    from contractlang.runtime.executor import Engines
    from contractlang.runtime.reports import tables as tables_of
    from contractlang.runtime.runs import open_run, settle

    sink = Sink()
    with progress() as step:
        opened = open_run(contract, data, sink, overrides=overrides, tables=files, known_on=known_on)
        result = None
        if opened is not None:
            result = settle(opened, sink, periods=periods, engines=Engines(settle=engine), progress=step)
    if opened is None or result is None:
        report(sink)
        return FINDINGS
    found = _wanted(tables_of(result), name, group, sink)
    written = [] if out is None else _written(found, out, sink)
    if as_json:
        echo_json({"format": "vbc-reports/1", "reports": [report_forms.as_json(t) for t in found]})
    else:
        for one in found:
            _show(one)
        for path in written:
            click.echo(f"written: {path}")
        report(sink)
    return status(sink)


def _wanted(found: list[Table], name: str | None, group: str | None, sink: Sink) -> list[Table]:
    from contractlang.diagnostics.diagnostic import Diagnostic

    names = list(dict.fromkeys(t.report.name for t in found))
    if not found or (name is not None and name not in names):
        text = "the contract has no report" if not found else f"the contract has no report `{name}`"
        known = f"it has {', '.join(f'`{n}`' for n in names)}" if names else "declare `report NAME to UNIT { show … }`"
        sink.report(Diagnostic("unknown-name", text, help=known))
        return []
    found = [t for t in found if name is None or t.report.name == name]
    if group is None:
        return found
    own = [t.of(group) for t in found if group in t.receivers]
    if not own:
        sink.report(Diagnostic("unknown-name", f"no report goes to `{group}`", help="leave `--group` out to see all"))
    return own


def _show(found: Table) -> None:
    from contractlang.diagnostics.render import clean
    from contractlang.runtime.report_forms import as_rows

    heads, rows = as_rows(found)
    click.echo(clean(f"{found.report.name} to {found.report.receiver}, {found.period}"))
    for line in table(heads, rows, frozenset(range(len(found.keys), len(heads)))).splitlines():
        click.echo(clean(line))
    for note in found.notes:
        click.echo(clean(f"  {note}"))
    click.echo()


def _written(found: list[Table], out: Path, sink: Sink) -> list[Path]:
    from contractlang.diagnostics.diagnostic import Diagnostic
    from contractlang.runtime.export import Writing
    from contractlang.runtime.report_forms import as_csv

    try:
        out.mkdir(parents=True, exist_ok=True)
        with Writing(out) as writing:
            for one in found:
                stem = f"{one.report.name}_{one.period}"
                _add(writing, f"{stem}.csv", as_csv(one))
                for position, receiver in enumerate(one.receivers, 1):
                    _add(writing, f"{stem}_{position:04d}_{_plain(receiver)}.csv", as_csv(one.of(receiver)))
    except OSError as error:
        reason = error.strerror or str(error)
        sink.report(
            Diagnostic(
                "output-unwritable",
                f"the reports cannot be written into `{out}`: {reason}",
                help="choose another folder",
            )
        )
        return []
    return writing.written


def _add(writing: Writing, name: str, text: str) -> None:
    writing.add(name, lambda path: path.write_text(text, encoding="utf-8"))


def _plain(label: str) -> str:
    """A label as part of a file name."""
    return "".join(c if c.isalnum() else "_" for c in label)[:60]
