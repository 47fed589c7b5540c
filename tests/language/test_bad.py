"""Every diagnostic that a text can cause: a bad file of a few lines, the frames that its author sees, and its remedy.

`bad/CODE.vbc` or `bad/CODE-variant.vbc` (a folder with `main.vbc` where several documents are needed) stands beside
`CODE.txt`, the rendering for a terminal. `pytest tests/language --snapshot-update` writes the renderings anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contractlang.diagnostics.catalogue import CATALOGUE, DATA, SETTLING
from contractlang.locations import contracts_folder
from tests.language.checking import check_file, write_fixes

FOLDER = Path(__file__).parent / "bad"
CASES = sorted(path for path in FOLDER.iterdir() if path.suffix == ".vbc" or path.is_dir())

RUN_TIME = {
    "contract-too-large": "more than thirty thousand operations; the tests of limits ask for them",
    "control-failed": "a control is evaluated on settled rows",
    "example-failed": "an example is evaluated by `vbc test`",
    "file-too-large": "a file of two million characters; the tests of the syntax make one",
    "table-too-large": "a table of more than ten thousand rows; the tests of limits make one",
    "guarantee-failed": "a guarantee is evaluated on settled rows",
    "lock-differs": "the lock file is written by a command, not by an author",
    "lock-unreadable": "the lock file is written by a command, not by an author",
}
"""Codes of the catalogue's language sections that no text alone can cause."""

BY_HAND = {
    "amendment-conflict": "which of two changes of one day counts is for the parties to say",
    "circular-definition": "which definition of a circle is the wrong one is not to be seen",
    "circular-definition-self": "what was meant beside the name itself is not to be seen",
    "duplicate-document": "which of two amendments of one name is the right one is not to be seen",
    "grain-mismatch-prior-month": "which value of the year is meant needs a name of its own",
    "grain-mismatch-roster-unit": "whose the practices of each system are is not to be seen",
    "example-value-missing-unit": "of which unit the amount is said is not to be seen",
    "import-cycle": "what two libraries need of each other has to move into a third",
    "import-limit": "which of many libraries could be joined is not to be seen",
    "kind-mismatch-category": "which value of the category is meant is not to be seen",
    "nesting-too-deep": "inner parts need names, and names need a thought",
    "not-text": "what stood in the file is lost",
    "override-ambiguous": "which of two steps is meant is not to be seen",
    "results-unusable": "what is wrong stands in the other contract, and is mended there",
    "unknown-name-far": "nothing that is known is near",
    "unsupported-pays-monthly": "which months are meant is for the parties to say",
    "unsupported-net-monthly": "the rest of a year needs a payment of its own",
    "unsupported": "which dates the quarters begin is for the parties to say",
}
"""Cases without a mechanical fix, with the reason why only a person can mend them."""


def code_of(case: Path) -> str:
    """The longest code that the name of the case starts with."""
    found = [code for code in CATALOGUE if case.stem == code or case.stem.startswith(f"{code}-")]
    assert found, f"{case.name} starts with no code of the catalogue"
    return max(found, key=len)


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bad case, copied into an empty working folder; frames name files relative to it."""
    path: Path = request.param
    monkeypatch.chdir(tmp_path)
    if path.is_dir():
        shutil.copytree(path, tmp_path, dirs_exist_ok=True)
        return path
    shutil.copy(path, tmp_path)
    return path


def main_of(case: Path) -> Path:
    return Path("main.vbc") if case.is_dir() else Path(case.name)


def test_frames(case: Path, request: pytest.FixtureRequest) -> None:
    """The code is reported, and the frames are those that were reviewed."""
    found = check_file(main_of(case))
    assert code_of(case) in found.codes, found.frames
    expected = case.with_suffix(".txt")
    frames = found.frames.replace(str(contracts_folder()), "contracts")
    if request.config.getoption("update_snapshots"):
        expected.write_text(frames, encoding="utf-8")
    assert frames == expected.read_text(encoding="utf-8")


def test_first_fix(case: Path) -> None:
    """The first fix, applied mechanically, makes the file check; what is fixed is no longer reported."""
    found = check_file(main_of(case))
    code = code_of(case)
    if case.stem in BY_HAND:
        assert not any(d.fixes for d in found.diagnostics if d.code == code), "a fix exists: take it off the list"
        return
    assert all(d.fixes for d in found.diagnostics if d.code == code), found.frames
    write_fixes(tuple(d for d in found.diagnostics if d.fixes))
    again = check_file(main_of(case))
    assert again.errors == [], again.frames
    assert code not in again.codes, again.frames


def test_help_says_what_to_write(case: Path) -> None:
    """Headlines stand alone, in lower case and without a full stop; every diagnostic has a help or a fix."""
    for diagnostic in check_file(main_of(case)).diagnostics:
        assert not diagnostic.message[0].isupper(), diagnostic.message
        assert not diagnostic.message.endswith("."), diagnostic.message
        assert diagnostic.message.count("`") % 2 == 0, diagnostic.message
        assert diagnostic.help or diagnostic.fixes, diagnostic.message
        assert not diagnostic.help.endswith("."), diagnostic.help


def test_every_code_has_a_case() -> None:
    elsewhere = {entry.code for entry in (*DATA, *SETTLING)} | set(RUN_TIME)
    covered = {code_of(case) for case in CASES}
    assert set(CATALOGUE) - elsewhere - covered == set()
