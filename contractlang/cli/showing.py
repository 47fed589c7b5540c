"""`vbc show`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contractlang.cli.console import FILE, FINDINGS, report, status, table

if TYPE_CHECKING:
    from contractlang.library.edition import Edition
    from contractlang.plan.compiler import Compiled
    from contractlang.plan.nodes import Plan


class _Day(click.ParamType[dt.date]):
    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        try:
            return dt.datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            self.fail(f"`{value}` is no day of the calendar; write year, month and day as in 2025-01-31", param, ctx)


@click.command(short_help="Show the contract in force, its values, its assumptions.")
@click.argument("contract", type=FILE)
@click.option("--on", "day", metavar="DATE", type=_Day(), help="The text in force on a day.")
@click.option("--assumptions", is_flag=True, help="List everything that is marked `assumed`.")
@click.option("--grain", is_flag=True, help="List every named value with its kind, unit and grain.")
@click.option("--plan", "with_plan", is_flag=True, help="Print what the contract is compiled to.")
@click.option("--hash", "hashes", is_flag=True, help="Print the hashes of the text and of its meaning.")
def show(*, contract: Path, day: dt.date | None, assumptions: bool, grain: bool, with_plan: bool, hashes: bool) -> int:
    """Show CONTRACT as it is in force: one consolidated text with the file and line of every clause.

    Without --on, the latest text. With any of the lists, the text itself is left out.
    """
    from contractlang.diagnostics.diagnostic import Diagnostic, Sink
    from contractlang.plan.compiler import compile_file

    sink = Sink()
    compiled = compile_file(contract, sink)
    if compiled is None:
        report(sink)
        return FINDINGS
    chosen = [(e, p) for e, p in zip(compiled.editions, compiled.plans, strict=True) if day is None or e.covers(day)]
    if not chosen:
        first, last = compiled.term
        message = f"no contract is in force on {day}"
        sink.report(Diagnostic("period-unknown", message, help=f"the term is {first} to {last}"))
        report(sink)
        return FINDINGS
    edition, plan = chosen[-1]
    if hashes:
        _hashes(compiled if day is None else None, [edition for edition, _ in chosen])
    if assumptions:
        _assumptions(edition)
    if grain:
        _values(plan)
    if with_plan:
        _plan(plan)
    if not (assumptions or grain or with_plan or hashes):
        from contractlang.library.show import show as consolidated

        click.echo(consolidated(edition), nl=False)
    report(sink)
    return status(sink)


def _hashes(compiled: Compiled | None, editions: list[Edition]) -> None:
    for edition in editions if compiled is None else compiled.editions:
        amended = f"  with {', '.join(edition.amendments)}" if edition.amendments else ""
        last = edition.end - dt.timedelta(days=1) if edition.end < dt.date.max else edition.end
        click.echo(f"{edition.start} to {last}{amended}")
        click.echo(f"  meaning  {edition.meaning_hash}")
        click.echo(f"  bytes    {edition.byte_hash}")


def _assumptions(edition: Edition) -> None:
    from contractlang.diagnostics.render import clean
    from contractlang.library.show import assumptions

    found = assumptions(edition)
    if not found:
        click.echo("nothing is assumed")
        return
    click.echo(clean_lines(table(["name", "assumed", "place"], [[n, clean(w), s.place] for n, w, s in found])))


def _values(plan: Plan) -> None:
    from contractlang.runtime.formatting import unit_words
    from contractlang.runtime.plan_text import grain_words

    rows = []
    for named in plan.names:
        type_ = plan.nodes[named.node].type
        kind = type_.kind.value if type_.scheme is None else f"{type_.kind.value} {type_.scheme}"
        unit = unit_words(type_)
        absent = ", ".join(state.words for state in sorted(type_.absent))
        rows.append(
            [named.name, kind, unit if unit != kind else "", grain_words(type_.grain), absent, named.origin.place]
        )
    click.echo(clean_lines(table(["value", "kind", "unit", "grain", "may be", "place"], rows)))


def _plan(plan: Plan) -> None:
    from contractlang.runtime.plan_text import plan_lines

    for line in plan_lines(plan):
        click.echo(clean_lines(line))


def clean_lines(text: str) -> str:
    from contractlang.diagnostics.render import clean

    return clean(text, keep="\n")
