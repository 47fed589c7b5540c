"""`vbc reconcile`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FINDINGS, assignments, echo_json, paths, progress, report, status, table
from contractlang.cli.options import contract_and_data

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.reconcile import Difference, Reconciliation

LISTED = 20
"""Differences that the text lists; JSON has all."""


@click.command(short_help="Compare with amounts that the other party states.")
@contract_and_data
@click.option("--against", required=True, metavar="COLUMN", help="The column of the data with the stated amounts.")
@click.option(
    "--value", metavar="NAME", help="The value to compare; without it the payment, before what is netted off."
)
@click.option(
    "--tolerance", default="1.00", show_default=True, metavar="DOLLARS", help="Largest difference that counts as equal."
)
@click.option("--uncertain", metavar="INPUT=HALFSTEP", multiple=True, help="An input known to half a step only.")
@click.option("--period", "periods", metavar="P", multiple=True, help="Compare this period only (may be repeated).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def reconcile(
    *,
    contract: Path,
    data: Path,
    tables: tuple[str, ...],
    sets: tuple[str, ...],
    known_on: dt.date | None,
    engine: str,
    against: str,
    value: str | None,
    tolerance: str,
    uncertain: tuple[str, ...],
    periods: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare our amounts with the amounts that the other party states in COLUMN of the data.

    With --uncertain, inputs printed with few digits are moved by half a step in either direction (`quality=0.005%`,
    `benchmark=$0.50`); the stated amount must lie between the least and the largest result. Exit status 1 when a row
    does not agree.
    """
    overrides, files = assignments(sets, "--set"), paths(tables)
    halves = assignments(uncertain, "--uncertain")
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime import reconcile as comparing
    from contractlang.runtime.executor import Engines
    from contractlang.runtime.reconcile_terms import (
        reconciled_value,
        stated_amounts,
        tolerance_of,
        uncertain_inputs,
    )
    from contractlang.runtime.runs import open_run, settle

    sink = Sink()
    found: Reconciliation | None = None
    within = tolerance_of(tolerance, sink)
    with progress() as step:
        opened = (
            open_run(contract, data, sink, overrides=overrides, tables=files, known_on=known_on)
            if within is not None
            else None
        )
        moved = uncertain_inputs(opened, halves, sink) if opened else None
        stated = stated_amounts(opened, against, files, sink) if opened and moved is not None else None
        result = None
        if opened and stated is not None:
            result = settle(opened, sink, periods=periods, engines=Engines(settle=engine), progress=step)
        name = reconciled_value(result, value, sink) if result else None
        if result and name and stated is not None and within is not None:
            step("comparing", 0, 1)
            found = comparing.reconcile(result, name, stated, within, column=against, uncertain=moved or ())
    if found is None or opened is None:
        report(sink)
        return FINDINGS
    if as_json:
        echo_json({**comparing.as_json(found), **opened.heading.as_json()})
    else:
        _print(found, "; ".join(line for line in (opened.heading.as_known, opened.heading.warning) if line))
    report(sink)
    return _status(found, sink)


def _status(found: Reconciliation, sink: Sink) -> int:
    return status(sink) if found.agrees else FINDINGS


def _print(found: Reconciliation, warning: str) -> None:
    from contractlang.diagnostics.render import clean
    from contractlang.runtime.formatting import dollars

    if warning:
        click.echo(clean(warning))
    click.echo(clean(f"`{found.value}` against `{found.column}`: {found.rows:,} rows"))
    if not found.rows:
        click.echo("no stated amount belongs to a settled row")
    click.echo(f"within {dollars(found.tolerance)}: {found.within:,} of {found.rows:,}")
    if found.within_printed is not None:
        click.echo(f"within what the printed digits allow: {found.within_printed:,} of {found.rows:,}")
    click.echo(f"total ours {dollars(found.total_ours)}, theirs {dollars(found.total_theirs)}")
    if found.unstated:
        click.echo(f"{found.unstated:,} settled rows have no stated amount")
    if found.unknown:
        click.echo(f"{len(found.unknown):,} stated amounts belong to no settled row")
    open_rows = [d for d in found.differences if not d.within_printed]
    if open_rows:
        click.echo()
        click.echo(clean(table(*_table(open_rows[:LISTED]), frozenset({2, 3, 4})), keep="\n"))
    if len(open_rows) > LISTED:
        click.echo(f"… and {len(open_rows) - LISTED:,} more; --json lists all")


def _table(differences: list[Difference]) -> tuple[list[str], list[list[str]]]:
    from contractlang.runtime.formatting import dollars

    rows = [
        [
            d.group,
            d.period,
            d.reason if d.ours is None else dollars(d.ours),
            dollars(d.theirs),
            "" if d.ours is None else dollars(d.ours - d.theirs),
            "" if d.parts is None else f"{d.parts.name}: {d.parts.reading}",
        ]
        for d in differences
    ]
    return ["group", "period", "ours", "theirs", "difference", "another reading that agrees"], rows
