"""Every item and clause of the language, from its text to its tree."""

import pytest

from contractlang.syntax import ast
from tests.syntax.reading import SPAN, date, document, expression, item, name, number, shown, step, steps, text


def test_header() -> None:
    found = document(
        """\
## What it is.
## And more.
contract bcbsma.aqc extends bcbsma.common version "2010.1"
title "A \\"title\\""
version "2011.1"
payer "A payer"
settles group per year
term 2011-01-01 to 2015-12-31
pays 2012-01-01 to 2016-12-31
year starts july
effective 2013-01-01
"""
    )
    assert (found.kind, found.name, found.doc) == ("contract", name("bcbsma.aqc"), "What it is.\nAnd more.")
    assert found.base == ast.Reference(name("bcbsma.common"), "2010.1", span=SPAN)
    assert found.header == ast.Header(
        'A "title"',
        "2011.1",
        "A payer",
        (name("group"), name("year")),
        (date("2011-01-01"), date("2015-12-31")),
        (date("2012-01-01"), date("2016-12-31")),
        name("july"),
        date("2013-01-01"),
    )


def test_library() -> None:
    assert document("library std.membership\n").kind == "library"


def test_amendment() -> None:
    found = document(
        """\
amendment a1 to bcbsma.aqc version "2011.1"
effective 2013-01-01
set risk.cap = 8% of total
insert surplus cap 5% of total as hard_cap after risk.share
insert exclude age < 18, "young" before panel.attribute
remove risk.less
replace constant x = 5
constant y = 6
"""
    )
    assert found.base == ast.Reference(name("bcbsma.aqc"), "2011.1", span=SPAN)
    assert found.changes == (
        ast.Set(name("risk.cap"), expression("8% of total"), span=SPAN),
        ast.Insert(
            step("cap", expression("5% of total"), side="surplus", label="hard_cap"), name("risk.share"), span=SPAN
        ),
        ast.Insert(
            step("exclude", expression("age < 18"), ("reason", text("young"))),
            name("panel.attribute"),
            before=True,
            span=SPAN,
        ),
        ast.Remove(name("risk.less"), span=SPAN),
    )
    assert found.items == (
        ast.Constant("x", number("5"), replace=True, span=SPAN),
        ast.Constant("y", number("6"), span=SPAN),
    )


@pytest.mark.parametrize(
    ("source", "node"),
    [
        ("use std.membership", ast.Use(name("std.membership"), span=SPAN)),
        ('use m version "2" as x', ast.Use(name("m"), "2", "x", span=SPAN)),
        ('use c version "1" results as r', ast.Use(name("c"), "1", "r", results=True, span=SPAN)),
        ('category c { A, "2106-3"\n B, }', ast.Category("c", ("A", "2106-3", "B"), span=SPAN)),
        ("constant x = $5 pmpm", ast.Constant("x", number("5", "$", "pmpm"), span=SPAN)),
        ("define x = a", ast.Define("x", name("a"), span=SPAN)),
        ("replace define x = a", ast.Define("x", name("a"), replace=True, span=SPAN)),
        (
            "schedule s per year { ..2018: 2%, 2019: 0%\n 2020..2021: 1%, 2022..: a + 1 }",
            ast.Schedule(
                "s",
                name("year"),
                (
                    ast.Entry(None, number("2018"), number("0.02", "%"), span=SPAN),
                    ast.Entry(number("2019"), number("2019"), number("0", "%"), span=SPAN),
                    ast.Entry(number("2020"), number("2021"), number("0.01", "%"), span=SPAN),
                    ast.Entry(number("2022"), None, expression("a + 1"), span=SPAN),
                ),
                span=SPAN,
            ),
        ),
        (
            "schedule s per month { 2021-07-01..2022-06-30: $3 pmpm }",
            ast.Schedule(
                "s",
                name("month"),
                (ast.Entry(date("2021-07-01"), date("2022-06-30"), number("3", "$", "pmpm"), span=SPAN),),
                span=SPAN,
            ),
        ),
        (
            "baseline history { 2007: 40%, 2008: 60% }",
            ast.Baseline(
                "history",
                (
                    ast.Entry(number("2007"), number("2007"), number("0.4", "%"), span=SPAN),
                    ast.Entry(number("2008"), number("2008"), number("0.6", "%"), span=SPAN),
                ),
                span=SPAN,
            ),
        ),
        (
            (
                "scale s(x) marginal symmetric, flat outside {\n  below 0%: 5%\n  0% to 5%: 50% to 40%\n"
                "  5%: 1\n  10% and more: 5%\n}"
            ),
            ast.Scale(
                "s",
                "x",
                "marginal",
                symmetric=True,
                flat_outside=True,
                bands=(
                    ast.Band(None, number("0", "%"), number("0.05", "%"), span=SPAN),
                    ast.Band(number("0", "%"), number("0.05", "%"), number("0.5", "%"), number("0.4", "%"), span=SPAN),
                    ast.Band(number("0.05", "%"), number("0.05", "%"), number("1"), span=SPAN),
                    ast.Band(number("0.1", "%"), None, number("0.05", "%"), span=SPAN),
                ),
                span=SPAN,
            ),
        ),
        (
            (
                "table terms per track {\n  | track | rate | since |\n  | T1 | -5% | 2020-01-01 |\n"
                '  | "2106-3" | - | yes |\n  | 2023..2026 | otherwise | "x" |\n}'
            ),
            ast.Terms(
                "terms",
                (name("track"),),
                ("track", "rate", "since"),
                (
                    ast.Row((name("T1"), number("-0.05", "%"), date("2020-01-01")), span=SPAN),
                    ast.Row((text("2106-3"), ast.NotApplicable(span=SPAN), ast.Flag(value=True, span=SPAN)), span=SPAN),
                    ast.Row(
                        (ast.Range(number("2023"), number("2026"), span=SPAN), name("otherwise"), text("x")), span=SPAN
                    ),
                ),
                span=SPAN,
            ),
        ),
        ("payment p to group = a", ast.Payment("p", name("group"), None, name("a"), span=SPAN)),
        ("payment p to group monthly = a", ast.Payment("p", name("group"), "monthly", name("a"), span=SPAN)),
        ('guarantee "g" always a', ast.Guarantee("g", "always", name("a"), span=SPAN)),
        ('guarantee "g" a never falls as b rises', ast.Guarantee("g", "never falls", name("a"), name("b"), span=SPAN)),
        ('guarantee "g" a never rises as b rises', ast.Guarantee("g", "never rises", name("a"), name("b"), span=SPAN)),
        (
            'guarantee "g" a jumps at most $5 as b rises',
            ast.Guarantee("g", "jumps at most", name("a"), name("b"), number("5", "$"), span=SPAN),
        ),
    ],
)
def test_items(source: str, node: ast.Item) -> None:
    assert item(source) == node


@pytest.mark.parametrize("kind", ["input", "exhibit", "table"])
def test_typed_columns(kind: str) -> None:
    found = item(
        f"""\
{kind} results per aco, year source "the file" {{
  ## What it costs.
  benchmark  USD per member year 2 decimals within $0 to $5_000 source "a" assumed "b"
  track      category in std.track
  pmpm       USD pmpm when missing $0 pmpm
  years      member years when missing not applicable
  quality    percent when missing not applicable "paid for reporting"
  version    text
}}"""
    )
    assert isinstance(found, ast.Input)
    assert (found.kind, found.keys, found.notes.source) == (kind, (name("aco"), name("year")), "the file")
    cost, track, pmpm, years, quality, version = found.columns
    assert cost == ast.Column(
        "benchmark",
        ast.Type(ast.Unit(("USD",), ("member", "year"), span=SPAN), span=SPAN),
        low=number("0", "$"),
        high=number("5000", "$"),
        scale=2,
        notes=ast.Notes("a", "b", "What it costs."),
        span=SPAN,
    )
    assert track.type == ast.Type(None, name("std.track"), span=SPAN)
    assert pmpm.missing == number("0", "$", "pmpm")
    assert years.type.unit == ast.Unit(("member", "years"), span=SPAN)
    assert (years.missing, years.reason) == (ast.NotApplicable(span=SPAN), None)
    assert quality.reason == "paid for reporting"
    assert version.name == "version"


def test_cases() -> None:
    found = item('define x source "s"\n  when a > 1:\n    b\n  when c: d\n  otherwise: 0%')
    assert isinstance(found, ast.Define)
    assert isinstance(found.body, ast.Cases)
    assert found.notes.source == "s"
    cases = [(shown(case.condition), shown(case.value)) for case in found.body.cases]
    assert cases == [("(a > 1)", "b"), ("c", "d"), ("", "0%")]


def test_payment_with_cases() -> None:
    found = item('payment p to group quarterly assumed "x"\n  when a: b\n  otherwise: c')
    assert isinstance(found, ast.Payment)
    assert (found.cadence, found.notes.assumed) == ("quarterly", "x")
    assert isinstance(found.body, ast.Cases)


def test_population() -> None:
    found = item("population panel from member_month per line, age {\n  where a\n}")
    assert isinstance(found, ast.Block)
    assert (found.kind, found.name, found.source, found.per) == (
        "population",
        "panel",
        name("member_month"),
        (name("line"), name("age")),
    )


POPULATION = "population panel from member_month {{ {} }}"
SPENDING = "spending cost of panel {{ {} }}"
BUDGET = "budget target of panel {{ {} }}"
MEASURE = "measure screened of panel from results {{ {} }}"
SHARING = "sharing risk {{ {} }}"


@pytest.mark.parametrize(
    ("block", "clause", "node"),
    [
        (POPULATION, "where a is B", step("where", expression("a is B"))),
        (POPULATION, "attribute to group by g", step("attribute", None, ("to", name("group")), ("by", name("g")))),
        (POPULATION, "member m.id", step("member", name("m.id"))),
        (POPULATION, "months 0.5", step("months", number("0.5", decimals=1))),
        (POPULATION, 'exclude a, "why"', step("exclude", name("a"), ("reason", text("why")))),
        (POPULATION, 'require a, otherwise "why"', step("require", name("a"), ("reason", text("why")))),
        (POPULATION, "refuse overlap", step("refuse", name("overlap"))),
        (POPULATION, "allow overlap", step("allow", name("overlap"))),
        (SPENDING, "amount a + b", step("amount", expression("a + b"))),
        (SPENDING, 'exclude a, "why"', step("exclude", name("a"), ("reason", text("why")))),
        (SPENDING, "truncate at $250_000 per member per year", step("truncate", number("250000", "$"))),
        (
            SPENDING,
            "truncate at limit  per  member per year, prorated",
            step("truncate", name("limit"), ("mode", text("prorated"))),
        ),
        (SPENDING, "complete by factor", step("complete", name("factor"))),
        (BUDGET, "base a", step("base", name("a"))),
        (
            BUDGET,
            "trend compounded s since 2010",
            step("trend", name("s"), ("mode", text("compounded")), ("since", number("2010"))),
        ),
        (
            BUDGET,
            "trend compounded s since 2010-07-01",
            step("trend", name("s"), ("mode", text("compounded")), ("since", date("2010-07-01"))),
        ),
        (BUDGET, "trend 3%", step("trend", number("0.03", "%"))),
        (BUDGET, "adjust by a", step("adjust", name("a"))),
        (BUDGET, "add a", step("add", name("a"))),
        (BUDGET, "discount 2%", step("discount", number("0.02", "%"))),
        (BUDGET, "withhold 2%", step("withhold", number("0.02", "%"))),
        (BUDGET, "cap a", step("cap", name("a"))),
        (BUDGET, "floor a", step("floor", name("a"))),
        (BUDGET, "round to cents, half to even", step("round", name("cents"), ("mode", text("half to even")))),
        (MEASURE, "where a", step("where", name("a"))),
        (MEASURE, "numerator a", step("numerator", name("a"))),
        (MEASURE, "denominator 1", step("denominator", number("1"))),
        (MEASURE, 'exclude a, "why"', step("exclude", name("a"), ("reason", text("why")))),
        (MEASURE, "better higher", step("better", name("higher"))),
        (MEASURE, "better lower", step("better", name("lower"))),
        (MEASURE, "reportable when a >= 30", step("reportable", None, ("when", expression("a >= 30")))),
        (SHARING, "compare a to b", step("compare", name("a"), ("to", name("b")))),
        (
            SHARING,
            "surplus minimum msr of a, first dollar unless b",
            step(
                "minimum",
                name("msr"),
                ("of", name("a")),
                ("mode", text("first dollar")),
                ("unless", name("b")),
                side="surplus",
            ),
        ),
        (
            SHARING,
            "minimum 2% of a + b, excess",
            step("minimum", number("0.02", "%"), ("of", expression("a + b")), ("mode", text("excess"))),
        ),
        (
            SHARING,
            'deficit refuse when not a, "why"',
            step("refuse", None, ("when", expression("not a")), ("reason", text("why")), side="deficit"),
        ),
        (SHARING, "surplus share a", step("share", name("a"), side="surplus")),
        (SHARING, "surplus reduce by a", step("reduce", name("a"), side="surplus")),
        (SHARING, "cap 10% of a", step("cap", expression("10% of a"))),
        (SHARING, "deficit floor a of b", step("floor", expression("a of b"), side="deficit")),
        (SHARING, "deficit less a", step("less", name("a"), side="deficit")),
        (SHARING, "bands s of a", step("bands", name("s"), ("of", name("a")))),
        (SHARING, "net of ledger.p", step("net", name("ledger.p"))),
        (SHARING, "round to $5, up", step("round", number("5", "$"), ("mode", text("up")))),
        (
            SHARING,
            "round to dollars, half away from zero",
            step("round", name("dollars"), ("mode", text("half away from zero"))),
        ),
        (SHARING, "cap a when b", step("cap", name("a"), ("when", name("b")))),
        (SHARING, "cap a as c", step("cap", name("a"), label="c")),
        (SHARING, "cap a when b as c", step("cap", name("a"), ("when", name("b")), label="c")),
        (SHARING, "cap a as c when b", step("cap", name("a"), ("when", name("b")), label="c")),
        (
            SHARING,
            'cap a as c source "d" assumed "e"',
            step("cap", name("a"), label="c", notes=ast.Notes("d", "e")),
        ),
    ],
)
def test_clauses(block: str, clause: str, node: ast.Step) -> None:
    assert steps(block.format(clause)) == (node,)


@pytest.mark.parametrize(
    ("head", "kind", "parts"),
    [
        ("spending a of p { amount b }", "spending", {"subject": name("p")}),
        ("spending a of p per line { amount b }", "spending", {"subject": name("p"), "per": (name("line"),)}),
        (
            "spending a of p per line from t { amount b }",
            "spending",
            {"subject": name("p"), "per": (name("line"),), "source": name("t")},
        ),
        (
            "measure a of p from t per line { numerator b }",
            "measure",
            {"subject": name("p"), "per": (name("line"),), "source": name("t")},
        ),
        ("rate a of p { numerator b }", "measure", {"subject": name("p")}),
        ("spending a of p like b", "spending", {"subject": name("p"), "like": name("b")}),
        ('budget a of p source "x" { base b }', "budget", {"subject": name("p"), "notes": ast.Notes("x")}),
        ("sharing a per line { share b }", "sharing", {"per": (name("line"),)}),
    ],
)
def test_block_heads(head: str, kind: str, parts: dict[str, object]) -> None:
    found = item(head)
    assert isinstance(found, ast.Block)
    expected = ast.Block(kind, "a", found.steps, span=SPAN, **parts)  # type: ignore[arg-type]
    assert found == expected


def test_further_parts_of_a_clause_by_their_word() -> None:
    (clause,) = steps(SHARING.format("surplus minimum 2% of a, excess unless b when c"))
    assert [shown(clause.get(word)) for word in ("of", "unless", "when", "to")] == ["a", "b", "c", ""]
    assert clause.names("per") == ()
    assert step("x", None, ("per", (name("a"), name("b")))).names("per") == (name("a"), name("b"))


def test_example() -> None:
    found = item(
        """\
example "small" {
  given a = 1, b.c = T1,
        d = yes
  given | measure | rate |
        | x       | 10%  |
        | y       | -    |
  given e is missing
  expect f = $5.00 within $0.01, g is not applicable
  expect h is not reportable
}"""
    )
    assert isinstance(found, ast.Example)
    assert [shown_entry(entry) for entry in found.given] == [
        "a = 1",
        "b.c = T1",
        "d = yes",
        "measure rate / x 1/10% / y n/a",
        "e = (e is missing)",
    ]
    assert [shown_entry(entry) for entry in found.expect] == [
        "f = $5 within $1/100",
        "g = (g is not applicable)",
        "h = (h is not reportable)",
    ]


def shown_entry(entry: ast.Binding | ast.ExampleTable) -> str:
    if isinstance(entry, ast.Binding):
        within = f" within {shown(entry.within)}" if entry.within else ""
        return f"{entry.name.text} = {shown(entry.value)}{within}"
    rows = [" ".join(map(shown, row.cells)) for row in entry.rows]
    return " / ".join([" ".join(cell.text for cell in entry.header), *rows])


def test_doc_comments_belong_to_what_stands_directly_below() -> None:
    found = document(
        """\
# no doc
contract c

## Not directly above.

## One.
##   Two.
constant a = 1
constant b = 2  ## behind
# plain
constant d = 3
"""
    )
    assert found.doc is None
    assert [entry.notes.doc for entry in found.items if isinstance(entry, ast.Constant)] == ["One.\nTwo.", None, None]


def test_items_may_begin_anywhere_inside_braces() -> None:
    assert item("sharing s {\ncompare a to b\nround to cents, up\n}") == item(
        "sharing s { compare a to b\n  round to cents, up }"
    )


def test_spans_of_items_and_clauses() -> None:
    found = document("contract c\n\n## doc\nreplace sharing s {  # note\n  surplus cap a as b  # why\n  less c\n}\n")
    (block,) = found.items
    assert isinstance(block, ast.Block)
    assert block.span.place == "test.vbc:4"
    assert block.span.text.startswith("replace sharing s {")
    assert block.span.text.endswith("}")
    assert [clause.span.text for clause in block.steps] == ["surplus cap a as b", "less c"]
