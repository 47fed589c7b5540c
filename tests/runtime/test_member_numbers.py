"""Numbers of member rows reach sums at the scale that the contract declares, however the file writes them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.runtime.executor import Engines
from contractlang.runtime.runs import open_run, settle
from contractlang.values import Value

CONTRACT = """\
contract demo.numbers
version  "1"
settles  group per year
term     2024-01-01 to 2024-12-31

category line {{ a, b, c }}

input member_month per member, month {{
  provider_group  key
  line            category in line
  covered         member_years 1 decimals
  x               {column}
}}

input norms per line {{
  inverse  number 2 decimals  when missing 1.5
}}

population panel from member_month {{
  attribute  to group by provider_group
  months     covered
}}

## The sum that is asked for.
define total = sum(x over panel)

## Rows of a line that the table does not list have its value for missing ones.
define normed = sum(norms.inverse over panel)

payment settlement to group = $1.00
"""

BINDING = """\
[tables.member_month]
file = "{file}"
same_names = true
[tables.member_month.columns]
x = {x}
[tables.norms]
file = "norms.csv"
same_names = true
"""

REDUCE = pytest.mark.parametrize("reduce", ["duckdb", "reference"])


def run(folder: Path, column: str, x: str, cells: list[str], reduce: str, *, parquet: bool = False) -> dict[str, Value]:
    """The sums over rows with these cells; the text of what was found where nothing can be summed."""
    rows = [f"M{i},2024-01,North,{line},0.5,{cell}" for i, (line, cell) in enumerate(zip("aab", cells, strict=True))]
    text = "\n".join(["member,month,provider_group,line,covered,x", *rows, ""])
    (folder / "members.csv").write_text(text, encoding="utf-8")
    file = "members.csv"
    if parquet:
        file = "members.parquet"
        types = {"member": pa.string(), "month": pa.string(), "x": pa.float64(), "covered": pa.decimal128(9, 1)}
        options = pyarrow.csv.ConvertOptions(column_types=types)
        pq.write_table(pyarrow.csv.read_csv(folder / "members.csv", convert_options=options), folder / file)
    (folder / "norms.csv").write_text("line,inverse\na,0.25\nc,7\n", encoding="utf-8")
    (folder / "contract.vbc").write_text(CONTRACT.format(column=column), encoding="utf-8")
    (folder / "binding.toml").write_text(BINDING.format(file=file, x=x), encoding="utf-8")
    sink = Sink()
    opened = open_run(folder / "contract.vbc", folder / "binding.toml", sink)
    result = None if opened is None else settle(opened, sink, engines=Engines(reduce=reduce))
    if result is None:
        return {d.code: d.message for d in sink}
    assert not sink.failed, list(sink)
    return {name: result.value(name, 0) for name in ("total", "normed", "panel.member_months")}


@REDUCE
@pytest.mark.parametrize(
    ("column", "x", "total"),
    [
        ("percent", '{ column = "x", as = "percent" }', Fraction(8, 100)),
        ("percent 1 decimals", '{ column = "x", as = "percent", round = 0 }', Fraction(8, 100)),
        ("number 3 decimals", '{ column = "x", round = 1 }', Fraction(8)),
        ("number 1 decimals when missing 0.5", '"x"', Fraction(8)),
        ("member_years", '"x"', Fraction(8 * 12)),
        ("USD", '{ column = "x", as = "thousands" }', Fraction(8000)),
    ],
)
def test_sums_have_the_unit_of_the_contract(tmp_path: Path, column: str, x: str, total: Fraction, reduce: str) -> None:
    found = run(tmp_path, column, x, ["5", "2", "1"], reduce)
    assert found == {"total": total, "normed": Fraction(2), "panel.member_months": Fraction(18)}


@REDUCE
def test_missing_cells_take_the_decimals_of_the_default(tmp_path: Path, reduce: str) -> None:
    assert run(tmp_path, "number 1 decimals when missing 0.5", '"x"', ["5", "", ""], reduce)["total"] == 6


def test_a_default_with_more_decimals_than_the_column_is_refused(tmp_path: Path) -> None:
    found = run(tmp_path, "number when missing 1.5", '"x"', ["5", "", ""], "auto")
    assert found == {"unsupported": "`x` keeps 0 decimals, its value where it is missing has more"}


def test_a_floating_column_needs_decimals_in_the_contract(tmp_path: Path) -> None:
    cells = ["1.25", "2.5", "3.0"]
    found = run(tmp_path, "number 2 decimals", '"x"', cells, "auto", parquet=True)
    assert found["total"] == Fraction("6.75")
    assert list(run(tmp_path, "number", '"x"', cells, "auto", parquet=True)) == ["float-without-scale"]
    found = run(tmp_path, "number", '{ column = "x", round = 2 }', cells, "auto", parquet=True)
    assert found == {
        "binding-syntax": "`member_month.columns.x`: the contract keeps fewer decimals of `x` than this needs"
    }
