"""`vbc explain`."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import click

from contractlang.cli.console import FINDINGS, assignments, echo_json, paths, progress, report, status
from contractlang.cli.options import contract_and_data


@click.command(short_help="Explain an amount down to clauses and cells.")
@contract_and_data
@click.option("--group", required=True, metavar="G", help="The group whose amount is explained.")
@click.option("--period", metavar="P", help="The period; may be left out where the group has only one.")
@click.option("--depth", type=click.IntRange(min=0), default=None, help="Levels to show; all when not given.")
@click.option(
    "--rows", "most", type=click.IntRange(min=0), metavar="N", help="The rows behind the totals, N of each kind."
)
@click.option("--show-identifiers", is_flag=True, help="Name members; without it rows are named by their number.")
@click.option("--lenient", is_flag=True, help="Set rows aside that cannot be used, as in a lenient run.")
@click.option("--json", "as_json", is_flag=True, help="Print the trace as JSON.")
@click.argument("value", required=False)
def explain(
    *,
    contract: Path,
    data: Path,
    tables: tuple[str, ...],
    sets: tuple[str, ...],
    known_on: dt.date | None,
    engine: str,
    group: str,
    period: str | None,
    depth: int | None,
    most: int | None,
    show_identifiers: bool,
    lenient: bool,
    as_json: bool,
    value: str | None,
) -> int:
    """Explain VALUE (without it, every payment) of one group and period.

    The tree goes down to the clause (file and line), the parameter, and the cell of the data. With --rows the member rows
    follow that count, that truncation cut, and that are left out, each with its number, dollars and reason.
    """
    overrides, files = assignments(sets, "--set"), paths(tables)
    from contractlang.diagnostics.diagnostic import Diagnostic, Sink
    from contractlang.diagnostics.render import clean
    from contractlang.runtime import explanation, row_ledger
    from contractlang.runtime.executor import Engines
    from contractlang.runtime.runs import open_run, resolve_name, settle
    from contractlang.runtime.trace import DEEPEST, totals_behind, trace

    sink = Sink()
    with progress() as step:
        opened = open_run(
            contract,
            data,
            sink,
            overrides=overrides,
            tables=files,
            known_on=known_on,
            lenient=lenient,
            identifiers=show_identifiers,
        )
        wanted = [period] if period else []
        result = None
        if opened is not None:
            engines = Engines(settle=engine)
            result = settle(opened, sink, periods=wanted, groups=[group], engines=engines, progress=step)
    if opened is None or result is None:
        report(sink)
        return FINDINGS
    rows = result.rows.tolist()
    asked = result.plan.payments if value is None else [value]
    names = [name for wanted in asked if (name := resolve_name(result, wanted, sink)) is not None]
    if len(rows) > 1:
        there = ", ".join(result.period(row) for row in rows)
        sink.report(
            Diagnostic("period-unknown", f"`{group}` is settled in several periods", help=f"add `--period`: {there}")
        )
    if len(rows) != 1 or not names:
        report(sink)
        return FINDINGS
    row = rows[0]
    found = [line for name in names if (line := trace(result, name, row, DEEPEST if depth is None else depth))]
    key = (result.group(row), result.period(row))
    ledgers: list[row_ledger.RowLedger] = []
    if most is not None:
        behind = {table for line in found for table in totals_behind(line)}
        plan, members = result.programme.plans[key[1]], opened.dataset.members
        every = row_ledger.row_ledgers(plan, members, key, most, identifiers=show_identifiers) if members else []
        ledgers = [ledger for ledger in every if ledger.block in behind]
    if as_json:
        documents = [explanation.as_json(result, opened.heading, line, row) for line in found]
        if most is not None:
            for document in documents:
                document["rows"] = row_ledger.as_json(ledgers)
        echo_json(documents[0] if len(documents) == 1 else {"format": explanation.FORMAT, "traces": documents})
    else:
        width = max(80, min(shutil.get_terminal_size((118, 40)).columns, 160))
        for line in found:
            click.echo(explanation.as_text(result, opened.heading, line, row, width))
        if most is not None:
            for text in row_ledger.as_lines(ledgers, key):
                click.echo(clean(text))
    report(sink)
    return status(sink)
