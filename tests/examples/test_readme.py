"""The README shows what happens: its contract, its commands and their output, its links."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from contractlang.cli.main import vbc

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "01_shared_savings"
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SCREENS = 150
"""Lines of three screens."""


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that are shown of its output."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = part.rstrip("\n").split("\n")
        yield line, shown


def output(command: str) -> str:
    if command.startswith("cp "):
        return subprocess.run(shlex.split(command), check=True, capture_output=True, text=True).stdout
    command = command.removeprefix("vbc ")
    result = CliRunner().invoke(vbc, shlex.split(command), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def matches(shown: list[str], printed: str) -> bool:
    """Whether the lines stand in the output in this order, together where no line of dots parts them."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r"\n" for line in shown)
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n" if printed else "") is not None


def test_the_contract_is_that_of_the_first_example() -> None:
    (contract,) = fences("vbc")
    assert contract in (EXAMPLE / "contract.vbc").read_text(encoding="utf-8")


def test_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "examples" / EXAMPLE.name)
    shutil.copytree(ROOT / "contracts" / "bcbsma", tmp_path / "contracts" / "bcbsma")
    monkeypatch.chdir(tmp_path / "examples" / EXAMPLE.name)
    monkeypatch.setenv("COLUMNS", "118")  # a test runner may name a narrower terminal
    shown = [command for block in fences("console") for command in commands(block)]
    assert len(shown) > 1
    for command, lines in shown:
        assert matches(lines, output(command)), output(command)


def test_the_mistake_is_reported_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLE / "contract.vbc").read_text(encoding="utf-8")
    (tmp_path / "contract.vbc").write_text(text.replace("target * member_months", "target + member_months"))
    monkeypatch.chdir(tmp_path)
    (report,) = fences("text")
    assert matches(report.rstrip("\n").split("\n"), output("check contract.vbc"))


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "contracts/README.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target


def test_make_knows_the_two_commands() -> None:
    wanted = re.findall(r"^    make (\w+)", TEXT, re.MULTILINE)
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted == ["run", "test"]
    assert set(wanted) <= set(targets)


def test_it_fits_on_three_screens() -> None:
    assert len(TEXT.splitlines()) <= SCREENS
    assert max(len(line) for line in TEXT.splitlines() if not line.startswith("|")) <= 130
