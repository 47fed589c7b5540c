"""`vbc reconcile`."""

from __future__ import annotations

from pathlib import Path

import click

from contractlang.cli.console import FINDINGS, paths, progress, report
from contractlang.cli.options import contract_and_data


@click.command(short_help="Compare with amounts that the other party states.")
@contract_and_data
@click.option("--against", required=True, metavar="COLUMN", help="The column of the data with the stated amounts.")
def reconcile(
    *, contract: Path, data: Path, tables: tuple[str, ...], sets: tuple[str, ...], engine: str, against: str
) -> int:
    """Compare our amounts with the amounts that the other party states."""
    _ = (contract, data, paths(tables), sets, engine, against, progress, report)
    return FINDINGS
