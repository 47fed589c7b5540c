"""Exhibit rows are in force from their `from` date: a later row never changes an earlier period."""

from fractions import Fraction
from pathlib import Path

import pytest

import contractlang

CONTRACT = """\
contract tst.dated
version "1"
settles group per year
term 2010-01-01 to 2011-12-31

exhibit terms per group {
  rate percent
}

input results per group, year {
  amount USD
}

payment share to group = round(results.amount * terms.rate to cents, half away from zero)
"""

BINDING = """\
[tables.terms]
file = "terms.csv"
[tables.terms.keys]
group = "group"
{dated}
[tables.terms.columns]
rate = {{ column = "rate", as = "percent" }}
[tables.results]
file = "results.csv"
[tables.results.keys]
group = "group"
year = "year"
[tables.results.columns]
amount = "amount"
"""


def _shares(folder: Path, terms: str, dated: str, engine: str) -> dict[tuple[str, str], object]:
    (folder / "contract.vbc").write_text(CONTRACT)
    (folder / "binding.toml").write_text(BINDING.format(dated=dated))
    (folder / "terms.csv").write_text(terms)
    (folder / "results.csv").write_text("group,year,amount\nA,2010,100\nA,2011,100\nB,2010,100\nB,2011,100\n")
    settled = contractlang.evaluate(folder / "contract.vbc", folder / "binding.toml", engine=engine)
    return {(g, p): settled.value("share", g, p) for g in ("A", "B") for p in ("2010", "2011")}


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_a_later_row_governs_later_periods(tmp_path: Path, engine: str) -> None:
    terms = "group,from,rate\nA,2010-01-01,10%\nA,2011-01-01,20%\nB,2010-01-01,30%\n"
    found = _shares(tmp_path, terms, 'from = { column = "from", as = "date" }', engine)
    expected = {("A", "2010"): 10, ("A", "2011"): 20, ("B", "2010"): 30, ("B", "2011"): 30}
    assert found == {key: Fraction(value) for key, value in expected.items()}


@pytest.mark.parametrize("engine", ["reference", "vector"])
def test_without_dates_a_row_governs_the_term(tmp_path: Path, engine: str) -> None:
    found = _shares(tmp_path, "group,rate\nA,10%\nB,30%\n", "", engine)
    expected = {("A", "2010"): 10, ("A", "2011"): 10, ("B", "2010"): 30, ("B", "2011"): 30}
    assert found == {key: Fraction(value) for key, value in expected.items()}
