"""What all commands share: where output goes, how findings are printed, progress on a terminal, tables of text."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.reducing import Progress

FINDINGS = 1
FILE = click.Path(path_type=Path)


def colour(*, err: bool = False) -> bool:
    """Whether the stream is a terminal that shows colours."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def report(sink: Sink, *, err: bool = True) -> None:
    """Print all findings as frames; on standard error, so that results on standard output stay readable by programs."""
    from contractlang.diagnostics import render

    text = render.report(sink, colour=colour(err=err))
    if text:
        click.echo(text, nl=False, err=err)


def status(sink: Sink) -> int:
    """The exit status for what was found: errors count, warnings do not."""
    return FINDINGS if sink.failed else 0


def echo_json(document: dict[str, Any]) -> None:
    import json

    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def assignments(written: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` options by name; anything else is wrong usage."""
    found: dict[str, str] = {}
    for text in written:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise click.BadParameter(f"`{text}` is not NAME=VALUE", param_hint=f"'{option}'")
        if name.strip() in found:
            raise click.BadParameter(f"`{name.strip()}` is given twice", param_hint=f"'{option}'")
        found[name.strip()] = value.strip()
    return found


def paths(written: Sequence[str]) -> dict[str, Path]:
    """`--table NAME=PATH` options."""
    return {name: Path(value) for name, value in assignments(written, "--table").items()}


def size(written: str | None) -> str | None:
    """`--memory-limit SIZE`."""
    if written is not None and not re.fullmatch(r"[1-9][0-9]{0,5} ?[KMGT]i?B", written):
        raise click.BadParameter(f"`{written}` is not a size such as 4GB", param_hint="'--memory-limit'")
    return written


@contextmanager
def progress() -> Iterator[Progress]:
    """A spinner with the stage and the time on a terminal; nothing elsewhere."""
    if not colour(err=True):
        yield lambda _stage, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading")

        def step(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total or None)

        yield step


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Columns of text two spaces apart; the columns of `right` are aligned to the right."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, ["─" * width for width in widths], *rows):
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
