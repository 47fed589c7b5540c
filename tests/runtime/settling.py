"""A small contract and runs of it, for the tests of what people read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.engines.base import Column, Frame, Inputs, Programme
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime.executor import execute
from contractlang.runtime.result import Result
from contractlang.values import Absent, State
from tests.engines.plans import column, table

CONTRACT = """\
contract demo.savings
title    "Shared savings"
version  "1"
payer    "A payer"
settles  group per year
term     2021-01-01 to 2022-12-31

category track { ONE_SIDED, TWO_SIDED }

input results per group, year {
  track        category in track
  benchmark    USD
  expenditure  USD
  beneficiaries  members
  quality      percent 2 decimals  when missing not applicable "paid for reporting"
}

table terms per track {
  | track     | share | losses | cap |
  | ONE_SIDED |   50% | no     | 10% |
  | TWO_SIDED |   75% | yes    | 20% |
}

schedule sequestration per year { 2021: 0%, 2022: 2% }

scale minimum_rate(beneficiaries) linear, flat outside  assumed "only two points are published"  {
  5_000: 3.9%, 10_000: 3.0%
}

constant fee_cap = $1_000_000.00

define sharing_rate
  when quality is not applicable: terms.share
  when quality >= 40%:            terms.share * quality
  otherwise:                      0%

sharing earned {
  compare  benchmark to expenditure
  minimum  minimum_rate(beneficiaries) of benchmark, first dollar
  deficit  refuse when not terms.losses, "one-sided track"
  share    sharing_rate
  surplus  reduce by sequestration
  surplus  cap terms.cap of benchmark
  round    to dollars, half away from zero
}

payment settlement to group = max(min(earned, fee_cap), -fee_cap)

guarantee "savings are bounded"  always settlement <= 10% of benchmark
"""

Row = tuple[str, str, str, str, str, int, str | None]
"""Group, year, track, benchmark, expenditure, members, quality in percent (None: missing by the contract's rule)."""

ROWS: tuple[Row, ...] = (
    ("Lakeside", "2021", "ONE_SIDED", "10000000", "9400000.50", 7_500, "92.06"),
    ("Hillside", "2021", "TWO_SIDED", "8000000", "8400000", 10_000, "80"),
    ("Lakeside", "2022", "ONE_SIDED", "10000000", "9400000.50", 7_500, None),
    ("Hillside", "2022", "ONE_SIDED", "8000000", "8400000", 10_000, "80"),
)


def compiled(folder: Path, text: str = CONTRACT) -> Compiled:
    path = folder / "contract.vbc"
    path.write_text(text, encoding="utf-8")
    sink = Sink()
    found = compile_file(path, sink)
    assert found is not None
    assert not sink.failed, report(sink)
    return found


def programme(contract: Compiled) -> Programme:
    plans = {p.label: plan for p in contract.periods() if (plan := contract.plan_for(p.label)) is not None}
    return Programme(plans)


def inputs(rows: tuple[Row, ...] = ROWS) -> Inputs:
    units, years = [row[0] for row in rows], [row[1] for row in rows]
    columns = {
        "track": column([row[2] for row in rows], labels=("ONE_SIDED", "TWO_SIDED")),
        "benchmark": column([row[3] for row in rows], scale=2),
        "expenditure": column([row[4] or None for row in rows], scale=2),
        "beneficiaries": column([row[5] for row in rows]),
        "quality": _quality([row[6] for row in rows]),
    }
    found = replace(
        table("results", {"group": units, "year": years}, columns),
        file="results.csv",
        row_numbers=list(range(1, len(rows) + 1)),
        source_columns={"benchmark": "Benchmark", "expenditure": "Total cost", "quality": "QualScore"},
    )
    return Inputs(Frame(units, years), {"results": found})


def _quality(texts: list[str | None]) -> Column:
    absent = Absent(State.NOT_APPLICABLE, "paid for reporting")
    return column([absent if text is None else str(float(text) / 100)[:6] for text in texts], scale=4)


def settled(folder: Path, rows: tuple[Row, ...] = ROWS, text: str = CONTRACT) -> tuple[Result, Sink]:
    sink = Sink()
    result = execute(programme(compiled(folder, text)), inputs(rows), sink)
    assert result is not None
    return result, sink
