"""What a sample consists of: the same by seed, of any size, complete or not there at all."""

from __future__ import annotations

import datetime as dt
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.sample import sampling, writing
from contractlang.sample.population import LOT, Size
from contractlang.sample.programmes import PROGRAMMES
from contractlang.sample.sampling import Request, sample
from tests.sample.sampling import make, read_truth, settle

ALSO = ("visit", "service_line")


def read(folder: Path, name: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pq.read_table(folder / f"{name}.parquet").to_pydict()
    return found


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make(tmp_path / name, "demo", members=300, groups=3, seed=seed, also=ALSO)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    assert read(tmp_path / "a", "member_month") != read(tmp_path / "c", "member_month")


def test_a_larger_sample_begins_with_a_smaller_one(tmp_path: Path) -> None:
    for name, members in (("small", 120), ("large", 400)):
        make(tmp_path / name, "demo", members=members, groups=3, also=ALSO)
    for table in ("member_month", "measure_result", *ALSO):
        small, large = read(tmp_path / "small", table), read(tmp_path / "large", table)
        assert {name: values[: len(small["member"])] for name, values in large.items()} == small, table


def test_how_many_rows_are_written_at_once_changes_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "whole", "demo", members=2 * LOT + 50, years=(2020, 2020))
    monkeypatch.setattr(writing, "ROW_GROUP", 1_000)
    make(tmp_path / "parts", "demo", members=2 * LOT + 50, years=(2020, 2020))
    whole, parts = (pq.ParquetFile(tmp_path / name / "member_month.parquet") for name in ("whole", "parts"))
    assert (whole.num_row_groups, parts.num_row_groups) == (1, 3)
    assert whole.read().equals(parts.read())
    truths = [(tmp_path / name / "truth.json").read_text(encoding="utf-8") for name in ("whole", "parts")]
    assert truths[0] == truths[1]


def test_rows_are_sorted_and_unique(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=400, also=ALSO)
    for table, keys in (("member_month", ["member", "month"]), ("measure_result", ["member", "year", "measure"])):
        rows = list(zip(*(read(tmp_path, table)[key] for key in keys), strict=True))
        assert len(set(rows)) == len(rows), table
        assert [row[:2] for row in rows] == sorted(row[:2] for row in rows), table


def test_world_has_what_real_data_have(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=1_500, groups=6)
    months = read(tmp_path, "member_month")
    by_member: dict[int, set[str | None]] = {}
    for member, practice in zip(months["member"], months["practice"], strict=True):
        by_member.setdefault(member, set()).add(practice)
    assert sum(len(practices) > 1 for practices in by_member.values()) > 20, "movers"
    assert months["group"].count(None) > 0, "not attributed"
    assert months["race"].count(None) > 0, "race is missing"
    assert any(amount < 0 for amount in months["medical_allowed"]), "reversals"
    sizes = pc.value_counts(pq.read_table(tmp_path / "member_month.parquet")["group"].cast("string").drop_null())
    counts = sorted(size["counts"] for size in sizes.to_pylist())
    assert counts[-1] > 3 * counts[0], "groups of very different sizes"
    late = read_truth(tmp_path).document["planted"]["late_group"]
    first = min(m for g, m in zip(months["group"], months["month"], strict=True) if g == late["group"])
    assert (first.year, first.month) == (late["from"], 1), "a group that joins late"


def test_probabilities_stand_where_race_is_missing_and_add_up_to_one(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=200)
    months = read(tmp_path, "member_month")
    names = [name for name in months if name.startswith("probability_")]
    for place, race in enumerate(months["race"]):
        likely = [months[name][place] for name in names]
        assert months["race_source"][place] == ("unknown" if race is None else "direct")
        assert sum(likely) == 1 if race is None else set(likely) == {None}


def test_service_lines_add_up_to_the_medical_cost(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=200, also=ALSO)
    months, lines = read(tmp_path, "member_month"), read(tmp_path, "service_line")
    expected = {
        (member, month): amount
        for member, month, amount in zip(months["member"], months["month"], months["medical_allowed"], strict=True)
        if amount
    }
    total: dict[Any, Any] = {}
    for member, month, units, fee, allowed in zip(
        *(lines[name] for name in ("member", "month", "units", "fee", "allowed")), strict=True
    ):
        assert units * fee == allowed
        total[member, month] = total.get((member, month), 0) + allowed
    assert total == expected


def test_roster_says_which_group_a_practice_belongs_to(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=400)
    months, roster = read(tmp_path, "member_month"), read(tmp_path, "roster")
    spans: dict[str, list[tuple[Any, ...]]] = {}
    for practice, *span in zip(*(roster[name] for name in ("practice", "from", "until", "group")), strict=True):
        spans.setdefault(practice, []).append(tuple(span))
    for practice, month, group in zip(*(months[name] for name in ("practice", "month", "group")), strict=True):
        if practice is not None:
            now = [g for start, end, g in spans.get(practice, []) if start <= month and (end is None or month < end)]
            assert now == ([] if group is None else [group])


def test_two_tables_of_one_kind_share_a_file(tmp_path: Path) -> None:
    contract = tmp_path / "own.vbc"
    second = "input home per member, month {\n  area text\n  aged flag\n  dual flag\n}\n"
    contract.write_text(OWN.replace("input results", second + "input results"), encoding="utf-8")
    make(tmp_path / "data", "demo", contract, members=60)
    binding = (tmp_path / "data" / "binding.toml").read_text(encoding="utf-8")
    assert binding.count('file = "member_month.parquet"') == 2
    assert 'dual = "dual"' in binding
    assert 'dual = "home_dual"' in binding
    assert {"dual", "home_dual", "home_aged"} <= read(tmp_path / "data", "member_month").keys()


def test_tables_of_any_contract(tmp_path: Path) -> None:
    contract = tmp_path / "own.vbc"
    contract.write_text(OWN, encoding="utf-8")
    made = make(tmp_path / "data", "demo", contract, members=600)
    settled = settle(made, tmp_path / "data")
    assert len(settled.rows) >= 6
    assert not [finding for finding in settled.findings if finding.severity == "error"]


OWN = """\
contract sampled.results
version "1"
settles aco per year
term 2019-01-01 to 2020-12-31
category line { A, B, C }
category measure { readmission, depression }
input month_row per member, month {
  assigned_aco key when missing not applicable
  line category in line
  medical USD
  risk number 2 decimals
  dual flag
}
input results per aco, year {
  benchmark USD
  expenditure USD
  quality percent 1 decimals
  person_years member_years
}
input survey per aco, year, measure {
  rate percent 0 decimals within 0% to 100%
  cases events
}
exhibit terms per aco, line {
  share percent within 20% to 60%
  target USD pmpm
}
define enough = person_years >= 0 member_years
payment settlement to aco = round(50% * (benchmark - expenditure) * quality to cents, half away from zero)
"""


@pytest.mark.parametrize(
    ("line", "other", "reason"),
    [
        (
            "month_row per member, month",
            "month_row per member, quarter",
            "key `quarter` is none that member rows of this kind have",
        ),
        (
            "exhibit terms per aco, line",
            "exhibit terms per aco, clinic",
            "key `clinic` is none that member rows of this kind have",
        ),
    ],
)
def test_a_table_that_cannot_be_made_is_named(tmp_path: Path, line: str, other: str, reason: str) -> None:
    contract = tmp_path / "own.vbc"
    contract.write_text(OWN.replace(line, other), encoding="utf-8")
    sink = Sink()
    request = Request(PROGRAMMES["demo"], Size(10, 2, (2019, 2019), 1), contract)
    assert sample(request, tmp_path / "out", sink) is None
    assert any(reason in diagnostic.message for diagnostic in sink), [d.message for d in sink]
    assert not (tmp_path / "out").exists()


def test_earlier_payments_are_sampled_for_a_contract_that_nets_them(tmp_path: Path) -> None:
    contract = tmp_path / "contract.vbc"
    contract.write_text(
        """contract demo.netted
version "1"
settles group per year
term    2009-01-01 to 2010-12-31

use std.membership

population panel from member_month { attribute to group by provider_group }

payment care_fee to group monthly = round($2.00 pmpm * panel.member_months to cents, half away from zero)

payment settlement to group = round($1.00 pmpm * panel.member_months to cents, half away from zero),
  net of ledger.settlement
""",
        encoding="utf-8",
    )
    made = make(tmp_path / "out", "aqc", contract, members=200)
    settled = settle(made, tmp_path / "out")
    assert {total.name for total in settled.totals} == {"care_fee", "settlement"}
    ledger = pq.read_table(tmp_path / "out" / "ledger.parquet").to_pylist()
    paid = sum(row["amount"] for row in ledger if (row["payment"], str(row["year"])) == ("settlement", "2009"))
    (group, *_) = sorted(group for group, period in settled.rows if period == "2009")
    mine = sum(
        r["amount"] for r in ledger if (r["payment"], str(r["year"]), r["group"]) == ("settlement", "2009", group)
    )
    assert paid
    earned, due = (settled.value(name, group, "2009") for name in ("settlement.earned", "settlement"))
    assert isinstance(earned, Fraction)
    assert isinstance(due, Fraction)
    assert earned - due == Fraction(mine)


def test_years_outside_the_term(tmp_path: Path) -> None:
    sink = Sink()
    request = Request(PROGRAMMES["demo"], Size(10, 2, (2001, 2003), 1))
    assert sample(request, tmp_path / "out", sink) is None
    assert [d.code for d in sink] == ["period-unknown"]
    assert not (tmp_path / "out").exists()


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(sampling, "records", full)
    with pytest.raises(OSError, match="no space left"):
        make(tmp_path / "out", "demo", members=50)
    assert not (tmp_path / "out").exists()


def test_truth_file_names_what_it_belongs_to(tmp_path: Path) -> None:
    make(tmp_path, "demo", members=50)
    found = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert (found["format"], found["seed"], found["members"]) == ("vbc-truth/1", 7, 50)
    assert found["rows"]["member_month"] == pq.read_metadata(tmp_path / "member_month.parquet").num_rows


def test_groups_merge_and_part_where_the_programme_says_so(tmp_path: Path) -> None:
    make(tmp_path, "roster", members=200)
    planted = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))["planted"]
    roster = read(tmp_path, "roster")
    stays = list(zip(*(roster[name] for name in ("practice", "group", "from", "until")), strict=True))
    day = dt.date(planted["merged"]["from"], 1, 1)
    gone, into = planted["merged"]["group"], planted["merged"]["with"]
    own, parent = planted["parted"]["group"], planted["parted"]["with"]
    assert all(until is not None and until <= day for _, group, _, until in stays if group == gone)
    assert {group for practice, group, start, _ in stays if start == day and practice in _of(stays, gone)} == {into}
    assert all(start >= day for _, group, start, _ in stays if group == own)
    assert _of(stays, own) & _of(stays, parent)
    assert any(start > dt.date(2022, 1, 1) for _, group, start, _ in stays if group not in (own, into))


def _of(stays: list[tuple[Any, ...]], group: str) -> set[str]:
    """The practices that a group ever had."""
    return {practice for practice, own, _, _ in stays if own == group}
