"""`equity` on member rows, against the same gaps worked out the long way."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.executor import Engines
from contractlang.runtime.result import Result
from contractlang.runtime.runs import open_run, settle
from contractlang.values import Absent, State, Value
from tests.runtime.equity_rows import GROUPS, MEASURES, RACES, Counts, Member, counts, members, write

ENGINES = [
    pytest.param(Engines(settle="reference", reduce="reference"), id="reference"),
    pytest.param(Engines(settle="vector", reduce="duckdb"), id="duckdb-vector"),
]


def settled(folder: Path, people: list[Member], clauses: str, engines: Engines) -> Result:
    sink = Sink()
    opened = open_run(*write(folder, people, clauses), sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink, engines=engines)
    assert result is not None, report(sink)
    return result


def read(result: Result, name: str, group: str, year: int, **keys: str) -> Value:
    plan = result.programme.plans[str(year)]
    named = plan.named(name)
    assert named is not None, name
    key = {"group": group, "year": str(year), **keys}
    return result.settlement.evaluator.value(plan, named.node, key)


def clauses(**changed: str) -> str:
    lines = {
        "dimension": "person.race in race, self_report else imputed as weights",
        "exclude": 'race is declined, "declined"',
        "measures": "all",
        "stratum": "reportable when effective >= 20 members and persons >= 21 members, pooling 2 years, otherwise drop in both years",
        "gap": "between_group_variance, mix frozen at baseline",
        "compare": "own baseline 2022",
        "guard": "every stratum at least its baseline rate",
        "completeness": "source in [self_report, declined]",
        **changed,
    }
    body = "".join(f"  {word}  {text}\n" for word, text in lines.items() if text)
    payment = "payment equity to group = round((mean(race_gap.improvement over measure) else 0%) * $1_000 to cents, half away from zero)\n"
    return f"\nequity race_gap of panel {{\n{body}}}\n\n{payment}"


Metric = Callable[[dict[str, Fraction], dict[str, Fraction]], Fraction]


def variance(rates: dict[str, Fraction], mix: dict[str, Fraction]) -> Fraction:
    mean = sum((rates[k] * mix[k] for k in rates), Fraction(0)) / sum(mix[k] for k in rates)
    return sum((mix[k] * (rates[k] - mean) ** 2 for k in rates), Fraction(0)) / sum(mix[k] for k in rates)


class Expected:
    """The values of one group, measure and year, from counts."""

    def __init__(self, found: dict[tuple[str, int, str, str], Counts], group: str, measure: str, year: int) -> None:
        self.found, self.group, self.measure = found, group, measure
        rates = {k: r for k in RACES if (r := self.rate(year, k)) is not None}
        before = {k: r for k in RACES if (r := self.rate(2022, k)) is not None}
        both = rates.keys() & before.keys()
        self.rates, self.before = {k: rates[k] for k in both}, {k: before[k] for k in both}
        self.mix = {k: found[group, 2022, measure, k].denominator for k in both}

    def rate(self, year: int, race: str) -> Fraction | None:
        own = self.found.get((self.group, year, self.measure, race), Counts())
        for total in (own, own + self.found.get((self.group, year - 1, self.measure, race), Counts())):
            if total.effective >= 20 and total.persons >= 21:
                return total.numerator / total.denominator
        return None

    def improvement(self, metric: Metric) -> Fraction | None:
        if any(self.rates[k] < self.before[k] for k in self.rates):
            return Fraction(0)
        if not self.rates or not (base := metric(self.before, self.mix)):
            return None
        return min(Fraction(1), max(Fraction(0), (base - metric(self.rates, self.mix)) / base))


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize("said_only", [False, True], ids=["imputed", "said"])
def test_rates_gap_and_improvement(tmp_path: Path, engines: Engines, said_only: bool) -> None:
    people = members(7)
    text = clauses(dimension="person.race in race") if said_only else clauses()
    result = settled(tmp_path, people, text, engines)
    found = counts(people, said_only=said_only)
    dropped = 0
    for group in GROUPS:
        for year in (2023, 2024):
            for measure in MEASURES:
                expected = Expected(found, group, measure, year)
                for race in RACES:
                    own = found.get((group, year, measure, race), Counts())
                    for word in ("numerator", "denominator", "persons"):
                        value = read(result, f"race_gap.{word}", group, year, measure=measure, race=race)
                        assert value == Fraction(getattr(own, word))
                    rate = read(result, "race_gap.rate", group, year, measure=measure, race=race)
                    assert rate == expected.rate(year, race) or isinstance(rate, Absent)
                    dropped += race not in expected.rates
                gap = read(result, "race_gap.gap", group, year, measure=measure)
                assert gap == variance(expected.rates, expected.mix) if expected.rates else isinstance(gap, Absent)
                improved = read(result, "race_gap.improvement", group, year, measure=measure)
                closed = expected.improvement(variance)
                assert isinstance(improved, Absent) if closed is None else improved == closed
    assert dropped


@pytest.mark.parametrize("engines", ENGINES)
def test_a_stratum_that_nobody_named_is_not_reportable(tmp_path: Path, engines: Engines) -> None:
    result = settled(tmp_path, members(7), clauses(), engines)
    rate = read(result, "race_gap.rate", "North", 2023, measure="colorectal", race="declined")
    assert isinstance(rate, Absent)
    assert rate.state is State.NOT_REPORTABLE
