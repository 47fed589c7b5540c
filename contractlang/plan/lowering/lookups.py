"""Small tables in row expressions: `norms.inverse` beside a member row, found by the categories and period of the row."""

from __future__ import annotations

from contractlang.plan import relations
from contractlang.plan.lowering import rows
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.lowering.reduction import OWN_PERIOD, PERIOD, period_of, step
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Kind
from contractlang.source import Span


def looked_up(row_table: TableSchema, table: TableSchema) -> tuple[tuple[str, str], ...] | str:
    """Pairs of row column and key of the small table; or the key that the row does not have."""
    pairs: list[tuple[str, str]] = []
    for key in table.keys:
        if key.role == "period":
            pairs.append((OWN_PERIOD, PERIOD))
            continue
        same = [c.name for c in row_table.columns if c.name == key.name] + [
            k.name for k in row_table.keys if k.name == key.name
        ]
        alike = [c.name for c in row_table.columns if c.type.kind is Kind.CATEGORY and c.type.scheme == key.name]
        found = same[:1] or (alike if len(alike) == 1 else [])
        if not found:
            return key.name
        pairs.append((found[0], key.name))
    return tuple(pairs)


def with_lookups(low: Lowering, source: str, row_table: TableSchema) -> str:
    """The rows of a step with the columns of the small tables that row expressions have asked for since the last call."""
    for name, (columns, span) in low.lookups.items():
        source = _joined(low, source, row_table, low.declared.inputs[name], sorted(columns), span)
    low.lookups = {}
    return source


def _joined(
    low: Lowering, source: str, row_table: TableSchema, table: TableSchema, columns: list[str], span: Span
) -> str:
    pairs = looked_up(row_table, table)
    assert not isinstance(pairs, str)
    base = f"{source}.{table.name}"
    if not any(s.name == f"{table.name}.scan" for s in low.steps):
        scanned = relations.Scan(table.name, (*(k.name for k in table.keys), *(c.name for c in table.columns)))
        step(low, f"{table.name}.scan", scanned, span, f"rows of {table.name}")
        moment = next((k.name for k in table.keys if k.role == "period"), None)
        if moment is not None:
            derived = relations.Derive(f"{table.name}.scan", ((PERIOD, period_of(low, moment)),))
            step(low, f"{table.name}.placed", derived, span, "the period of each row")
    last = f"{table.name}.placed" if any(k.role == "period" for k in table.keys) else f"{table.name}.scan"
    added = tuple((c, rows.lookup_column(table.name, c)) for c in columns)
    number = sum(1 for s in low.steps if s.name.startswith(base))
    name = base if not number else f"{base}{number + 1}"
    join = relations.Join(source, last, pairs, added, left=True)
    return step(low, name, join, span, f"{table.name} of each row")
