"""Years that start in July: periods, months, schedules, exhibits, member rows and the ledger; amounts by hand."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.engines import periods
from contractlang.runtime.executor import Engines
from contractlang.runtime.result import Result
from contractlang.runtime.runs import open_run, settle

CONTRACT = """\
contract demo.fiscal
version  "1"
settles  practice per year
year     starts july
term     2009-07-01 to 2011-06-30

input recognition per practice, month {
  fee  USD pmpm 2 decimals
}

input results per practice, year {
  saving  USD
}

input member_month per member, month {
  attributed  key
  cost        USD
}

exhibit signed per practice {
  share  percent
}

schedule uplift per month { 2009-07-01..2009-12-31: 100%, 2010-01-01..: 110% }

schedule phase per year { 2009: 50%, 2010: 100% }

schedule grown per contract_year { 1: 1.0, 2: 2.0 }

population panel from member_month {
  attribute  to practice by attributed
}

spending expense of panel {
  amount  cost
}

payment care_fee to practice monthly = round(recognition.fee * uplift * panel.member_months to cents, half away from zero)

payment bonus to practice = round(signed.share * phase * grown * saving to cents, half away from zero), net of ledger.bonus

payment spent to practice = round(expense to cents, half away from zero)

payment growth to practice = round(saving - (prior saving starting $0) to cents, half away from zero)
"""

FILES = {
    "recognition.csv": "practice,month,fee\n"
    + "".join(f"Mill Pond,{2009 + (m + 5) // 12}-{(m + 5) % 12 + 1:02},4.00\n" for m in range(1, 25)),
    "results.csv": "practice,year,saving\nMill Pond,2009,1000.00\nMill Pond,2010,3000.00\n",
    # The last month of the first year and the first one of the second, beside the ends of the term.
    "member_month.csv": "member,month,attributed,cost\n"
    "a,2009-07,Mill Pond,1.00\na,2010-01,Mill Pond,2.00\nb,2010-01,Mill Pond,4.00\na,2010-06,Mill Pond,8.00\n"
    "a,2010-07,Mill Pond,16.00\nb,2011-06,Mill Pond,32.00\n",
    "signed.csv": "practice,from,share\nMill Pond,2009-07-01,40%\nMill Pond,2010-06-30,60%\n",
    "ledger.csv": "payment,practice,year,date,amount\nbonus,Mill Pond,2010,2011-08-01,100.00\n",
}


def run(folder: Path, engine: str, reduce: str) -> Result:
    (folder / "contract.vbc").write_text(CONTRACT, "utf-8")
    lines = []
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
        lines += [f"[tables.{name.removesuffix('.csv')}]", f'file = "{name}"', "same_names = true", ""]
    lines += ["[tables.signed.keys]", 'practice = "practice"', 'from = "from"']
    (folder / "binding.toml").write_text("\n".join(lines), "utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=Engines(settle=engine, reduce=reduce))
    assert result is not None, report(sink)
    assert not sink.failed, report(sink)
    return result


@pytest.mark.parametrize(("engine", "reduce"), [("reference", "reference"), ("vector", "duckdb")])
def test_a_year_from_july_to_june(tmp_path: Path, engine: str, reduce: str) -> None:
    result = run(tmp_path, engine, reduce)
    rows = {result.period(row): row for row in result.rows.tolist()}
    assert list(rows) == ["2009", "2010"]
    fees = {key["month"]: value for key, value in result.finer("care_fee", rows["2009"])}
    assert next(iter(fees)) == "2009-07"
    assert list(fees)[-1] == "2010-06"
    # $4.00 for one member in July 2009; from January on with 110%, for two members in January.
    assert (fees["2009-07"], fees["2010-01"], fees["2010-06"]) == (Fraction(4), Fraction("8.80"), Fraction("4.40"))
    expected = {
        "care_fee.total": {"2009": Fraction("17.20"), "2010": Fraction("8.80")},
        # 40% signed on the first day of the year, 50% in the first year; then 60% and twice, less $100.
        "bonus": {"2009": Fraction(200), "2010": Fraction(3500)},
        "spent": {"2009": Fraction(15), "2010": Fraction(48)},
        "growth": {"2009": Fraction(1000), "2010": Fraction(2000)},
    }
    found = {name: {period: result.value(name, row) for period, row in rows.items()} for name in expected}
    assert found == expected


def test_labels() -> None:
    assert periods.containing("2010-06", "year", 7) == "2009"
    assert periods.containing("2010-07", "year", 7) == "2010"
    assert periods.containing("2010-01", "quarter", 7) == "2009-Q3"
    assert periods.containing("2010-06", "half", 10) == "2009-H2"
    assert periods.containing("2009-Q3", "year", 7) == "2009"
    assert periods.inside("2009-H2", "month", 7) == [f"2010-{month:02}" for month in range(1, 7)]
    assert periods.inside("2009", "quarter", 7) == [f"2009-Q{number}" for number in range(1, 5)]
    for year_starts in range(1, 13):
        for word in ("year", "half", "quarter"):
            for month in periods.inside("2009", "month", year_starts):
                assert month in periods.inside(periods.containing(month, word, year_starts), "month", year_starts)
