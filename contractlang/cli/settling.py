"""`vbc run`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contractlang.cli.console import (
    FILE,
    FINDINGS,
    assignments,
    echo_json,
    paths,
    progress,
    report,
    size,
    status,
    table,
)
from contractlang.cli.options import contract_and_data

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.result import Result
    from contractlang.runtime.runs import Opened

LISTED = 10
"""Groups that are held or not settled and are listed by name; the others are counted."""
SPELLED = 4
"""Periods outside the term that are all named; of more, the first and the last are."""


@click.command(short_help="Settle a contract on data.")
@contract_and_data
@click.option("--period", "periods", metavar="P", multiple=True, help="Settle this period only (may be repeated).")
@click.option("--group", "groups", metavar="G", multiple=True, help="Report this group only (may be repeated).")
@click.option("--out", type=FILE, help="Write results.parquet, results.csv and run.json into this folder.")
@click.option("--statement", is_flag=True, help="Print a statement for every group and period.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option("--lenient", is_flag=True, help="Set rows aside that cannot be used, say what they were worth, settle.")
@click.option("--show-identifiers", is_flag=True, help="Name members in findings; without it rows are named by number.")
@click.option("--memory-limit", metavar="SIZE", help="Memory for member rows (4GB); what does not fit goes to disk.")
def run(
    *,
    contract: Path,
    data: Path,
    tables: tuple[str, ...],
    sets: tuple[str, ...],
    known_on: dt.date | None,
    engine: str,
    periods: tuple[str, ...],
    groups: tuple[str, ...],
    out: Path | None,
    statement: bool,
    as_json: bool,
    lenient: bool,
    show_identifiers: bool,
    memory_limit: str | None,
) -> int:
    """Settle CONTRACT on the data of a binding, and print what is paid.

    Units that lack data are held and the others settled; requirements that are not met are listed with their reason.
    Exit status 1 when there is a finding.
    """
    overrides, files, memory = assignments(sets, "--set"), paths(tables), size(memory_limit)
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.executor import Engines
    from contractlang.runtime.runs import open_run, settle

    sink = Sink()
    with progress() as step:
        opened = open_run(
            contract,
            data,
            sink,
            overrides=overrides,
            tables=files,
            memory=memory,
            known_on=known_on,
            lenient=lenient,
            identifiers=show_identifiers,
        )
        result = None
        if opened is not None:
            engines = Engines(settle=engine)
            result = settle(opened, sink, periods=periods, groups=groups, engines=engines, progress=step)
        written = _export(opened, result, out, sink) if opened and result and out else []
    if opened is None or result is None:
        _failed(sink, as_json=as_json)
        return FINDINGS
    if as_json:
        echo_json(_document(opened, result, sink, written, statement=statement))
    else:
        if statement:
            _statements(opened, result)
        _summary(opened, result, written)
        report(sink)
    return status(sink)


def _failed(sink: Sink, *, as_json: bool) -> None:
    if as_json:
        from contractlang.diagnostics.interchange import as_json as findings

        echo_json({"format": "vbc-run/1", "settled": False, "findings": findings(sink)})
    else:
        report(sink)


def _export(opened: Opened, result: Result, out: Path, sink: Sink) -> list[Path]:
    from contractlang.diagnostics.diagnostic import Diagnostic
    from contractlang.runtime.export import export

    try:
        return export(result, opened.heading, out, {"binding": opened.dataset.report.to_json()})
    except OSError as error:
        reason = error.strerror or str(error)
        sink.report(
            Diagnostic(
                "output-unwritable",
                f"the results cannot be written into `{out}`: {reason}",
                help="choose another folder",
            )
        )
        return []


# Text ----------------------------------------------------------------------------------------------------------------


def _statements(opened: Opened, result: Result) -> None:
    from contractlang.runtime.statement import statement
    from contractlang.runtime.statement_forms import as_text

    for row in result.rows.tolist():
        click.echo(as_text(statement(result, opened.heading, row)))


def _summary(opened: Opened, result: Result, written: list[Path]) -> None:
    from contractlang.diagnostics.render import clean
    from contractlang.runtime.heading import ILLUSTRATIVE
    from contractlang.runtime.ledger import summary as paid_before
    from contractlang.runtime.member_accounts import account_lines
    from contractlang.runtime.payees import payee_lines
    from contractlang.runtime.roster_moves import move_lines

    head = opened.heading
    click.echo(clean(f"{head.contract} {head.version}" + (f": {head.title}" if head.title else "")))
    for line in (head.as_known, head.warning):
        if line:
            click.echo(clean(line))
    for failed in result.failed_controls:
        click.echo(clean(failed))
    if result.incomplete:
        click.echo(clean(result.incomplete))
        for part in result.set_aside:
            click.echo(clean(f"  {part.words}; {'; '.join(part.examples)}"))
    for assumption in result.assumptions:
        click.echo(clean(f"{ILLUSTRATIVE}: {assumption.name} ({assumption.words})"))
    for line in (*opened.dataset.report.lines(), *account_lines(result), *move_lines(result)):
        click.echo(clean(line))
    click.echo()
    click.echo(table(*_totals(opened, result), frozenset({2, 3, 4, 5, 6, 7})))
    for line in payee_lines(result):
        click.echo(clean(line))
    for before in paid_before(result):
        click.echo(clean(before.words))
    _unsettled(opened, result)
    if outside := _outside_the_term(opened):
        click.echo(clean(outside))
    for guarantee in result.guarantees:
        click.echo(clean(f"guarantee `{guarantee.assertion.title}`: {guarantee.words}"))
    for path in written:
        click.echo(f"written: {path}")


def _totals(opened: Opened, result: Result) -> tuple[list[str], list[list[str]]]:
    from contractlang.runtime.formatting import dollars

    unit = opened.compiled.unit
    others = any(plan.payees for plan in result.plans)
    header = [
        opened.compiled.period,
        "payment",
        f"{unit}s settled",
        "paid" if others else f"paid to {unit}s",
        "owed" if others else f"owed by {unit}s",
        "net",
        "held",
        "not settled",
    ]
    rows = [
        [
            total.period,
            total.name,
            f"{total.settled:,}",
            dollars(total.paid),
            dollars(-total.owed),
            dollars(total.net),
            f"{total.held:,}",
            f"{total.not_settled:,}",
        ]
        for total in result.totals()
    ]
    return header, rows


def _unsettled(opened: Opened, result: Result) -> None:
    from contractlang.diagnostics.render import clean

    lines = [f"{word}: {group}, {period}: {reason}" for word, group, period, reason in unsettled(result)]
    for line in lines[:LISTED]:
        click.echo(clean(line))
    if len(lines) > LISTED:
        click.echo(f"… and {len(lines) - LISTED:,} more {opened.compiled.unit}s that are held or not settled")


def _outside_the_term(opened: Opened) -> str:
    """Rows of other periods are not paid on; they may be years to compare with, or a mistake in the data."""
    periods = [p for p in opened.dataset.frame.periods if p not in opened.programme.plans]
    if not periods:
        return ""
    named = sorted(set(periods))
    shown = ", ".join(named) if len(named) <= SPELLED else f"{named[0]} to {named[-1]}"
    return f"outside the term, not settled: {len(periods):,} row{'' if len(periods) == 1 else 's'} of {shown}"


def unsettled(result: Result) -> list[tuple[str, str, str, str]]:
    """Standing, group, period and reason of every reported row without payment."""
    from contractlang.runtime.result import Status

    found = [
        (Status(int(result.status[row])).words, result.group(row), result.period(row), result.reasons[row])
        for row in result.rows.tolist()
        if result.status[row]
    ]
    return found + [(Status.NOT_SETTLED.words, out.group, out.period, out.reason) for out in result.left_out]


# JSON ----------------------------------------------------------------------------------------------------------------


def _document(opened: Opened, result: Result, sink: Sink, written: list[Path], *, statement: bool) -> dict[str, Any]:
    from contractlang.diagnostics.interchange import as_json as findings
    from contractlang.runtime.export import description

    found = {
        **description(result, opened.heading),
        "format": "vbc-run/1",
        "settled": True,
        "groups": _groups(result),
        "unsettled": [
            {"status": word, "group": group, "period": period, "reason": reason}
            for word, group, period, reason in unsettled(result)
        ],
        "binding": opened.dataset.report.to_json(),
        "findings": findings(sink),
        "files": [str(path) for path in written],
    }
    if statement:
        from contractlang.runtime import statement as statements
        from contractlang.runtime import statement_forms

        found["statements"] = [
            statement_forms.as_json(statements.statement(result, opened.heading, row)) for row in result.rows.tolist()
        ]
    return found


def _groups(result: Result) -> list[dict[str, Any]]:
    """Every reported group and period with what is paid; null where it is held or not settled."""
    from contractlang.runtime.formatting import scaled
    from contractlang.runtime.result import Status

    payments = {name: result.cents(name).tolist() for plan in result.plans for name in plan.payments}
    return [
        {
            "group": result.group(row),
            "period": result.period(row),
            "status": Status(int(result.status[row])).words,
            "payments": {
                name: None if result.status[row] else scaled(cents[i], 2)
                for name, cents in payments.items()
                if name in result.programme.plans[result.period(row)].payments
            },
        }
        for i, row in enumerate(result.rows.tolist())
    ]
