"""Literals where a declaration holds data: cells of tables, entries, bands, defaults, bounds."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Sink
from contractlang.semantics import literals
from contractlang.semantics.scope import Scope, unknown
from contractlang.semantics.types import UNIT_WORDS, Kind, Type
from contractlang.semantics.typing import Problem, described, unify, zero
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value


def literal(scope: Scope, cell: ast.Expr, sink: Sink, scheme: str | None = None) -> tuple[Value, Type] | None:
    """The value and type of a cell that must be a literal; reports and gives None where it is not one.

    With a `scheme`, a word is a value of that category; without one, of any.
    """
    match cell:
        case ast.Number():
            found = literals.number(cell)
            if isinstance(found, str):
                report_unit(cell, found, sink)
                return None
            return found
        case ast.Unary(op="-", operand=operand):
            inner = literal(scope, operand, sink, scheme)
            if inner is None or not isinstance(inner[0], Fraction):
                return None
            return -inner[0], inner[1]
        case ast.Flag(value=value):
            return value, Type(Kind.FLAG)
        case ast.Date(value=day):
            return day, Type(Kind.DATE)
        case ast.Text(value=text):
            return _word(scope, cell, text, sink, scheme)
        case ast.NotApplicable():
            absent = frozenset({State.NOT_APPLICABLE})
            return Absent(State.NOT_APPLICABLE, ""), Type(Kind.NUMBER, literal=True, absent=absent)
        case ast.Name(parts=(word,)):
            return _word(scope, cell, word, sink, scheme)
        case _:
            sink.report(
                Diagnostic(
                    "kind-mismatch",
                    "a literal is needed here",
                    cell.span,
                    help="write a number, `yes`, `no`, a date or a category value; "
                    "what is computed has its place in a `define`",
                )
            )
            return None


def _word(
    scope: Scope, cell: ast.Name | ast.Text, word: str, sink: Sink, scheme: str | None
) -> tuple[Value, Type] | None:
    if scheme is not None:
        values = scope.categories[scheme].values
        if word not in values:
            sink.report(unknown(word, cell.span, values, f"value of category `{scheme}`"))
            return None
        return word, Type(Kind.CATEGORY, scheme=scheme)
    if isinstance(cell, ast.Text):
        return word, Type(Kind.TEXT)
    schemes = scope.scheme_of(word)
    if not schemes:
        known = [v for c in scope.categories.values() for v in c.values]
        sink.report(unknown(word, cell.span, known, "category value"))
        return None
    return word, Type(Kind.CATEGORY, scheme=schemes[0])


def fitting(scope: Scope, cell: ast.Expr, type_: Type, sink: Sink, where: str) -> Value | None:
    """A literal that stands for a value of a type (a default or a bound), or None after a report."""
    if isinstance(cell, ast.Name) and type_.kind is not Kind.CATEGORY:
        nothing = zero(type_)
        sink.report(
            Diagnostic(
                "kind-mismatch",
                f"{where} {described(type_)}, here is a name",
                cell.span,
                help="write the value itself; what is computed has its place in a `define`",
                fixes=(edits.instead(cell.span, nothing),) if nothing is not None else (),
            )
        )
        return None
    found = literal(scope, cell, sink, type_.scheme)
    if found is None:
        return None
    value, given = found
    problem = unify((replace(type_, absent=frozenset()), given), "")
    if isinstance(problem, Problem):
        bare = problem.adapt is not None
        sink.report(
            Diagnostic(
                problem.code,
                f"{where} {described(type_)}, here is {'a number without unit' if bare else described(given)}",
                cell.span,
                help=problem.help,
                fixes=with_unit(cell, problem.adapt[1]) if problem.adapt else (),
            )
        )
        return None
    return value


def with_unit(part: ast.Expr, word: str) -> tuple[Fix, ...]:
    """A bare number with the unit that it lacks: `0` becomes `$0`, `5_000` becomes `5_000 members`."""
    if not isinstance(part, ast.Number) or part.symbol or part.unit is not None:
        return ()
    return (edits.instead(part.span, written(part.span.text, word)),)


def written(digits: str, word: str) -> str:
    """Digits with a unit word as a designer writes them: `$0.75 pmpm`, `5_000 members`."""
    if word.split(maxsplit=1)[0] != "USD":
        return f"{digits} {word}"
    sign, digits = ("-", digits[1:].lstrip()) if digits.startswith("-") else ("", digits)
    return f"{sign}${digits} {word.removeprefix('USD')}".replace("  ", " ").rstrip()


def report_unit(number: ast.Number, word: str, sink: Sink) -> None:
    """A unit word that does not exist, at its place behind the number."""
    assert number.unit is not None
    if word in {"percent", "percentage"}:
        whole = number.span.file.text[number.span.start : number.unit.span.start].rstrip() + "%"
        fixes = (edits.instead(number.span, whole),)
        sink.report(
            Diagnostic("unknown-name", f"unknown unit `{word}`", number.unit.span, help=f"write `{whole}`", fixes=fixes)
        )
        return
    sink.report(unknown(word, edits.word_in(number.unit.span, word), list(UNIT_WORDS), "unit"))


def same_place(one: Span, other: Span) -> bool:
    return one.file is other.file and one.start == other.start
