"""Random well-typed contract texts, and random rows for their inputs.

`contracts()` draws a text by the types of its parts: every expression is drawn for the kind and unit that its place
needs. What the checker may still refuse is listed in `REFUSED`: a random condition may turn out never to hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

YEARS = (2023, 2024, 2025)
BASE_YEAR = 2022
TRACKS = ("T1", "T2", "T3")
LINES = ("medical", "drugs")
GROUPS = ("Lakeside", "Hillside", "Riverside")

REFUSED = frozenset({"unreachable-case", "otherwise-missing", "cap-below-floor", "scale-outside"})
"""Findings that depend on values, which a draw by types does not see."""

HEAD = """\
contract demo.drawn
version "1"
settles group per year
term    2023-01-01 to 2025-12-31
"""

MODES = ("half away from zero", "half to even", "up", "down")

Kind = str
"""`money`, `percent`, `number`, `members`, `pmpm`, `flag` or `track`."""


@dataclass(frozen=True)
class Column:
    """A column of `results` as declared: its kind, whether it may be not applicable, its bounds as written."""

    name: str
    kind: str
    absent: bool = False
    bounds: tuple[str, str] | None = None


@dataclass(frozen=True)
class Drawn:
    """A contract text as a list of items, so that they can stand in any order."""

    columns: tuple[Column, ...]
    items: tuple[str, ...]

    def text(self, order: tuple[int, ...] | None = None) -> str:
        items = self.items if order is None else tuple(self.items[i] for i in order)
        return "\n\n".join((HEAD, *items)) + "\n"


@dataclass
class _Names:
    """The values that an expression may read, by kind."""

    known: dict[Kind, list[str]] = field(default_factory=dict)

    def add(self, kind: Kind, name: str) -> None:
        self.known.setdefault(kind, []).append(name)

    def of(self, kind: Kind) -> list[str]:
        return self.known.get(kind, [])


class _Expressions:
    """Draws expressions of a wanted kind. Every compound one stands in parentheses."""

    def __init__(self, draw: st.DrawFn, names: _Names, prior: list[str]) -> None:
        self.draw = draw
        self.names = names
        self.prior = prior

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def of(self, kind: Kind, depth: int) -> str:
        ways = self._leaves(kind) if depth == 0 else [*self._leaves(kind)[:1], *self._compounds(kind, depth - 1)]
        return self.draw(st.sampled_from(ways))()

    def literal(self, kind: Kind) -> str:
        match kind:
            case "money":
                return "$" + self.one("0", "1", "2.50", "0.005", "100", "999.99", "1_000", "250_000")
            case "percent":
                return self.one("0%", "2%", "33.3%", "50%", "75%", "100%", "120%")
            case "number":
                return self.one("0", "1", "2", "0.5", "3", "12")
            case "members":
                return self.one("0", "1", "5_000", "10_000") + " members"
            case "pmpm":
                return "$" + self.one("0", "0.75", "12") + " pmpm"
            case "track":
                return self.one(*TRACKS)
            case _:
                return self.one("yes", "no")

    def _leaves(self, kind: Kind) -> list[Callable[[], str]]:
        named = self.names.of(kind)
        leaves: list[Callable[[], str]] = [lambda: self.one(*named)] if named else []
        if kind not in ("track", "flag"):
            leaves.append(lambda: self.literal(kind))
        return leaves

    def _compounds(self, kind: Kind, depth: int) -> list[Callable[[], str]]:
        def of(inner: Kind) -> str:
            return self.of(inner, depth)

        same: list[Callable[[], str]] = [
            lambda: f"({of(kind)} else {self.literal(kind)})",
            lambda: f"({of(kind)} if missing {self.literal(kind)})",
        ]
        if kind == "flag":
            return [*same, *self._conditions(depth)]
        if kind == "track":
            return []
        same += [
            lambda: f"{self.one('min', 'max')}({of(kind)}, {of(kind)})",
            lambda: f"clamp({of(kind)}, {self.of(kind, 0)}, {self.of(kind, 0)})",
            lambda: f"abs({of(kind)})",
            lambda: f"({of(kind)} * {of('number')})",
            lambda: f"({of(kind)} / {of('number')})",
        ]
        plus = [lambda: f"({of(kind)} {self.one('+', '-')} {of(kind)})"]
        match kind:
            case "money":
                return [
                    *same,
                    *plus,
                    lambda: f"({of('percent')} of {of('money')})",
                    lambda: f"({of('pmpm')} * months)",
                    lambda: f"round({of('money')} to {self.one('cents', 'dollars', '$5')}, {self.one(*MODES)})",
                    lambda: f"(prior {self.one(*self.prior)} starting {self.literal('money')})",
                    lambda: f"({self.one(*self.prior)} at {BASE_YEAR})",
                    lambda: "sum(claims.paid over line)",
                    lambda: f"sum((claims.paid * {of('percent')}) over line)",
                ]
            case "percent":
                return [
                    *same,
                    lambda: f"(100% - {of('percent')})",
                    lambda: f"({of('percent')} * {of('percent')})",
                    lambda: f"({of('percent')} + {self.one('1', '2.5')} pp)",
                    lambda: f"{self.one('by_score', 'by_share')}({of('percent')})",
                    lambda: f"by_size({self.one(*self.names.of('members'))})",
                    lambda: f"corridor({of('percent')})",
                ]
            case "number":
                return [
                    *same,
                    *plus,
                    lambda: f"({of('money')} / {of('money')})",
                    lambda: f"({of('number')} ^ {self.one('2', '3')})",
                    lambda: f"sqrt({of('number')}, 6 decimals)",
                    lambda: f"(1 - {of('percent')})",
                ]
            case _:
                return [*same, *plus]

    def _conditions(self, depth: int) -> list[Callable[[], str]]:
        def of(inner: Kind) -> str:
            return self.of(inner, depth)

        def state() -> str:
            name = self.one(*(n for kind in ("money", "percent", "flag") for n in self.names.of(kind)))
            return f"({name} is {self.one('', 'not ')}{self.one('applicable', 'reportable', 'missing')})"

        def compared(kind: Kind, *operators: str) -> Callable[[], str]:
            return lambda: f"({self.one(*self.names.of(kind))} {self.one(*operators)} {of(kind)})"

        order = ("<", "<=", ">", ">=", "is", "is not")
        return [
            lambda: f"({of('flag')} {self.one('and', 'or')} {of('flag')})",
            lambda: f"(not {of('flag')})",
            compared("money", *order),
            compared("percent", *order),
            compared("members", *order),
            lambda: f"(track {self.one('is', 'is not')} {self.one(*TRACKS)})",
            lambda: f"(track {self.one('in', 'not in')} [{self.one('T1, T2', 'T3', 'T1, T3')}])",
            lambda: f"(year {self.one('<=', '>', 'is')} {self.one('2023', '2024')})",
            lambda: f"(started {self.one('<', '>=')} {self.one('2023-07-01', '2020-01-01')})",
            state,
        ]


# The parts of a contract ---------------------------------------------------------------------------------------------


@st.composite
def contracts(draw: st.DrawFn) -> Drawn:
    """A contract with inputs, terms, schedules, scales, definitions, a sharing block and a payment."""
    names = _Names()
    columns = _columns(draw, names)
    names.add("money", "fixed")
    names.add("percent", "terms.share")
    names.add("money", "terms.bonus")
    names.add("flag", "terms.losses")
    names.add("percent", "sequestration")
    names.add("number", "contract_year")
    names.add("track", "track")
    expressions = _Expressions(draw, names, ["benchmark", "expenditure"])
    items = [
        f"category track {{ {', '.join(TRACKS)} }}",
        f"category line {{ {', '.join(LINES)} }}",
        _input(columns),
        "input claims per group, year, line { paid USD }",
        _terms(draw),
        _schedule(draw),
        *_scales(draw),
        "constant fixed = " + draw(st.sampled_from(["$1_000", "$0.005", "-$20"])),
    ]
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["money", "money", "percent", "number", "flag"]))
        items.append(_define(expressions, f"d{number}", kind))
        names.add(kind, f"d{number}")
    if draw(st.booleans()):
        items.append(_sharing(expressions))
        names.add("money", "risk")
        names.add("money", "risk.surplus")
    amount = expressions.of("money", 2)
    items.append(f"payment settlement to group = round(({amount} else $0) to cents, {draw(st.sampled_from(MODES))})")
    items.append(f'guarantee "drawn"  always {expressions.of("flag", 1)}')
    return Drawn(tuple(columns), tuple(items))


def _columns(draw: st.DrawFn, names: _Names) -> list[Column]:
    columns = [
        Column("benchmark", "money", draw(st.booleans())),
        Column("expenditure", "money"),
        Column("quality", "percent", draw(st.booleans()), draw(st.sampled_from([None, ("0%", "100%")]))),
        Column("passed", "flag", draw(st.booleans())),
        Column("size", "members"),
    ]
    for column in columns:
        names.add(column.kind, column.name)
    return columns


def _input(columns: list[Column]) -> str:
    types = {"money": "USD", "percent": "percent 4 decimals", "flag": "flag", "members": "members"}
    lines = []
    for column in columns:
        bounds = f" within {column.bounds[0]} to {column.bounds[1]}" if column.bounds else ""
        rule = "  when missing not applicable" if column.absent else ""
        lines.append(f"  {column.name}  {types[column.kind]}{bounds}{rule}")
    lines += ["  months  member_months", "  track  category in track", "  started  date"]
    return "input results per group, year {\n" + "\n".join(lines) + "\n}"


def _terms(draw: st.DrawFn) -> str:
    rows = [
        f"  | {track} | {draw(st.sampled_from(['50%', '75%', '-']))} | {draw(st.sampled_from(['$10', '$2.50', '-']))} | "
        f"{draw(st.sampled_from(['yes', 'no']))} |"
        for track in TRACKS[: draw(st.integers(1, 2))]
    ]
    rows.append("  | otherwise | 60% | $1 | no |")
    return "table terms per track {\n  | track | share | bonus | losses |\n" + "\n".join(rows) + "\n}"


def _schedule(draw: st.DrawFn) -> str:
    return "schedule sequestration per year { " + draw(
        st.sampled_from(["..2023: 2%, 2024..: 0%", "2023: 1%, 2024: 2%, 2025: 3%", "..2024: 0%, 2025..: 33.3%"])
    ) + " }"  # fmt: skip


def _scales(draw: st.DrawFn) -> list[str]:
    ends = draw(st.sampled_from(["2: 0%, 4: 80%", "0%: 10%, 40%: 50%, 100%: 60%", "-100%: 0%, 0%: 33.3%, 90%: 70%"]))
    border = draw(st.sampled_from(["999", "1_000"]))
    return [
        f"scale by_score(x) linear, flat outside {{ {ends} }}",
        "scale by_share(x) step { below 40%: 0%, 40% to 90%: 50%, 90% and more: 75% }",
        f"scale by_size(x) linear {{ below 500: 5%, 500 to {border}: 5% to 4%, 1_000 to 4_999: 4% to 3%, 5_000 and more: 2% }}",
        "scale corridor(x) marginal symmetric { 0% to 5%: 100%, 5% to 10%: 50%, 10% and more: 0% }",
    ]


def _define(expressions: _Expressions, name: str, kind: Kind) -> str:
    if not expressions.draw(st.booleans()):
        return f"define {name} = {expressions.of(kind, 3)}"
    cases = [
        f"  when {expressions.of('flag', 2)}: {expressions.of(kind, 2)}"
        for _ in range(expressions.draw(st.integers(1, 3)))
    ]
    return "\n".join([f"define {name}", *cases, f"  otherwise: {expressions.of(kind, 1)}"])


def _sharing(expressions: _Expressions) -> str:
    def step(number: int) -> str:
        side = expressions.one("", "surplus  ", "deficit  ")
        rate, money, flag = expressions.of("percent", 1), expressions.of("money", 1), expressions.of("flag", 1)
        word = expressions.one(
            f"share {rate}",
            f"reduce by {rate}",
            f"cap {money}",
            f"floor {money}",
            f"less {money}",
            f"minimum {rate} of {money}, {expressions.one('first dollar', 'excess')}",
            f'refuse when {flag}, "drawn"',
        )
        if word.startswith("refuse"):
            return f"  {side}{word}"
        return f"  {side}{word} as s{number}" + (f" when {flag}" if expressions.draw(st.booleans()) else "")

    steps = [step(n) for n in range(expressions.draw(st.integers(0, 4)))]
    compare = f"  compare  {expressions.of('money', 1)} to {expressions.of('money', 1)}"
    return "\n".join(["sharing risk {", compare, *steps, "  round  to cents, half away from zero as last", "}"])


# Rows ----------------------------------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn, drawn: Drawn) -> dict[str, list[dict[str, str]]]:
    """Rows of `results` and `claims` for some groups in the base year and the term, as cells are written in `facts`.

    Amounts lie on and beside thresholds and half cents; a cell may be missing, and not applicable where that is allowed.
    """
    groups = GROUPS[: draw(st.integers(1, 3))]
    results = []
    claims = []
    for group in groups:
        for year in (BASE_YEAR, *YEARS):
            row = {"group": group, "year": str(year)}
            for column in drawn.columns:
                row[column.name] = draw(_cells(column))
            row["months"] = draw(st.sampled_from(["0", "1", "1200", "60000"]))
            row["track"] = draw(st.sampled_from(TRACKS))
            row["started"] = draw(st.sampled_from(["2019-12-31", "2020-01-01", "2023-07-01", "2024-02-29"]))
            results.append(row)
            claims += [
                {"group": group, "year": str(year), "line": line, "paid": draw(st.sampled_from(["0", "0.01", "99.99"]))}
                for line in LINES
            ]
    return {"results": results, "claims": claims}


def _cells(column: Column) -> st.SearchStrategy[str]:
    values = {
        "money": ["0", "0.01", "2.50", "100", "999.99", "1000", "1000.01", "250000", "-20", "123456.78"],
        "percent": ["0%", "33.33%", "40%", "39.9999%", "50%", "90%", "100%"],
        "flag": ["yes", "no"],
        "members": ["0", "499", "500", "999", "1000", "4999", "5000", "10000"],
    }[column.kind]
    special = ["-"] if column.absent else []
    return st.one_of(st.sampled_from(values), st.sampled_from([*special, *values, *values, "?"]))
