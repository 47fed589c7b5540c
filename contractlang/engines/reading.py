"""What a cell of a file means: the definition that the SQL of `engines.sql.reading` follows.

A `Reading` says how one key or column of a contract is read from the cells of a file. `read_cell` is its meaning in
plain Python; it reads constants of a binding, gives the reason why a cell cannot be read, and is the oracle in tests.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from contractlang.values import Rounding, round_to

Form = Literal["int", "flag", "code", "date", "text", "period"]

SPACES = " \t\r\n\u00a0"
"""Characters around a cell that do not count."""

MOST_PLACES = 30
"""Most decimals that a number may be written with."""

DIGITS = 38
"""Most digits that a number may have, before and after the point together."""

VALUE, ABSENT, UNREADABLE, OUTSIDE = range(4)
"""The status of a cell: outside means outside the bounds that the contract declares."""

_NUMBER = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"


@dataclass(frozen=True, slots=True)
class Raw:
    """A column of a file: its name in SQL, its name in the file, and the type that the file gives it.

    `native` is `text` (all of CSV), `string` (text of Parquet), `int` (up to 64 bits), `wide` (longer integers), `decimal:18,2`, `float`, `single`
    (32 bits), `flag`, `date`, `time` (a date with a time of day) or `other` (never bound).
    """

    name: str
    header: str
    native: str = "text"

    @property
    def textual(self) -> bool:
        return self.native in {"text", "string"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How one key or column is read.

    `sources` is one file column, or the 0/1 columns of `one_hot` in the order of `labels_of_sources`.
    Numbers: `shift` is the power of ten by which the written number is divided (2 for a percentage); `places` is how
    many decimals the written number may have (None: as many as the file has); `rounds` rounds to them once, half away
    from zero, instead of refusing more; `exponents` is off where no cell has one. `percent_sign` is `no`, `may` or `must`; `currency` admits `$`.
    The value is `written / 10**shift`; `low` and `high` bound it, inclusive. Periods: `word` is the period word that the
    label is made for, `style` is `label`, `date` or `yyyymm`; dates have the latter two. A period is given by its label,
    or `by_month`: by its first month, YYYYMM.
    """

    name: str
    form: Form
    sources: tuple[Raw, ...]
    absent: tuple[str, ...] = ("",)
    strip: tuple[str, ...] = ()
    percent_sign: str = "no"
    currency: bool = False
    shift: int = 0
    places: int | None = None
    rounds: bool = False
    exponents: bool = True
    low: Fraction | None = None
    high: Fraction | None = None
    translate: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] | None = None
    labels_of_sources: tuple[str, ...] = ()
    yes: tuple[str, ...] = ("1", "yes", "true", "y")
    no: tuple[str, ...] = ("0", "no", "false", "n")
    style: str = "date"
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    word: str = "year"
    by_month: bool = False

    @property
    def header(self) -> str:
        """The column or columns of the file, as a message names them."""
        return ", ".join(raw.header for raw in self.sources)

    @property
    def floating(self) -> bool:
        return any(raw.native in {"float", "single"} for raw in self.sources)


def scale(reading: Reading) -> int:
    """The decimal scale of the integer that stands for a number: value = integer / 10**scale. Needs `places`."""
    return max(0, (reading.places or 0) + reading.shift)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a cell cannot be read, in words that follow "row 3, column `x`, `text`: "."""

    reason: str


Cell = Fraction | bool | dt.date | str | Unreadable | None
"""The value of a cell; None for a cell that means "no value"."""


def number_pattern(reading: Reading) -> str:
    """The regular expression (for Python and for RE2) of a number as the column may write it, without outer spaces."""
    currency = r"(?:\$ ?)?" if reading.currency else ""
    forms = [rf"[-+]? ?{currency}{_NUMBER}", rf"\( ?{currency}{_NUMBER} ?\)"]
    if reading.currency:
        forms += [rf"\$ ?[-+] ?{_NUMBER}", rf"\$ ?\( ?{_NUMBER} ?\)"]
    sign = {"no": "", "may": " ?%?", "must": " ?%"}[reading.percent_sign]
    return f"(?:{'|'.join(forms)}){sign}"


PLAIN = r"-?[0-9]+(?:\.[0-9]*)?"
"""A number without any ornament: most cells, so that they are recognised by one cheap test."""

GROUPED = r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"
"""A number with thousands commas and nothing else."""

DOLLARS = r"-?\$(?:[0-9]{1,3}(?:,[0-9]{3})*|[0-9]+)(?:\.[0-9]*)?"
"""An amount with its sign in front, as spreadsheets write it."""

DIGITS_PART = r"[0-9.,]+(?:[eE][-+]?[0-9]+)?"
NEGATIVE = r"^[^0-9.]*[-(]"

YYYYMM = r"[0-9]{4}(?:0[1-9]|1[0-2])"

PERIODS = {
    "year": r"[0-9]{4}",
    "half": r"[0-9]{4}-H[12]",
    "quarter": r"[0-9]{4}-Q[1-4]",
    "month": r"[0-9]{4}-(?:0[1-9]|1[0-2])",
}
"""The labels of settlement periods by their word."""


def read_cell(reading: Reading, *cells: str) -> Cell:
    """Read the cell (or the cells of a `one_hot` column). Numbers come back as the value, not as the written number."""
    if reading.labels_of_sources:
        return _one_hot(reading, cells)
    text = bare(cells[0])
    if text in reading.absent:
        return None
    match reading.form:
        case "int":
            return _number(reading, text)
        case "flag":
            return _flag(reading, text)
        case "date":
            return _date(reading, text)
        case "period":
            return _period(reading, text)
        case "code" | "text":
            label = dict(reading.translate).get(text, text)
            if reading.labels is not None and label not in reading.labels:
                return Unreadable("not a value of the category")
            return label


def bare(text: str) -> str:
    """The text without the spaces around it."""
    return text.strip(SPACES)


def written(reading: Reading, text: str) -> Fraction | Unreadable:
    """The number that a text writes, before `shift` and rounding."""
    for part in reading.strip:
        text = text.replace(part, "")
    text = bare(text)
    if not re.fullmatch(number_pattern(reading), text, re.ASCII):
        return Unreadable(_why_no_number(reading, text))
    number = Fraction("".join(re.findall(DIGITS_PART, text)).replace(",", ""))
    return -number if re.match(NEGATIVE, text) else number


def _number(reading: Reading, text: str) -> Fraction | Unreadable:
    number = written(reading, text)
    if isinstance(number, Unreadable):
        return number
    if reading.places is not None:
        step = Fraction(1, 10**reading.places)
        rounded = round_to(number, step, Rounding.HALF_AWAY)
        if rounded != number and not reading.rounds:
            return Unreadable(f"more than {reading.places} decimals")
        number = rounded
    if abs(number) >= 10 ** (DIGITS - (reading.places or 0)):
        return Unreadable(f"more than {DIGITS} digits")
    value = number / Fraction(10) ** reading.shift
    if (reading.low is not None and value < reading.low) or (reading.high is not None and value > reading.high):
        return Unreadable("outside the bounds")
    return value


def _why_no_number(reading: Reading, text: str) -> str:
    """What a reader of the file needs to know about a text that is no number of the column."""
    if text.lower() in {"nan", "inf", "-inf", "+inf"}:
        return "not a number"
    if reading.percent_sign == "must" and re.fullmatch(PLAIN, text):
        return "a bare number may be a percentage or a fraction"
    if reading.percent_sign == "no" and text.endswith("%"):
        return "a percent sign where the column is no percentage"
    if not reading.currency and "$" in text:
        return "a dollar sign where the column is not in USD"
    return "not a number"


def _flag(reading: Reading, text: str) -> bool | Unreadable:
    low = text.lower()
    if low in reading.yes:
        return True
    return False if low in reading.no else Unreadable("neither yes nor no")


def _date(reading: Reading, text: str) -> dt.date | Unreadable:
    if reading.style == "yyyymm":
        if not re.fullmatch(YYYYMM, text):
            return Unreadable("not a month written YYYYMM")
        return dt.date(int(text[:4]), int(text[4:]), 1)
    for form in reading.formats:
        try:
            moment = dt.datetime.strptime(text, form)  # noqa: DTZ007 - a calendar date has no time zone
        except ValueError:
            continue
        if moment.time() != dt.time():
            return Unreadable("a date with a time of day")
        return moment.date()
    return Unreadable(f"not a date written {' or '.join(f'`{form}`' for form in reading.formats)}")


def _period(reading: Reading, text: str) -> str | Unreadable:
    if reading.style == "label":
        if not re.fullmatch(PERIODS[reading.word], text):
            return Unreadable(f"not a {reading.word} written {PERIOD_EXAMPLES[reading.word]}")
        label = text
    else:
        day = _date(reading, text)
        if isinstance(day, Unreadable):
            return day
        label = period_of(reading.word, day)
    return first_month(reading.word, label) if reading.by_month else label


ORDINALS = {"half": 2, "quarter": 4}
"""How many periods a year has, where labels carry a letter."""

PERIOD_EXAMPLES = {"year": "`2021`", "half": "`2021-H1`", "quarter": "`2021-Q1`", "month": "`2021-03`"}


def period_of(word: str, day: dt.date) -> str:
    """The label of the calendar period in which the day lies."""
    match word:
        case "year":
            return f"{day.year:04}"
        case "half":
            return f"{day.year:04}-H{(day.month + 5) // 6}"
        case "quarter":
            return f"{day.year:04}-Q{(day.month + 2) // 3}"
        case _:
            return f"{day.year:04}-{day.month:02}"


def first_month(word: str, label: str) -> str:
    """The first month of a period label as YYYYMM."""
    if word in ORDINALS:
        return f"{label[:4]}{1 + (int(label[-1]) - 1) * 12 // ORDINALS[word]:02}"
    return label.replace("-", "") if word == "month" else f"{label}01"


def _one_hot(reading: Reading, cells: tuple[str, ...]) -> Cell:
    texts = [bare(cell) for cell in cells]
    if all(text in reading.absent for text in texts):
        return None
    chosen = []
    for text, label in zip(texts, reading.labels_of_sources, strict=True):
        flag = False if text in reading.absent else _flag(reading, text)
        if isinstance(flag, Unreadable):
            return flag
        if flag:
            chosen.append(label)
    if len(chosen) == 1:
        return chosen[0]
    return Unreadable("more than one of the columns says yes" if chosen else "none of the columns says yes")
