"""Outputs of the reduce stage as tables, column by column: a set of measures may have hundreds of thousands of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute  # pyarrow looks for it late, inside the first run
from sqlglot import exp

from contractlang.engines.base import Bytes, Column, Ints, Table
from contractlang.engines.outputs import missing_reasons
from contractlang.engines.sql import direct
from contractlang.engines.sql.rows import Extent, Extents, Typed, as_text, column
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Output
from contractlang.values import State


def output_table(
    plan: Plan, output: Output, query: exp.Select, known: Extents, connection: duckdb.DuckDBPyConnection
) -> Table:
    """The table of an output: that of `engines.outputs`, without a Python object for every cell.

    `query` gives the keys, then the columns, in the form in which they are stored; `known` is what is known of them.
    """
    names = [c for _, c, _ in output.columns]
    wide = {name for name in names if known[name].wide}
    texts = [c for _, c in output.keys]
    # Integers beyond 64 bits travel as text: Arrow has no type for them.
    shown = [column(name) for name in texts] + [
        exp.cast(column(name), "VARCHAR" if name in wide else "BIGINT")
        if known[name].kind == "int"
        else as_text(Typed(column(name), known[name])).tree
        for name in names
    ]
    outer = exp.Select(expressions=[exp.alias_(e, f"c{i}") for i, e in enumerate(shown)]).from_(query.subquery("found"))
    found = connection.sql(outer.sql(dialect="duckdb")).to_arrow_table().combine_chunks()
    coded = [_coded(found.column(i), known[name]) for i, name in enumerate(texts)]
    # A row without a unit, period or category belongs to no settled row; accounts show how many there are.
    kept = np.flatnonzero(np.all([codes >= 0 for codes, _ in coded], axis=0)) if coded else np.arange(len(found))
    if coded:
        kept = kept[_order([(codes[kept], len(words)) for codes, words in coded])]
    labels = dict(plan.categories)
    keys = {
        key: _key(codes[kept], words, labels.get(key))
        for (key, _), (codes, words) in zip(output.keys, coded, strict=True)
    }
    columns = {
        name: _column(output.table, found.column(len(texts) + i).take(pa.array(kept)), scale, wide=c in wide)
        for i, (name, c, scale) in enumerate(output.columns)
    }
    return Table(output.table, keys, columns)


def _order(keys: Sequence[tuple[Ints, int]]) -> Ints:
    """Rows in the order of their codes, given with the number of different ones; no two rows have the same."""
    if math.prod(size for _, size in keys) >= 2**63:
        return np.lexsort([codes for codes, _ in reversed(keys)])
    place = np.zeros(len(keys[0][0]), dtype=np.int64)
    for codes, size in keys:
        place = place * size + codes  # one number to sort by costs a tenth of several
    return np.argsort(place)


def _coded(stored: pa.ChunkedArray, known: Extent) -> tuple[Ints, list[str]]:
    """The place of the text of each cell among the sorted texts (-1: missing), and these."""
    encoded = stored.combine_chunks().dictionary_encode()
    words = [direct.text_of(known.native, value, known.labels) for value in encoded.dictionary.to_pylist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    places = np.empty(len(words) + 1, dtype=np.int64)
    places[order] = np.arange(len(words))
    places[-1] = -1
    codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    return places[codes.astype(np.int64)], [words[i] for i in order]


def _key(codes: Ints, words: list[str], labels: tuple[str, ...] | None) -> Column:
    used = {words[code] for code in np.unique(codes)}
    if labels is None or not used <= set(labels):
        return Column("text", np.array([*words, ""], dtype=object)[codes])
    place = {label: code for code, label in enumerate(labels)}
    return Column("code", np.array([*(place.get(word, 0) for word in words), 0], dtype=np.int64)[codes], labels=labels)


def _column(table: str, values: pa.ChunkedArray, scale: int, *, wide: bool) -> Column:
    gaps = values.is_null().to_numpy()
    states: Bytes | None = np.where(gaps, np.uint8(State.MISSING), np.uint8(0)) if gaps.any() else None
    reasons = missing_reasons(table) if states is not None else {}
    if gaps.all():
        return Column("int", np.zeros(len(gaps), dtype=np.int64), scale, states=states, reasons=reasons)
    filled: npt.NDArray[Any]
    if pa.types.is_boolean(values.type):
        filled = values.fill_null(False).to_numpy().astype(np.uint8)  # noqa: FBT003 the value of a gap
        return Column("flag", filled, states=states, reasons=reasons)
    if pa.types.is_integer(values.type):
        return Column("int", values.fill_null(0).to_numpy().astype(np.int64), scale, states=states, reasons=reasons)
    texts = values.fill_null("0" if wide else "").to_pylist()
    if not wide:
        return Column("text", np.array([*texts, ""], dtype=object)[:-1], states=states, reasons=reasons)
    numbers = [int(text) for text in texts]
    fits = all(-(2**63) <= number < 2**63 for number in numbers)
    filled = np.array(numbers, dtype=np.int64 if fits else object)
    return Column("int", filled, scale, states=states, reasons=reasons)
