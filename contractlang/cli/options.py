"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from contractlang.cli.console import FILE

Command = TypeVar("Command", bound=Callable[..., Any])


def contract_and_data(command: Command) -> Command:
    """CONTRACT, --data, --table, --set, --as-known-on, --engine."""
    for option in (
        click.option(
            "--engine",
            type=click.Choice(["auto", "reference", "vector"]),
            default="auto",
            help="Settle engine; both give the same cents.",
        ),
        click.option(
            "--as-known-on",
            "known_on",
            type=click.DateTime(["%Y-%m-%d"]),
            callback=lambda _context, _option, moment: moment and moment.date(),
            metavar="DATE",
            help="Use the rows, payments and amendments that were known on this day.",
        ),
        click.option("--set", "sets", metavar="NAME=VALUE", multiple=True, help="Try another value. Not the contract."),
        click.option("--table", "tables", metavar="NAME=PATH", multiple=True, help="Another file for a table."),
        click.option("--data", type=FILE, required=True, help="The binding: which files hold the data."),
        click.argument("contract", type=FILE),
    ):
        command = option(command)
    return command
