"""`vbc sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FILE, FINDINGS, progress, report, status
from contractlang.sample.programmes import PROGRAMMES

if TYPE_CHECKING:
    from contractlang.sample.sampling import Sampled

LISTED = "; ".join(f"{p.name}: {p.summary}" for p in PROGRAMMES.values())
ALSO = ("visit", "service_line", "measure_result")


class _Years(click.ParamType[tuple[int, int]]):
    """`2019..2021`, or one year."""

    name = "A..B"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        first, sign, last = str(value).partition("..")
        if not (first.isascii() and first.isdigit() and (not sign or (last.isascii() and last.isdigit()))):
            self.fail(f"`{value}` is not a range of years such as 2019..2021", param, ctx)
        years = int(first), int(last) if sign else int(first)
        if not 1900 <= years[0] <= years[1] <= 2200:
            self.fail(f"`{value}` does not run from an earlier year to a later one between 1900 and 2200", param, ctx)
        if years[1] - years[0] >= 20:
            self.fail(f"`{value}` has more than 20 years", param, ctx)
        return years


@click.command(short_help="Make synthetic data for a contract.")
@click.option("--programme", type=click.Choice(list(PROGRAMMES)), required=True, help=f"What to make. {LISTED}.")
@click.option("--out", type=FILE, required=True, help="The folder for the data and their binding.")
@click.option("--members", type=click.IntRange(1, 1_000_000_000), help="Members [default: as the programme says].")
@click.option("--groups", type=click.IntRange(1, 3_000), help="Groups, of very different sizes.")
@click.option("--years", type=_Years(), help="First and last year of the member rows.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Equal seeds, equal data."
)
@click.option("--contract", type=FILE, help="Make the tables of this contract, in the world of the programme.")
@click.option("--also", type=click.Choice(ALSO), multiple=True, help="A table that the contract does not read.")
def sample(
    *,
    programme: str,
    out: Path,
    members: int | None,
    groups: int | None,
    years: tuple[int, int] | None,
    seed: int,
    contract: Path | None,
    also: tuple[str, ...],
) -> int:
    """Write every table that a contract reads, of any size, with a binding.

    The world behind the data is drawn from the seed: groups of very different sizes, members who move, join late and
    leave, months without cost and very costly ones, reversals, missing values. truth.json states what was planted.
    """
    from contractlang.diagnostics.diagnostic import Diagnostic, Sink
    from contractlang.sample.population import Size
    from contractlang.sample.sampling import Request
    from contractlang.sample.sampling import sample as make

    found = PROGRAMMES[programme]
    size = Size(members or found.members, groups or found.groups, years or found.years, seed)
    if size.members < size.groups:
        raise click.BadParameter(
            f"{size.members:,} members cannot fill {size.groups:,} groups", param_hint="'--members'"
        )
    sink = Sink()
    made: Sampled | None = None
    try:
        with progress() as step:
            made = make(Request(found, size, contract, also), out, sink, step)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"the sample cannot be written into `{out}`: {reason}"
        sink.report(Diagnostic("output-unwritable", message, help="choose another folder"))
    report(sink)
    if made is None:
        return FINDINGS
    _tell(made, out)
    return status(sink)


def _tell(made: Sampled, out: Path) -> None:
    from contractlang.sample.sampling import BINDING, TRUTH

    for name, rows in made.rows.items():
        click.echo(f"{name}: {rows:,} rows")
    click.echo(f"written into {out}, with {TRUTH}: what is planted in the data")
    click.echo(f"settle: vbc run {made.contract} --data {out / BINDING}")
