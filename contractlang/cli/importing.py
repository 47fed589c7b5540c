"""`vbc import`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FILE, FINDINGS, assignments, echo_json, report, status

if TYPE_CHECKING:
    from contractlang.sample.import_report import Imported


@click.command("import", short_help="Convert member rows to the fast layout.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=FILE)
@click.option(
    "--to", "folder", type=FILE, required=True, help="The folder for the new file, its binding and the report."
)
@click.option("--as", "role", type=click.Choice(["member_month", "measure_result"]), help="What the rows are.")
@click.option("--column", "columns", metavar="NAME=HEADER", multiple=True, help="Which column of the file is meant.")
@click.option("--decimals", "places", metavar="NAME=N", multiple=True, help="Decimals of a column, rounded to once.")
@click.option("--absent", metavar="TEXT", multiple=True, help='A text that means "no value".')
@click.option("--measures", type=click.Choice(["long", "wide", "bits"]), default="long", show_default=True,
              help="One row per measure, two flags per measure, or bit masks.")  # fmt: skip
@click.option("--lenient", is_flag=True, help="Set rows aside that cannot be used, list them, and write the others.")
@click.option(
    "--memory-limit", metavar="SIZE", default="4GB", show_default=True, help="What does not fit is sorted on disk."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON document.")
def import_(
    *,
    files: tuple[Path, ...],
    folder: Path,
    role: str | None,
    columns: tuple[str, ...],
    places: tuple[str, ...],
    absent: tuple[str, ...],
    measures: str,
    lenient: bool,
    memory_limit: str,
    as_json: bool,
) -> int:
    """Check FILEs of member rows (CSV or Parquet) and write them as one sorted, coded Parquet file with a binding.

    Columns are recognised by their headers. Nothing is written when a row cannot be used, unless --lenient sets such
    rows aside: set_aside.csv then names each of them. import.json says what was seen.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,5} ?[KMGT]i?B", memory_limit):
        raise click.BadParameter(f"`{memory_limit}` is not a size such as 4GB", param_hint="'--memory-limit'")
    named, wanted = assignments(columns, "--column"), _decimals(places)
    from contractlang.diagnostics.diagnostic import Diagnostic, Sink
    from contractlang.sample.importing import Order, convert
    from contractlang.sample.recognising import Wanted

    sink = Sink()
    made: Imported | None = None
    try:
        made = convert(Order(files, Wanted(named, wanted, role), measures, lenient, absent, memory_limit), folder, sink)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"the new file cannot be written into `{folder}`: {reason}"
        sink.report(Diagnostic("output-unwritable", message, help="choose another folder"))
    if as_json:
        from contractlang.diagnostics.interchange import as_json as findings

        echo_json({"imported": None if made is None else made.to_json(), "findings": findings(sink)})
    else:
        report(sink)
        if made is not None:
            _tell(made, folder)
    return FINDINGS if made is None else status(sink)


def _decimals(written: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, text in assignments(written, "--decimals").items():
        if not (text.isascii() and text.isdigit() and int(text) <= 12):
            raise click.BadParameter(f"`{text}` is not a number of decimals up to 12", param_hint="'--decimals'")
        found[name] = int(text)
    return found


def _tell(made: Imported, folder: Path) -> None:
    from fractions import Fraction

    from contractlang.diagnostics.render import clean
    from contractlang.runtime.formatting import dollars

    lines = [f"{made.table}: {made.kept:,} of {made.rows:,} rows, {made.written:,} written into {folder}"]
    for column in made.columns:
        said = [column.form]
        if column.without_value:
            said.append(f"{column.without_value:,} without a value")
        if column.rounded:
            said.append(f"{column.rounded:,} rounded, largest change {column.largest_change}")
        lines.append(f"  {column.name} ({column.header}): {'; '.join(said)}")
    lines += [f"  left out: {header}: {reason}" for header, reason in made.left_out.items()]
    lines += [f"  set aside: {count:,} rows: {reason}" for reason, count in made.set_aside.items()]
    lines += [f"  set aside, {name}: {dollars(Fraction(worth))}" for name, worth in made.worth.items()]
    for line in lines:
        click.echo(clean(line))
