"""Text from a stranger is safe to compile: long, deep and large contracts check or are refused clearly, and quickly.

A traceback or a test that runs into its time limit is the failure that these tests look for.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.language.checking import check

HEAD = """\
contract demo.large
version "1"
settles group per year
term 2024-01-01 to 2025-12-31

input results per group, year {
  spent    USD
  size     members
  quality  percent
  passed   flag
}

"""
PAID = "payment settlement to group = {}\n"
MANY = 2_000


def chain(count: int, link: str) -> list[str]:
    """Definitions `a1` to `aN`, each by the one before."""
    return [link.format(i=i, before=f"a{i - 1}") for i in range(1, count)]


CHAINS = {
    "definitions": ["define a0 = spent", *chain(MANY, "define a{i} = {before} + $1")],
    "names of names": ["define a0 = spent", *chain(MANY, "define a{i} = {before}")],
    "backwards": [*reversed(chain(MANY, "define a{i} = {before} + $1")), "define a0 = spent"],
    "choices": [
        "define a0 = spent",
        *chain(MANY // 4, "define a{i}\n  when {before} > ${i}: {before} - $1\n  when quality > 1%: $3\n  otherwise: {before}"),
    ],
    "earlier periods": [
        *chain(MANY // 8, "define a{i} = max(prior a{i} starting $0, {before})"),
        "define a0 = prior spent starting $0",
    ],
}  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("items", CHAINS.values(), ids=CHAINS)
def test_long_chains_check(items: list[str], tmp_path: Path) -> None:
    last = max(int(item.split()[1].removeprefix("a")) for item in items)
    found = check(HEAD + "\n".join(items) + "\n" + PAID.format(f"a{last}"), tmp_path)
    assert found.errors == [], found.frames[:2_000]


@pytest.mark.timeout(60)
def test_flags_through_many_names(tmp_path: Path) -> None:
    names = ["define a0 = passed", *chain(MANY, "define a{i} = {before}")]
    choice = f"define paid\n  when a{MANY - 1}: $1\n  otherwise: $2\n"
    assert check(HEAD + "\n".join(names) + f"\n{choice}" + PAID.format("paid"), tmp_path).errors == []


def test_a_long_circle_is_one_finding(tmp_path: Path) -> None:
    items = [f"define a{i} = a{(i + 1) % MANY} + $1" for i in range(MANY)]
    check(HEAD + "\n".join(items) + "\n" + PAID.format("a0"), tmp_path).only("circular-definition")


NESTED = {
    "not": ("not " * 190 + "passed", []),
    "minus": ("- " * 190 + "spent", []),
    "sum": (" + ".join(["spent"] * 190), []),
    "calls": ("min(" * 60 + "spent" + ", $1)" * 60, []),
    "too many terms": (" + ".join(["spent"] * 500), ["nesting-too-deep"]),
    "too many parentheses": ("(" * 5_000 + "spent" + ")" * 5_000, ["nesting-too-deep"]),
}


@pytest.mark.parametrize(("expression", "codes"), NESTED.values(), ids=NESTED)
def test_deep_expressions(expression: str, codes: list[str], tmp_path: Path) -> None:
    found = check(HEAD + f"define nested = {expression}\n" + PAID.format("spent"), tmp_path)
    assert [c for c in found.codes if c != "unused-definition"] == codes, found.frames[:2_000]


def table(rows: int) -> str:
    lines = [f"  | {10 * i} members..{10 * i + 9} members | ${i} |" for i in range(rows - 1)]
    return "\n".join(["table terms per size {", "  | size | bonus |", *lines, "  | otherwise | $1 |", "}"]) + "\n"


@pytest.mark.timeout(60)
def test_the_largest_table_checks(tmp_path: Path) -> None:
    assert check(HEAD + table(10_000) + PAID.format("terms.bonus"), tmp_path).codes == []


def test_a_larger_table_is_refused(tmp_path: Path) -> None:
    assert check(HEAD + table(10_001) + PAID.format("terms.bonus"), tmp_path).errors == ["table-too-large"]


@pytest.mark.timeout(60)
def test_the_largest_scale_checks(tmp_path: Path) -> None:
    scale = "scale large(size) linear, flat outside { " + ", ".join(f"{i}: {i % 90}%" for i in range(10_000)) + " }\n"
    paid = PAID.format("round(large(size) * spent to cents, half away from zero)")
    assert check(HEAD + scale + paid, tmp_path).codes == []


def cases(count: int) -> str:
    lines = [f"  when spent > ${10 * (count - i)}: ${i}" for i in range(count - 1)]
    return "\n".join(["define bonus", *lines, "  otherwise: $0"]) + "\n"


@pytest.mark.timeout(60)
def test_the_longest_choice_checks(tmp_path: Path) -> None:
    assert check(HEAD + cases(500) + PAID.format("bonus"), tmp_path).codes == []


def test_a_longer_choice_is_refused(tmp_path: Path) -> None:
    finding = check(HEAD + cases(501) + PAID.format("bonus"), tmp_path).only("table-too-large")
    assert finding.message == "501 cases in a `when`; the limit is 500"


@pytest.mark.timeout(120)
def test_too_many_operations_are_refused(tmp_path: Path) -> None:
    items = "".join(f"define a{i} = spent + ${i}\n" for i in range(10_001))
    finding = check(HEAD + items + PAID.format("spent"), tmp_path).only("contract-too-large")
    assert finding.help.startswith("put what repeats into a `table`")


@pytest.mark.timeout(60)
def test_many_mistakes_are_many_findings(tmp_path: Path) -> None:
    items = "".join(f"define a{i} = unknown{i} + $1\n" for i in range(MANY))
    found = check(HEAD + items + PAID.format("spent"), tmp_path)
    assert found.codes == ["unknown-name"] * MANY


FIVE = """\
define savings = spent - expenditur
define bonus
  when spent >= 1_000: 2%
  otherwise:           0%
schedule sequestration per year { 2024: 2% }
scale rate(ratio) linear { 80%: 60%, 100%: 0% }
define half_rate = rate(quality)
payment settlement to group = 50% * (1 - sequestration) * spent
"""


def test_five_mistakes_are_five_findings(tmp_path: Path) -> None:
    """Mistakes of all phases are reported in one run, each once, in the order of the text."""
    assert check(HEAD + FIVE, tmp_path).codes == [
        "unknown-name",
        "unit-mismatch",
        "schedule-gap",
        "scale-outside",
        "payment-not-cents",
    ]
