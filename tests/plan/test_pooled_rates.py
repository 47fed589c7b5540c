"""A rate per so many units keeps its unit when years are pooled."""

from fractions import Fraction
from pathlib import Path

import contractlang

CONTRACT = """\
contract tst.pooled
version "1"
settles group per year
term 2023-01-01 to 2024-12-31

input member_month per member, month {
  pcp  key
  ed   events
}

population panel from member_month {
  attribute  to group by pcp
}

measure ed of panel {
  numerator    ed
  denominator  1 member_months
  rate per 1_000 member_months
  reportable   when denominator >= 3 member_months, pooling 2 years
}

payment check to group = round((ed else 0 events) * $1 per event to cents, half away from zero)
"""

BINDING = """\
[tables.member_month]
file = "months.csv"
[tables.member_month.keys]
member = "member"
month = "month"
[tables.member_month.columns]
pcp = "pcp"
ed = "ed"
"""

MONTHS = """\
member,month,pcp,ed
m1,2023-01,A,1
m1,2023-02,A,0
m1,2024-01,A,1
m1,2024-02,A,1
"""


def test_pooled_years_are_scaled_too(tmp_path: Path) -> None:
    (tmp_path / "contract.vbc").write_text(CONTRACT)
    (tmp_path / "binding.toml").write_text(BINDING)
    (tmp_path / "months.csv").write_text(MONTHS)
    settled = contractlang.evaluate(tmp_path / "contract.vbc", tmp_path / "binding.toml")
    # 2023 has two member-months and nothing before; with 2024 there are four, three visits: 750 per 1,000.
    assert settled.value("check", "A", "2023") == 0
    assert settled.value("check", "A", "2024") == Fraction(750)
