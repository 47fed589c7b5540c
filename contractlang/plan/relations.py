"""The reduce stage: member rows to tables at settlement grains, as a small relational plan over exact integers.

A relation is a bag of rows with named columns. Numbers are scaled integers: a column of decimal scale s holds
value * 10**s. Row expressions know their scale, so that sums stay exact in any engine: no division, no rounding, no
float occurs here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from contractlang.source import Span
from contractlang.values import Value


@dataclass(frozen=True, slots=True)
class RowExpr:
    """A scalar expression over the columns of one row.

    `op` and its arguments:
      column   name in `value`
      const    scaled integer, flag, text or None (no value) in `value`
      + - *    two arguments; for + and - the arguments have been brought to the same scale
      rescale  one argument times 10**(scale - argument's scale), scale never falls
      negate abs
      least greatest   n arguments of one scale
      < <= > >= is "is not"   two arguments of one kind and scale
      in       first argument against constants in `value` (a tuple; a pair of them is an inclusive range)
      and or not   three-valued as in SQL
      missing  whether the argument has no value
      case     condition, value, …, otherwise
      year     the year of a date or YYYYMM text column as an integer
      later    the period label `value` years after that of the one argument
      day      a date: the first day of the period of `value[0]` months that contains a date or YYYYMM text, `value[1]`
               years later; its last day where `value[2]` is "end"
      shifted  the month of a date or YYYYMM text column, `value` months earlier, as YYYYMM
      written  the text of a date, as in 2024-05-31
      period   the settlement period label of a date or YYYYMM text column, of length `value` months from January
    A missing argument makes the result missing, except where `and`, `or`, `missing` and `case` decide otherwise.
    `kind` is int, flag, text or date; `scale` is meant for int.
    """

    op: str
    args: tuple[RowExpr, ...] = ()
    value: Value | int | str | tuple[object, ...] | None = None
    kind: str = "int"
    scale: int = 0
    origin: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Scan:
    """All rows of a bound table with the named columns."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Derive:
    """The input's rows with further (or overwritten) columns."""

    input: str
    columns: tuple[tuple[str, RowExpr], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """The rows for which the condition is true (neither false nor missing)."""

    input: str
    condition: RowExpr


@dataclass(frozen=True, slots=True)
class Measure:
    """One aggregate of a `Group`: `sum`, `count` (rows), `count_distinct`, `min`, `max` or `last`; a sum keeps the scale.

    A missing value inside makes the result missing (None) for sum, min, max; count counts all rows. `last` is the value
    of the operand, missing or not, on the row with the greatest value of `by`, missing where a value of `by` is; no two
    rows of a group have the same `by`.
    """

    name: str
    function: str
    operand: RowExpr | None = None
    by: RowExpr | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One row per distinct combination of the keys."""

    input: str
    keys: tuple[str, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Inner join (`left` True keeps unmatched left rows) on equal columns; the right side is unique on them.

    `many`: the right side may have several rows for a left one, and each of these pairs is a row. `within` names a date
    of the left side and two of the right side: only rows of the right side with first <= date < second match, where a
    missing second date is an open end; the right side is then unique on each day, unless it is `many`.
    """

    left_input: str
    right_input: str
    on: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str], ...]  # (right column, name in the result)
    left: bool = False
    many: bool = False
    within: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of all inputs; they have the same columns."""

    inputs: tuple[str, ...]


Relation = Scan | Derive | Filter | Group | Join | Union


@dataclass(frozen=True, slots=True)
class Step:
    """One named relation with the words of the contract that ask for it and a description for the printed plan."""

    name: str
    relation: Relation
    origin: Span
    description: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A relation handed to the settle stage as table `table`.

    `keys` are (settlement key, column); `columns` are (column, relation column, scale). Where a combination of keys has
    no row, a column named in `empty_zero` is zero, all others are not reportable ("no rows"). A table that is `rebuilt`
    has rows of earlier periods once more for every later one, under the label of `plan.rebuilding`. A `roster` lists what
    belongs to which unit in each period, and counts nobody.
    """

    table: str
    step: str
    keys: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str, int], ...]
    empty_zero: tuple[str, ...] = ()
    rebuilt: bool = False
    roster: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A relation that must have no rows: each row of it is an error in the data.

    `columns` of the step say which one: they are shown for a few of them. `message` says what is wrong, behind the
    number of rows; `code` is the code of the finding.
    """

    code: str
    step: str
    columns: tuple[str, ...]
    message: str
    help: str
    origin: Span


@dataclass(frozen=True, slots=True)
class Account:
    """A relation that explains a population or spending block: per settlement key and reason the rows and amounts.

    The step has the keys, `rows`, the amounts, and the column `reason` names (missing in rows that count; None where the
    account has no reasons).
    """

    block: str
    step: str
    keys: tuple[tuple[str, str], ...]
    columns: tuple[tuple[str, str, int], ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """The reduce stage: steps in evaluation order, its outputs, its accounts and what it asks of the data. Empty when
    nothing is reduced."""

    steps: tuple[Step, ...] = ()
    outputs: tuple[Output, ...] = ()
    accounts: tuple[Account, ...] = ()
    checks: tuple[Check, ...] = ()

    def step(self, name: str) -> Step:
        return next(s for s in self.steps if s.name == name)
