"""The bindings of the Shared Savings Program read CMS's files: six real ones, and six generated from CMS's headers."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.engines.base import exact
from contractlang.runtime.binding import read_binding
from contractlang.runtime.dataset import Dataset, bind
from contractlang.runtime.stated import read_stated
from contractlang.values import Absent, State, Value
from tests.runtime.mssp_schema import RESULTS

BINDINGS = Path(__file__).parents[2] / "contracts" / "cms" / "bindings"
YEARS = range(2013, 2025)


def bound(year: int, file: Path) -> Dataset:
    sink = Sink()
    binding = read_binding(BINDINGS / f"mssp_{year}.toml", sink)
    assert binding is not None
    dataset = bind([RESULTS], binding, {"results": file}, sink, unit="aco", period="year")
    assert [(d.message, d.notes) for d in sink] == []
    assert dataset is not None
    return dataset


def stated(year: int, file: Path, column: str) -> dict[tuple[str, ...], Fraction | Absent]:
    sink = Sink()
    binding = read_binding(BINDINGS / f"mssp_{year}.toml", sink)
    assert binding is not None
    found = read_stated(RESULTS, binding, {"results": file}, column, sink)
    assert found is not None, [(d.message, d.notes) for d in sink]
    return found


def values(dataset: Dataset, column: str) -> dict[str, Value]:
    table = dataset.tables["results"]
    acos = table.keys["aco"].values.tolist()
    return {aco: exact(table.columns[column], row) for row, aco in enumerate(acos)}


# Totals of the documentation of the files: rows and sum of the positive, then of the negative amounts, in $0.1 M.
TOTALS = {
    2014: (333, 86, 3412, 0, 0),
    2016: (432, 134, 7006, 4, -93),
    2017: (472, 159, 7994, 11, -186),
    2021: (475, 274, 19594, 0, 0),
    2022: (482, 304, 25245, 0, 0),
    2023: (453, 313, 30945, 20, -142),
}


@pytest.mark.parametrize("year", TOTALS)
def test_the_files_of_cms(shared: Path, year: int) -> None:
    file = shared / "data" / "mssp" / f"PY{year}.csv"
    dataset = bound(year, file)
    rows, *_ = TOTALS[year]
    table = dataset.tables["results"]
    assert (len(table), len(dataset.frame)) == (rows, rows)
    assert dataset.report.tables[0].left_out == {}
    difference, benchmark, spent = (values(dataset, name) for name in ("difference", "benchmark", "expenditure"))
    for aco, amount in difference.items():
        b, x = benchmark[aco], spent[aco]
        assert isinstance(amount, Fraction)
        assert isinstance(b, Fraction)
        assert isinstance(x, Fraction)
        assert abs(b - x - amount) <= 1
    for name in ("quality", "elected_msr", "printed_rate"):
        assert all(0 <= v <= 1 for v in values(dataset, name).values() if isinstance(v, Fraction))
    savings = [v for v in stated(year, file, "EarnSaveLoss").values() if isinstance(v, Fraction)]
    gains, losses = [v for v in savings if v > 0], [v for v in savings if v < 0]
    found = (len(savings), len(gains), round(sum(gains) / 100_000), len(losses), round(sum(losses) / 100_000))
    assert found == TOTALS[year]


def test_the_quirks_of_2014(shared: Path) -> None:
    file = shared / "data" / "mssp" / "PY2014.csv"
    dataset = bound(2014, file)
    quality = values(dataset, "quality")
    for_reporting = [aco for aco, score in quality.items() if isinstance(score, Absent)]
    assert len(for_reporting) == 119
    assert quality[for_reporting[0]] == Absent(State.NOT_APPLICABLE, "paid for reporting")
    rates = values(dataset, "printed_rate")
    assert sum(rate == 0 for rate in rates.values()) == 11
    assert set(values(dataset, "track").values()) == {"T1", "T2"}
    assert dict(dataset.report.tables[0].columns[11].absent) == {"P4R": 119}


def test_tracks_and_dates(shared: Path) -> None:
    counts = {
        2017: {"T1": 433, "T2": 6, "T3": 33},
        2021: {"BASIC_A": 18, "BASIC_B": 143, "BASIC_C": 30, "BASIC_D": 1, "BASIC_E": 69, "ENHANCED": 71,
               "T1": 119, "T1_PLUS": 17, "T2": 2, "T3": 5},
        2023: {"BASIC_A": 27, "BASIC_B": 124, "BASIC_C": 9, "BASIC_D": 10, "BASIC_E": 123, "ENHANCED": 160},
    }  # fmt: skip
    for year, expected in counts.items():
        dataset = bound(year, shared / "data" / "mssp" / f"PY{year}.csv")
        tracks = list(values(dataset, "track").values())
        assert {track: tracks.count(track) for track in expected} == expected
        assert not any(isinstance(day, Absent) for day in values(dataset, "agreement_start").values())


def test_stated_rates(shared: Path) -> None:
    folder = shared / "data" / "mssp"
    for year, key, rate in ((2014, "A00755", "0.396707589"), (2017, "A00755", "0.4573"), (2023, "A1001", "0.75")):
        assert stated(year, folder / f"PY{year}.csv", "finalsharerate")[key, str(year)] == Fraction(rate)
    losses = stated(2023, folder / "PY2023.csv", "FinalLossRate")
    assert sum(isinstance(rate, Absent) for rate in losses.values()) == 151


def test_a_column_that_is_not_stated(shared: Path) -> None:
    sink = Sink()
    binding = read_binding(BINDINGS / "mssp_2021.toml", sink)
    assert binding is not None
    file = shared / "data" / "mssp" / "PY2021.csv"
    assert read_stated(RESULTS, binding, {"results": file}, "EarnSaveLos", sink) is None
    [found] = sink
    assert (found.code, found.help) == ("column-not-found", "did you mean `EarnSaveLoss` or `GenSaveLoss`?")


# One row per year in that year's own way of writing; every other cell is filled with its header's number.
CELLS = {
    2013: {
        "ACO Identifier": "A1", "Track 2 ACO": "0", "Start Date": "7/1/2012", "Advanced payment amount": "$1,000",
        "Final sharing rate": "0.5", "Minimum Savings Rate (%)": "0.0234%",
        "Total benchmark expenditures ($)": "$100,000,000", "Total expenditures ($)": "$97,000,000",
        "Total savings/losses ($)": "$3,000,000", "Shared Savings ($)": "$1,470,000", "Shared Losses ($)": "",
        "Total number of assigned beneficiaries": "20,123", "Total assigned beneficiary person years": "19,876.5",
    },
    2015: {
        "ACO_Num": "A1", "QualPerfShare": "50.0", "ABtotBnchmk": "100000000.0", "ABtotExp": "9.7e+07",
        "BnchmkMinExp": "3000000.0", "N_AB": "20123", "N_AB_Year_PY": "19876.499999999996", "UpdatedBnchmk": "5031.0",
        "MinSavPerc": "2.3399999999999999", "QualScore": "97.140000000000001", "FinalShareRate": "48.57",
        "Adv_Pay_Amt": "NA", "EarnSaveLoss": "1427958.0",
    },
    2018: {
        "ACO_ID": "A1", "Current_Track_1": "0", "Current_Track_2": "0", "Current_Track_3": "0",
        "Current_Track_1_Plus": "1", "ABtotBnchmk": "100000000", "ABtotExp": "97000000", "BnchmkMinExp": "3000000",
        "N_AB": "20123", "N_AB_Year_PY": "19876", "UpdatedBnchmk": "5031", "MinSavPerc": "0.0234",
        "QualScore": "0.9714", "Met_QPS": "1", "DisAdj": "-", "Adv_Pay_Amt": "", "Rev_Exp_Cat": "Low Revenue",
        "Current_Start_Date": "01/01/2018", "EarnSaveLoss": "1427958", "FinalShareRate": "0.4857",
    },
    2019: {
        "aco_id": "A1", "current_track_1": "0", "current_track_2": "0", "current_track_3": "0",
        "current_track_1_plus": "0", "current_basic_a": "0", "current_basic_b": "1", "current_basic_c": "0",
        "current_basic_d": "0", "current_basic_e": "0", "current_enhanced": "0", "abtotbnchmk": "100000000.0",
        "abtotexp": "9.7e+07", "bnchmkminexp": "3000000.0", "n_ab": "20123.0", "n_ab_year_py": "19876.499999999996",
        "updatedbnchmk": "5031.0", "minsavperc": "0.023399999999999997", "qualscore": "0.9713999999999999",
        "met_qps": "1.0", "disadj": "NA", "adv_pay_amt": "NA", "rev_exp_cat": "High Revenue",
        "current_start_date": "2019-07-01", "earnsaveloss": "1427958.0", "finalsharerate": "0.49",
    },
    2024: {
        "ACO_ID": "A1", "Current_Track": "EN", "ABtotBnchmk": "100000000", "ABtotExp": "97000000",
        "BnchmkMinExp": "3000000", "N_AB": "20123", "N_AB_Year_PY": "19876", "UpdatedBnchmk": "5031",
        "MinSavPerc": "2.34", "QualScore": "97.14", "Met_QPS": "0", "Met_AltQPS": "1", "DisAdj": "-",
        "AIPBalance": "*", "Rev_Exp_Cat": "Low Revenue", "Current_Start_Date": "01/01/2024", "Guardrail": "0",
        "EarnSaveLoss": "1427958", "FinalShareRate": "48.57", "FinalLossRate": "40",
    },
}  # fmt: skip
CELLS[2020] = CELLS[2019]


def generated(shared: Path, year: int, folder: Path) -> Path:
    """A file with CMS's own header of the year and one row. 2013: the header lacks a name, so values stand one later."""
    headers = json.loads((shared / "data" / "mssp" / "headers.json").read_text(encoding="utf-8"))[str(year)]
    names = list(headers)
    if year == 2013:
        names.insert(13, "Total expenditures ($)")
        names = names[: len(headers)]
    unknown = CELLS[year].keys() - set(names)
    assert unknown == set(), f"no such header in {year}"
    file = folder / f"PY{year}.csv"
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(headers)
        writer.writerow([CELLS[year].get(name, "") for name in names])
    return file


@pytest.mark.parametrize("year", CELLS)
def test_years_whose_files_are_not_at_hand(shared: Path, tmp_path: Path, year: int) -> None:
    file = generated(shared, year, tmp_path)
    dataset = bound(year, file)
    table = dataset.tables["results"]
    row = {name: exact(column, 0) for name, column in table.columns.items()}
    assert table.keys["year"].values.tolist() == [str(year)]
    assert (row["benchmark"], row["expenditure"], row["difference"]) == (10**8, 97 * 10**6, 3 * 10**6)
    assert (row["beneficiaries"], row["elected_msr"]) == (20123, Fraction("0.0234"))
    assert row["elected_msr_step"] == Fraction(1, 10000)
    assert row["person_years"] in {Fraction(19876), Fraction("19876.5")}
    tracks = {2013: "T1", 2015: "T1", 2018: "T1_PLUS", 2019: "BASIC_B", 2020: "BASIC_B", 2024: "ENHANCED"}
    assert row["track"] == tracks[year]
    if year == 2013:
        assert isinstance(row["quality"], Absent)
        assert row["advance"] == 1000
    else:
        assert row["quality"] == Fraction("0.9714")
        assert row["advance"] == 0
    assert isinstance(row["met_standard"], Absent if year < 2016 else bool)
    assert isinstance(row["printed_rate"], Fraction) == (year < 2016)
    assert row["disaster"] == 0
    paid = stated(year, file, "EarnSaveLoss")
    assert paid == {("A1", str(year)): Fraction(1470000 if year == 2013 else 1427958)}


def test_losses_of_2013_stand_in_a_column_of_their_own(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loss in ("$4,000,000", "-4000000", "($4,000,000)"):
        monkeypatch.setitem(CELLS[2013], "Shared Savings ($)", "$0")
        monkeypatch.setitem(CELLS[2013], "Shared Losses ($)", loss)
        file = generated(shared, 2013, tmp_path)
        assert stated(2013, file, "EarnSaveLoss") == {("A1", "2013"): Fraction(-4_000_000)}


def test_there_is_a_binding_for_every_year() -> None:
    assert [year for year in YEARS if not (BINDINGS / f"mssp_{year}.toml").is_file()] == []


@pytest.mark.parametrize("year", YEARS)
def test_bindings_name_headers_of_their_year(shared: Path, year: int) -> None:
    headers = json.loads((shared / "data" / "mssp" / "headers.json").read_text(encoding="utf-8"))[str(year)]
    known = {header.strip().casefold() for header in headers}
    sink = Sink()
    binding = read_binding(BINDINGS / f"mssp_{year}.toml", sink)
    assert binding is not None
    table = binding.tables["results"]
    known |= {header.casefold() for header, _ in table.insert_headers}
    sources = [*table.keys.values(), *table.columns.values(), *table.stated.values()]
    named = {header for s in sources for header in (s.column, s.less, *(h for _, h in s.one_hot)) if header}
    assert {header for header in named if header.casefold() not in known} == set()
    assert set(table.columns) <= {column.name for column in RESULTS.columns}
