"""The plan: what a contract means, in operations that every engine, the explainer and the prover read.

The settle stage is a let-bound program: a tuple of nodes in evaluation order, each naming earlier ones by index. The
reduce stage (`relations`) turns member rows into tables that the settle stage reads like any other input.

Every node has a type (kind, unit, grain) and an origin (the words of the contract that ask for it). A node's value
varies along exactly the keys of its grain; an argument of a coarser grain is broadcast. Meaning of absence, for every
operation that does not say otherwise: the strongest state of the arguments passes (missing > not reportable > not
applicable), with the reason of the leftmost argument in that state.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from contractlang.plan.relations import Reduction
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Grain, Type
from contractlang.source import Span
from contractlang.values import Rounding, Value


@dataclass(frozen=True, slots=True)
class Const:
    """A constant (no arguments). The value may be an `Absent`."""

    value: Value


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of a bound table (or of a reduce output) at the node's grain, in the units of the file (no arguments).

    The node's grain is the set of the table's keys. A row that is not there is missing, reason "no row in `table`".
    """

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Key:
    """The value of a key: a period word gives its start year as a number (`year`) or its ordinal; a category key or the
    settlement unit gives the label as text (no arguments)."""

    key: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+`, `-`, `*`, `/` of two arguments. Division by zero is not reportable, reason "zero denominator"."""

    op: str


@dataclass(frozen=True, slots=True)
class Negate:
    """Minus the argument."""


@dataclass(frozen=True, slots=True)
class Absolute:
    """The size of the argument."""


@dataclass(frozen=True, slots=True)
class Power:
    """The argument raised to an integer power."""

    exponent: int


@dataclass(frozen=True, slots=True)
class Extreme:
    """`min` or `max` of the arguments; not-applicable ones are ignored; all not applicable gives not applicable."""

    op: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`<`, `<=`, `>`, `>=`, `is`, `is not` of two arguments of the same kind. Exact."""

    op: str


@dataclass(frozen=True, slots=True)
class Among:
    """Whether the argument is one of the values or lies in one of the inclusive ranges (open ends are None)."""

    values: tuple[Value, ...]
    ranges: tuple[tuple[Value | None, Value | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` (n arguments) or `not` (one), three-valued: a deciding argument wins over absence."""

    op: str


@dataclass(frozen=True, slots=True)
class Test:
    """Whether the argument is `applicable`, `reportable` or `missing`; always yes or no.

    `applicable`: not in the state not applicable. `reportable`: neither not reportable nor not applicable nor missing.
    `missing`: in the state missing.
    """

    state: str


@dataclass(frozen=True, slots=True)
class Choose:
    """`when`: arguments are condition, value, condition, value, …, otherwise.

    First true condition wins; an absent condition reached before that makes the result absent in its state. Values that
    are not chosen have no influence. Without a final otherwise (even number of arguments) the checker has proved cover.
    """


@dataclass(frozen=True, slots=True)
class Fallback:
    """Second argument where the first is not applicable or not reportable (`missing` False) or missing (True)."""

    missing: bool


@dataclass(frozen=True, slots=True)
class Round:
    """First argument rounded to a multiple of the second (> 0)."""

    mode: Rounding


@dataclass(frozen=True, slots=True)
class Root:
    """`sqrt(x)` or `power(x, y)` as the correctly rounded decimal with so many decimals, half away from zero.

    A negative radicand is not reportable, reason "root of a negative number".
    """

    function: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Limit:
    """An end of an exact confidence interval, as the correctly rounded decimal (half away from zero).

    `poisson`: of the mean, from a count. `binomial`: of a share, from cases and size. `tail` is the probability beyond.
    A count that is below zero, above the size, or too large is not reportable, reason "no interval"; so is an empty size.
    """

    distribution: str
    upper: bool
    tail: Fraction
    decimals: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a curve on [low, high) (None: unbounded), closed above when `closed`.

    step, linear: value = `value + slope * (x - low)` (slope 0 for step; `low` None only with slope 0).
    marginal: `value` is the rate on the part of x inside the piece.
    """

    low: Fraction | None
    high: Fraction | None
    value: Fraction
    slope: Fraction = Fraction(0)
    closed: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A scale applied to one argument. Pieces are ordered and do not overlap.

    Outside all pieces the result is not reportable, reason "outside the scale". `marginal` returns the sum over pieces
    of rate times the part of x inside; `symmetric` mirrors it: f(-x) = -f(x).
    """

    name: str
    marginal: bool
    symmetric: bool
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class TermsRow:
    """Row of a table of terms: per key a set of patterns (a value, or an inclusive range), None for `otherwise`."""

    keys: tuple[Value | tuple[Value | None, Value | None] | None, ...]
    value: Value
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """A column of a table of terms or a schedule read with the arguments as keys: the first row that matches.

    No row: missing, reason "no row in `table`". A cell that says `-` is Absent (not applicable).
    """

    table: str
    column: str
    rows: tuple[TermsRow, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum`, `mean`, `count`, `min`, `max`, `median`, `percentile`, `percentile_rank`, `rank` over some keys.

    `nearest_percentile` is the smallest value that at least the share `argument` of the rows does not exceed.

    Arguments: the value, then the weight if `weighted`, then the condition if `filtered` (rows where it is no are left
    out; absent counts as absent value). Removed keys are `over`; `network` there removes the settlement unit.
    `percentile_rank` and `rank` keep the grain and compare the own value with all others along `over`.
    Not-applicable and not-reportable rows are skipped; a missing one makes the result missing. No rows left: 0 for sum
    and count, else not reportable, reason "no rows". `except_own` leaves the own unit out of `network`.
    """

    function: str
    over: tuple[str, ...]
    weighted: bool = False
    filtered: bool = False
    except_own: bool = False
    argument: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A fund divided over some keys in whole multiples of `unit`, nothing left over and nothing invented.

    Arguments: the fund, the weight, then the condition if `filtered` (a row where it is no gets nothing). The result
    keeps the keys in `over`; `network` there stands for the settlement unit; the fund does not vary along them. Each row
    that counts gets fund * weight / total weight, rounded down to the unit; the units that are left go one each to the
    rows with the largest remainders, the first of equal ones by label in ascending order. All weights zero: zero for all.
    A row with an absent weight or condition has that absence; one that is missing makes all the others missing.
    """

    over: tuple[str, ...]
    unit: Fraction
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Previous:
    """The named value of the same plan in another period (no arguments unless `starting`).

    `periods` counts back (`prior` is 1); `at` names a fixed period label, or weighted labels (`at baseline`: the
    weighted mean). With one argument, that is the value where the other period lies before the start of the term.
    Otherwise a period without any row is missing, reason "no data for PERIOD"; a unit without a row in it has nobody.

    `rebuilt`: with the rows of that period on the roster of the own one (see `plan.rebuilding`); it varies by period.
    """

    name: str
    periods: int = 0
    at: tuple[tuple[str, Fraction], ...] = ()
    rebuilt: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """The argument itself: keeps two names of one value apart, so that an example can cut one of them."""


@dataclass(frozen=True, slots=True)
class DatePart:
    """`year`, `month` or `day` of a date as a number."""

    part: str


@dataclass(frozen=True, slots=True)
class Later:
    """The date so many months after the argument; a day that the month lacks is its last one."""

    months: int


Op = (
    Const | Cell | Key | Arithmetic | Negate | Absolute | Power | Extreme | Compare | Among | Logic | Test | Choose
    | Fallback | Round | Root | Limit | Curve | Terms | Aggregate | Split | Previous | Alias | DatePart | Later
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `args` are indices of earlier nodes; `name` is set where the contract names this value."""

    op: Op
    args: tuple[int, ...]
    type: Type
    origin: Span
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A named value of the contract, in statement order.

    `role` is `define`, `step`, `side` (surplus/deficit running value), `argument` (a step's limit or rate), `amount`
    (principal value of a block), `payment`, `total` (a payment within the period, added up), `earned` (a payment before `net of`), `input` (a reduce output) or `parameter`. `block` groups the lines of a
    block; `label` is what a statement prints; `word` is the clause word of a step.
    """

    name: str
    node: int
    role: str
    label: str
    origin: Span
    block: str | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A step that sets a side to zero while `condition` (node) is yes, with the reason that is printed."""

    name: str
    condition: int
    reason: str
    origin: Span


@dataclass(frozen=True, slots=True)
class Assertion:
    """A guarantee as a condition on every settled row; `condition` is None when it can only be proved, not asserted."""

    title: str
    condition: int | None
    origin: Span


@dataclass(frozen=True, slots=True)
class Control:
    """`control NAME: A is B within T`: two totals that must agree before settlement; T is a share of B or an amount."""

    name: str
    left: int
    right: int
    tolerance: int | None
    origin: Span


@dataclass(frozen=True, slots=True)
class Requirement:
    """`require COND, otherwise "reason"`: units where the condition is no are not settled, with the reason."""

    condition: int
    reason: str
    origin: Span


@dataclass(frozen=True, slots=True)
class Assumption:
    """A parameter marked `assumed`: its name, the words, and its place."""

    name: str
    words: str
    origin: Span


WHOLE_PAYMENT = "total"
"""What the sum of a payment within the period is called: `care_fee.total`."""


@dataclass(frozen=True, slots=True)
class Payee:
    """Who receives a payment that does not go to the settled unit: what it is (`hospital`), and the name of the value with
    its label for each settled row."""

    payment: str
    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Report:
    """`report NAME to RECEIVER`: named values that are shown, per further keys, and what is hidden.

    `shown` are (name, node). `top` keeps, for each unit, the labels of a key with the greatest values of a node: count,
    key, name, node. `totals` are keys over which shown counts are added up (`network`: over the units). Counts from 1 to
    below `below` are hidden, and with `complementary` what a total would give away. `issued` and `appeal` (days) are told.
    """

    name: str
    receiver: str
    issued: str
    shown: tuple[tuple[str, int], ...]
    per: tuple[str, ...]
    origin: Span
    top: tuple[int, str, str, int] | None = None
    totals: tuple[str, ...] = ()
    below: int | None = None
    complementary: bool = False
    appeal: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled contract (in force for some periods): reduce stage, settle stage, and what the outputs need to know.

    `unit` and `period` are the settlement keys (`aco`, `year`); every settled row has grain {unit, period}. `year_starts` is
    the month in which a year starts.
    `categories` gives the labels of each closed category that occurs as a key; `levels`, for each level below the unit that
    does, the table of the reduce stage that lists what belongs to each unit and period.
    """

    contract: str
    version: str
    title: str
    payer: str
    unit: str
    period: str
    tables: tuple[TableSchema, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    reduction: Reduction
    nodes: tuple[Node, ...]
    names: tuple[Named, ...]
    payments: tuple[str, ...]
    payees: tuple[Payee, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    refusals: tuple[Refusal, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    controls: tuple[Control, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    reports: tuple[Report, ...] = ()
    year_starts: int = 1

    @property
    def settled(self) -> Grain:
        return frozenset({self.unit, self.period})

    def payee(self, payment: str) -> Payee | None:
        """Who receives a payment, where that is not the settled unit."""
        return next((p for p in self.payees if p.payment == payment), None)

    def named(self, name: str) -> Named | None:
        return next((n for n in self.names if n.name == name), None)

    def paid(self, payment: str) -> Named | None:
        """The value of a payment for a settled row: the payment itself, or the sum of what is paid within the period."""
        return self.named(f"{payment}.{WHOLE_PAYMENT}") or self.named(payment)
