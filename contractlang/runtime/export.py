"""Results as files: one Parquet and one CSV table per grain, and a description of the run.

Numbers are written with a stated number of decimals, rounded once from the exact value, so that every engine gives the
same bytes. States of absence and their reasons stand in columns of their own, and only where they occur.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from contractlang.engines.base import Ints
from contractlang.engines.reference.settle import as_decimals
from contractlang.runtime.formatting import unit_words
from contractlang.runtime.heading import Heading
from contractlang.runtime.ledger import summary
from contractlang.runtime.payees import PayeeTotal, payee_totals
from contractlang.runtime.result import Name, Result, Status
from contractlang.runtime.set_aside import as_json as set_aside_json
from contractlang.semantics.published import places
from contractlang.semantics.types import Grain, Kind, Type
from contractlang.values import Absent, State, Value

FORMAT = "vbc-results/1"
"""Name and version of the exported form."""

TABLE = "results"
PAYEES = "payees"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def export(result: Result, heading: Heading, folder: Path, extra: dict[str, Any] | None = None) -> list[Path]:
    """Write all tables and `run.json`; the files written. `extra` is added to `run.json`.

    Nothing appears under its final name before everything is written. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    heading = heading.of(result.periods)
    tables = {TABLE: settled_table(result, heading)}
    for grain in result.finer_grains():
        keys = sorted(grain - result.plan.settled)
        tables[f"{TABLE}_by_{'_'.join(keys)}"] = _finer_table(result, heading, grain, keys)
    if totals := payee_totals(result):
        tables[PAYEES] = _payee_table(result, totals, heading)
    with Writing(folder) as writing:
        for name, table in tables.items():
            writing.add(f"{name}.parquet", _parquet(table, heading))
            writing.add(f"{name}.csv", _csv(table))
        columns = {
            name: {"rows": table.num_rows, "columns": [_column_json(result, field) for field in table.schema]}
            for name, table in tables.items()
        }
        text = (
            json.dumps(
                {**description(result, heading), "tables": columns, **(extra or {})}, indent=2, ensure_ascii=False
            )
            + "\n"
        )
        writing.add("run.json", lambda path: path.write_text(text, encoding="utf-8"))
    return writing.written


class Writing:
    """A set of files that appears as a whole: temporary names first, then renamed; nothing stays behind on failure."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: list[tuple[Path, Path]] = []
        self.written: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def add(self, name: str, write: Callable[[Path], object]) -> None:
        """Write one file under a temporary name."""
        temporary = self._folder / f".{name}.{os.getpid()}.partial"
        self._pending.append((temporary, self._folder / name))
        write(temporary)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for temporary, final in self._pending:
                temporary.replace(final)
                self.written.append(final)
        for temporary, _final in self._pending:
            temporary.unlink(missing_ok=True)


# Tables --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    """The columns of one named value: its numbers or labels, and its states and reasons where some are absent."""

    values: pa.Array
    states: Sequence[State]
    reasons: Sequence[str]


def settled_table(result: Result, heading: Heading, names: Collection[str] | None = None) -> pa.Table:
    """One row per group and period: keys, status, and the named values (all of them, when none are named)."""
    rows = result.rows.tolist()
    status = result.status[result.rows]
    frame, words = result.settlement.frame, [s.words for s in Status]
    columns: dict[str, pa.Array] = {
        result.plan.unit: _texts(frame.units[row] for row in rows),
        result.plan.period: _texts(frame.periods[row] for row in rows),
        "status": _texts(words[s] for s in status.tolist()),
    }
    if status.any():
        columns["status_reason"] = _texts(result.reasons.get(row) for row in rows)
    fields = {name: pa.field(name, array.type) for name, array in columns.items()}
    for name in result.of_grain():
        if names is not None and name.name not in names:
            continue
        unpaid = status != Status.SETTLED if name.named.role == "payment" else np.zeros(len(rows), dtype=bool)
        written = _settled_column(result, name, unpaid)
        _add(columns, fields, name, written)
    return _table(columns, fields, heading)


def _settled_column(result: Result, name: Name, unpaid: npt.NDArray[np.bool_]) -> _Written:
    if name.type.kind in {Kind.DATE, Kind.CATEGORY, Kind.TEXT, Kind.PERIOD}:
        found = result.settlement.values(name.name)
        return _values([found[row] for row in result.rows.tolist()], name.type)
    decimals = 0 if name.type.kind is Kind.FLAG else places(name.type)
    numbers, states = result.settlement.decimals(name.name, decimals)
    numbers, states = numbers[result.rows], states[result.rows]
    reasons = [""] * len(states)
    for i in states.nonzero()[0].tolist():
        value = result.value(name.name, int(result.rows[i]))
        reasons[i] = value.reason if isinstance(value, Absent) else ""
    absent = (states != 0) | unpaid
    array = pa.array(numbers != 0, mask=absent) if name.type.kind is Kind.FLAG else _decimals(numbers, decimals, absent)
    return _Written(array, [State(int(s)) for s in states] if states.any() else (), reasons)


def _finer_table(result: Result, heading: Heading, grain: Grain, keys: Sequence[str]) -> pa.Table:
    """One row per group, period and label of the finer keys."""
    names = result.of_grain(grain)
    found: dict[tuple[str, ...], dict[str, Value]] = {}
    settled = (result.plan.unit, result.plan.period)
    for row in result.rows.tolist():
        for name in names:
            for key, value in result.finer(name.name, row):
                index = (result.group(row), result.period(row), *(key[k] for k in keys))
                found.setdefault(index, {})[name.name] = value
    columns: dict[str, pa.Array] = {key: _texts(index[i] for index in found) for i, key in enumerate((*settled, *keys))}
    fields = {name: pa.field(name, array.type) for name, array in columns.items()}
    nothing = Absent(State.NOT_APPLICABLE, "not in the contract in force")
    for name in names:
        _add(columns, fields, name, _values([values.get(name.name, nothing) for values in found.values()], name.type))
    return _table(columns, fields, heading)


def _payee_table(result: Result, totals: Sequence[PayeeTotal], heading: Heading) -> pa.Table:
    """One row per payment, period and payee."""
    cents = np.array([int(total.amount * 100) for total in totals], dtype=np.int64)
    columns: dict[str, pa.Array] = {
        "payment": _texts(total.payment for total in totals),
        result.plan.period: _texts(total.period for total in totals),
        "paid_to": _texts(total.what for total in totals),
        "payee": _texts(total.payee for total in totals),
        "units": pa.array([total.units for total in totals], type=pa.int64()),
        "amount": _decimals(cents, 2, np.zeros(len(totals), dtype=bool)),
    }
    return _table(columns, {name: pa.field(name, array.type) for name, array in columns.items()}, heading)


def _values(values: Sequence[Value], type_: Type) -> _Written:
    absent = np.array([isinstance(value, Absent) for value in values], dtype=bool)
    states = [value.state if isinstance(value, Absent) else State.VALUE for value in values]
    reasons = [value.reason if isinstance(value, Absent) else "" for value in values]
    array: pa.Array
    match type_.kind:
        case Kind.DATE:
            array = pa.array([None if isinstance(v, Absent) else v for v in values], type=pa.date32())
        case Kind.CATEGORY | Kind.TEXT | Kind.PERIOD:
            array = _texts(None if isinstance(v, Absent) else str(v) for v in values)
        case Kind.FLAG:
            array = pa.array([None if isinstance(v, Absent) else bool(v) for v in values], type=pa.bool_())
        case _:
            array = _decimals(as_decimals(values, places(type_))[0], places(type_), absent)
    return _Written(array, states if absent.any() else (), reasons)


def _add(columns: dict[str, pa.Array], fields: dict[str, pa.Field], name: Name, written: _Written) -> None:
    """The value, then its state and reason where some row has none."""
    about = {"unit": unit_words(name.type), "place": name.place, "role": name.named.role, "label": name.named.label}
    metadata = {key: text for key, text in about.items() if text}
    columns[name.name] = written.values
    fields[name.name] = pa.field(name.name, written.values.type, metadata=metadata)
    if not written.states:
        return
    for suffix, texts in (
        ("state", (s.words if s else None for s in written.states)),
        ("reason", (r or None for r in written.reasons)),
    ):
        columns[f"{name.name}_{suffix}"] = array = _texts(texts)
        fields[f"{name.name}_{suffix}"] = pa.field(f"{name.name}_{suffix}", array.type)


def _table(columns: dict[str, pa.Array], fields: dict[str, pa.Field], heading: Heading) -> pa.Table:
    if heading.known_on:
        columns["as_known_on"] = _texts([heading.known_on] * len(next(iter(columns.values()))))
        fields["as_known_on"] = pa.field("as_known_on", pa.string())
    if heading.warning:
        length = len(next(iter(columns.values())))
        columns["not_the_contract"] = _texts([heading.warning] * length)
        fields["not_the_contract"] = pa.field("not_the_contract", pa.string())
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(list(fields.values())))


def _texts(texts: Iterable[str | None]) -> pa.Array:
    return pa.array(list(texts), type=pa.string())


def _decimals(numbers: Ints, decimals: int, absent: npt.NDArray[np.bool_]) -> pa.Array:
    """Integers of 10**-decimals as 128-bit decimals, without a detour through text."""
    if numbers.dtype == object:
        raw = b"".join(int(n).to_bytes(16, "little", signed=True) for n in numbers)
    else:
        wide = np.empty((len(numbers), 2), dtype=np.int64)
        wide[:, 0], wide[:, 1] = numbers, numbers >> 63
        raw = wide.tobytes()
    valid = None if not absent.any() else pa.py_buffer(np.packbits(~absent, bitorder="little").tobytes())
    digits = 38 if numbers.dtype == object else 19
    return pa.Array.from_buffers(pa.decimal128(digits, decimals), len(numbers), [valid, pa.py_buffer(raw)])


# Files ---------------------------------------------------------------------------------------------------------------


def _parquet(table: pa.Table, heading: Heading) -> Callable[[Path], object]:
    metadata = {"vbc": json.dumps({"format": FORMAT, **heading.identity()}, ensure_ascii=False)}
    return lambda path: pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)


def _csv(table: pa.Table) -> Callable[[Path], object]:
    safe = pa.table(
        [_harmless(column) if pa.types.is_string(column.type) else column for column in table.columns],
        names=table.column_names,
    )
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    return lambda path: pyarrow.csv.write_csv(safe, path, options)


def _harmless(column: pa.ChunkedArray) -> pa.Array:
    """Texts that a spreadsheet would take for a formula get an apostrophe in front."""
    texts = column.to_pylist()
    return pa.array([f"'{t}" if t and t.startswith(_RISKY) else t for t in texts], type=pa.string())


def description(result: Result, heading: Heading) -> dict[str, Any]:
    """What was run and what came out, without the rows: contract, payments per period, guarantees, assumptions."""
    return {
        "format": FORMAT,
        **heading.as_json(),
        "engine": result.engine,
        "unit": result.plan.unit,
        "period": result.plan.period,
        "periods": result.periods,
        "illustrative": [{"name": a.name, "words": a.words, "place": a.origin.place} for a in result.assumptions],
        "payments": [
            {
                "payment": total.name,
                "period": total.period,
                "settled": total.settled,
                "held": total.held,
                "not_settled": total.not_settled,
                "paid": _cents(total.paid),
                "owed": _cents(total.owed),
                "net": _cents(total.net),
            }
            for total in result.totals()
        ],
        "payees": [
            {
                "payment": total.payment,
                "period": total.period,
                "paid_to": total.what,
                "payee": total.payee,
                "units": total.units,
                "amount": _cents(total.amount),
            }
            for total in payee_totals(result)
        ],
        "paid_before": [
            {
                "payment": b.payment,
                "period": b.period,
                "amount": _cents(b.amount),
                "payments": b.payments,
                "last": b.last,
            }
            for b in summary(result)
        ],
        "set_aside": set_aside_json(result.set_aside),
        "controls": [
            {
                "name": o.control.name,
                "place": o.control.origin.place,
                "key": dict(o.key),
                "agrees": o.agrees,
                "words": o.words,
            }
            for o in result.controls
        ],
        "guarantees": [
            {
                "title": g.assertion.title,
                "place": g.assertion.origin.place,
                "held": g.held,
                "failed": len(g.failed),
                "unknown": g.unknown,
                "checked": g.condition_known,
                "proved": False,
            }
            for g in result.guarantees
        ],
    }


def _column_json(result: Result, field: pa.Field) -> dict[str, Any]:
    name = result.names.get(field.name)
    if name is None:
        return {"name": field.name}
    decimals = field.type.scale if pa.types.is_decimal(field.type) else None
    return {
        "name": field.name,
        "kind": name.type.kind.value,
        "unit": str(name.type.unit) if name.type.unit.powers else "",
        "decimals": decimals,
        "role": name.named.role,
        "label": name.named.label,
        "place": name.place,
    }


def _cents(value: Fraction) -> str:
    sign, size = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{int(size * 100) // 100}.{int(size * 100) % 100:02d}"
