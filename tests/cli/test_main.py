"""The process: exit status, start-up, readers that go away, faults."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.files import write_files
from tests.runtime.settling import CONTRACT

VBC = [sys.executable, "-c", "from contractlang.cli import main; main()"]


def vbc(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*VBC, *args], capture_output=True, text=True, cwd=cwd, env={**os.environ, **env}, check=False
    )


def test_help_and_version() -> None:
    assert "reconcile" in vbc("--help").stdout
    assert vbc("--version").stdout.startswith("vbc, version ")


@pytest.mark.parametrize(
    "args", [("nonsense",), ("run",), ("check",), ("run", "x.vbc"), ("check", "--format", "xml", "x")]
)
def test_wrong_usage_is_status_2(args: tuple[str, ...]) -> None:
    found = vbc(*args)
    assert found.returncode == 2
    assert "Usage:" in found.stderr


def test_findings_are_status_1(tmp_path: Path) -> None:
    assert vbc("check", "nowhere.vbc", cwd=tmp_path).returncode == 1
    write_files(tmp_path)
    assert vbc("check", "contract.vbc", cwd=tmp_path).returncode == 0


def test_check_and_help_load_nothing_heavy(tmp_path: Path) -> None:
    write_files(tmp_path)
    heavy = "('numpy', 'duckdb', 'pyarrow', 'rich', 'sqlglot')"
    code = f"import sys\nfrom contractlang.cli.main import vbc\nvbc.main(sys.argv[1:], standalone_mode=False)\nprint([m for m in {heavy} if m in sys.modules])"
    for args in (["check", "contract.vbc"], ["fmt", "--check", "contract.vbc"], ["show", "contract.vbc"]):
        found = subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, text=True, cwd=tmp_path, check=True
        )
        assert found.stdout.splitlines()[-1] == "[]", args


def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    definitions = "".join(f"define d{i} = benchmark + ${i}\n" for i in range(3000))
    write_files(tmp_path, CONTRACT + definitions)
    with subprocess.Popen(
        [*VBC, "show", "contract.vbc", "--plan"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "internal-error" not in said
    assert process.returncode in {1, 141}


def test_a_fault_of_the_program_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom contractlang.cli import main as entry\nimport contractlang.plan.compiler as c\n"
        "def broken(*a, **k): raise ZeroDivisionError('division by zero')\nc.compile_file = broken\n"
        "sys.argv = ['vbc', 'check', 'x.vbc']\nentry()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == 70
    assert found.stderr.splitlines()[0] == "error[internal-error]: ZeroDivisionError: division by zero"
    assert "Traceback" not in found.stderr
    debug = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "VBC_DEBUG": "1"},
    )
    assert "Traceback" in debug.stderr


def test_no_colours_and_no_progress_where_there_is_no_terminal(tmp_path: Path) -> None:
    write_files(tmp_path, CONTRACT.replace("bench", "bnch"))
    found = vbc("run", "contract.vbc", "--data", "binding.toml", cwd=tmp_path)
    assert "\x1b" not in found.stdout + found.stderr
