"""Random texts of the language, drawn from its own grammar."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from lark import Lark
from lark.grammar import NonTerminal, Symbol

from contractlang.locations import grammar_folder

_WORDS = {
    "NAME": ["a", "b2", "benchmark", "T1_PLUS", "_x", "cents"],
    "NUMBER": ["0", "5", "2019", "1_250.50", "$250_000", "$0.75", "7.5%", "100%"],
    "DATE": ["2019-01-01", "2024-02-29"],
    "TEXT": ['"a"', '"two words"', r'"say \"no\""', '"# no comment"', '""'],
    "PER_MEMBER_PER_YEAR": ["per member per year", "per  member per\tyear"],
    "_NL": ["\n  "],
    "_NEXT_ROW": ["\n  "],
}
_ENDLESS = 10**6


@cache
def grammar() -> Lark:
    text = (grammar_folder() / "contract.lark").read_text(encoding="utf-8")
    return Lark(text, parser=None, lexer="basic", start=["statement", "expression"], maybe_placeholders=False)


@cache
def _rules() -> tuple[dict[str, list[list[Symbol]]], dict[str, str]]:
    """The expansions of every rule, the shortest ones first, and the spelling of fixed terminals."""
    terminals, rules, _ = grammar().grammar.compile(["statement", "expression"], "*")
    expansions: dict[str, list[list[Symbol]]] = {}
    for rule in rules:
        expansions.setdefault(rule.origin.name, []).append(list(rule.expansion))
    spelling = {terminal.name: terminal.pattern.value for terminal in terminals if terminal.pattern.type == "str"}
    return expansions, spelling


@cache
def _depths() -> dict[str, int]:
    """The least number of nested rules that a rule needs."""
    expansions, _ = _rules()
    depths = dict.fromkeys(expansions, _ENDLESS)
    while True:
        new = {name: min(1 + _depth(depths, e) for e in options) for name, options in expansions.items()}
        if new == depths:
            return depths
        depths = new


def _depth(depths: dict[str, int], expansion: list[Symbol]) -> int:
    return max((depths[s.name] for s in expansion if isinstance(s, NonTerminal)), default=0)


@st.composite
def sentences(draw: st.DrawFn, start: str = "statement") -> list[str]:
    """The words of a statement or an expression. Line ends that separate are words of their own."""
    expansions, spelling = _rules()
    depths = _depths()
    budget = draw(st.integers(10, 60))
    words: list[str] = []
    pending: list[str] = [start]
    while pending:
        name = pending.pop()
        if name in _WORDS:
            words.append(draw(st.sampled_from(_WORDS[name])))
        elif name in spelling:
            words.append(spelling[name])
        else:
            options = expansions[name]
            if len(words) + len(pending) > budget:
                least = min(_depth(depths, e) for e in options)
                options = [e for e in options if _depth(depths, e) == least]
            pending += [symbol.name for symbol in reversed(draw(st.sampled_from(options)))]
    return words


def joined(words: list[str]) -> str:
    """The plain text of a sentence: one blank between words, but none inside dotted names and ranges."""
    return " ".join(words)
