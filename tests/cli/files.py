"""A contract, its data and a binding, written to a folder."""

from pathlib import Path

from tests.runtime.settling import CONTRACT

BINDING = """\
[tables.results]
file = "results.csv"

[tables.results.keys]
group = "Group"
year  = "Year"

[tables.results.columns]
track         = "Track"
benchmark     = "Benchmark"
expenditure   = "Total cost"
beneficiaries = "Members"
quality       = { column = "QualScore", as = "percent" }
"""

RESULTS = """\
Group,Year,Track,Benchmark,Total cost,Members,QualScore,Stated
Lakeside,2021,ONE_SIDED,10000000.00,9400000.50,7500,92.06,276180
Hillside,2021,TWO_SIDED,8000000.00,8400000.00,10000,80,-240000
Lakeside,2022,ONE_SIDED,10000000.00,9400000.50,7500,,300000
Hillside,2022,ONE_SIDED,8000000.00,8400000.00,10000,80,0
"""


def write_files(folder: Path, contract: str = CONTRACT, results: str = RESULTS, binding: str = BINDING) -> None:
    (folder / "contract.vbc").write_text(contract, encoding="utf-8")
    (folder / "results.csv").write_text(results, encoding="utf-8")
    (folder / "binding.toml").write_text(binding, encoding="utf-8")
