"""The page on the command line names every command and every option, and no others."""

import re
from pathlib import Path

import click

from contractlang.cli.main import vbc

PAGE = (Path(__file__).parents[2] / "grammar" / "reference" / "command-line.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_command_has_a_section() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == [
        "check",
        "fmt",
        "show",
        "run",
        "test",
        "explain",
        "report",
        "reconcile",
        "sample",
        "import",
        "serve",
    ]
    assert sorted(vbc.commands) == sorted(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))


def test_every_option_is_on_the_page() -> None:
    shared = {"--data", "--table", "--set", "--as-known-on", "--engine"}
    for name, command in vbc.commands.items():
        options = {o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")}
        named = set(re.findall(r"^\| `(--[a-z-]+)", section(name), re.MULTILINE))
        assert options - shared - named == set(), name
        assert named - options == set(), name


def test_every_option_has_help() -> None:
    for name, command in vbc.commands.items():
        assert command.help, name
        assert command.short_help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)
