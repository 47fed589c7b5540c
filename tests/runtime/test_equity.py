"""`equity` on member rows, against the same gaps worked out the long way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def clauses(name: str = "race_gap", **changed: str) -> str:
    lines = {
        "dimension": "person.race in race, self_report else imputed as weights",
        "exclude": 'race is declined, "declined"',
        "measures": "all",
        "stratum": "reportable when effective >= 12 members and persons >= 14 members, pooling 2 years, otherwise drop in both years",
        "gap": "between_group_variance, mix frozen at baseline",
        "compare": "own baseline 2022",
        "guard": "every stratum at least its baseline rate",
        "completeness": "source in [self_report, declined]",
        **changed,
    }
    body = "".join(f"  {word}  {text}\n" for word, text in lines.items() if text)
    amount = f"round((mean({name}.improvement over measure) else 0%) * $1_000 to cents, half away from zero)"
    return f"\nequity {name} of panel {{\n{body}}}\n\npayment pay_{name} to group = {amount}\n"


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
            if total.effective >= 12 and total.persons >= 14:
                return total.numerator / total.denominator
        return None

    def improvement(self, metric: Metric) -> Fraction | None:
        if any(self.rates[k] < self.before[k] for k in self.rates):
            return Fraction(0)
        if len(self.rates) < 2 or not (base := metric(self.before, self.mix)):
            return None
        return min(Fraction(1), max(Fraction(0), (base - metric(self.rates, self.mix)) / base))


@pytest.mark.parametrize("engines", ENGINES)
@pytest.mark.parametrize("said_only", [False, True], ids=["imputed", "said"])
def test_rates_gap_and_improvement(tmp_path: Path, engines: Engines, said_only: bool) -> None:
    people = members(7, 160)
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
                    for prefix in ("", "baseline_"):  # the counts that are shown beside a rate are those it is of
                        observed, top, bottom = (
                            read(result, f"race_gap.{prefix}{word}", group, year, measure=measure, race=race)
                            for word in ("observed", "pooled_numerator", "pooled_denominator")
                        )
                        if isinstance(observed, Fraction):
                            assert isinstance(top, Fraction)
                            assert isinstance(bottom, Fraction)
                            assert observed == top / bottom
                    assert rate == expected.rate(year, race) or isinstance(rate, Absent)
                    dropped += race not in expected.rates
                gap = read(result, "race_gap.gap", group, year, measure=measure)
                assert (
                    gap == variance(expected.rates, expected.mix)
                    if len(expected.rates) > 1
                    else isinstance(gap, Absent)
                )
                improved = read(result, "race_gap.improvement", group, year, measure=measure)
                closed = expected.improvement(variance)
                assert isinstance(improved, Absent) if closed is None else improved == closed
    assert dropped


@pytest.mark.parametrize("engines", ENGINES)
def test_a_stratum_that_nobody_named_is_not_reportable(tmp_path: Path, engines: Engines) -> None:
    result = settled(tmp_path, members(7, 60), clauses(), engines)
    rate = read(result, "race_gap.rate", "North", 2023, measure="colorectal", race="declined")
    assert isinstance(rate, Absent)
    assert rate.state is State.NOT_REPORTABLE


# Variants ------------------------------------------------------------------------------------------------------------


LARGE = "reportable when effective >= 2 members"


@pytest.fixture(scope="module")
def people() -> list[Member]:
    return members(11, 110)


def rates(found: dict[tuple[str, int, str, str], Counts], group: str, year: int, measure: str) -> dict[str, Counts]:
    return {k: c for k in RACES if (c := found.get((group, year, measure, k), Counts())).effective >= 2}


def rate(counted: Counts) -> Fraction:
    return counted.numerator / counted.denominator


def total_of(values: Iterable[Fraction]) -> Fraction:
    return sum(values, Fraction(0))


def shrunk(found: dict[str, Counts]) -> dict[str, Fraction]:
    """The formulas of the reference page, in fractions."""
    n = {k: c.effective for k, c in found.items()}
    own = total_of(c.numerator for c in found.values()) / total_of(c.denominator for c in found.values())
    case, total = own * (1 - own), total_of(n.values())
    spread = total_of(n[k] * (rate(c) - own) ** 2 for k, c in found.items())
    below = total - total_of(v**2 for v in n.values()) / total
    between = max(Fraction(0), (spread - (len(found) - 1) * case) / below) if below else Fraction(0)
    trust = {k: between / (between + case / v) if between + case / v else Fraction(0) for k, v in n.items()}
    return {k: own + trust[k] * (rate(c) - own) for k, c in found.items()}


def each(people: list[Member], year: int, base: int) -> list[tuple[str, str, dict[str, Counts], dict[str, Counts]]]:
    """Group, measure, and the strata that are reportable in both years, now and then."""
    found = counts(people, said_only=False)
    rows = []
    for group in GROUPS:
        for measure in MEASURES:
            now, then = rates(found, group, year, measure), rates(found, group, base, measure)
            both = [k for k in RACES if k in now and k in then]
            rows.append((group, measure, {k: now[k] for k in both}, {k: then[k] for k in both}))
    return rows


def shares(found: dict[str, Counts], *, alike: bool = False) -> dict[str, Fraction]:
    if alike:
        return {k: Fraction(1, len(found)) for k in found}
    total = total_of(c.denominator for c in found.values())
    return {k: c.denominator / total for k, c in found.items()}


def to_white(y: dict[str, Fraction], mix: dict[str, Fraction]) -> Fraction:
    return sum((mix[k] * max(Fraction(0), y["white"] - y[k]) for k in y), Fraction(0))


METRICS: list[tuple[str, bool, Metric]] = [
    ("between_group_variance, mix frozen at baseline", False, variance),
    ("between_group_variance, each stratum alike", True, variance),
    ("range", True, lambda y, _: max(y.values()) - min(y.values())),
    ("to best, mix frozen at baseline", False, lambda y, m: max(y.values()) - total_of(m[k] * y[k] for k in y)),
    ("to reference white, mix frozen at baseline", False, to_white),
    ("ratio of rates", True, lambda y, _: max(y.values()) / min(y.values()) - 1),
    ("ratio of complements", True, lambda y, _: (1 - min(y.values())) / (1 - max(y.values())) - 1),
    (
        "index_of_disparity of rates to reference white",
        True,
        lambda y, _: sum((abs(y[k] - y["white"]) for k in y), Fraction(0)) / (len(y) - 1) / y["white"],
    ),
    ("max(rate over race) - mean(rate weighted by mix over race), mix frozen at baseline", False,
     lambda y, m: max(y.values()) - total_of(m[k] * y[k] for k in y)),
]  # fmt: skip


def test_metrics(tmp_path: Path, people: list[Member]) -> None:
    blocks = [clauses(name=f"g{i}", stratum=LARGE, gap=gap, completeness="") for i, (gap, _, _) in enumerate(METRICS)]
    result = settled(tmp_path, people, "".join(blocks), Engines("reference", "duckdb"))
    for group, measure, now, then in each(people, 2024, 2022):
        for i, (_, alike, metric) in enumerate(METRICS):
            mix = shares(then, alike=alike)
            for word, found in (("gap", now), ("baseline_gap", then)):
                value = read(result, f"g{i}.{word}", group, 2024, measure=measure)
                try:
                    expected = metric({k: rate(c) for k, c in found.items()}, mix)
                except ZeroDivisionError:
                    assert isinstance(value, Absent)
                else:
                    assert value == expected


def test_the_mix_of_each_year_and_the_year_before(tmp_path: Path, people: list[Member]) -> None:
    text = clauses(stratum=LARGE, gap="between_group_variance, mix of each year", compare="own prior year")
    result = settled(tmp_path, people, text, Engines("reference", "duckdb"))
    for group, measure, now, then in each(people, 2024, 2023):
        for word, found in (("gap", now), ("baseline_gap", then)):
            value = read(result, f"race_gap.{word}", group, 2024, measure=measure)
            assert value == variance({k: rate(c) for k, c in found.items()}, shares(found))


@pytest.mark.parametrize("above", [False, True], ids=["shrunk", "as observed"])
def test_shrinkage_and_the_order_of_clauses(tmp_path: Path, people: list[Member], above: bool) -> None:
    """A guard above `shrink` reads rates as observed, one below it shrunk rates."""
    shrink = "toward own overall rate, variance estimated, negative as zero"
    text = clauses(stratum=LARGE, guard="", gap="", compare="own baseline 2022", completeness="")
    guard, gap = "  guard  every stratum at least its baseline rate\n", "  gap  range\n"
    written = f"{guard if above else ''}  shrink  {shrink}\n{gap}{'' if above else guard}"
    text = text.replace("  compare", f"{written}  compare", 1)
    result = settled(tmp_path, people, text, Engines("reference", "duckdb"))
    differ = 0
    for group, measure, now, then in each(people, 2024, 2022):
        drawn, drawn_then = shrunk(now), shrunk(then)
        for race in now:
            value = read(result, "race_gap.rate", group, 2024, measure=measure, race=race)
            assert value == drawn[race]
        gap_now = max(drawn.values()) - min(drawn.values())
        assert read(result, "race_gap.gap", group, 2024, measure=measure) == gap_now
        raw = all(rate(now[k]) >= rate(then[k]) for k in now)
        kept = all(drawn[k] >= drawn_then[k] for k in now)
        differ += raw != kept
        assert read(result, "race_gap.guard", group, 2024, measure=measure) is (raw if above else kept)
    assert differ or not above


@pytest.mark.parametrize(
    ("guard", "holds"),
    [
        ("every stratum at least its baseline rate, tolerance 4 pp", lambda y, b: y >= b - Fraction(4, 100)),
        ("every stratum at least its baseline rate, tolerance 0 pp", lambda y, b: y >= b),
    ],
    ids=["points", "none"],
)
def test_guards_with_a_tolerance(tmp_path: Path, people: list[Member], guard: str, holds: Callable[..., bool]) -> None:
    result = settled(tmp_path, people, clauses(stratum=LARGE, guard=guard), Engines("reference", "duckdb"))
    for group, measure, now, then in each(people, 2024, 2022):
        expected = all(holds(rate(now[k]), rate(then[k])) for k in now)
        assert read(result, "race_gap.guard", group, 2024, measure=measure) is expected


def test_a_guard_in_standard_errors(tmp_path: Path, people: list[Member]) -> None:
    guard = "every stratum at least its baseline rate, tolerance 0.5 standard errors"
    result = settled(tmp_path, people, clauses(stratum=LARGE, guard=guard), Engines("reference", "duckdb"))
    found = {True: 0, False: 0}
    for group, measure, now, then in each(people, 2024, 2022):
        expected = True
        for k in now:
            y, b = rate(now[k]), rate(then[k])
            noise = y * (1 - y) / now[k].effective + b * (1 - b) / then[k].effective
            expected &= not (y < b and (b - y) ** 2 > Fraction(1, 4) * noise)
        assert read(result, "race_gap.guard", group, 2024, measure=measure) is expected
        found[expected] += 1
    assert all(found.values())


def test_credit_for_gains_from_below(tmp_path: Path, people: list[Member]) -> None:
    text = clauses(stratum=LARGE, guard="credit only for gains from below")
    result = settled(tmp_path, people, text, Engines("reference", "duckdb"))
    for group, measure, now, then in each(people, 2024, 2022):
        mix = shares(then)
        overall = total_of(mix[k] * rate(then[k]) for k in then)
        credited = {k: rate(now[k]) if rate(then[k]) < overall else rate(then[k]) for k in now}
        base = variance({k: rate(c) for k, c in then.items()}, mix)
        expected = min(Fraction(1), max(Fraction(0), (base - variance(credited, mix)) / base))
        assert read(result, "race_gap.improvement", group, 2024, measure=measure) == expected


def test_a_measure_for_which_lower_is_better(tmp_path: Path, people: list[Member]) -> None:
    text = clauses(stratum=LARGE, gap="to best, each stratum alike")
    contract, _ = write(tmp_path, people, text)
    turned = contract.read_text(encoding="utf-8").replace("colorectal | no ", "colorectal | yes")
    assert "colorectal | yes" in turned
    contract.write_text(turned, encoding="utf-8")
    sink = Sink()
    opened = open_run(contract, tmp_path / "binding.toml", sink)
    assert opened is not None, report(sink)
    result = settle(opened, sink)
    assert result is not None, report(sink)
    for group, measure, now, then in each(people, 2024, 2022):
        best = min if measure == "colorectal" else max
        y = [rate(c) for c in now.values()]
        worse = [(rate(now[k]) - rate(then[k])) * (1 if measure == "colorectal" else -1) > 0 for k in now]
        gap = sum((abs(best(y) - x) for x in y), Fraction(0)) / len(y)
        assert read(result, "race_gap.gap", group, 2024, measure=measure) == gap
        assert read(result, "race_gap.guard", group, 2024, measure=measure) is not any(worse)


@pytest.mark.parametrize(
    ("clause", "answered", "asked"),
    [
        ("source in [self_report, declined]", ("self_report", "declined"), ()),
        ("source is self_report", ("self_report",), ()),
        ("source is self_report, among source is not declined", ("self_report",), ("declined",)),
    ],
)
def test_completeness(
    tmp_path: Path, people: list[Member], clause: str, answered: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    result = settled(tmp_path, people, clauses(completeness=clause), Engines("reference", "duckdb"))
    for group in GROUPS:
        own = [p for p in people if p.group == group]
        source = ["declined" if p.race == "declined" else "self_report" if p.race else "unknown" for p in own]
        share = Fraction(sum(s in answered for s in source), sum(s not in asked for s in source))
        assert read(result, "race_gap.completeness", group, 2024) == share
