"""`vbc test`."""

from __future__ import annotations

from pathlib import Path

import click

from contractlang.cli.console import FILE, FINDINGS


@click.command(short_help="Run examples and cases.")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=FILE)
def test(paths: tuple[Path, ...]) -> int:
    """Run examples and cases."""
    _ = paths
    return FINDINGS
