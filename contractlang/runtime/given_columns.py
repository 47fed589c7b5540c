"""Columns that a caller gives as values, not as files: lists of plain values, or Arrow arrays.

Numbers come as decimal text, integers or decimals, never as floating point: what was a cent must stay one. Percentages are
fractions (`"0.705"`) or written with their sign (`"70.5%"`). None stands for a cell without a value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines.base import Bytes, Column
from contractlang.semantics.model import ColumnSchema, KeyColumn
from contractlang.semantics.types import NUMERIC, Kind
from contractlang.values import Absent, State, Value

Array = npt.NDArray[Any]

PLACES = 12
"""Decimals of a number in text, beside those that a percent sign adds."""
FEW = 64
"""Cells up to which a column of text is read cell by cell: what Arrow needs to begin costs more than that."""
_NUMBER = rf"^[+-]?[0-9]{{1,18}}(\.[0-9]{{1,{PLACES}}})?$"
_EPOCH = dt.date(1970, 1, 1)
_SHOWN = 3


class Unfit(Exception):  # noqa: N818 - becomes a finding
    """A column that cannot be read: code, reason, and what to do."""

    def __init__(self, code: str, reason: str, help_: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.help = code, reason, help_


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the columns of one table, and reports those that do not fit."""

    table: str
    sink: Sink

    def key(self, key: KeyColumn, given: object) -> Column | None:
        """A key; every row needs one."""
        try:
            array = _whole(_array(given))
            return _codes(array, key.labels or ()) if key.role == "category" else Column("text", _texts(array))
        except Unfit as problem:
            self._report(key.name, problem)
            return None

    def column(self, schema: ColumnSchema, given: object) -> Column | None:
        """A column, with the contract's default where a cell has no value."""
        try:
            found = _read(schema, _array(given))
        except Unfit as problem:
            self._report(schema.name, problem)
            return None
        column, absent = found
        if not absent.any():
            return column
        if schema.missing is None:
            many = f"no value in {int(absent.sum()):,} of {len(absent):,} rows"
            help_ = "say `when missing …` in the contract if the value may be missing; units paid on it are held"
            message = f"`{self.table}.{schema.name}`: {many}"
            self.sink.report(Diagnostic("missing-value", message, help=help_, severity=Severity.WARNING))
        return _filled(self.table, schema, column, absent)

    def constant(self, schema: ColumnSchema, rows: int) -> Column | None:
        """A column that was not given: the contract's default, or a report."""
        if schema.missing is None:
            problem = Unfit("unbound-column", "the column is not given", "give it, with null where a value is missing")
            self._report(schema.name, problem)
            return None
        return self.column(schema, pa.nulls(rows, pa.string()))

    def _report(self, name: str, problem: Unfit) -> None:
        message = f"`{self.table}.{name}`: {problem.reason}"
        self.sink.report(Diagnostic(problem.code, message, help=problem.help))


def _array(given: object) -> pa.Array:
    """Any column as an Arrow array without chunks. Floating point is refused wherever it hides."""
    if isinstance(given, pa.ChunkedArray):
        given = given.combine_chunks()
    if isinstance(given, pa.Array):
        array = given.dictionary_decode() if pa.types.is_dictionary(given.type) else given
        if pa.types.is_floating(array.type):
            raise _floating()
        return array
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise Unfit("cell-unreadable", "a column is a list of values")
    kinds = {type(value) for value in given} - {type(None)}
    if float in kinds:
        raise _floating()
    if not kinds <= {str, int, bool} or (bool in kinds and len(kinds) > 1):
        raise Unfit("cell-unreadable", "a cell is text, a whole number, yes or no, or null, all of one kind")
    if kinds == {bool}:
        return pa.array(given, pa.bool_())
    return pa.array([None if value is None else str(value) for value in given], pa.string())


def _whole(array: pa.Array) -> pa.Array:
    if array.null_count:
        raise Unfit("missing-value", f"{array.null_count:,} rows without a value for this key")
    return array


def _floating() -> Unfit:
    reason = "numbers are floating point, which cannot hold every cent"
    return Unfit("cell-unreadable", reason, 'send decimal text, `"1234.56"`, or decimals')


def _read(schema: ColumnSchema, array: pa.Array) -> tuple[Column, Bytes]:
    kind = schema.type.kind
    if kind in NUMERIC:
        return _numbers(schema, array)
    absent = np.asarray(array.is_null()).astype(np.uint8)
    match kind:
        case Kind.FLAG:
            return _flags(array), absent
        case Kind.DATE:
            return _dates(array), absent
        case Kind.CATEGORY if schema.labels is not None:
            return _codes(array, schema.labels), absent
        case _:
            return Column("text", _texts(array)), absent


# Numbers -------------------------------------------------------------------------------------------------------------


def _numbers(schema: ColumnSchema, array: pa.Array) -> tuple[Column, Bytes]:
    absent: Bytes = np.asarray(array.is_null()).astype(np.uint8)
    if pa.types.is_integer(array.type):
        values, places = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(object), 0
    elif len(array) <= FEW and pa.types.is_string(array.type):
        values, places = _few(array.to_pylist())
    else:
        decimals = _decimals(array)
        values, places = _unscaled(decimals), decimals.type.scale
    declared = schema.decimals
    if declared is not None and schema.type.kind is Kind.PERCENT:
        declared += 2
    if declared is not None and places > declared:
        factor = 10 ** (places - declared)
        values, finer = values // factor, values % factor != 0
        places = declared
        if finer.any():
            raise Unfit(
                "cell-unreadable",
                f"{int(finer.sum()):,} numbers have more than the {declared} decimals of the contract",
                "round them where they are made, or declare more decimals in the contract",
            )
    values = _narrow(values)
    _bounded(schema, values[absent == 0], places)
    return Column("int", values, places), absent


def _few(texts: Sequence[str | None]) -> tuple[Array, int]:
    """The same as `_decimals` and `_unscaled` for few cells: whole numbers of 10**-places, 0 where there is none."""
    plain = [None if text is None else text.strip() for text in texts]
    signed = any(text.endswith("%") for text in plain if text is not None)
    digits = [None if text is None else text.rstrip("%") for text in plain]
    _all_numbers(texts, [text is None or re.fullmatch(_NUMBER, text) is not None for text in digits])
    most = max((len(text.partition(".")[2]) for text in digits if text is not None), default=0)
    values = []
    for text, own in zip(digits, plain, strict=True):
        whole, _, rest = (text or "0").partition(".")
        value = int(whole + rest.ljust(most, "0"))
        values.append(value if not signed or (own or "").endswith("%") else value * 100)
    return np.array([*values, 0], dtype=object)[:-1], most + 2 if signed else most


def _all_numbers(texts: Sequence[str | None], fits: Sequence[bool | None]) -> None:
    wrong = [text for text, fine in zip(texts, fits, strict=True) if fine is False and text is not None]
    if wrong:
        shown = ", ".join(f"`{text[:40]}`" for text in wrong[:_SHOWN])
        raise Unfit("cell-unreadable", f"{len(wrong):,} cells are no decimal numbers: {shown}")


def _decimals(array: pa.Array) -> pa.Array:
    """Decimal text as decimals with as many places as the text has."""
    if pa.types.is_decimal(array.type):
        if array.type.scale > PLACES + 2 or array.type.scale < 0:
            raise Unfit("cell-unreadable", f"a number has at most {PLACES} decimals")
        return array
    if not pa.types.is_string(array.type) and not pa.types.is_large_string(array.type):
        raise Unfit("cell-unreadable", f"a number is decimal text, not {array.type}")
    text = pc.utf8_trim_whitespace(array.cast(pa.string()))
    percent = pc.ends_with(text, "%")
    signed = bool(pc.any(percent).as_py())
    if signed:
        text = pc.if_else(percent, pc.utf8_rtrim(text, "%"), text)
    fits = pc.match_substring_regex(text, _NUMBER)
    if not pc.all(fits).as_py() and fits.null_count < len(fits):
        _all_numbers(array.to_pylist(), fits.to_pylist())
    point = pc.find_substring(text, ".")
    places = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(pc.utf8_length(text), point), 1))
    most = pc.max(places).as_py() or 0
    found = pc.cast(text, pa.decimal128(38, most))
    if not signed:
        return found
    divided = pc.cast(found, pa.decimal128(38, most + 2))
    hundredth = _as_decimals(_unscaled(found), most + 2, np.asarray(found.is_null()))
    return pc.if_else(percent, hundredth, divided)


def _as_decimals(values: Array, places: int, absent: Array) -> pa.Array:
    from decimal import Decimal

    listed = [None if gone else Decimal(int(v)).scaleb(-places) for v, gone in zip(values, absent, strict=True)]
    return pa.array(listed, pa.decimal128(38, places))


def _unscaled(array: pa.Array) -> Array:
    """The integers behind decimals; 0 where there is none."""
    array = array.cast(pa.decimal128(38, array.type.scale))
    words = np.frombuffer(array.buffers()[1], dtype="<i8").reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = words[:, 0], words[:, 1]
    gaps = np.asarray(array.is_null())
    if ((high == low >> 63) | gaps).all():
        return np.where(gaps, 0, low)
    wide = [0 if gone else (int(h) << 64) + (int(w) & (2**64 - 1)) for w, h, gone in zip(low, high, gaps, strict=True)]
    return np.array([*wide, 0], dtype=object)[:-1]


def _narrow(values: Array) -> Array:
    if values.dtype == object and all(-(2**63) <= int(v) < 2**63 for v in values):
        return values.astype(np.int64)
    return values


def _bounded(schema: ColumnSchema, values: Array, places: int) -> None:
    """Bounds are inclusive and in base units; the numbers are in those of the column."""
    if not len(values):
        return
    outside = 0
    unit = Fraction(10**places) / schema.factor
    least, most = int(values.min()), int(values.max())
    if schema.low is not None and least < schema.low * unit:
        outside += int((values < _ceiling(schema.low * unit)).sum())
    if schema.high is not None and most > schema.high * unit:
        outside += int((values > _floor(schema.high * unit)).sum())
    if outside:
        raise Unfit(
            "out-of-range",
            f"{outside:,} cells outside the bounds of the contract",
            "mend the values, or the bounds after `within` in the contract",
        )


def _floor(value: Fraction) -> int:
    return value.numerator // value.denominator


def _ceiling(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


# Other kinds ---------------------------------------------------------------------------------------------------------


def _texts(array: pa.Array) -> Array:
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_integer(array.type)):
        raise Unfit("cell-unreadable", f"text is needed, not {array.type}")
    return np.array([*(("" if v is None else str(v)) for v in array.to_pylist()), ""], dtype=object)[:-1]


def _codes(array: pa.Array, labels: Sequence[str]) -> Column:
    texts = _texts(array)
    numbers = {label: number for number, label in enumerate(labels)}
    absent = np.asarray(array.is_null())
    unknown = sorted({t for t, gone in zip(texts.tolist(), absent, strict=True) if not gone and t not in numbers})
    if unknown:
        near = get_close_matches(unknown[0], labels, n=1)
        help_ = f"did you mean `{near[0]}`?" if near else f"the labels are {', '.join(f'`{la}`' for la in labels[:12])}"
        shown = ", ".join(f"`{u[:40]}`" for u in unknown[:_SHOWN])
        raise Unfit("unknown-category", f"{len(unknown):,} values that the category lacks: {shown}", help_)
    return Column("code", np.array([numbers.get(t, 0) for t in texts], dtype=np.int64), labels=tuple(labels))


def _flags(array: pa.Array) -> Column:
    if not pa.types.is_boolean(array.type) and array.null_count < len(array):
        raise Unfit("cell-unreadable", "yes and no are `true` and `false`")
    listed = array.to_pylist()
    return Column("flag", np.array([1 if value is True else 0 for value in listed], dtype=np.int64))


def _dates(array: pa.Array) -> Column:
    if pa.types.is_date(array.type):
        days = [None if v is None else v.toordinal() for v in array.to_pylist()]
    else:
        days = [None if v is None else _day(v) for v in array.to_pylist()]
    start = _EPOCH.toordinal()
    return Column("date", np.array([0 if d is None else d - start for d in days], dtype=np.int64))


def _day(text: object) -> int:
    try:
        return dt.date.fromisoformat(str(text)).toordinal()
    except ValueError:
        raise Unfit("cell-unreadable", f"`{str(text)[:40]}` is no day: write year, month and day") from None


# Absence -------------------------------------------------------------------------------------------------------------


def _filled(table: str, schema: ColumnSchema, column: Column, absent: Bytes) -> Column:
    """The column with the contract's default, or with the state of a missing value."""
    gaps = absent.astype(bool)
    default: Value | None = schema.missing
    if isinstance(default, Fraction):
        default = default / schema.factor
    match default:
        case None | Absent():
            state, reason = State.MISSING, f"no value in `{table}.{schema.name}`"
            if isinstance(default, Absent):
                state, reason = default.state, default.reason
            states = np.where(gaps, np.uint8(state), np.uint8(0))
            return Column(column.form, column.values, column.scale, column.labels, states, {int(state): reason})
        case bool():
            return _with(column, gaps, int(default), column.scale)
        case Fraction():
            places = column.scale
            while (default * 10**places).denominator != 1 and places < 30:
                places += 1
            return _with(column, gaps, int(default * 10**places), places)
        case dt.date():
            return _with(column, gaps, default.toordinal() - _EPOCH.toordinal(), 0)
        case _:
            at = column.labels.index(default) if column.form == "code" else default
            return _with(column, gaps, at, 0)


def _with(column: Column, gaps: Array, value: int | str, places: int) -> Column:
    values = column.values
    if places > column.scale:
        values = values.astype(object) * 10 ** (places - column.scale)
    filled = values.astype(object) if isinstance(value, int) and abs(value) >= 2**63 else values.copy()
    filled[gaps] = value
    return Column(column.form, _narrow(filled) if column.form == "int" else filled, places, column.labels)
