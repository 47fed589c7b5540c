"""Row expressions of the reduce stage as SQLGlot trees over exact integers.

Every integer column has a range, so that the width of every result is known when the query is built: BIGINT while all
of its parts fit, HUGEINT (128 bits) beyond. There is no division, rounding or float. NULL is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any

from sqlglot import exp

from contractlang.engines import periods
from contractlang.engines.base import TooWideError
from contractlang.engines.sql import direct
from contractlang.plan.relations import RowExpr

Tree = exp.Expr

BIGINT = 2**63
HUGEINT = 2**127
MONTH_PATTERN = "^[0-9]{4}(0[1-9]|1[0-2])$"


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of a column or an expression: its kind, the range of an integer, and whether it can be missing.

    `native` says how a text is stored where that is not as text (see `engines.sql.direct`); `empty`, that it is missing
    in every row; `additive`, that the range also holds for the sum over any rows (a count, or a sum of other rows);
    `labels`, the values of a text of a closed category.
    """

    kind: str = "int"
    low: int = -BIGINT
    high: int = BIGINT - 1
    missing: bool = True
    native: str | None = None
    empty: bool = False
    additive: bool = False
    labels: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[str | None, tuple[str, ...]]:
        """The form in which a text is stored: equal forms can be compared as they are."""
        return self.native, self.labels if self.native == "code" else ()

    @property
    def wide(self) -> bool:
        return self.kind == "int" and (self.low < -BIGINT or self.high >= BIGINT)


Extents = Mapping[str, Extent]


@dataclass(frozen=True, slots=True)
class Typed:
    """A tree with its extent."""

    tree: Tree
    extent: Extent


def build(expression: RowExpr, columns: Extents) -> Typed:
    """The tree of an expression over columns. Raises TooWideError where 128 bits may not suffice."""
    parts = [build(arg, columns) for arg in expression.args]
    match expression.op:
        case "column":
            return Typed(column(str(expression.value)), columns[str(expression.value)])
        case "missing":
            return _missing(parts[0])
        case "day" if parts[0].extent.native == "month":
            return _day(Typed(parts[0].tree, Extent("date", missing=parts[0].extent.missing)), expression.value)
        case "period" if parts[0].extent.native is not None:
            return _native_period(parts[0], expression.value)
        case "later" if parts[0].extent.native == "year":
            later = exp.Add(this=parts[0].tree, expression=exp.Literal.number(str(expression.value)))
            return Typed(exp.paren(later), parts[0].extent)
    if not (expression.op in _SAME and len({part.extent.stored for part in parts}) == 1):
        parts = [as_text(part) for part in parts]
    missing = any(part.extent.missing for part in parts)
    match expression.op:
        case "const":
            return constant(expression.value, expression.kind)
        case "+" | "-" | "*" | "negate" | "abs" | "least" | "greatest" | "rescale":
            return _number(expression, parts, missing=missing)
        case "<" | "<=" | ">" | ">=" | "is" | "is not":
            compare = _COMPARE[expression.op](this=parts[0].tree, expression=parts[1].tree)
            return Typed(exp.paren(compare), _flag(missing=missing))
        case "in":
            return Typed(_among(parts[0], expression.value), _flag(missing=missing))
        case "and" | "or":
            return _joined(expression.op, parts)
        case "not":
            return _not(parts[0])
        case "case":
            return _case(expression, parts)
        case "year":
            return _year(parts[0])
        case "period":
            return _period(parts[0], expression.value)
        case "later":
            return _later(parts[0], expression.value)
        case "day":
            return _day(parts[0], expression.value)
        case "shifted":
            return _shifted(parts[0], expression.value)
        case "written":
            return Typed(exp.cast(parts[0].tree, "VARCHAR"), Extent("text", missing=missing))
        case _:
            raise ValueError(f"no row operation `{expression.op}`")


_SAME = ("is", "is not")
"""Operations that mean the same for two texts and for two of their stored forms."""

ORDERED = ("month", "start", "year")
"""Stored forms that are ordered as their texts are."""


def as_text(part: Typed) -> Typed:
    """The part as text, whatever its stored form."""
    native = part.extent.native
    if native is None:
        return part
    return Typed(direct.as_text(native, part.tree, part.extent.labels), replace(part.extent, native=None))


def _missing(part: Typed) -> Typed:
    if not part.extent.missing or part.extent.empty:
        return Typed(exp.true() if part.extent.empty else exp.false(), _flag(missing=False))
    return Typed(exp.paren(part.tree.is_(exp.null())), _flag(missing=False))


def decided(part: Typed) -> bool | None:
    """The answer of a condition that is the same for every row; None where rows differ."""
    tree = part.tree.unnest()
    return bool(tree.this) if isinstance(tree, exp.Boolean) else None


def _not(part: Typed) -> Typed:
    answer = decided(part)
    if answer is not None:
        return Typed(exp.false() if answer else exp.true(), part.extent)
    return Typed(exp.paren(exp.not_(part.tree)), part.extent)


def _joined(op: str, parts: Sequence[Typed]) -> Typed:
    """`and`, `or`: one that decides alone is the answer; those that decide nothing are left out."""
    deciding = op == "or"
    if any(decided(part) is deciding for part in parts):
        return Typed(exp.true() if deciding else exp.false(), _flag(missing=False))
    left = [part for part in parts if decided(part) is None]
    if not left:
        return Typed(exp.false() if deciding else exp.true(), _flag(missing=False))
    join = exp.or_ if deciding else exp.and_
    return Typed(exp.paren(join(*(p.tree for p in left))), _flag(missing=any(p.extent.missing for p in left)))


def _native_period(part: Typed, months: Any) -> Typed:
    """The period of a stored month or year: a stored year where periods are years."""
    native = part.extent.native
    if months == 12 and native in ("month", "start"):
        tree = exp.cast(exp.Year(this=part.tree), "INT") if native == "month" else part.tree
        return Typed(tree, replace(part.extent, native="year"))
    if native == "month":
        return _period(Typed(part.tree, Extent("date", missing=part.extent.missing)), months)
    return _period(as_text(part), months)


_COMPARE: Mapping[str, Callable[..., Tree]] = {
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "is": exp.EQ,
    "is not": exp.NEQ,
}


def column(name: str, table: str | None = None) -> exp.Column:
    """A quoted column."""
    return exp.column(
        exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True) if table else None
    )


def constant(value: Any, kind: str) -> Typed:
    """A literal with its type spelled out."""
    match value:
        case None:
            return Typed(exp.cast(exp.null(), _TYPES[kind]), Extent(kind, 0, 0, empty=True))
        case bool():
            return Typed(exp.true() if value else exp.false(), _flag(missing=False))
        case int():
            extent = _checked(value, value, missing=False)
            return Typed(exp.cast(exp.Literal.number(str(value)), _integer(extent)), extent)
        case date():
            return Typed(exp.cast(exp.Literal.string(value.isoformat()), "DATE"), Extent("date", missing=False))
        case str():
            return Typed(exp.Literal.string(value), Extent("text", missing=False))
        case _:
            raise ValueError(f"no constant {value!r} in a row expression")


_TYPES = {"int": "BIGINT", "flag": "BOOLEAN", "text": "TEXT", "date": "DATE"}


def widened(part: Typed) -> Tree:
    """The tree as HUGEINT."""
    return exp.cast(part.tree, "INT128")


def _integer(extent: Extent) -> str:
    return "INT128" if extent.wide else "BIGINT"


def _flag(*, missing: bool) -> Extent:
    return Extent("flag", missing=missing)


def _checked(low: int, high: int, *, missing: bool) -> Extent:
    if low < -HUGEINT or high >= HUGEINT:
        raise TooWideError(f"a value between {low} and {high} does not fit into 128 bits")
    return Extent("int", low, high, missing)


def _number(expression: RowExpr, parts: Sequence[Typed], *, missing: bool) -> Typed:
    lows, highs = [p.extent.low for p in parts], [p.extent.high for p in parts]
    op = expression.op
    if op == "rescale":
        factor = 10 ** (expression.scale - expression.args[0].scale)
        if factor == 1:
            return parts[0]
        parts = [parts[0], constant(factor, "int")]
        lows, highs, op = [*lows, factor], [*highs, factor], "*"
    match op:
        case "+":
            extent = _checked(lows[0] + lows[1], highs[0] + highs[1], missing=missing)
        case "-":
            extent = _checked(lows[0] - highs[1], highs[0] - lows[1], missing=missing)
        case "*":
            corners = [x * y for x, y in product((lows[0], highs[0]), (lows[1], highs[1]))]
            extent = _checked(min(corners), max(corners), missing=missing)
        case "negate":
            extent = _checked(-highs[0], -lows[0], missing=missing)
        case "abs":
            size = max(abs(lows[0]), abs(highs[0]))
            smallest = 0 if lows[0] <= 0 <= highs[0] else min(abs(lows[0]), abs(highs[0]))
            extent = _checked(smallest, size, missing=missing)
        case "least":
            extent = _checked(min(lows), min(highs), missing=missing)
        case _:
            extent = _checked(max(lows), max(highs), missing=missing)
    trees = [widened(p) if extent.wide and not p.extent.wide else p.tree for p in parts]
    tree = _least(op, parts, trees) if op in ("least", "greatest") else _arithmetic(op, trees)
    # A result of 64 bits can come from a part of 128: `least` of a long product and a limit.
    narrowed = not extent.wide and any(p.extent.wide for p in parts)
    return Typed(exp.cast(tree, "BIGINT") if narrowed else tree, extent)


def _arithmetic(op: str, trees: Sequence[Tree]) -> Tree:
    match op:
        case "+":
            return exp.paren(exp.Add(this=trees[0], expression=trees[1]))
        case "-":
            return exp.paren(exp.Sub(this=trees[0], expression=trees[1]))
        case "*":
            return exp.paren(exp.Mul(this=trees[0], expression=trees[1]))
        case "negate":
            return exp.paren(exp.Neg(this=trees[0]))
        case _:
            return exp.Abs(this=trees[0])


def _least(op: str, parts: Sequence[Typed], trees: Sequence[Tree]) -> Tree:
    """The database leaves out what is missing; the plan does not."""
    function = exp.Least if op == "least" else exp.Greatest
    tree = function(this=trees[0], expressions=list(trees[1:]), ignore_nulls=True)
    missing = [part.tree.copy().is_(exp.null()) for part in parts if part.extent.missing]
    return exp.Case().when(exp.or_(*missing), exp.null()).else_(tree) if missing else tree


def _among(part: Typed, choices: Any) -> Tree:
    kind = part.extent.kind
    single = [constant(choice, kind).tree for choice in choices if not isinstance(choice, tuple)]
    tests: list[Tree] = [exp.In(this=part.tree, expressions=single)] if single else []
    for low, high in (choice for choice in choices if isinstance(choice, tuple)):
        tests.append(exp.Between(this=part.tree, low=constant(low, kind).tree, high=constant(high, kind).tree))
    if not tests:
        return exp.Case().when(part.tree.is_(exp.null()), exp.null()).else_(exp.false())
    return exp.paren(exp.or_(*tests))


def _case(expression: RowExpr, parts: Sequence[Typed]) -> Typed:
    """A missing condition makes the result missing; SQL alone would go on to the next case."""
    kind = expression.kind
    # A constant without a value takes the type of the other cases.
    empty = Typed(exp.null(), Extent(kind, 0, 0, empty=True))
    parts = [empty if _no_value(arg) else part for arg, part in zip(expression.args, parts, strict=True)]
    pairs = [(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]
    otherwise = parts[-1] if len(parts) % 2 else None
    cases: list[tuple[Typed, Typed]] = []
    for condition, value in pairs:
        answer = decided(condition)
        if answer:
            otherwise = value
            break
        if answer is None:
            cases.append((condition, value))
    values = [value for _, value in cases] + ([otherwise] if otherwise is not None else [])
    if not values or all(value.extent.empty for value in values):
        return Typed(exp.cast(exp.null(), _TYPES[kind]), Extent(kind, 0, 0, empty=True))
    if not cases:
        return values[0]
    labels = _labels(values)
    if labels:
        # Reasons are texts that repeat on every row: their numbers are cheaper to group by.
        cases = [(condition, _coded(value, labels)) for condition, value in cases]
        otherwise = None if otherwise is None else _coded(otherwise, labels)
    tree = exp.Case()
    missing = otherwise is None or any(value.extent.missing for value in values)
    for condition, value in cases:
        if condition.extent.missing:
            tree = tree.when(condition.tree.is_(exp.null()), exp.null())
            missing = True
        tree = tree.when(condition.tree, value.tree)
    if otherwise is not None:
        tree = tree.else_(otherwise.tree)
    lows, highs = [v.extent.low for v in values], [v.extent.high for v in values]
    native = "code" if labels else None
    return Typed(tree, Extent(kind, min(lows), max(highs), missing, native, labels=labels))


def _text(part: Typed) -> str | None:
    tree = part.tree
    return str(tree.this) if isinstance(tree, exp.Literal) and tree.is_string else None


def _coded(part: Typed, labels: Sequence[str]) -> Typed:
    text = _text(part)
    if text is None:
        return part
    return Typed(exp.cast(exp.Literal.number(labels.index(text) + 1), "SMALLINT"), part.extent)


def _labels(values: Sequence[Typed]) -> tuple[str, ...]:
    """The different texts, where all values are texts that the contract writes (or nothing)."""
    if any(_text(value) is None and not value.extent.empty for value in values):
        return ()
    return tuple(dict.fromkeys(text for value in values if (text := _text(value)) is not None))


def _no_value(expression: RowExpr) -> bool:
    return expression.op == "const" and expression.value is None


def _year(part: Typed) -> Typed:
    if part.extent.kind == "date":
        tree: Tree = exp.cast(exp.Year(this=part.tree), "BIGINT")
        return Typed(tree, Extent("int", -(10**7), 10**7, part.extent.missing))
    tree = exp.Case().when(_is_month(part.tree), exp.cast(_letters(part.tree, 1, 4), "BIGINT"))
    return Typed(tree, Extent("int", 0, 9999, missing=True))


def _shifted(part: Typed, months: Any) -> Typed:
    """The month some months earlier, as YYYYMM. A date or month that cannot be read is missing."""
    dated = part.extent.kind == "date"
    number = exp.Literal.number
    year: Tree = exp.Year(this=part.tree) if dated else exp.cast(_letters(part.tree, 1, 4), "BIGINT")
    month: Tree = exp.Month(this=part.tree.copy()) if dated else exp.cast(_letters(part.tree, 5, 2), "BIGINT")
    before = exp.LTE(this=month, expression=number(int(months)))
    ahead = 12 - int(months)
    # Month m of year y becomes month m + 12 - n of the year before, or m - n of the same year.
    back = exp.Sub(this=exp.paren(year), expression=exp.Case().when(before, number(1)).else_(number(0)))
    place = exp.Add(
        this=exp.paren(month.copy()),
        expression=exp.Case().when(before.copy(), number(ahead)).else_(exp.Neg(this=number(int(months)))),
    )
    whole = exp.Add(this=exp.Mul(this=exp.paren(back), expression=number(100)), expression=exp.paren(place))
    tree: Tree = exp.Anonymous(
        this="lpad", expressions=[exp.cast(whole, "VARCHAR"), number(6), exp.Literal.string("0")]
    )
    if dated:
        return Typed(tree, Extent("text", missing=part.extent.missing))
    return Typed(exp.Case().when(_is_month(part.tree.copy()), tree), Extent("text", missing=True))


def _period(part: Typed, months: Any) -> Typed:
    """The label of the period. A date or month that cannot be read is missing."""
    word = next(w for w, length in periods.LENGTHS.items() if length == months)
    dated = part.extent.kind == "date"
    form = exp.Literal.string
    year: Tree = exp.TimeToStr(this=part.tree, format=form("%Y")) if dated else _letters(part.tree, 1, 4)
    month: Tree = exp.Month(this=part.tree) if dated else exp.cast(_letters(part.tree, 5, 2), "BIGINT")
    if word == "year":
        tree = year
    elif word == "month":
        two: Tree = exp.TimeToStr(this=part.tree, format=form("%m")) if dated else _letters(part.tree, 5, 2)
        tree = exp.DPipe(this=exp.DPipe(this=year, expression=form("-")), expression=two)
    else:
        mark = exp.Case()
        for ordinal in range(1, 12 // int(months) + 1):
            last = exp.LTE(this=month.copy(), expression=exp.Literal.number(ordinal * int(months)))
            mark = mark.when(last, form(periods.written(word, 2000, ordinal)[4:]))
        tree = exp.DPipe(this=year, expression=mark)
    if dated:
        return Typed(tree, Extent("text", missing=part.extent.missing))
    return Typed(exp.Case().when(_is_month(part.tree), tree), Extent("text", missing=True))


def _day(part: Typed, place: Any) -> Typed:
    """The first or last day of the period that contains a moment, some years later."""
    months, years, end = place
    dated = part.extent.kind == "date"
    number = exp.Literal.number
    year: Tree = exp.Year(this=part.tree) if dated else exp.cast(_letters(part.tree, 1, 4), "BIGINT")
    month: Tree = exp.Month(this=part.tree.copy()) if dated else exp.cast(_letters(part.tree, 5, 2), "BIGINT")
    shifted = exp.paren(exp.Add(this=year, expression=number(int(years))))
    ordinal = exp.paren(exp.Sub(this=month, expression=number(1)))
    if months > 1:
        whole = exp.paren(exp.IntDiv(this=ordinal, expression=number(int(months))))
        ordinal = exp.paren(exp.Mul(this=whole, expression=number(int(months))))
    first_month = exp.Add(this=ordinal, expression=number(1))
    tree: Tree = exp.Anonymous(this="make_date", expressions=[shifted, first_month, number(1)])
    if end == "end":
        after = exp.Interval(this=exp.Literal.string(str(int(months))), unit=exp.var("MONTH"))
        one = exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY"))
        tree = exp.cast(exp.Sub(this=exp.paren(exp.Add(this=tree, expression=after)), expression=one), "DATE")
    if dated:
        return Typed(tree, Extent("date", missing=part.extent.missing))
    return Typed(exp.Case().when(_is_month(part.tree), tree), Extent("date", missing=True))


def _later(part: Typed, years: Any) -> Typed:
    """The label of a year so many years on."""
    year = exp.cast(part.tree, "BIGINT")
    tree = exp.cast(exp.Paren(this=exp.Add(this=year, expression=exp.Literal.number(int(years)))), "VARCHAR")
    return Typed(tree, part.extent)


def _is_month(tree: Tree) -> Tree:
    return exp.RegexpLike(this=tree.copy(), expression=exp.Literal.string(MONTH_PATTERN))


def _letters(tree: Tree, start: int, length: int) -> Tree:
    number = exp.Literal.number
    return exp.Substring(this=tree.copy(), start=number(start), length=number(length))
