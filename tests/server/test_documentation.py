"""The tutorial is run as it is printed: every block, in order, against a service that its first block starts."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.conftest import EXAMPLE

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="needs curl and jq")
def test_the_tutorial(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "bin").mkdir()
    vbc = tmp_path / "bin" / "vbc"
    vbc.write_text(f"#!{sys.executable}\nfrom contractlang.cli import main\nmain()\n")
    vbc.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    lines = ["set -eu", f"export PATH={tmp_path}/bin:$PATH VBC_SERVER_PORT={port}", "trap 'kill $(jobs -p); wait' EXIT"]
    for language, block in BLOCK.findall(PAGE):
        text = block.replace("8420", port)
        lines.append(text if language == "sh" else f"{sys.executable} - <<'EOF'\n{text}EOF\n")
    found = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert '"paid": "' in found.stdout
    assert "settlement = $" in found.stdout
    assert "Lakeland: whole" in found.stdout
    assert "Harbor Primary Care settled" in found.stdout
    assert (tmp_path / "statement.txt").read_text().strip()
    assert (tmp_path / "settled.csv").read_text().count("\n") == 6
