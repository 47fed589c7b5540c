"""`vbc serve`: the door to the service, which lies above the language and need not be installed."""

from __future__ import annotations

import importlib

import click

NEEDED = "the service is not installed with the language; install `contractlang[server]`"


@click.command(
    short_help="Start the service: contracts over HTTP.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def serve(*, arguments: tuple[str, ...]) -> int:
    """Start the service."""
    try:
        # By its name: the service stands on the language, and never the other way round.
        command = importlib.import_module("server.command").serve
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NEEDED} (there is no `{error.name}`)") from None
    found = command.main(list(arguments), standalone_mode=False, prog_name="vbc serve")
    return found if isinstance(found, int) else 0
