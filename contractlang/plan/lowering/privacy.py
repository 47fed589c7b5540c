"""`see counts only`: rows of several payers whose prices nobody may see. People and events are counted; no money is read."""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Label
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Kind
from contractlang.syntax import ast


def sees_no_money(low: Lowering, block: ast.Block, table: TableSchema) -> bool:
    """Whether a population that sees counts only has a table without money; reports each column of money."""
    clause = _clause(block)
    return clause is None or _without_money(low, block.name, table, clause)


def may_read(low: Lowering, block: ast.Block, population: str) -> bool:
    """Whether a block may read what it reads of a population: of one that sees counts only, no dollars."""
    subject = low.scope.items.get(population)
    clause = _clause(subject) if isinstance(subject, ast.Block) else None
    if clause is None:
        return True
    if block.kind != "spending":
        table = low.declared.inputs.get(block.source.text) if block.source is not None else None
        return table is None or _without_money(low, population, table, clause)
    place = block.subject.span if block.subject is not None else block.span
    names = [n for n, i in low.scope.items.items() if isinstance(i, ast.Block) and i.kind == "population"]
    low.error(
        "money-in-counts",
        f"spending `{block.name}` adds up dollars of `{population}`, which sees counts only",
        place,
        "add up the dollars of a population with the payer's own rows",
        labels=[Label(clause.span, "counts only")],
        fixes=[edits.instead(place, n) for n in names if n != population],
    )
    return False


def _clause(block: ast.Block) -> ast.Step | None:
    return next((s for s in block.steps if s.word == "see"), None)


def _without_money(low: Lowering, population: str, table: TableSchema, clause: ast.Step) -> bool:
    prices = [c for c in table.columns if c.type.kind is Kind.MONEY]
    for column in prices:
        low.error(
            "money-in-counts",
            f"population `{population}` sees counts only, and `{table.name}.{column.name}` is money",
            column.span or clause.span,
            f"leave the column out of `{table.name}`: what the contract does not name, no file needs to hold",
            labels=[Label(clause.span, "counts only")],
            fixes=[edits.without(column.span, "leave the column out")] if column.span is not None else [],
        )
    return not prices
