"""Small contracts, each about one rule of the language, with the facts that follow from it (see `facts`)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from contractlang.plan.compiler import Compiled
from tests.language.checking import check_file, sound
from tests.language.facts import Facts, facts_of, outcomes, settled, typed

FOLDER = Path(__file__).parent / "good"
CASES = sorted(path for path in FOLDER.iterdir() if path.suffix == ".vbc" or path.is_dir())


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Compiled, Facts]:
    """A compiled file and its facts. It has no findings, but for values that only the facts read."""
    path: Path = request.param
    (shutil.copytree(path, tmp_path, dirs_exist_ok=True) if path.is_dir() else shutil.copy(path, tmp_path))
    main = tmp_path / ("main.vbc" if path.is_dir() else path.name)
    found = check_file(main)
    assert found.compiled is not None
    assert set(found.codes) <= {"unused-definition"}, found.frames
    return found.compiled, facts_of(main.read_text(encoding="utf-8"))


def test_types(case: tuple[Compiled, Facts]) -> None:
    compiled, facts = case
    plan = compiled.plans[-1]
    assert {name: typed(plan, name) for name in facts.types} == facts.types


def test_values(case: tuple[Compiled, Facts]) -> None:
    compiled, facts = case
    assert facts.types or facts.expected, "a file without facts proves nothing"
    wrong = [str(outcome) for outcome in outcomes(compiled, facts) if not outcome.agrees] if facts.expected else []
    assert wrong == []


def test_engines_agree(case: tuple[Compiled, Facts]) -> None:
    """The vector engine pays what the reference pays, row by row, to the cent and to the state."""
    compiled, facts = case
    if not facts.expected:
        pytest.skip("no rows")
    first, second = settled(compiled, facts), settled(compiled, facts, "vector")
    plan = compiled.plans[-1]
    for named in plan.names:
        type_ = plan.nodes[named.node].type
        if not type_.numeric or not type_.grain <= plan.settled:
            continue
        one, other = first.decimals(named.name, 4), second.decimals(named.name, 4)
        assert [list(part) for part in one] == [list(part) for part in other], named.name


def test_facts_can_fail(tmp_path: Path) -> None:
    """A wrong type, a wrong value and a wrong state are found."""
    text = """\
contract demo.facts
version "1"
settles group per year
term 2024-01-01 to 2024-12-31
input results per group, year {
  spent  USD
  rate   percent  when missing not applicable
}
define double = spent * 2
define scaled = rate * spent
payment settlement to group = double
#: types
#:   double  percent {group, year}
#: given results
#:   | group | year | spent | rate |
#:   | A     | 2024 |    10 |    - |
#: expect
#:   | group | year | double | scaled |
#:   | A     | 2024 |     21 | n/r    |
"""
    compiled, facts = sound(text, tmp_path), facts_of(text)
    assert typed(compiled.plans[-1], "double") != facts.types["double"]
    assert [o.agrees for o in outcomes(compiled, facts)] == [False, False]
    facts.expected[-1][0] |= {"double": "20", "scaled": "n/a"}
    assert [o.agrees for o in outcomes(compiled, facts)] == [True, True]
