"""Entry point: the group of commands, and what happens when one of them fails.

Exit status: 0 fine, 1 findings, 2 wrong usage, 70 a fault of the program, 130 interrupted, 141 reader gone.
"""

from __future__ import annotations

import os
import sys

import click

from contractlang.cli.checking import check, fmt
from contractlang.cli.explaining import explain
from contractlang.cli.importing import import_
from contractlang.cli.reconciling import reconcile
from contractlang.cli.reporting import reporting
from contractlang.cli.sampling import sample
from contractlang.cli.serving import serve
from contractlang.cli.settling import run
from contractlang.cli.showing import show
from contractlang.cli.testing import test

INTERNAL, INTERRUPTED, READER_GONE = 70, 130, 141


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="contractlang", prog_name="vbc")
def vbc() -> None:
    """Write, check, settle and explain value-based care contracts."""


for command in (check, fmt, show, run, test, explain, reporting, reconcile, sample, import_, serve):
    vbc.add_command(command)


def main() -> None:
    """Run `vbc` and end the process with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    status = _status()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = _reader_gone()
    sys.exit(status)


def _status() -> int:
    try:
        found = vbc.main(standalone_mode=False, prog_name="vbc")
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - the last line of defence: no user ever sees a traceback
        return _internal(error)
    return found if isinstance(found, int) else 0


def _reader_gone() -> int:
    """Nobody reads the output any more (`vbc … | head`): say nothing, and let nothing else try to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _internal(error: Exception) -> int:
    from contractlang.diagnostics.diagnostic import Diagnostic
    from contractlang.diagnostics.render import concise

    if os.environ.get("VBC_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    text = " ".join(str(error).split())[:300]
    found = Diagnostic("internal-error", f"{type(error).__name__}: {text}" if text else type(error).__name__)
    click.echo(concise(found), err=True)
    click.echo("this is a fault of the program: please report it; VBC_DEBUG=1 shows the details", err=True)
    return INTERNAL
