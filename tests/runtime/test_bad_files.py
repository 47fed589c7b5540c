"""Files and cells that cannot be used: one clear finding each, never a traceback, never a silent value."""

from __future__ import annotations

import datetime as dt
import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Severity
from tests.runtime.binding_samples import BINDING, DATA, RESULTS, bound, finding


def parquet(**columns: Any) -> bytes:
    base = {
        "ACO": ["X1", "X2"],
        "Year": [2021, 2021],
        "Cost": pa.array([1, 2], pa.decimal128(18, 2)),
        "Rate": ["0.5", "0.25"],
        "Track": ["A", "B"],
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(base | columns), buffer)
    return buffer.getvalue()


PARQUET_BINDING = BINDING.replace("data.csv", "data.parquet").replace('as = "percent"', 'as = "fraction"')


@pytest.mark.parametrize(
    ("data", "code", "reason", "notes"),
    [
        (b"", "file-empty", "is empty", ()),
        ("ACO,Year,Cost,Rate,Track\n", "file-empty", "has no rows below its header", ()),
        ("\n" + DATA, "file-unreadable", "starts with an empty line", ()),
        (
            DATA.encode() + b"\xe9,2021,1,1,A,1\n",
            "file-unreadable",
            "is not UTF-8 text",
            ("line 4, byte 75 of the file is 0xe9",),
        ),
        (DATA.encode("utf-16"), "file-unreadable", "is not UTF-8 text", ("line 1, byte 1 of the file is 0xff",)),
        (b"ACO,\0Year\n1,2\n", "file-unreadable", "holds NUL bytes, so it is no CSV", ()),
        (
            DATA + "X3,2021,5\nX4,2021,1,1,A,1,9\n",
            "file-unreadable",
            "has 2 rows that do not fit the header of 6 columns",
            ("line 4: 3 cells where the header has 6", "line 5: 7 cells where the header has 6"),
        ),
        (
            DATA + 'X3,2021,"5,1,A,1\n',
            "file-unreadable",
            "has 1 row that does not fit the header of 6 columns",
            ("line 4: a quoted cell does not end, or text follows its closing quote",),
        ),
        (
            DATA.replace("\n", "\r\n") + "X3,2021,5,1,A,1\n",
            "file-unreadable",
            "mixes line ends: some lines end in CR LF, others in LF",
            (),
        ),
        (DATA.replace(",", ";"), "file-unreadable", "has one column only, named `ACO;Year;Cost;Rate;Track;Met`", ()),
    ],
)
def test_csv_files_that_cannot_be_read(
    tmp_path: Path, data: str | bytes, code: str, reason: str, notes: tuple[str, ...]
) -> None:
    dataset, found = bound(tmp_path, data)
    assert dataset is None
    only = finding(found)
    assert (only.code, only.message) == (code, f"`results`: file `{tmp_path}/data.csv` {reason}")
    assert only.notes == notes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (parquet()[:-9], "file-unreadable"),
        (parquet()[:40], "file-unreadable"),
        (b"PAR1", "file-unreadable"),
        (DATA.encode(), "file-unreadable"),
        (random.Random(1).randbytes(999), "file-unreadable"),
        (parquet()[:100] + b"\0" * 50 + parquet()[150:], "file-unreadable"),
        (
            parquet(ACO=pa.array([], pa.string()), Year=pa.array([], pa.int64()), Cost=pa.array([], pa.int64()),
                    Rate=pa.array([], pa.string()), Track=pa.array([], pa.string())),
            "file-empty",
        ),
    ],
)  # fmt: skip
def test_parquet_files_that_cannot_be_read(tmp_path: Path, data: bytes, code: str) -> None:
    dataset, found = bound(tmp_path, data, PARQUET_BINDING, name="data.parquet")
    assert dataset is None
    assert finding(found).code == code
    assert "data.parquet" in finding(found).message


def test_missing_files_and_directories(tmp_path: Path) -> None:
    for given_path, code in (("nothing.csv", "file-not-found"), ("", "file-unreadable")):
        dataset, found = bound(tmp_path, overrides={"results": tmp_path / given_path})
        assert dataset is None
        assert finding(found).code == code


def test_a_binding_without_a_file_needs_one(tmp_path: Path) -> None:
    binding = BINDING.replace('file = "data.csv"\n', "")
    dataset, found = bound(tmp_path, binding=binding)
    assert dataset is None
    assert finding(found).help == 'give one with `--table results=PATH`, or write `file = "…"` in the binding'
    dataset, found = bound(tmp_path, binding=binding, overrides={"results": tmp_path / "data.csv"})
    assert dataset is not None
    assert found == []


def test_unknown_tables(tmp_path: Path) -> None:
    _, found = bound(tmp_path, overrides={"result": tmp_path / "data.csv"})
    assert (finding(found).code, finding(found).help) == ("unbound-table", "did you mean `results`?")
    _, found = bound(tmp_path, binding=BINDING.replace("tables.results", "tables.result"))
    assert (finding(found).code, finding(found).help) == ("unbound-table", "the binding has `[tables.result]`")


@pytest.mark.parametrize(
    ("binding", "code", "message", "help_"),
    [
        (
            BINDING.replace('"Cost"', '"Costs"'),
            "column-not-found",
            "`results`: `{file}` has no column `Costs`",
            "did you mean `Cost`?",
        ),
        (
            BINDING.replace('"Cost"', '"COST"'),
            "column-not-found",
            "`results`: `{file}` has no column `COST`",
            "the file writes `Cost`; `ignore_case = true` matches headers without case",
        ),
        (
            BINDING.replace('"Cost"', "{ position = 7 }"),
            "column-not-found",
            "`results`: `{file}` has no column 7",
            "",
        ),
        (
            BINDING.replace('track = "Track"\n', ""),
            "unbound-column",
            "`results`: column `track` has no line in the binding",
            (
                'write `track = "…"` with the header under `[tables.results.columns]`, or say `when missing …` in the '
                "contract"
            ),
        ),
        (
            BINDING.replace('year = "Year"\n', ""),
            "unbound-column",
            "`results`: key `year` has no line in the binding",
            'write `year = "…"` with the header under `[tables.results.keys]`',
        ),
        (
            BINDING + 'mett = "Met"\n',
            "binding-unknown-key",
            "`results` has no column `mett`",
            "did you mean `met`?",
        ),
        (
            BINDING.replace('year = "Year"', 'year = "Year"\nzear = "Year"'),
            "binding-unknown-key",
            "`results` has no key `zear`",
            "it has `aco`, `year`",
        ),
        (
            BINDING.replace('"percent"', '"percnt"'),
            "binding-syntax",
            "`results.columns.rate`: `as` cannot be `percnt`",
            "did you mean `percent`?",
        ),
        (
            BINDING + 'start = { column = "Met", round = 2 }\n',
            "binding-syntax",
            "`results.columns.start`: `round` means nothing for a date",
            "it may have `absent`, `as`, `default`, `format`",
        ),
        (
            BINDING + 'start = { column = "Met", format = "%m/%d" }\n',
            "binding-syntax",
            "`results.columns.start`: `%m/%d` is no format of a date",
            "for example `%m/%d/%Y` or `%Y-%m-%d`",
        ),
        (
            BINDING.replace('track = "Track"', 'track = { column = "Track", map = { X = "C" } }'),
            "unknown-category",
            "`results.columns.track`: `C` is not a value of the category",
            "the category has `A`, `B`",
        ),
        (
            BINDING.replace('track = "Track"', 'track = { value = "C" }'),
            "cell-unreadable",
            "`results.columns.track.value`: `C`: not a value of the category",
            "",
        ),
        (
            BINDING.replace('{ column = "Rate", as = "percent" }', "{ value = 5 }"),
            "cell-unreadable",
            "`results.columns.rate.value`: `5`: a bare number may be a percentage or a fraction",
            'a percentage is written `"0.01%"`',
        ),
        (
            BINDING.replace("[tables.results.keys]", 'where = { Track = "Z" }\n[tables.results.keys]'),
            "file-empty",
            "`results`: none of the 2 rows of {file} passes `where`",
            "check the values under `where`",
        ),
    ],
)
def test_bindings_that_do_not_fit(tmp_path: Path, binding: str, code: str, message: str, help_: str) -> None:
    dataset, found = bound(tmp_path, binding=binding)
    assert dataset is None
    only = finding(found)
    assert (only.code, only.message, only.help) == (code, message.format(file=tmp_path / "data.csv"), help_)


def test_a_header_that_stands_twice(tmp_path: Path) -> None:
    doubled = DATA.replace("Met", "Cost")
    _, found = bound(tmp_path, doubled)
    assert finding(found).notes == ("columns 3 and 6 of the file",)
    assert finding(found).help == "say which one: `{ position = 3 }`"
    dataset, found = bound(tmp_path, doubled, BINDING.replace('"Cost"', "{ position = 3 }"))
    assert dataset is not None
    assert found == []


def test_every_bad_cell_is_counted_and_some_are_shown(tmp_path: Path) -> None:
    rows = "".join(f"Y{i},2021,x{i},1,A,1\n" for i in range(8))
    dataset, found = bound(tmp_path, DATA + rows)
    assert dataset is None
    only = finding(found)
    assert only.message == "`results.cost`: 8 cells cannot be read"
    assert only.notes[0] == f"`{tmp_path}/data.csv`, row 3, column `Cost`: `x0`: not a number"
    assert len(only.notes) == 6
    assert only.notes[-1] == "and 3 more"
    assert only.help == 'if it means "no value", add it to `absent` in the binding: `absent = ["x0"]`'


def test_all_kinds_of_bad_cells_in_one_run(tmp_path: Path) -> None:
    rows = "X3,2021,1.234,300,C,1\nX4,21,1,-,A,1\n,2021,1,1,A,1\nX5,2021,,1,,1\nX1,2021,1,1,A,1\n"
    dataset, found = bound(tmp_path, DATA + rows)
    assert dataset is None
    assert {(d.code, d.message, d.severity) for d in found} == {
        ("cell-unreadable", "`results.cost`: 1 cell cannot be read", Severity.ERROR),
        ("out-of-range", "`results.rate`: 1 cell outside the bounds of the contract", Severity.ERROR),
        ("unknown-category", "`results.track`: 1 cell with a value that the category lacks", Severity.ERROR),
        ("cell-unreadable", "`results.year`: 1 cell cannot be read", Severity.ERROR),
        ("cell-unreadable", "`results.rate`: 1 cell cannot be read", Severity.ERROR),
        ("missing-value", "`results.aco`: 1 row without a value for this key", Severity.ERROR),
        ("missing-value", "`results.cost`: no value in 1 of 7 rows", Severity.WARNING),
        ("missing-value", "`results.track`: no value in 1 of 7 rows", Severity.WARNING),
        ("duplicate-key", "`results`: 1 key names more than one row", Severity.ERROR),
    }
    again = next(d for d in found if d.code == "duplicate-key")
    file = tmp_path / "data.csv"
    assert again.notes == (
        "1 key: the rows differ in `cost`, `rate`",
        f"aco `X1`, year `2021`: 2 rows, `{file}`, row 1 and `{file}`, row 7",
    )


def test_floating_columns_need_decimals(tmp_path: Path) -> None:
    floating = parquet(Rate=[0.1 + 0.2, 0.25])
    dataset, found = bound(tmp_path, floating, PARQUET_BINDING, name="data.parquet")
    assert dataset is None
    assert finding(found).code == "float-without-scale"
    assert finding(found).help.startswith('write `{ column = "Rate", round = 4 }` in the binding')


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"Cost": [[1], [2]]}, "`results.columns.cost`: column `Cost` holds nested or unknown values"),
        ({"Year": [2021.0, 2021.0]}, "`results.keys.year`: column `Year` is floating, a period is needed"),
        ({"Cost": [1.0, float("nan")]}, "`results.cost`: 1 cell cannot be read"),
        ({"Cost": [1.0, float("inf")]}, "`results.cost`: 1 cell cannot be read"),
    ],
)
def test_native_columns_of_the_wrong_kind(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    dataset, found = bound(tmp_path, parquet(**columns), PARQUET_BINDING, name="data.parquet")
    assert dataset is None
    assert finding(found).message == message


def test_parquet_takes_no_header_repairs(tmp_path: Path) -> None:
    binding = PARQUET_BINDING.replace("[tables.results.keys]", "insert_headers = { X = 1 }\n[tables.results.keys]")
    dataset, found = bound(tmp_path, parquet(), binding, name="data.parquet")
    assert dataset is None
    assert finding(found).code == "binding-syntax"


def test_a_date_with_a_time_of_day_is_no_date(tmp_path: Path) -> None:
    moments = [dt.datetime(2021, 1, 1), dt.datetime(2021, 1, 1, 12)]  # noqa: DTZ001
    binding = PARQUET_BINDING + 'start = "Start"\n'
    dataset, found = bound(tmp_path, parquet(Start=moments), binding, name="data.parquet")
    assert dataset is None
    assert finding(found).message == "`results.start`: 1 cell cannot be read"


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_make_it_fail(tmp_path: Path, data: bytes) -> None:
    dataset, found = bound(tmp_path, b"ACO,Year,Cost,Rate,Track\n" + data)
    assert dataset is not None or found
    if dataset is not None:
        assert len(dataset.tables[RESULTS.name]) > 0
        dataset.close()
