"""Each rule on a small reduction: what it makes of it, and that the reference engine computes the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contractlang.engines.reference.reduce import reduce_rows
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import (
    Account,
    Derive,
    Filter,
    Group,
    Join,
    Measure,
    Output,
    Reduction,
    Scan,
    Union,
)
from contractlang.plan.rewrites import RULES, Rule, rewritten
from contractlang.plan.rewrites.columns import ordered
from contractlang.plan.rewrites.last_rows import last_rows
from contractlang.plan.rewrites.pruning import pruned
from contractlang.plan.rewrites.same_scans import same_scans
from contractlang.plan.rewrites.shared_groups import shared_groups
from tests.engines.reductions import col, lit, op, plan, step, total

ROWS: list[dict[str, Any]] = [
    {"group": "A", "member": "m1", "month": "202101", "cost": 500, "race": "x"},
    {"group": "A", "member": "m1", "month": "202102", "cost": 700, "race": "x"},
    {"group": "B", "member": "m1", "month": "202103", "cost": 900, "race": None},
    {"group": "A", "member": "m2", "month": "202101", "cost": 300, "race": "y"},
    {"group": None, "member": "m3", "month": "202101", "cost": 800, "race": "y"},
    {"group": "B", "member": "m4", "month": "202102", "cost": None, "race": "x"},
    {"group": "B", "member": "m5", "month": None, "cost": 100, "race": "x"},
    {"group": "B", "member": "m5", "month": "202105", "cost": 100, "race": "x"},
]
RATES: list[dict[str, Any]] = [{"member": "m1", "rate": 2}, {"member": "m2", "rate": 3}, {"member": "m5", "rate": 1}]
TABLES = {"rows": ROWS, "rates": RATES}

SCAN = step("scan", Scan("rows", ("group", "member", "month", "cost", "race")))
REASON = op("case", op("missing", col("group", kind="text")), lit("no group"), lit(None))
MARKED = step("marked", Derive("scan", (("reason", replace(REASON, kind="text")),)))
COUNTED = step("counted", Filter("marked", op("missing", col("reason", kind="text"))))
TOTALS = step(
    "totals",
    Group(
        "counted",
        ("group",),
        (
            Measure("members", "count_distinct", col("member", kind="text")),
            Measure("rows", "count"),
            total("cost", col("cost")),
        ),
    ),
)
MEMBER = step(
    "member", Group("counted", ("group", "member"), (total("cost", col("cost")), Measure("top", "max", col("cost"))))
)
CUT = step("cut", Derive("member", (("cost", op("least", col("cost"), lit(1000))),)))
TRUNCATED = step("truncated", Group("cut", ("group",), (total("cost", col("cost")), total("top", col("top")))))
LEFT_OUT = step(
    "left_out", Group("marked", ("group", "reason"), (Measure("rows", "count"), total("cost", col("cost"))))
)
LAST = step("last", Group("counted", ("member",), (Measure("latest", "max", col("month", kind="text")),)))
HOME = step("home", Join("counted", "last", (("member", "member"), ("month", "latest")), ()))
RATED = step("rated", Scan("rates", ("member", "rate")))
PLACED = step(
    "placed", Join("rated", "home", (("member", "member"),), (("group", "group"), ("race", "race")), left=True)
)
BY_RACE = step("by_race", Group("placed", ("group", "race"), (total("rate", col("rate")),)))
EVERYTHING = (SCAN, MARKED, COUNTED, TOTALS, MEMBER, CUT, TRUNCATED, LEFT_OUT, LAST, HOME, RATED, PLACED, BY_RACE)


def output(name: str, keys: tuple[str, ...], *columns: str) -> Output:
    return Output(name, name, tuple((key, key) for key in keys), tuple((c, c, 0) for c in columns))


OUTPUTS = (
    output("totals", ("group",), "members", "rows", "cost"),
    output("truncated", ("group",), "cost", "top"),
    output("by_race", ("group", "race"), "rate"),
)
ACCOUNTS = (Account("rows", "left_out", (("group", "group"),), (("cost", "cost", 0),), "reason"),)


def whole() -> Plan:
    return plan(EVERYTHING, OUTPUTS, ACCOUNTS)


def results(reduction: Reduction) -> object:
    """Everything that the reference engine hands on, in comparable form."""
    found = reduce_rows(replace(whole(), reduction=reduction), TABLES)
    tables = {
        name: {c: (column.values.tolist(), column.states) for c, column in {**table.keys, **table.columns}.items()}
        for name, table in found.tables.items()
    }
    return repr(tables), found.accounts


@pytest.mark.parametrize("rule", [*dict.fromkeys(RULES), rewritten])
def test_a_rule_changes_no_result(rule: Rule) -> None:
    assert results(rule(whole().reduction)) == results(whole().reduction)


@pytest.mark.parametrize("rule", [*dict.fromkeys(RULES), rewritten])
def test_a_rule_keeps_names_and_origins(rule: Rule) -> None:
    before = {s.name: s for s in whole().reduction.steps}
    after = {s.name: s for s in rule(whole().reduction).steps}
    for name in ("totals", "truncated", "by_race", "left_out"):
        assert after[name].origin == before[name].origin


def relations(reduction: Reduction) -> dict[str, object]:
    return {s.name: s.relation for s in reduction.steps}


class TestPruning:
    def test_what_nobody_reads_is_left_out(self) -> None:
        spare = step("spare", Group("counted", ("race",), (Measure("n", "count"),)))
        wide = replace(RATED, relation=Scan("rates", ("member", "rate", "more")))
        steps = tuple(wide if s is RATED else s for s in EVERYTHING)
        found = relations(pruned(Reduction((*steps, spare), OUTPUTS, ACCOUNTS)))
        assert "spare" not in found
        assert found["rated"] == Scan("rates", ("member", "rate"))

    def test_a_lookup_of_nothing_goes_away(self) -> None:
        looked = step("looked", Join("scan", "rated", (("member", "member"),), (("rate", "rate"),), left=True))
        count = step("count", Group("looked", ("group",), (Measure("n", "count"),)))
        reduction = Reduction((SCAN, RATED, looked, count), (output("count", ("group",), "n"),))
        assert relations(pruned(reduction))["looked"] == Derive("scan", ())

    def test_an_inner_join_may_leave_rows_out_and_stays(self) -> None:
        joined = step("joined", Join("scan", "rated", (("member", "member"),), (("rate", "rate"),)))
        count = step("count", Group("joined", ("group",), (Measure("n", "count"),)))
        reduction = Reduction((SCAN, RATED, joined, count), (output("count", ("group",), "n"),))
        assert relations(pruned(reduction))["joined"] == Join("scan", "rated", (("member", "member"),), ())


class TestLastRows:
    def test_the_row_of_the_last_month_is_an_aggregate(self) -> None:
        month = col("month", kind="text")
        group, race = (replace(col(name), kind="int") for name in ("group", "race"))
        expected = Group(
            "counted", ("member",), (Measure("group", "last", group, month), Measure("race", "last", race, month))
        )
        assert relations(last_rows(whole().reduction))["home"] == expected

    def test_rows_that_are_not_only_looked_up_stay(self) -> None:
        count = step("count", Group("home", ("group",), (Measure("n", "count"),)))
        reduction = Reduction((*EVERYTHING, count), (*OUTPUTS, output("count", ("group",), "n")), ACCOUNTS)
        assert relations(last_rows(reduction))["home"] == HOME.relation

    def test_the_greatest_value_of_other_rows_is_another_question(self) -> None:
        latest = Measure("latest", "max", col("month", kind="text"))
        other = replace(LAST, relation=Group("marked", ("member",), (latest,)))
        reduction = Reduction(tuple(other if s is LAST else s for s in EVERYTHING), OUTPUTS, ACCOUNTS)
        assert relations(last_rows(reduction))["home"] == HOME.relation


class TestSharedGroups:
    def test_rows_are_read_once(self) -> None:
        found = relations(rewritten(whole().reduction))
        groups = [r for r in found.values() if isinstance(r, Group)]
        readers = [r for r in groups if r.input == "scan (shared) keys"]
        assert [set(r.keys) for r in readers] == [{"group", "member", "reason"}]

    def test_a_group_of_one_row_each_is_no_group(self) -> None:
        assert isinstance(relations(shared_groups(whole().reduction))["member"], Derive)

    def test_different_members_are_counted_as_rows(self) -> None:
        totals = relations(shared_groups(whole().reduction))["totals"]
        assert isinstance(totals, Group)
        assert {m.function for m in totals.measures} == {"sum"}

    def test_one_group_alone_stays(self) -> None:
        reduction = Reduction((SCAN, MARKED, COUNTED, TOTALS), (OUTPUTS[0],))
        assert shared_groups(reduction) == reduction

    def test_groups_without_common_keys_stay(self) -> None:
        by_race = step("by_race", Group("scan", ("race",), (Measure("n", "count"),)))
        by_month = step("by_month", Group("scan", ("month",), (Measure("n", "count"),)))
        outputs = (output("by_race", ("race",), "n"), output("by_month", ("month",), "n"))
        reduction = Reduction((SCAN, by_race, by_month), outputs)
        assert shared_groups(reduction) == reduction

    def test_lookups_on_the_way_are_made_once(self) -> None:
        looked = step("looked", Join("counted", "rated", (("member", "member"),), (("rate", "rate"),), left=True))
        rates = step("rates", Group("looked", ("group",), (total("rate", col("rate")),)))
        reduction = Reduction((*EVERYTHING, looked, rates), (*OUTPUTS, output("rates", ("group",), "rate")), ACCOUNTS)
        found = rewritten(reduction)
        assert results(found) == results(reduction)
        joins = [r for r in relations(found).values() if isinstance(r, Join) and r.right_input == "rated"]
        assert len(joins) == 1


class TestSameScans:
    """Two populations of one table."""

    AGAIN = step("again", Scan("rows", ("group", "member", "race")))
    WITH_RACE = step("with_race", Filter("again", op("is", col("race", kind="text"), lit("x"))))
    OTHERS = step(
        "others",
        Group("with_race", ("group",), (Measure("members", "count_distinct", col("member", kind="text")),)),
    )

    def both(self) -> Reduction:
        steps = (*EVERYTHING, self.AGAIN, self.WITH_RACE, self.OTHERS)
        return Reduction(steps, (*OUTPUTS, output("others", ("group",), "members")), ACCOUNTS)

    def test_a_table_is_scanned_once(self) -> None:
        found = relations(same_scans(self.both()))
        assert found["scan"] == Scan("rows", ("group", "member", "month", "cost", "race"))
        assert found["again"] == Derive("scan", ())
        assert results(same_scans(self.both())) == results(self.both())

    def test_the_sums_of_both_populations_are_made_together(self) -> None:
        found = relations(rewritten(self.both()))
        readers = [r for r in found.values() if isinstance(r, Group) and r.input == "scan (shared) keys"]
        assert [len(r.keys) for r in readers] == [4]  # group, member, the reason, and whether the others count
        assert results(rewritten(self.both())) == results(self.both())

    def test_what_one_finer_group_cannot_serve_gets_another(self) -> None:
        by_race = [
            step("races", Group("again", ("race", "month"), (Measure("n", "count"),))),
            step("months", Group("again", ("month",), (Measure("n", "count"),))),
        ]
        steps = (*EVERYTHING, replace(self.AGAIN, relation=Scan("rows", ("month", "race"))), *by_race)
        outputs = (*OUTPUTS, output("races", ("race", "month"), "n"), output("months", ("month",), "n"))
        reduction = Reduction(steps, outputs, ACCOUNTS)
        found = relations(rewritten(reduction))
        assert {"scan (shared)", "scan (shared 2)"} <= set(found)
        assert results(rewritten(reduction)) == results(reduction)


def test_a_circle_of_steps_has_no_order() -> None:
    one, other = step("one", Union(("other",))), step("other", Union(("one",)))
    assert ordered((one, other)) is None
    assert ordered((TOTALS, COUNTED, MARKED, SCAN)) == (SCAN, MARKED, COUNTED, TOTALS)
