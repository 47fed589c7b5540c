"""`vbc test`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from contractlang.cli.console import FILE, FINDINGS, echo_json, report, status

if TYPE_CHECKING:
    from contractlang.diagnostics.diagnostic import Sink
    from contractlang.runtime.examples import Outcome


@click.command(short_help="Run the examples of contracts and case folders.")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--verbose", "-v", is_flag=True, help="Print every value, not only those of failing examples.")
def test(paths: tuple[Path, ...], *, as_json: bool, verbose: bool) -> int:
    """Run the examples of contract files and the cases of case folders.

    A folder stands for all contracts and all `case.toml` in it. Exit status 1 when one does not come out as stated.
    """
    from contractlang.diagnostics.diagnostic import Diagnostic, Sink

    sink = Sink()
    outcomes: list[Outcome] = []
    for path in _found(paths, sink):
        known = {(outcome.title, outcome.place) for outcome in outcomes}  # an amendment brings its contract along
        outcomes += [outcome for outcome in _run(path, sink) if (outcome.title, outcome.place) not in known]
    if not outcomes and not sink.failed:
        shown = ", ".join(str(path) for path in paths)
        sink.report(
            Diagnostic("nothing-to-test", f"no example and no case in {shown}", help="write an `example` block")
        )
    if as_json:
        echo_json(_json(outcomes, sink))
    else:
        for outcome in outcomes:
            _print(outcome, verbose=verbose)
        report(sink, err=False)
        failed = sum(not outcome.passed for outcome in outcomes)
        click.echo(f"{len(outcomes)} run, {failed} failed" if failed else f"{len(outcomes)} run, all as stated")
    return FINDINGS if any(not outcome.passed for outcome in outcomes) else status(sink)


def _found(paths: tuple[Path, ...], sink: Sink) -> Iterator[Path]:
    from contractlang.diagnostics.diagnostic import Diagnostic

    for path in paths:
        if path.is_dir():
            yield from sorted([*path.rglob("*.vbc"), *path.rglob("case.toml")])
        elif path.exists():
            yield path
        else:
            sink.report(Diagnostic("file-not-found", f"`{path}` does not exist"))


def _run(path: Path, sink: Sink) -> list[Outcome]:
    from contractlang.plan.compiler import compile_file
    from contractlang.runtime.cases import run_case
    from contractlang.runtime.examples import Outcome, run_examples

    if path.suffix == ".toml":
        outcome = run_case(path, sink)
        return [Outcome(path.parent.name, str(path), (), "cannot be read")] if outcome is None else [outcome]
    from contractlang.diagnostics.diagnostic import Sink

    own = Sink()
    compiled = compile_file(path, own)
    failed = own.failed
    outcomes = list(run_examples(compiled, own)) if compiled is not None and not failed else []
    sink.extend(d for d in own if failed or d.code != "unused-definition")
    return outcomes


def _print(outcome: Outcome, *, verbose: bool) -> None:
    from contractlang.diagnostics.render import clean

    mark = "ok    " if outcome.passed else "FAILED"
    click.echo(clean(f"{mark}  {outcome.title}  ({outcome.place})" + (f": {outcome.broken}" if outcome.broken else "")))
    for check in outcome.checks:
        if verbose or not check.passed:
            got = "" if check.passed else f", got {check.got}"
            click.echo(clean(f"        {check.name} = {check.expected}{got}"))


def _json(outcomes: list[Outcome], sink: Sink) -> dict[str, object]:
    from contractlang.diagnostics.interchange import as_json

    return {
        "format": "vbc-test/1",
        "run": len(outcomes),
        "failed": sum(not outcome.passed for outcome in outcomes),
        "outcomes": [
            {
                "title": outcome.title,
                "place": outcome.place,
                "passed": outcome.passed,
                "problem": outcome.broken,
                "checks": [
                    {
                        "name": check.name,
                        "expected": check.expected,
                        "got": check.got,
                        "passed": check.passed,
                        "parts": check.parts,
                    }
                    for check in outcome.checks
                ],
            }
            for outcome in outcomes
        ],
        "findings": as_json(sink),
    }
