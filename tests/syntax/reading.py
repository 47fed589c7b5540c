"""Short ways to parse a text in a test, and to show an expression with all its parentheses."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast
from contractlang.syntax.parser import parse, parse_expression

SPAN = Span(SourceFile("expected", ""), 0, 0)


def document(text: str) -> ast.Document:
    """The document of a text without mistakes."""
    sink = Sink()
    found = parse(SourceFile("test.vbc", text), sink)
    assert list(sink) == []
    assert found is not None
    return found


def item(text: str) -> ast.Item:
    """The only item of a text."""
    (found,) = document(f"contract test\n{text}").items
    return found


def steps(text: str) -> tuple[ast.Step, ...]:
    """The clauses of the only block of a text."""
    block = item(text)
    assert isinstance(block, ast.Block)
    return block.steps


def expression(text: str) -> ast.Expr:
    sink = Sink()
    found = parse_expression(SourceFile("test", text), sink)
    assert list(sink) == []
    assert found is not None
    return found


def complaints(text: str) -> list[Diagnostic]:
    """What is reported for a text, in the order of its lines."""
    sink = Sink()
    parse(SourceFile("test.vbc", text), sink)
    return list(sink)


def name(text: str) -> ast.Name:
    return ast.Name(tuple(text.split(".")), span=SPAN)


def number(value: str, symbol: str = "", unit: str = "", decimals: int = 0) -> ast.Number:
    words = ast.Unit(tuple(unit.split()), span=SPAN) if unit else None
    return ast.Number(Fraction(value), symbol, words, decimals, span=SPAN)


def text(value: str) -> ast.Text:
    return ast.Text(value, span=SPAN)


def date(value: str) -> ast.Date:
    return ast.Date(dt.date.fromisoformat(value), span=SPAN)


def step(
    word: str, argument: ast.Expr | None = None, *more: tuple[str, ast.Expr | tuple[ast.Name, ...]], **rest: object
) -> ast.Step:
    return ast.Step(word, argument, more=more, span=SPAN, **rest)  # type: ignore[arg-type]


def shown(node: ast.Expr | ast.Range | None) -> str:
    """An expression in prefix notation."""
    match node:
        case None:
            return ""
        case ast.Number(value=value, symbol=symbol, unit=unit):
            words = " ".join(unit.words) + "".join(f" per {word}" for word in unit.per) if unit else ""
            return f"{symbol if symbol == '$' else ''}{value}{symbol if symbol != '$' else ''}{words}"
        case ast.Text(value=value):
            return f'"{value}"'
        case ast.Flag(value=value):
            return "yes" if value else "no"
        case ast.Date(value=day):
            return day.isoformat()
        case ast.NotApplicable():
            return "n/a"
        case ast.Name():
            return node.text
        case ast.Lookup(table=table, keys=keys, column=column):
            return f"{table.text}[{', '.join(map(shown, keys))}].{column}"
        case ast.Unary(op=op, operand=operand):
            return f"({op} {shown(operand)})"
        case ast.Binary(op=op, left=left, right=right):
            return f"({shown(left)} {op} {shown(right)})"
        case ast.StateTest(operand=operand, state=state, negated=negated):
            return f"({shown(operand)} is {'not ' if negated else ''}{state})"
        case ast.Range(low=low, high=high):
            return f"{shown(low)}..{shown(high)}"
        case ast.Membership(operand=operand, items=items, negated=negated):
            return f"({shown(operand)} {'not ' if negated else ''}in [{', '.join(map(shown, items))}])"
        case ast.Else(operand=operand, fallback=fallback, missing=missing):
            return f"({shown(operand)} {'if missing' if missing else 'else'} {shown(fallback)})"
        case ast.Call(function=function, arguments=arguments, decimals=decimals):
            places = "" if decimals is None else f", {decimals} decimals"
            return f"{function.text}({', '.join(map(shown, arguments))}{places})"
        case ast.Round(operand=operand, step=unit_step, mode=mode):
            return f"round({shown(operand)} to {shown(unit_step)}, {mode})"
        case ast.Aggregate():
            return _aggregate(node)
        case ast.At(operand=operand, period=period):
            return f"({shown(operand)} at {shown(period)})"
        case ast.Prior(operand=operand, starting=starting):
            return f"(prior {shown(operand)}{' starting ' + shown(starting) if starting else ''})"


def _aggregate(node: ast.Aggregate) -> str:
    parts = [shown(node.operand)]
    if node.argument is not None:
        parts.insert(0, shown(node.argument) + ",")
    if node.weight is not None:
        parts.append(f"weighted by {shown(node.weight)}")
    if node.over:
        parts.append("over " + ", ".join(key.text for key in node.over))
    if node.except_own:
        parts.append("except own")
    if node.where is not None:
        parts.append(f"where {shown(node.where)}")
    return f"<{node.function} {' '.join(parts)}>"
