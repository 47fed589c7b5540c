"""The command line `vbc`. Modules here import click and the standard library only, so that every command starts fast."""

from contractlang.cli.main import main

__all__ = ["main"]
