"""The LALR automaton: runs the tables over the tokens of one statement and calls the builder at each reduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contractlang.syntax.tables import END, Rule, Tables
from contractlang.syntax.tokens import NEWLINE, NEXT_ROW, RESERVED, WORD, Token

MAX_DEPTH = 200
_MAX_STACK = 1_000
_REMEMBERED = 32
_MANY = 60

Build = Callable[[list[Any], int, int], Any]


@dataclass(frozen=True, slots=True)
class Surprise:
    """A token with which the statement cannot go on.

    `position` is its place among the tokens of the statement. `expected` are the terminals that could have stood there;
    `line` holds the same for the last tokens before it on its line, by place. `opened` is the innermost bracket left open.
    """

    position: int
    expected: frozenset[str]
    line: Mapping[int, frozenset[str]]
    opened: Token | None


@dataclass(frozen=True, slots=True)
class TooDeep:
    """An expression whose tree is deeper than MAX_DEPTH: its place, or the place where reading it was given up."""

    start: int
    end: int


@dataclass(slots=True)
class _Stack:
    """One entry per symbol, after the state at the bottom: what was built, where it stands, how deep it is."""

    states: list[int]
    values: list[Any]
    starts: list[int]
    ends: list[int]
    depths: list[int]

    def copy(self) -> _Stack:
        return _Stack(self.states[:], self.values[:], self.starts[:], self.ends[:], self.depths[:])


def run(
    tables: Tables,
    actions: Mapping[str, Build],
    start: str,
    tokens: Sequence[Token],
    problems: list[Surprise | TooDeep],
) -> Any:
    """Build the value of one statement, or None after reporting to `problems`.

    After a surprise inside braces the rest of the line is skipped and reading goes on, so that one statement reports
    every bad line; its value is None all the same.
    """
    first, accepting = tables.starts[start]
    stack = _Stack([first], [], [], [], [])
    line_start: _Stack | None = None
    line: dict[int, list[int]] = {}
    braces = position = 0
    fresh = -1
    while True:
        token = tokens[position]
        kind = token.kind if token.kind != WORD else _terminal(tables, stack.states[-1], token.text)
        line[position] = stack.states[:]
        line.pop(position - _REMEMBERED, None)
        outcome = _feed(tables, actions, stack, token, kind=kind, accepting=accepting)
        if outcome is True:
            position += 1
            if kind == "LBRACE":
                braces += 1
            elif kind == "RBRACE":
                braces -= 1
            if braces == 1 and kind in {"LBRACE", NEWLINE, NEXT_ROW}:
                line_start, fresh = stack.copy(), position
                line.clear()
            continue
        if isinstance(outcome, tuple):
            return None if problems else outcome[0]
        # A surprise at the very start of a line that follows a skipped one says nothing new.
        if not (problems and position == fresh):
            problems.append(outcome or _surprise(tables, tokens, position, line))
        following = _next_line(tokens, position)
        if line_start is None or following is None or len(problems) > _MANY:
            return None
        stack, position, fresh, braces = line_start.copy(), following, following, 1
        line.clear()


def _surprise(tables: Tables, tokens: Sequence[Token], position: int, line: Mapping[int, list[int]]) -> Surprise:
    possible = {place: _expected(tables, states) for place, states in line.items()}
    return Surprise(position, possible[position], possible, _innermost(tokens[:position]))


def _terminal(tables: Tables, state: int, word: str) -> str:
    """What a word is here: the keyword if the grammar can go on with it, else a name."""
    keyword = tables.keywords.get(word)
    if keyword is not None and (word in RESERVED or keyword in tables.states[state]):
        return keyword
    return "RESERVED" if word in RESERVED else "NAME"


def _feed(
    tables: Tables, actions: Mapping[str, Build], stack: _Stack, token: Token, *, kind: str, accepting: int
) -> TooDeep | tuple[Any] | bool:
    """Reduce and shift one token: whether it was taken, or a one-tuple with the value at the end."""
    rows, rules, path = tables.states, tables.rules, stack.states
    while True:
        target = rows[path[-1]].get(kind)
        if target is None:
            return False
        if target >= 0:
            if len(path) > _MAX_STACK:
                return TooDeep(token.start, token.end)
            path.append(target)
            stack.values.append(token)
            stack.starts.append(token.start)
            stack.ends.append(token.end)
            stack.depths.append(0)
            return True
        rule = rules[~target]
        if rule.action == "" and rule.size == 1:
            path[-1] = goto = rows[path[-2]][rule.origin]
        else:
            trouble = _reduce(rule, actions, stack)
            if trouble is not None:
                return trouble
            goto = rows[path[-1]][rule.origin]
            path.append(goto)
        if goto == accepting and kind == END:
            return (stack.values[-1],)


def _reduce(rule: Rule, actions: Mapping[str, Build], stack: _Stack) -> TooDeep | None:
    """Replace the symbols of a rule by what they build. (No rule of the grammar is empty.)"""
    size = rule.size
    parts = stack.values[-size:]
    start, end = stack.starts[-size], stack.ends[-1]
    depth = max(stack.depths[-size:])
    kids: list[Any] = []
    for position, spread in rule.picks:
        if not spread:
            kids.append(parts[position])
        elif kids:
            kids += parts[position]
        else:
            kids = parts[position]  # lists grow on the left, so the first one is taken over instead of copied
    value: Any
    match rule.action:
        case "*":
            value = kids
        case "":
            value = kids[0]
        case action:
            value = actions[action](kids, start, end)
            depth += 1
            if depth > MAX_DEPTH:
                return TooDeep(start, end)
    del stack.states[-size:], stack.values[-size:], stack.starts[-size:], stack.ends[-size:], stack.depths[-size:]
    stack.values.append(value)
    stack.starts.append(start)
    stack.ends.append(end)
    stack.depths.append(depth)
    return None


def _expected(tables: Tables, states: list[int]) -> frozenset[str]:
    """The terminals that could be shifted next: those of the last state for which every reduction leads to a shift."""
    return frozenset(
        symbol for symbol in tables.states[states[-1]] if _is_terminal(symbol) and _shifts(tables, states, symbol)
    )


def _is_terminal(symbol: str) -> bool:
    return symbol == END or symbol.isupper()


def _shifts(tables: Tables, states: list[int], symbol: str) -> bool:
    path = states[:]
    while True:
        target = tables.states[path[-1]].get(symbol)
        if target is None:
            return False
        if target >= 0:
            return True
        rule = tables.rules[~target]
        del path[-rule.size :]
        path.append(tables.states[path[-1]][rule.origin])
        if symbol == END and any(path[-1] == accepting for _, accepting in tables.starts.values()):
            return True


def _innermost(tokens: Sequence[Token]) -> Token | None:
    """The last bracket among the tokens that is still open."""
    opened: list[Token] = []
    for token in tokens:
        if token.kind in {"LPAR", "LSQB", "LBRACE"}:
            opened.append(token)
        elif token.kind in {"RPAR", "RSQB", "RBRACE"} and opened:
            opened.pop()
    return opened[-1] if opened else None


def _next_line(tokens: Sequence[Token], position: int) -> int | None:
    """The first token of the next line inside the same braces, or None."""
    depth = 0
    for index in range(position, len(tokens)):
        kind = tokens[index].kind
        if kind == "LBRACE":
            depth += 1
        elif kind == "RBRACE":
            if depth == 0:
                return None
            depth -= 1
        elif depth == 0 and kind in {NEWLINE, NEXT_ROW}:
            return index + 1
    return None


def resolve(tables: Tables, tokens: Sequence[Token]) -> list[str]:
    """The terminal of every token of a statement that is known to parse: which words are keywords, which are names."""
    first, accepting = tables.starts["statement"]
    stack = _Stack([first], [], [], [], [])
    kinds: list[str] = []
    for token in tokens:
        kind = token.kind if token.kind != WORD else _terminal(tables, stack.states[-1], token.text)
        kinds.append(kind)
        _feed(tables, _Nothing(), stack, token, kind=kind, accepting=accepting)
    return kinds


class _Nothing(dict[str, Build]):
    """Actions that build nothing."""

    def __missing__(self, name: str) -> Build:
        return lambda _kids, _start, _end: None
