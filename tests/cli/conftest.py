"""Running `vbc` inside the test process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contractlang.cli.main import vbc
from tests.cli.files import write_files


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


Vbc = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `contract.vbc`, `binding.toml` and `results.csv`."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_vbc() -> Vbc:
    def run(*args: str, stdin: str | None = None) -> Said:
        result: Any = CliRunner().invoke(vbc, args, input=stdin, standalone_mode=False)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(int(result.return_value or 0), result.stdout, result.stderr)

    return run
