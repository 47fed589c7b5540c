"""Declarations that hold data: inputs, tables of terms, schedules. Checked alone, before any expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.semantics.foreign import results_table
from contractlang.semantics.inputs import input_schema
from contractlang.semantics.model import TableSchema
from contractlang.semantics.published import Published
from contractlang.semantics.schedules import schedule_table
from contractlang.semantics.scope import Scope
from contractlang.semantics.terms import TermsTable, terms_table
from contractlang.syntax import ast


@dataclass(slots=True)
class Declarations:
    """All declarations of a contract by visible name; what failed is absent here and was reported.

    `broken` names columns (`results.benchmark`) that failed in a table that did not.
    """

    inputs: dict[str, TableSchema] = field(default_factory=dict)
    terms: dict[str, TermsTable] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


def declare(scope: Scope, sink: Sink, foreign: Sequence[tuple[ast.Use, Published]] = ()) -> Declarations:
    """Check and convert every category, input, exhibit, table of terms and schedule; and the results of other contracts."""
    declared = Declarations()
    for use, published in foreign:
        schema = results_table(scope, use, published)
        if scope.add_results(schema.name, use, [key.name for key in schema.keys]):
            declared.inputs[schema.name] = schema
    for name, item in scope.items.items():
        match item:
            case ast.Category():
                _category(name, item, sink)
            case ast.Input(kind="results"):
                pass
            case ast.Input():
                declared.inputs[name], broken = input_schema(scope, name, item, sink)
                declared.broken |= {f"{name}.{column}" for column in broken}
            case ast.Terms():
                if (table := terms_table(scope, name, item, sink)) is not None:
                    declared.terms[name] = table
            case ast.Schedule():
                if (table := schedule_table(scope, name, item, sink)) is not None:
                    declared.terms[name] = table
            case _:
                pass
    return declared


def _category(name: str, item: ast.Category, sink: Sink) -> None:
    seen: set[str] = set()
    for value in item.values:
        if value in seen:
            place = edits.word_in(item.span, value, last=True)
            sink.report(
                Diagnostic(
                    "duplicate-name",
                    f"category `{name}` lists `{value}` twice",
                    place,
                    help="leave one of the two out",
                    fixes=(edits.without(place, "leave it out"),),
                )
            )
            return
        seen.add(value)
