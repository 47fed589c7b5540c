"""A period of the term that has no rows yet is not settled with sums over nobody."""

from __future__ import annotations

from pathlib import Path

import contractlang

CONTRACT = """\
contract lakes.fee
version "1"
settles group per year
term 2024-01-01 to 2026-12-31

input member_month per member, month {
  pcp_group  key
}
exhibit rates per group {
  rate  USD pmpm
}
population panel from member_month {
  attribute  to group by pcp_group
}
payment fee to group = round(rates.rate * panel.member_months to cents, half away from zero)
"""
BINDING = """\
[tables.member_month]
file = "members.csv"
[tables.member_month.keys]
member = "member"
month = { column = "month", as = "date" }
[tables.member_month.columns]
pcp_group = "group"

[tables.rates]
file = "rates.csv"
[tables.rates.keys]
group = "group"
[tables.rates.columns]
rate = "rate"
"""


def test_years_that_nobody_has_rows_for_are_named_and_not_settled(tmp_path: Path) -> None:
    files = {
        "contract.vbc": CONTRACT,
        "binding.toml": BINDING,
        "members.csv": "member,month,group\n1,2024-01-01,Lakeside\n2,2025-02-01,Hillside\n",
        "rates.csv": "group,rate\nLakeside,2.00\nHillside,3.00\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    settled = contractlang.evaluate(tmp_path / "contract.vbc", tmp_path / "binding.toml")
    assert sorted(settled.rows) == [(g, y) for g in ("Hillside", "Lakeside") for y in ("2024", "2025")]
    assert settled.value("fee", "Lakeside", "2025") == 0
    (finding,) = settled.findings
    assert finding.code == "period-without-rows"
    assert "2026" in finding.message
