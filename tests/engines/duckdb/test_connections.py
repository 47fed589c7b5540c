"""Connections: nothing is drawn into pipes, nothing is fetched, and there is one place where they are made."""

from __future__ import annotations

from pathlib import Path

import contractlang
from contractlang.engines.duckdb.files import connect
from contractlang.engines.duckdb.layout import bounded

PACKAGE = Path(contractlang.__file__).parent


def test_a_connection_draws_and_fetches_nothing(tmp_path: Path) -> None:
    with connect() as connection:
        bounded(connection, "1GB", tmp_path)
        for setting in ("enable_progress_bar", "autoinstall_known_extensions", "autoload_known_extensions"):
            assert connection.execute(f"SELECT current_setting('{setting}')").fetchall() == [(False,)]


def test_connections_are_made_in_one_place() -> None:
    made = [path for path in PACKAGE.rglob("*.py") if "duckdb.connect(" in path.read_text(encoding="utf-8")]
    assert made == [PACKAGE / "engines/duckdb/files.py"]
