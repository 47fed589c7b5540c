"""What a good binding delivers: values, states, settled rows, member tables and the report of what was done."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contractlang.diagnostics.diagnostic import Severity
from contractlang.engines.base import Table, exact
from contractlang.runtime.dataset import Dataset
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import MEMBER_MONTH, USD, Kind, Type
from contractlang.values import Absent, State, Value
from tests.runtime.binding_samples import BINDING, DATA, RESULTS, TERMS, TERMS_BINDING, bound, finding


def good(folder: Path, *args: object, **more: object) -> Dataset:
    """The data, when nothing worse than a warning was found."""
    dataset, found = bound(folder, *args, **more)  # type: ignore[arg-type]
    assert dataset is not None, [(d.message, d.notes) for d in found]
    return dataset


def values(table: Table, column: str) -> list[Value]:
    return [exact(table.columns[column], row) for row in range(len(table))]


def keys(table: Table) -> list[tuple[str, ...]]:
    return list(zip(*(column.values.tolist() for column in table.keys.values()), strict=True))


def test_values_states_and_places(tmp_path: Path) -> None:
    dataset = good(tmp_path, DATA + "X3,2020,,,B,1\n", BINDING + 'met = "Met"\n')
    table = dataset.tables["results"]
    assert keys(table) == [("X3", "2020"), ("X1", "2021"), ("X2", "2021")]
    assert values(table, "cost") == [
        Absent(State.MISSING, "no value in `results.cost`"), Fraction("1000.50"), Fraction(7)
    ]  # fmt: skip
    assert values(table, "rate")[1:] == [Fraction(1, 2), Fraction(12, 100)]
    assert values(table, "track") == ["B", "A", "B"]
    assert values(table, "met") == [True, True, False]
    assert values(table, "start") == [Absent(State.NOT_APPLICABLE, "not dated")] * 3
    assert list(table.row_numbers) == [3, 1, 2]
    assert table.source_columns["cost"] == "Cost"
    assert table.source_columns["start"] == "not in this file"
    assert table.file == str(tmp_path / "data.csv")
    assert (dataset.frame.units, dataset.frame.periods) == (["X3", "X1", "X2"], ["2020", "2021", "2021"])


def test_a_missing_value_without_a_rule_is_a_warning(tmp_path: Path) -> None:
    dataset, found = bound(tmp_path, DATA + "X3,2021,,5,B,1\n")
    assert dataset is not None
    only = finding(found)
    assert (only.code, only.severity) == ("missing-value", Severity.WARNING)
    assert only.message == "`results.cost`: no value in 1 of 3 rows"
    assert only.notes == (f"column `Cost`: `{tmp_path}/data.csv`, row 3",)


def test_filters_of_periods_and_units_keep_the_tables(tmp_path: Path) -> None:
    dataset = good(tmp_path, DATA + "X1,2020,5,5,B,1\n")
    inputs = dataset.inputs(periods=["2021"], units=["X1"])
    assert (inputs.frame.units, inputs.frame.periods) == (["X1"], ["2021"])
    assert len(inputs.tables["results"]) == 3
    assert len(dataset.inputs().frame) == 3


@pytest.mark.parametrize(
    ("line", "cell", "value"),
    [
        ('cost = { column = "Cost", as = "thousands" }', "1.5", Fraction(1500)),
        ('cost = { column = "Cost", as = "cents" }', "12345", Fraction("123.45")),
        ('cost = { column = "Cost", round = true }', "1.005", Fraction("1.01")),
        ('cost = { column = "Cost", round = 1 }', "-1.25", Fraction("-1.3")),
        ('cost = { column = "Cost", absent = "n/a", default = 7 }', "n/a", Fraction(7)),
        ('cost = { column = "Cost", strip = [" USD"] }', "12 USD", Fraction(12)),
        ('cost = { value = "$1,000" }', "x", Fraction(1000)),
        ("cost = { value = 12.5 }", "x", Fraction("12.5")),
        ("cost = { position = 3 }", "3", Fraction(3)),
    ],
)  # fmt: skip
def test_ways_of_writing_money(tmp_path: Path, line: str, cell: str, value: Fraction) -> None:
    binding = BINDING.replace('cost = "Cost"', line)
    table = good(tmp_path, f"ACO,Year,Cost,Rate,Track\nX1,2021,{cell},5,A\n", binding).tables["results"]
    assert values(table, "cost") == [value]


def test_defaults_of_the_contract_keep_units_apart(tmp_path: Path) -> None:
    """A file writes member years, the contract counts in member months, and its default is in those."""
    years = ColumnSchema(
        "cost", Type(Kind.COUNT, MEMBER_MONTH), factor=Fraction(12), missing=Fraction(6), high=Fraction(60)
    )
    schema = replace(RESULTS, columns=(years, *RESULTS.columns[1:]))
    table = good(tmp_path, "ACO,Year,Cost,Rate,Track\nX1,2021,5,5,A\nX2,2021,,5,A\n", tables=[schema]).tables["results"]
    assert values(table, "cost") == [Fraction(5), Fraction(1, 2)]
    _, found = bound(tmp_path, "ACO,Year,Cost,Rate,Track\nX1,2021,5.01,5,A\n", tables=[schema])
    assert finding(found).code == "out-of-range"


@pytest.mark.parametrize(
    ("line", "cell", "label"),
    [
        ('year = { column = "Year", as = "yyyymm" }', "202103", "2021"),
        ('year = { column = "Year", as = "date", format = "%m/%d/%Y" }', "3/31/2021", "2021"),
        ('year = { column = "Year", as = "date" }', "2021-03-31", "2021"),
        ("year = { value = 2021 }", "x", "2021"),
        ("year = { value = 2021-05-01 }", "x", "2021"),
    ],
)  # fmt: skip
def test_periods_are_derived(tmp_path: Path, line: str, cell: str, label: str) -> None:
    if "value = 2021-" in line:
        line = line.replace("}", ', as = "date" }')
    binding = BINDING.replace('year = "Year"', line)
    table = good(tmp_path, f"ACO,Year,Cost,Rate,Track\nX1,{cell},1,5,A\n", binding).tables["results"]
    assert keys(table) == [("X1", label)]


def test_same_names_need_no_lines(tmp_path: Path) -> None:
    data = "aco,year,cost,rate,track\nX1,2021,1,5%,A\n"
    dataset = good(tmp_path, data, '[tables.results]\nfile = "data.csv"\nsame_names = true\n')
    assert values(dataset.tables["results"], "rate") == [Fraction(1, 20)]
    assert values(dataset.tables["results"], "met") == [False]


def test_headers_that_lack_a_name(tmp_path: Path) -> None:
    """The name of column 3 is missing, so that every later name stands one column too early; the last is lost."""
    data = "ACO,Year,Rate,Track,Met,Last\nX1,2021,9,5,A,1\n"
    binding = BINDING.replace("[tables.results.keys]", 'insert_headers = { "Cost" = 3 }\n[tables.results.keys]')
    table = good(tmp_path, data, binding).tables["results"]
    assert (values(table, "cost"), values(table, "rate"), values(table, "track")) == ([9], [Fraction(1, 20)], ["A"])
    data = "ACO,Year,Rate,Track\nX1,2021,9,5,A\n"
    assert values(good(tmp_path, data, binding).tables["results"], "track") == ["A"]


def test_files_without_a_header(tmp_path: Path) -> None:
    binding = """
[tables.results]
file = "data.csv"
header = false
delimiter = "|"
[tables.results.keys]
aco = { position = 1 }
year = { position = 2 }
[tables.results.columns]
cost = { position = 3 }
rate = { value = "5%" }
track = { value = "A" }
"""
    table = good(tmp_path, "X1|2021|5\nX2|2021|6\n", binding).tables["results"]
    assert values(table, "cost") == [5, 6]


def test_several_files_are_one_table(tmp_path: Path) -> None:
    binding = BINDING.replace('file = "data.csv"', 'files = ["data.csv", "more.csv"]')
    more = "Cost,ACO,Year,Track,Rate\n8,X0,2021,B,1\n"
    table = good(tmp_path, binding=binding, files={"more.csv": more}).tables["results"]
    assert keys(table) == [("X0", "2021"), ("X1", "2021"), ("X2", "2021")]
    assert values(table, "cost") == [8, Fraction("1000.5"), 7]
    assert list(table.row_numbers) == [1, 1, 2]
    assert [Path(file).name for file in table.row_files] == ["more.csv", "data.csv", "data.csv"]
    _, found = bound(tmp_path, binding=binding, files={"more.csv": more.replace("X0", "X1")})
    assert finding(found).notes == (
        "1 key: the rows differ in `cost`, `rate`, `track`",
        f"aco `X1`, year `2021`: 2 rows, `{tmp_path}/data.csv`, row 1 and `{tmp_path}/more.csv`, row 1",
    )


def test_rows_left_out_are_counted(tmp_path: Path) -> None:
    binding = BINDING.replace("[tables.results.keys]", 'where = { Track = ["A", "C"] }\n[tables.results.keys]')
    dataset = good(tmp_path, DATA + "X3,bad,cells,are,D,1\n", binding)
    assert len(dataset.tables["results"]) == 1
    [report] = dataset.report.tables
    assert (report.rows, report.left_out) == (1, {"Track is not `A` or `C`": 2})


def test_the_report_says_what_was_done(tmp_path: Path) -> None:
    binding = BINDING.replace('cost = "Cost"', 'cost = { column = "Cost", round = true, absent = "none", default = 0 }')
    data = "ACO,Year,Cost,Rate,Track\nX1,2021,1.005,5,A\nX2,2021,2.5049,5,A\nX3,2021,none,5,A\nX4,2021,,5,A\n"
    dataset = good(tmp_path, data, binding + '[tables.other]\nfile = "x"\n')
    file = f"{tmp_path}/data.csv"
    assert list(dataset.report.lines()) == [
        f"results: 4 rows from {file}",
        "  cost (Cost): 2 without a value (blank 1, `none` 1); default 0; 2 rounded to 2 decimals, largest change 0.005",
        "  met (not in this file): default no",
        "  start (not in this file): default not applicable (not dated)",
        "not used by the contract: other",
    ]
    written = json.loads(json.dumps(dataset.report.to_json()))
    cost = next(c for c in written["tables"][0]["columns"] if c["name"] == "cost")
    assert cost == {
        "name": "cost",
        "source": "Cost",
        "absent": {"": 1, "none": 1},
        "default": "0",
        "rounded": {"places": 2, "changed": 2, "largest_change": "0.005"},
    }
    assert (written["version"], written["unused"]) == (1, ["other"])


def test_doubles_are_rounded_once_and_reported(tmp_path: Path) -> None:
    columns = {
        "ACO": ["X1", "X2"],
        "Year": [2021, 2021],
        "Cost": [1.005, 0.1 + 0.2],
        "Rate": ["5", "6"],
        "Track": ["A", "B"],
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    overrides = {"results": tmp_path / "data.parquet"}
    dataset = good(tmp_path, overrides=overrides)
    assert values(dataset.tables["results"], "cost") == [Fraction("1.01"), Fraction("0.3")]
    rounded = next(c for c in dataset.report.tables[0].columns if c.name == "cost").rounded
    assert rounded is not None
    assert (rounded.changed, rounded.largest) == (2, Fraction("0.005"))


def test_numbers_beyond_64_bits(tmp_path: Path) -> None:
    data = "ACO,Year,Cost,Rate,Track\nX1,2021,123456789012345678901,5,A\nX2,2021,,5,A\n"
    binding = BINDING.replace('cost = "Cost"', 'cost = { column = "Cost", default = 1 }')
    table = good(tmp_path, data, binding).tables["results"]
    assert values(table, "cost") == [123456789012345678901, 1]


# Exhibits -------------------------------------------------------------------------------------------------------------


def terms(folder: Path, rows: str, data: str = DATA) -> tuple[Dataset | None, list[str]]:
    dataset, found = bound(
        folder, data, BINDING + TERMS_BINDING, tables=[RESULTS, TERMS], files={"terms.csv": f"ACO,From,Share\n{rows}"}
    )
    return dataset, [d.message for d in found]


def test_the_terms_in_force_on_the_first_day(tmp_path: Path) -> None:
    rows = "X1,2020-01-01,10%\nX1,2021-01-01,20%\nX1,2021-01-02,30%\nX2,,5%\nX2,2022-01-01,6%\n"
    dataset, found = terms(tmp_path, rows, DATA + "X1,2020,1,1,A,1\nX2,2022,1,1,A,1\nX1,2022,1,1,A,1\n")
    assert found == []
    assert dataset is not None
    table = dataset.tables["terms"]
    shares = dict(zip(keys(table), values(table, "share"), strict=True))
    assert shares == {
        ("X1", "2020"): Fraction(10, 100),
        ("X1", "2021"): Fraction(20, 100),
        ("X1", "2022"): Fraction(30, 100),
        ("X2", "2020"): Fraction(5, 100),
        ("X2", "2021"): Fraction(5, 100),
        ("X2", "2022"): Fraction(6, 100),
    }


def test_units_on_one_side_only(tmp_path: Path) -> None:
    dataset, found = terms(tmp_path, "X1,,10%\nX3,,5%\n")
    assert dataset is None
    assert found == [
        "1 settled row has no terms in the exhibit `terms`",
        "1 aco(s) of the exhibit `terms` have no row in `results`: `X3`",
    ]


def test_terms_that_start_too_late(tmp_path: Path) -> None:
    dataset, found = terms(tmp_path, "X1,,10%\nX2,2021-01-02,5%\n")
    assert dataset is None
    assert found[0] == "1 settled row has no terms in the exhibit `terms`"


def test_two_terms_from_the_same_day(tmp_path: Path) -> None:
    for rows in ("X1,,10%\nX2,,5%\nX2,,6%\n", "X1,,10%\nX2,2020-01-01,5%\nX2,2020-01-01,6%\n"):
        dataset, found = terms(tmp_path, rows)
        assert dataset is None
        assert found == ["`terms`: 1 key names more than one row"]


def test_exhibits_alone_give_the_settled_rows(tmp_path: Path) -> None:
    binding = TERMS_BINDING.replace('from = "From"\n', "")
    files = {"terms.csv": "ACO,Share\nX2,5%\nX1,6%\n"}
    dataset, _ = bound(tmp_path, binding=binding, tables=[TERMS], files=files, periods=["2020", "2021"])
    assert dataset is not None
    assert list(dataset.tables["terms"].keys) == ["aco"]
    rows = list(zip(dataset.frame.units, dataset.frame.periods, strict=True))
    assert rows == [("X1", "2020"), ("X2", "2020"), ("X1", "2021"), ("X2", "2021")]


RATES = TableSchema(
    "rates",
    "input",
    (KeyColumn("aco", "unit"), KeyColumn("year", "period"), KeyColumn("measure", "category", ("a", "b"))),
    (ColumnSchema("rate", Type(Kind.PERCENT), missing=Absent(State.NOT_APPLICABLE, "not supplied")),),
)
RATES_BINDING = """
[tables.rates]
file = "rates.csv"
same_names = true
[tables.rates.columns]
rate = { column = "rate", as = "percent" }
"""


def sparse(folder: Path, rates: str, schema: TableSchema) -> tuple[Dataset | None, list[str]]:
    """A table per measure beside an exhibit of three units."""
    files = {"rates.csv": "aco,year,measure,rate\n" + rates, "terms.csv": "ACO,Share\nX2,5%\nX1,6%\nX3,6%\n"}
    binding = TERMS_BINDING.replace('from = "From"\n', "") + RATES_BINDING
    dataset, found = bound(folder, binding=binding, tables=[TERMS, schema], files=files, periods=["2020", "2021"])
    return dataset, [d.message for d in found]


def test_a_table_that_need_not_have_every_key_lists_no_units(tmp_path: Path) -> None:
    dataset, found = sparse(tmp_path, "X1,2021,a,50\nX2,2021,b,50\n", RATES)
    assert found == []
    assert dataset is not None
    rows = list(zip(dataset.frame.units, dataset.frame.periods, strict=True))
    assert rows == [("X1", "2021"), ("X2", "2021"), ("X3", "2021")]


def test_without_a_rule_a_table_per_measure_lists_the_units(tmp_path: Path) -> None:
    strict = replace(RATES, columns=(replace(RATES.columns[0], missing=None),))
    dataset, found = sparse(tmp_path, "X1,2021,a,50\nX2,2021,b,50\n", strict)
    assert dataset is None
    assert found == ["1 aco(s) of the exhibit `terms` have no row in `rates`: `X3`"]


def test_a_unit_that_no_exhibit_lists_is_no_gap(tmp_path: Path) -> None:
    dataset, found = sparse(tmp_path, "X1,2021,a,50\nY9,2021,b,50\n", RATES)
    assert dataset is None
    assert found == ["1 settled row has no terms in the exhibit `terms`"]


# Member-level tables --------------------------------------------------------------------------------------------------

MEMBERS = TableSchema(
    "claims",
    "input",
    (KeyColumn("member", "open"), KeyColumn("month", "period")),
    (
        ColumnSchema("paid", Type(Kind.MONEY, USD), decimals=2, missing=Fraction(0)),
        ColumnSchema("risk", Type(Kind.NUMBER), decimals=4),
        ColumnSchema("line", Type(Kind.CATEGORY, scheme="line"), labels=("com", "med"), missing=Absent(State.NOT_APPLICABLE)),
        ColumnSchema("born", Type(Kind.DATE)),
        ColumnSchema("visits", Type(Kind.COUNT)),
        ColumnSchema("note", Type(Kind.TEXT), missing="none"),
    ),
    member_level=True,
)  # fmt: skip

MEMBERS_BINDING = """
[tables.claims]
file = "data.csv"
same_names = true
[tables.claims.keys]
member = "id"
month = { column = "ym", as = "yyyymm" }
[tables.claims.columns]
risk = { column = "risk", round = 4 }
"""

MEMBERS_DATA = """\
id,ym,paid,risk,line,born,visits
m1,202101,12.50,1.00005,com,1950-02-03,2
m1,202102,,0.33333,,1950-02-03,0
m2,202101,"-1,000.00",,med,,1
"""

EXPECTED = [
    ("m1", "202101", 1250, 10001, "com", dt.date(1950, 2, 3), 2, "none"),
    ("m1", "202102", 0, 3333, None, dt.date(1950, 2, 3), 0, "none"),
    ("m2", "202101", -100000, None, "med", None, 1, "none"),
]


def member_rows(dataset: Dataset) -> list[tuple[object, ...]]:
    assert list(dataset.members["claims"].columns.items()) == [
        ("member", ("text", 0)), ("month", ("text", 0)), ("paid", ("int", 2)), ("risk", ("int", 4)),
        ("line", ("code", 0)), ("born", ("date", 0)), ("visits", ("int", 0)), ("note", ("text", 0)),
    ]  # fmt: skip
    return dataset.connection.execute('SELECT * EXCLUDE ("row place") FROM claims ORDER BY ALL').fetchall()


def test_member_rows_from_csv(tmp_path: Path) -> None:
    dataset, found = bound(tmp_path, MEMBERS_DATA, MEMBERS_BINDING, tables=[MEMBERS])
    assert {d.message for d in found} == {
        "`claims.risk`: no value in 1 of 3 rows", "`claims.born`: no value in 1 of 3 rows"
    }  # fmt: skip
    assert dataset is not None
    assert member_rows(dataset) == EXPECTED
    assert len(dataset.frame) == 0
    [report] = dataset.report.tables
    rounded = next(c for c in report.columns if c.name == "risk").rounded
    assert rounded is not None
    assert (rounded.changed, rounded.largest) == (2, Fraction("0.00005"))


def test_member_rows_from_parquet(tmp_path: Path) -> None:
    columns = {
        "id": ["m1", "m1", "m2"],
        "ym": [202101, 202102, 202101],
        "paid": pa.array([12.5, None, -1000.0], pa.float64()),
        "risk": pa.array([1.00005, 0.33333, None], pa.float64()),
        "line": pa.array(["com", None, "med"], pa.dictionary(pa.int8(), pa.string())),
        "born": [dt.date(1950, 2, 3), dt.date(1950, 2, 3), None],
        "visits": pa.array([2, 0, 1], pa.int16()),
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    overrides = {"claims": tmp_path / "data.parquet"}
    dataset, _ = bound(tmp_path, MEMBERS_DATA, MEMBERS_BINDING, tables=[MEMBERS], overrides=overrides)
    assert dataset is not None
    assert member_rows(dataset) == EXPECTED
    kinds = dataset.connection.execute("DESCRIBE claims").fetchall()
    assert [kind for _, kind, *_ in kinds] == [
        "VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR", "DATE", "BIGINT", "VARCHAR", "BIGINT"
    ]  # fmt: skip  # the last is the place of the row


@pytest.mark.parametrize(
    ("word", "cell", "month"),
    [("year", "2021", "202101"), ("half", "2021-H2", "202107"), ("quarter", "2021-Q3", "202107"), ("month", "2021-12", "202112")],
)  # fmt: skip
def test_member_periods_are_given_by_their_first_month(tmp_path: Path, word: str, cell: str, month: str) -> None:
    schema = replace(MEMBERS, keys=(KeyColumn("member", "open"), KeyColumn(word, "period")), columns=())
    for line in (f'{word} = "ym"', f'{word} = {{ value = "{cell}" }}'):
        binding = f'[tables.claims]\nfile = "data.csv"\n[tables.claims.keys]\nmember = "id"\n{line}\n'
        dataset = good(tmp_path, f"id,ym\nm1,{cell}\n", binding, tables=[schema])
        assert dataset.connection.execute('SELECT * EXCLUDE ("row place") FROM claims').fetchall() == [("m1", month)]


def test_member_keys_are_unique(tmp_path: Path) -> None:
    _, found = bound(tmp_path, MEMBERS_DATA + "m1,202101,1,1,com,1950-02-03,1\n", MEMBERS_BINDING, tables=[MEMBERS])
    again = next(d for d in found if d.severity is Severity.ERROR)
    assert again.code == "duplicate-key"
    places = f"`{tmp_path}/data.csv`, row 1 and `{tmp_path}/data.csv`, row 4"
    assert again.notes == ("1 key: the rows differ in `paid`, `risk`, `visits`", f"month `202101`: 2 rows, {places}")


def test_member_numbers_fit_into_64_bits(tmp_path: Path) -> None:
    _, found = bound(
        tmp_path, MEMBERS_DATA + f"m3,202101,{10**17},1,com,1950-02-03,1\n", MEMBERS_BINDING, tables=[MEMBERS]
    )
    assert [d.code for d in found if d.severity is Severity.ERROR] == ["cell-unreadable"]
