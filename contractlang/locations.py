"""Where the grammar and the contract library lie: in the folders of a checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def grammar_folder() -> Path:
    """The folder with `contract.lark` and `reference/`."""
    return _folder("grammar")


def contracts_folder() -> Path:
    """The folder with the contracts and libraries that come with the language."""
    return _folder("contracts")
