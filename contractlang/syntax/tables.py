"""The parse tables of the grammar: made by Lark, shipped as JSON, loaded without Lark.

Building tables from the grammar takes half a second, loading them a few milliseconds. The shipped tables carry a
fingerprint of the grammar they were made from; when it does not match the grammar file, the tables are built anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from contractlang.locations import grammar_folder

STARTS = ("statement", "expression")
END = "$END"

_FORMAT = "1"
_SHIPPED = Path(__file__).with_name("tables.json")


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens when `size` symbols are reduced to `origin`.

    `picks` are the kept symbols by position; True marks a list whose parts are handed on one by one. `action` names the
    builder's method; "" hands on the only kept symbol, "*" hands on a list.
    """

    origin: str
    size: int
    action: str
    picks: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """LALR(1) tables and the words of the grammar.

    `states[state][symbol]` is a state to go to (>= 0) or the complement of the rule to reduce by (< 0).
    `starts` gives the first and the accepting state of each start symbol. `keywords` and `punctuation` map spelling to
    terminal, `patterns` are the regular expressions of the other terminals in the order in which they are tried.
    """

    states: tuple[dict[str, int], ...]
    rules: tuple[Rule, ...]
    starts: dict[str, tuple[int, int]]
    keywords: dict[str, str]
    punctuation: dict[str, str]
    patterns: dict[str, str]


@cache
def load_tables() -> Tables:
    """The tables of the grammar file: the shipped ones where they fit, else new ones. Raises OSError without a grammar."""
    grammar = (grammar_folder() / "contract.lark").read_text(encoding="utf-8")
    try:
        stored = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = None
    if not isinstance(stored, dict) or stored.get("fingerprint") != fingerprint(grammar):
        stored = build_tables(grammar)
    return _unpacked(stored)


def fingerprint(grammar: str) -> str:
    return sha256(f"{_FORMAT}\n{grammar}".encode()).hexdigest()


def write_tables() -> Path:
    """Build the tables from the grammar file and write them into the package."""
    grammar = (grammar_folder() / "contract.lark").read_text(encoding="utf-8")
    lines = json.dumps(build_tables(grammar), separators=(",", ":")).replace("],[", "],\n[")
    _SHIPPED.write_text(lines + "\n", encoding="utf-8")
    return _SHIPPED


def build_tables(grammar: str) -> dict[str, Any]:
    """Tables as plain data that JSON can hold. The same grammar always gives the same data.

    Raises lark.exceptions.LarkError for a grammar that is wrong or has a conflict of any kind.
    """
    from lark import Lark
    from lark.lexer import Lexer
    from lark.parsers.lalr_analysis import Shift

    class NoLexer(Lexer):
        """Tokens are made by `contractlang.syntax.tokens`; Lark is asked for the tables alone."""

        def __init__(self, conf: object) -> None: ...

        def lex(self, lexer_state: object, parser_state: object) -> Any:
            raise NotImplementedError

    lark = Lark(grammar, parser="lalr", lexer=NoLexer, start=list(STARTS), strict=True, maybe_placeholders=False)
    table = lark.parser.parser._parse_table  # noqa: SLF001  the tables have no public name
    rules = {rule: number for number, rule in enumerate(lark.rules)}

    # States are numbered in the order in which they are reached, because Lark's own numbers differ from run to run.
    numbers = {table.start_states[start]: number for number, start in enumerate(STARTS)}
    queue, rows = list(numbers), []
    for state in queue:
        row: list[Any] = []
        for symbol, (action, target) in sorted(table.states[state].items()):
            if action is Shift:
                if target not in numbers:
                    numbers[target] = len(numbers)
                    queue.append(target)
                row += [symbol, numbers[target]]
            else:
                row += [symbol, ~rules[target]]
        rows.append(row)

    plain = {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"}
    patterns = [t for t in lark.terminals if t.pattern.type == "re" and t.name not in lark.ignore_tokens]
    patterns.sort(key=lambda t: (-t.priority, t.name == "NAME", t.name))
    return {
        "fingerprint": fingerprint(grammar),
        "starts": {start: [numbers[table.start_states[start]], numbers[table.end_states[start]]] for start in STARTS},
        "keywords": {text: name for name, text in sorted(plain.items()) if text.isidentifier()},
        "punctuation": {text: name for name, text in sorted(plain.items()) if not text.isidentifier()},
        "patterns": {t.name: t.pattern.to_regexp() for t in patterns},
        "rules": [_packed(rule) for rule in lark.rules],
        "states": rows,
    }


def _packed(rule: Any) -> list[Any]:
    """[origin, size, action, kept positions, positions of lists]."""
    origin = str(rule.origin.name)
    kept = [
        number
        for number, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and symbol.filter_out and not rule.options.keep_all_tokens)
    ]
    lists = [n for n in kept if not rule.expansion[n].is_term and rule.expansion[n].name.startswith("_")]
    if rule.alias:
        action = rule.alias
    elif origin.startswith("_"):
        action = "*"
    elif rule.options.expand1 and len(kept) == 1 and not lists:
        action = ""
    else:
        action = origin
    return [origin, len(rule.expansion), action, kept, lists]


def _unpacked(stored: dict[str, Any]) -> Tables:
    return Tables(
        tuple(dict(zip(row[::2], row[1::2], strict=True)) for row in stored["states"]),
        tuple(
            Rule(origin, size, action, tuple((n, n in lists) for n in kept))
            for origin, size, action, kept, lists in stored["rules"]
        ),
        {start: (first, accepting) for start, (first, accepting) in stored["starts"].items()},
        stored["keywords"],
        stored["punctuation"],
        stored["patterns"],
    )
