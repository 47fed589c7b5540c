"""The syntax tree of a `.vbc` file. Nodes carry spans; spans take no part in equality.

One node class per shape, not per keyword: a block of clauses is a `Block` of `Step`s whose words the grammar has
already admitted for that kind of block, so that pipelines, amendments and the formatter treat all blocks alike.
"""

# ruff: noqa: RUF009  a function makes the default of `span`, which is the same field of every node
from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fractions import Fraction

from contractlang.source import Span


def _span() -> Span:
    return field(compare=False, repr=False, kw_only=True)  # type: ignore[no-any-return]


# Expressions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit words as written: `USD pmpm` is (("USD", "pmpm"), ()), `USD per member year` is (("USD",), ("member", "year"))."""

    words: tuple[str, ...]
    per: tuple[str, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: `0.5`, `74%` (value 74/100, symbol "%"), `2 pp`, `$250_000`, `$0.75 pmpm`, `5_000 members`, `1.5 points`.

    `decimals` counts the digits written after the decimal point (of the percentage for `%`).
    """

    value: Fraction
    symbol: str = ""  # "", "$", "%", "pp"
    unit: Unit | None = None
    decimals: int = 0
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Text:
    value: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Flag:
    """`yes` or `no`."""

    value: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Date:
    value: dt.date
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """`-` in a table cell."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    """`terms`, `terms.max_rate`, `std.omb1997`."""

    parts: tuple[str, ...]
    span: Span = _span()

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Lookup:
    """`table[key, …].column`: a table of terms read with another key than the visible one."""

    table: Name
    keys: tuple[Expr, ...]
    column: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    op: str
    operand: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binary:
    """`+ - * / ^`, `< <= > >=`, `is` (equality), `is not`, `and`, `or`, and `of` (`10% of x`, tighter than `*`)."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class StateTest:
    """`x is applicable`, `x is not reportable`, `x is missing`; `state` is the word without `not`.

    `x is own` has the state `own`: in the condition of an aggregate, that a unit has the same value as the own one.
    """

    operand: Expr
    state: str
    negated: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive range in a list: `"99201".."99215"` or `2019..2020`."""

    low: Expr | None
    high: Expr | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Membership:
    """`x in [a, b, "c".."d"]`, `x not in [...]`."""

    operand: Expr
    items: tuple[Expr | Range, ...]
    negated: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Else:
    """`x else y` (not applicable or not reportable) or `x if missing y`."""

    operand: Expr
    fallback: Expr
    missing: bool
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """`f(x, y)` for a function or a scale. `decimals` is the `9 decimals` argument of a root."""

    function: Name
    arguments: tuple[Expr, ...]
    decimals: int | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Round:
    """`round(x to STEP, MODE)`; `step` is an expression or the name of a unit (`cents`, `dollars`)."""

    operand: Expr
    step: Expr
    mode: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum(x over measure)`, `mean(x weighted by w over network except own)`, `count(measure where c)`.

    `argument` is the leading number of `percentile(75%, x over k)`, `nearest` its `by nearest rank`.
    """

    function: str
    operand: Expr
    over: tuple[Name, ...] = ()
    weight: Expr | None = None
    where: Expr | None = None
    except_own: bool = False
    argument: Expr | None = None
    nearest: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class At:
    """`x at 2019`, `x at baseline`."""

    operand: Expr
    period: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Prior:
    """`prior x`, with `starting v` where the definition reaches itself."""

    operand: Expr
    starting: Expr | None = None
    span: Span = _span()


Expr = (
    Number | Text | Flag | Date | NotApplicable | Name | Lookup | Unary | Binary | StateTest | Membership | Else
    | Call | Round | Aggregate | At | Prior
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a `when` table; `condition` is None for `otherwise`."""

    condition: Expr | None
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Cases:
    cases: tuple[Case, ...]
    span: Span = _span()


Body = Expr | Cases


# Items ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Notes:
    """What may stand with a parameter: `source "…"`, `assumed "…"`, and the doc comment (`## …`) above it."""

    source: str | None = None
    assumed: str | None = None
    doc: str | None = None


@dataclass(frozen=True, slots=True)
class Type:
    """A declared type: `USD pmpm`, `percent`, `flag`, `date`, `text`, `number`, `key`, or `category in track`."""

    unit: Unit | None  # None for category
    category: Name | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an input or exhibit.

    `missing` is the rule after `when missing`: None (an error), an expression (the default), or `NotApplicable` with
    `reason`. `low`/`high` are the bounds of `within a to b`. `scale` is the number of decimals of `N decimals`.
    """

    name: str
    type: Type
    missing: Expr | None = None
    reason: str | None = None
    low: Expr | None = None
    high: Expr | None = None
    scale: int | None = None
    notes: Notes = Notes()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Use:
    """`use NAME [version "…"] [results] [as x]`."""

    name: Name
    version: str | None = None
    alias: str | None = None
    results: bool = False
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Category:
    name: str
    values: tuple[str, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Input:
    """`input results per aco, year { … }`; `kind` is `input`, `exhibit` or `table` with typed columns."""

    kind: str
    name: str
    keys: tuple[Name, ...]
    columns: tuple[Column, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table literal: one cell per header; `otherwise` stands in a key cell as Name(("otherwise",))."""

    cells: tuple[Expr | Range, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Terms:
    """A table of terms: `table terms per track { | track | max_rate | … }`. The header repeats the keys first."""

    name: str
    keys: tuple[Name, ...]
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Entry:
    """`2019..2020: 0%` in a schedule (a lone year has low == high; an open end is None), or `2007: 40%` in a baseline."""

    low: Expr | None
    high: Expr | None
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Schedule:
    """`schedule s per year { … }` (also `per month`, `per contract_year`)."""

    name: str
    key: Name
    entries: tuple[Entry, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Baseline:
    """`baseline history { 2007: 40%, 2008: 60% }`."""

    name: str
    entries: tuple[Entry, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Band:
    """One entry of a scale.

    `at` a point: low is high. `low to high`: both. `below x`: low None. `x and more`: high None.
    `value` is the value (at `low` for `a to b: v to w`, then `value_high` is w).
    """

    low: Expr | None
    high: Expr | None
    value: Expr
    value_high: Expr | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Scale:
    """`scale upside(points) linear, flat outside { 1: 20%, 5: 80% }`."""

    name: str
    parameter: str
    style: str  # step, linear, marginal
    symmetric: bool
    flat_outside: bool
    bands: tuple[Band, ...]
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Constant:
    """`constant attachment = $250_000 per …`: a named overridable number."""

    name: str
    value: Expr
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Define:
    """`define x [monthly] = …`: `cadence` makes it a value of each month."""

    name: str
    body: Body
    notes: Notes = Notes()
    replace: bool = False
    cadence: str | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Step:
    """One clause of a block: `surplus cap 10% of b as hard_cap when c`.

    `word` is the clause word, `side` `surplus`, `deficit` or None, `argument` what follows it, and `more` the further
    parts by their leading word, in the order written: ("when", expr), ("unless", expr), ("of", expr),
    ("to", expr or Name), ("by", expr), ("per", (Name, …)), ("reason", Text), ("mode", Name or Text), ("since", expr) …
    `label` is the name after `as`. `scale` is a scale written inside the clause.
    """

    word: str
    argument: Expr | None = None
    side: str | None = None
    more: tuple[tuple[str, Expr | tuple[Name, ...]], ...] = ()
    label: str | None = None
    notes: Notes = Notes()
    scale: Scale | None = None
    span: Span = _span()

    def get(self, word: str) -> Expr | None:
        """The first further part with this leading word."""
        return next((value for key, value in self.more if key == word and not isinstance(value, tuple)), None)

    def names(self, word: str) -> tuple[Name, ...]:
        """The names after `per` or `over`, or ()."""
        return next((value for key, value in self.more if key == word and isinstance(value, tuple)), ())


@dataclass(frozen=True, slots=True)
class Block:
    """`population`, `spending`, `budget`, `measure`, `sharing` … with their clauses in the order written.

    `source` is the name after `from` (population, measure), `subject` the one after `of` (`to` in a report), `per` the extra
    keys, `issued` how often a report is.
    """

    kind: str
    name: str
    steps: tuple[Step, ...]
    source: Name | None = None
    subject: Name | None = None
    like: Name | None = None
    per: tuple[Name, ...] = ()
    notes: Notes = Notes()
    replace: bool = False
    table: Terms | None = None
    issued: Text | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Control:
    """`control tied: sum(x over network) is finance.amount within 0.1%`."""

    name: str
    left: Expr
    right: Expr
    tolerance: Expr | None = None
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Uplift:
    """`as fee uplift on services where code in […] from 2016-07-01 to 2017-06-30 paid in year + 1, round to cents, …`.

    `fees` is a table, or a column of one. `term` is the first and last day on which services count, `later` the number of
    years between the year that is settled and that of the services.
    """

    fees: Name
    listed: Expr | None = None
    term: tuple[Date, Date] | None = None
    later: Number | None = None
    step: Expr | None = None
    mode: str = ""
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Payment:
    """`payment settlement to group [by TABLE.COLUMN] [monthly] = … [, net of ledger.settlement]`.

    Of a fee uplift the body is the rate. `through` names the column that says who is paid.
    """

    name: str
    payee: Name
    cadence: str | None
    body: Body
    uplift: Uplift | None = None
    through: Name | None = None
    notes: Notes = Notes()
    replace: bool = False
    net: tuple[Name, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Guarantee:
    """`guarantee "…" always COND`, `X never falls|rises as Y rises`, `X jumps at most V as Y rises`."""

    title: str
    form: str  # always, never falls, never rises, jumps at most
    condition: Expr
    over: Expr | None = None
    limit: Expr | None = None
    notes: Notes = Notes()
    replace: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Binding:
    """`name = value` in an example; `within` is the tolerance of an expectation, `state` an expected absence word."""

    name: Name
    value: Expr
    within: Expr | None = None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ExampleTable:
    """Rows per key inside an example: `given | measure | rate |` …"""

    header: tuple[Name, ...]
    rows: tuple[Row, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    given: tuple[Binding | ExampleTable, ...]
    expect: tuple[Binding | ExampleTable, ...]
    notes: Notes = Notes()
    span: Span = _span()


Item = (
    Use | Category | Input | Terms | Schedule | Baseline | Scale | Constant | Define | Block | Control | Payment | Guarantee
    | Example
)  # fmt: skip


# Documents -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Set:
    """`set block.step = argument`, `set name = value` (constant), with the position kept."""

    path: Name
    value: Expr
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Insert:
    """`insert STEP after block.step` (or `before`)."""

    step: Step
    after: Name
    before: bool = False
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Remove:
    """`remove block.step` or `remove item`."""

    path: Name
    span: Span = _span()


Change = Set | Insert | Remove


@dataclass(frozen=True, slots=True)
class Reference:
    """A document named with its version: after `extends` and `to`."""

    name: Name
    version: str | None
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Header:
    """Header clauses; absent ones are None. `settles` is (unit, period)."""

    title: str | None = None
    version: str | None = None
    payer: str | None = None
    settles: tuple[Name, Name] | None = None
    term: tuple[Date, Date] | None = None
    pays: tuple[Date, Date] | None = None
    year_starts: Name | None = None  # fiscal calendar: `year starts july`
    effective: Date | None = None
    published: Date | None = None
    unpaid: bool | None = None  # `no payment`: the contract only reports


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file. `items` holds declarations (and, in an amendment, replaced ones); `changes` only an amendment's.

    `broken` names the items that could not be read: they were reported and are not in `items`.
    """

    kind: str  # contract, library, amendment
    name: Name
    header: Header
    items: tuple[Item, ...]
    changes: tuple[Change, ...] = ()
    base: Reference | None = None  # `extends …` or `to …`
    doc: str | None = None
    broken: tuple[str, ...] = ()
    span: Span = _span()
