"""`vbc check` and `vbc fmt`."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FILE, FINDINGS, colour, echo_json, report, status

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink

ROUNDS = 8
"""Most rounds of fixes: a fix may uncover the next mistake."""


@click.command(short_help="Check contracts, libraries and amendments.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=FILE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "concise", "json", "sarif"]),
    default="terminal",
    help="How findings are printed.",
)
@click.option("--fix", is_flag=True, help="Apply the first suggested fix of every error, then check again.")
def check(files: tuple[Path, ...], form: str, *, fix: bool) -> int:
    """Check contracts, libraries and amendments: everything that can be known without data.

    All problems of all files are reported together. Exit status 1 when there are errors.
    """
    sink = _checked(files)
    if fix:
        for _ in range(ROUNDS):
            if not _apply(sink, files):
                break
            sink = _checked(files)
    _print(sink, form, len(files))
    return status(sink)


def _checked(files: tuple[Path, ...]) -> Sink:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.plan.compiler import compile_file

    sink = Sink()
    for path in files:
        compile_file(path, sink)
    return sink


def _apply(sink: Sink, files: tuple[Path, ...]) -> bool:
    """Write the fixes of errors that touch the given files, and no others; whether anything was written.

    A warning is left to its author: its fix may take away a term that the parties have agreed.
    """
    from contractlang.diagnostics.diagnostic import Severity
    from contractlang.diagnostics.fixes import apply_fixes

    own = {str(path) for path in files}
    errors = [d for d in sink if d.severity is Severity.ERROR and d.fixes]
    fixable = [d for d in errors if all(e.span.file.name in own for e in d.fixes[0].edits)]
    fixed = apply_fixes(fixable)
    for file, text in fixed.texts.items():
        _replace(Path(file.name), text)
    for diagnostic in fixed.applied:
        place = diagnostic.span.place if diagnostic.span else ""
        click.echo(f"{place}: {diagnostic.message}: {diagnostic.fixes[0].title}", err=True)
    return bool(fixed.texts)


def _print(sink: Sink, form: str, count: int) -> None:
    from contractlang.diagnostics import interchange, render

    match form:
        case "json":
            echo_json(interchange.as_json(sink))
        case "sarif":
            from importlib.metadata import version

            echo_json(interchange.as_sarif(sink, version("contractlang")))
        case "concise":
            for diagnostic in sink:
                click.echo(render.concise(diagnostic))
        case _:
            report(sink, err=False)
            if not len(sink):
                click.echo(f"{count} file{'' if count == 1 else 's'} checked, no problems")


@click.command(short_help="Lay out contract files.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=FILE)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit status 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def fmt(files: tuple[Path, ...], *, only_check: bool, diff: bool) -> int:
    """Lay out contract files in the one canonical form. Comments stay, tables are aligned, the meaning never changes.

    `-` reads standard input and prints the result.
    """
    from contractlang.diagnostics.diagnostic import Sink

    sink = Sink()
    changed = 0
    for path in files:
        texts = _formatted(path, sink)
        if texts is None:
            continue
        before, after = texts
        if str(path) == "-" and not (only_check or diff):
            click.echo(after, nl=False)
        elif before != after:
            changed += 1
            _changed(path, before, after, write=not (only_check or diff), diff=diff)
    report(sink)
    if only_check and not changed and not sink.failed:
        click.echo(f"{len(files)} file{'' if len(files) == 1 else 's'} laid out", err=True)
    return FINDINGS if sink.failed or (changed and (only_check or diff)) else 0


def _formatted(path: Path, sink: Sink) -> tuple[str, str] | None:
    from contractlang.diagnostics.diagnostic import Diagnostic
    from contractlang.source import SourceFile
    from contractlang.syntax.formatter import format_source

    try:
        source = SourceFile("<stdin>", sys.stdin.read()) if str(path) == "-" else SourceFile.read(path)
    except UnicodeDecodeError as error:
        sink.report(Diagnostic("not-text", f"`{path}` is not UTF-8 text: byte {error.start + 1}"))
        return None
    except OSError as error:
        code = "file-not-found" if isinstance(error, FileNotFoundError) else "file-unreadable"
        sink.report(Diagnostic(code, f"`{path}` cannot be read: {error.strerror}"))
        return None
    after = format_source(source, sink)
    return None if after is None else (source.text, after)


def _changed(path: Path, before: str, after: str, *, write: bool, diff: bool) -> None:
    if write:
        _replace(path, after)
        click.echo(f"{path}: laid out", err=True)
    elif diff:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), str(path), str(path), lineterm="")
        for line in lines:
            style = {"+": "green", "-": "red"}.get(line[:1]) if colour() else None
            click.echo(click.style(line, fg=style) if style else line)
    else:
        click.echo(f"{path}: would change")


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole: the old text stays until the new one is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror or "cannot be written") from error
    finally:
        temporary.unlink(missing_ok=True)
