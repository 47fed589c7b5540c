"""The explanation of a value: from a payment down to clauses, parameters and cells of the files.

A trace is a tree of what the contract names. Arithmetic between names is folded into one line in the words of the
contract, with the values put in. The steps of a block stand side by side in their order, not one inside the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from contractlang.plan.nodes import (
    Aggregate,
    Alias,
    Cell,
    Choose,
    Const,
    Curve,
    Key,
    Named,
    Piece,
    Previous,
    Split,
    Terms,
)
from contractlang.runtime.declines import decline_notes
from contractlang.runtime.formatting import dollars, exactly
from contractlang.runtime.provenance import OVER_ROWS, CellPlace, Point, Provenance
from contractlang.runtime.result import Result
from contractlang.runtime.roster_moves import move_notes
from contractlang.runtime.splits import split_notes
from contractlang.runtime.steps import SIDES, StepTaken, empty_sides, is_step, steps_taken
from contractlang.runtime.words import arithmetic, body, clause, is_cell, words
from contractlang.semantics.types import Kind, Type
from contractlang.source import Span
from contractlang.values import Absent, Value

DEEPEST = 60
"""Levels after which a trace is cut, with a note: no reader follows further, and no input may exhaust the stack."""

COUNTED = 5_000
"""Rows of an aggregate up to which those that are left out are counted."""

LISTED = 12
"""Rows of an aggregate up to which each is explained."""


_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CASE = re.compile(r"^[ \t]*(when\b|otherwise\b)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trace:
    """One line of an explanation.

    `kind`: `value` (named by the contract), `step` (of a block), `input` (a cell), `members` (a total over member
    rows), `parameter` (a constant, a row of terms, an entry of a schedule, a piece of a scale), `key`, `aggregate`,
    `earlier` (another period), `computed` (an expression without name). `clause` is the text that defines it, `place`
    its `file:line`, `formula` the same with values, `notes` whatever else decided. `cell` is set for inputs.
    `again` is True where the same value has been explained earlier in the tree.
    """

    kind: str
    name: str
    value: Value
    type: Type
    clause: str
    place: str
    formula: str = ""
    notes: tuple[str, ...] = ()
    cell: CellPlace | None = None
    period: str = ""
    inputs: tuple[Trace, ...] = ()
    again: bool = False

    @property
    def shown(self) -> str:
        return exactly(self.value, self.type)


def trace(result: Result, name: str, row: int, depth: int = DEEPEST) -> Trace | None:
    """Explain a named value of one group and period down to `depth` levels; None for an unknown name."""
    point = result.point(name, row)
    if point is None:
        return None
    return _Tracer(result, row).named(point, min(depth, DEEPEST))


@dataclass(slots=True)
class _Tracer:
    result: Result
    row: int
    seen: set[tuple[int, int, tuple[tuple[str, str], ...]]] = field(default_factory=set)

    @property
    def provenance(self) -> Provenance:
        return self.result.provenance

    # Named values

    def named(self, point: Point, depth: int) -> Trace:
        """A value that the contract names."""
        about = _about(point)
        inner = body(point)
        span = about.origin if about is not None else point.node.origin
        text, place = self._case_text(inner, span) or (_one_line(span), span.place)
        found = replace(self._line("value", _called(about) or words(point), point, text), place=place)
        if about is not None and about.role == "parameter":
            found = replace(found, kind="parameter")
        if self._explained(point):
            return replace(found, again=True)
        if about is not None and about.role == "amount":
            notes = split_notes(self.provenance, point, about) + decline_notes(self.provenance, point, about)
            found = replace(found, notes=notes)
            return self._block(found, point, about, depth)
        if self._reduced(inner):
            cell = self.provenance.cell(inner)
            notes = self._accounts(inner, cell.table) if cell is not None else ()
            return replace(found, kind="members", cell=cell, notes=notes)
        notes = self._notes(inner) + decline_notes(self.provenance, point, about)
        found = replace(found, formula=self._formula(point, found), notes=notes)
        return replace(found, inputs=self._inputs(inner, depth)) if depth > 0 else _cut(found, inner)

    def _explained(self, point: Point) -> bool:
        known = point.identity in self.seen
        self.seen.add(point.identity)
        return known

    def _line(self, kind: str, name: str, point: Point, text: str) -> Trace:
        return Trace(kind, name, self.provenance.value(point), point.type, text, point.node.origin.place)

    def _formula(self, point: Point, line: Trace) -> str:
        found = arithmetic(self.provenance, point)
        return "" if found == line.shown else found

    def _notes(self, inner: Point) -> tuple[str, ...]:
        """Which case of a `when` was taken; why a value is absent."""
        notes: list[str] = []
        op = inner.node.op
        if isinstance(op, Choose) and len(inner.node.args) > 3:
            number, of = self._case(inner)
            notes.append(f"case {number} of {of}")
        value = self.provenance.value(inner)
        if isinstance(value, Absent):
            cause = self.provenance.cause(inner)
            if cause.identity != inner.identity:
                notes.append(f"because `{words(cause)}` is {self.provenance.value(cause)}")
        return tuple(notes)

    def _case_text(self, inner: Point, definition: Span) -> tuple[str, str] | None:
        """The words and the place of the case that was taken, as they stand in the definition."""
        if not isinstance(inner.node.op, Choose):
            return None
        number, of = self._case(inner)
        starts = [found.start(1) for found in _CASE.finditer(definition.text)]
        if len(starts) != of:
            return None
        start, end = (*starts, len(definition.text))[number - 1 : number + 1]
        lines = [line.partition(" #")[0] for line in definition.text[start:end].splitlines()]
        at = definition.start + start
        return " ".join(" ".join(lines).split()), Span(definition.file, at, at + 1).place

    def _case(self, inner: Point) -> tuple[int, int]:
        args = inner.node.args
        of = (len(args) + 1) // 2
        for i in range(0, len(args) - 1, 2):
            if self.provenance.value(inner.at(args[i])) is not False:
                return i // 2 + 1, of
        return of, of

    # Blocks

    def _block(self, line: Trace, point: Point, about: Named, depth: int) -> Trace:
        """The principal value of a block: its steps, then what the total reads beside them."""
        block = about.block or about.name
        empty = [f"no {side}" for side in empty_sides(self.provenance, point, block)]
        if depth <= 0:
            return replace(line, notes=(*line.notes, *empty))
        steps = list(self._steps(point, block, depth))
        sides = any(step.name.split(" ")[0] in SIDES for step in steps) or bool(empty)
        rest = (
            [] if sides else [line for line in self._arguments(point, about, depth) if not _inside(line, block, steps)]
        )
        formula = "" if sides else self._formula(point, line)
        return replace(line, notes=(*line.notes, *empty), formula=formula, inputs=(*steps, *rest))

    def _steps(self, point: Point, block: str, depth: int) -> Iterator[Trace]:
        """The steps of a block in their order, one line each."""
        for step in steps_taken(self.provenance, point, block):
            self.seen.add(step.point.identity)
            word = step.named.word or step.named.label
            line = self._line("step", f"{step.side} {word}".strip(), step.point, clause(step.named.origin))
            line = replace(line, place=step.named.origin.place, notes=step.notes)
            inner = body(step.point)
            if self._reduced(inner):
                behind = "exclude" if word == "amount" else word
                notes = (*self._accounts(inner, block, behind), *_removed(word, step)) or step.notes
                named = tuple(self._mentioned(step.point, step.named, depth - 1))
                yield replace(line, notes=notes, cell=self.provenance.cell(inner), inputs=named)
                continue
            formula = "" if step.notes else self._formula(step.point, line)
            yield replace(line, formula=formula, inputs=tuple(self._arguments(step.point, step.named, depth - 1)))

    def _mentioned(self, point: Point, named: Named, depth: int) -> Iterator[Trace]:
        """Named values in the words of a step that the reduce stage has taken."""
        for word in dict.fromkeys(_NAME.findall(named.origin.text)):
            other = point.plan.named(word)
            if other is not None and other.block is None and depth > 0:
                yield self.named(point.at(other.node), depth - 1)

    def _arguments(self, point: Point, named: Named, depth: int) -> Iterator[Trace]:
        """What a step reads beside the running value of its own block."""
        if depth <= 0:
            return
        for leaf in self._leaves(body(point)):
            about = _about(leaf)
            if about is not None and about.block == named.block and is_step(about):
                continue
            if about is not None and about.role == "argument":
                inner = body(leaf)
                if isinstance(inner.node.op, Const):
                    continue
                if inner.node.name is None:
                    yield from self._argument(leaf, inner, about, depth)
                    continue
                leaf = inner  # noqa: PLW2901 - an argument that is only a name is explained by that name
            yield self._leaf(leaf, depth)

    def _argument(self, leaf: Point, inner: Point, about: Named, depth: int) -> Iterator[Trace]:
        """An argument that is an expression: its parts when it is one part only, else a line of its own above them."""
        parts = list(self._leaves(inner))
        if len(parts) == 1 and parts[0].index == inner.index:
            yield self._leaf(inner, depth)
            return
        line = self._line("computed", about.name.rpartition(".")[2], leaf, words(inner))
        yield replace(line, formula=self._formula(leaf, line), inputs=self._inputs(inner, depth - 1))

    # What an expression reads

    def _inputs(self, inner: Point, depth: int) -> tuple[Trace, ...]:
        if inner.node.name is not None:
            return (self._leaf(inner, depth),)
        return tuple(self._leaf(leaf, depth) for leaf in self._leaves(inner))

    def _leaves(self, inner: Point) -> Iterator[Point]:
        """The named values, inputs and parameters that decided an expression, each once, in the order read."""
        found: dict[tuple[int, int, tuple[tuple[str, str], ...]], Point] = {}
        waiting = [inner]
        while waiting:
            point = waiting.pop()
            node = point.node
            if node.name is not None and point.index != inner.index:
                found.setdefault(point.identity, point)
            elif isinstance(node.op, Const):
                continue
            elif isinstance(node.op, Split):  # the own weight; those of the others are theirs
                waiting.extend(point.at(arg) for arg in reversed(node.args))
            elif isinstance(node.op, Terms | Curve | Aggregate | Previous | Key) or is_cell(point.plan, node):
                found.setdefault(point.identity, point)
            else:
                waiting.extend(reversed(self.provenance.reads(point)))
        return iter(found.values())

    def _leaf(self, point: Point, depth: int) -> Trace:
        node = point.node
        if node.name is not None:
            return self.named(point, depth - 1)
        if is_cell(point.plan, node):
            return self._input(point)
        match node.op:
            case Terms():
                return self._terms(point, node.op, depth)
            case Curve():
                return self._curve(point, node.op, depth)
            case Aggregate():
                return self._aggregate(point, node.op, depth)
            case Previous():
                return self._previous(point, depth)
            case Key(key):
                line = self._line("key", key, point, key)
                return replace(line, type=_as_label(line.type))
            case _:
                return self._line("computed", words(point), point, words(point))

    def _input(self, point: Point) -> Trace:
        inner = point if isinstance(point.node.op, Cell) else point.at(point.node.args[0])
        cell = self.provenance.cell(inner)
        reduced = self._reduced(point)
        line = self._line("members" if reduced else "input", words(point), point, cell.column if cell else words(inner))
        line = replace(line, cell=cell, again=self._explained(point))
        return (
            line
            if line.again or cell is None or not reduced
            else replace(line, notes=self._accounts(point, cell.table))
        )

    def _reduced(self, point: Point) -> bool:
        """Whether a cell holds a total over member rows."""
        op = point.node.op
        return isinstance(op, Cell) and any(output.table == op.table for output in point.plan.reduction.outputs)

    def _accounts(self, point: Point, block: str, step: str = "") -> tuple[str, ...]:
        """What stands behind a total over member rows, in the period of the point: of one step, or of a block's rows."""
        found = self.result.account(block, point.plan, point.own_key)
        keys = point.plan.settled | set(point.own_key)
        told = tuple(account_words(name, account, keys) for name, account in found if name == step)
        return told if step else (*told, *move_notes(self.result, block, point.plan, point.own_key))

    def _terms(self, point: Point, op: Terms, depth: int) -> Trace:
        """A cell of a table of terms, or the value of a schedule."""
        row = self.provenance.terms_row(point)
        name = op.table if op.column == "value" else f"{op.table}.{op.column}"
        keys = [point.at(arg) for arg in point.node.args]
        line = self._line("parameter", name, point, words(point))
        shown = ", ".join(f"{words(key)} {exactly(self.provenance.value(key), _as_label(key.type))}" for key in keys)
        line = replace(line, notes=(f"for {shown}",) if shown else ())
        if row is not None and row.span is not None:
            line = replace(line, place=row.span.place, clause=clause(row.span))
        line = replace(line, again=self._explained(point))
        asked = [key for key in keys if not isinstance(key.node.op, Key)]
        return replace(line, inputs=tuple(t for key in asked for t in self._inputs_of_key(key, depth - 1)))

    def _inputs_of_key(self, key: Point, depth: int) -> tuple[Trace, ...]:
        return self._inputs(key, depth) if depth > 0 else ()

    def _curve(self, point: Point, op: Curve, depth: int) -> Trace:
        argument = point.at(point.node.args[0])
        piece = self.provenance.piece(point)
        shown = exactly(self.provenance.value(argument), argument.type)
        line = self._line("parameter", op.name, point, words(point))
        line = replace(line, notes=(f"at {shown}", *_piece_words(piece, op, argument.type)))
        if piece is not None and piece.span is not None:
            line = replace(line, place=piece.span.place)
        return replace(line, inputs=self._inputs(argument, depth - 1) if depth > 0 else ())

    def _aggregate(self, point: Point, op: Aggregate, depth: int) -> Trace:
        text = words(point)
        written = text.partition("(")[0].isidentifier()
        name = text if written else f"{op.function} over {', '.join(op.over)}"  # a part of a clause is not its result
        line = self._line("aggregate", name, point, text)
        rows = self.provenance.evaluator.rows(point.plan, point.index, dict(point.key))
        notes = [f"over {len(rows):,} rows of {', '.join(op.over)}"]
        value = point.node.args[0] if point.node.args else None
        if value is None:
            return replace(line, notes=tuple(notes))
        looked = rows if len(rows) <= COUNTED else []
        notes += [f"{count:,} left out: {reason}" for reason, count in self._left_out(point, op, looked).items()]
        inputs: tuple[Trace, ...] = ()
        listed = rows
        if op.filtered or len(rows) > LISTED:
            listed = [key for key in looked if self._counts(point, op, key)]
        if len(listed) <= LISTED and "network" not in op.over and depth > 0:
            over = [k for k in op.over if k in point.plan.nodes[value].type.grain]
            inputs = tuple(
                replace(line, name=f"{', '.join(key[k] for k in over)}: {line.name}")
                for key in listed
                for line in self._inputs(point.at(value, key), depth - 1)
            )
        return replace(line, notes=tuple(notes), inputs=inputs)

    def _counts(self, point: Point, op: Aggregate, key: Mapping[str, str]) -> bool:
        """Whether a row of an aggregate is one that it counts."""
        if op.filtered and self.provenance.value(point.at(point.node.args[-1], key)) is not True:
            return False
        return not isinstance(self.provenance.value(point.at(point.node.args[0], key)), Absent)

    def _left_out(self, point: Point, op: Aggregate, rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
        """The rows that an aggregate does not count, by reason; the most frequent reason first."""
        found: Counter[str] = Counter()
        condition = point.node.args[-1] if op.filtered else None
        for key in rows:
            if condition is not None and self.provenance.value(point.at(condition, key)) is False:
                found[f"not {words(point.at(condition))}"] += 1
            elif isinstance(value := self.provenance.value(point.at(point.node.args[0], key)), Absent):
                found[str(value)] += 1
        return dict(found.most_common())

    def _previous(self, point: Point, depth: int) -> Trace:
        line = self._line("earlier", words(point), point, words(point))
        elsewhere = self.provenance.evaluator.elsewhere(point.plan, point.index, point.key)
        if not elsewhere:
            return replace(line, notes=("before the start of the term",), inputs=self._starting(point, depth))
        inputs = []
        for plan, index, key, weight in elsewhere:
            there = Point(plan, index, key)
            period = key[plan.period]
            found = self.named(there, depth - 1)
            share = (f"weight {exactly(weight, Type(Kind.PERCENT))}",) if weight != 1 else ()
            inputs.append(replace(found, period=period, notes=(*share, *found.notes)))
        return replace(line, inputs=tuple(inputs))

    def _starting(self, point: Point, depth: int) -> tuple[Trace, ...]:
        return tuple(t for arg in point.node.args for t in self._inputs(point.at(arg), depth - 1))


def _inside(line: Trace, block: str, steps: Sequence[Trace]) -> bool:
    """Whether a line only repeats what the steps of the block have shown."""
    if not steps:
        return False
    if line.name == f"{block}.weight":  # of a pool: what its share reads beside the steps of the fund
        return False
    return line.name.startswith(f"{block}.") or (line.cell is not None and line.cell.table == block)


def _about(point: Point) -> Named | None:
    name = point.node.name
    return None if name is None else point.plan.named(name)


def _called(about: Named | None) -> str:
    """A block's principal value is called by the name of the block."""
    if about is not None and about.role == "amount" and about.block is not None:
        return about.name.removesuffix(".amount")
    return ""


def _one_line(span: Span) -> str:
    """The text of a clause; of a block its first line."""
    head, brace, _ = span.text.partition("{\n")
    return clause(span) if not brace else " ".join(head.split())


def _cut(line: Trace, inner: Point) -> Trace:
    return line if isinstance(inner.node.op, Const | Alias) else replace(line, notes=(*line.notes, "…"))


def _as_label(type_: Type) -> Type:
    """Years and ordinals used as keys are printed without thousands commas."""
    return Type(Kind.PERIOD) if type_.kind is Kind.NUMBER and not type_.unit.powers else type_


def _piece_words(piece: Piece | None, op: Curve, argument: Type) -> tuple[str, ...]:
    if piece is None:
        return ()
    low = "" if piece.low is None else exactly(piece.low, argument)
    high = "" if piece.high is None else exactly(piece.high, argument)
    if low and low == high:
        return ()
    name = (
        f"{low} to {high}" if low and high else f"{low} and more" if low else f"below {high}" if high else "everywhere"
    )
    return (("marginal, up to the band " if op.marginal else "band ") + name,)


def totals_behind(line: Trace) -> set[str]:
    """The populations and spending blocks whose totals an explanation rests on."""
    own = {line.cell.table.partition(".")[0]} if line.cell is not None and line.cell.header == OVER_ROWS else set()
    return own.union(*(totals_behind(below) for below in line.inputs))


def _removed(word: str, step: StepTaken) -> tuple[str, ...]:
    """What truncation took off: `$500.00 removed`."""
    if word != "truncate" or not isinstance(step.before, Fraction) or not isinstance(step.after, Fraction):
        return ()
    return (f"{dollars(step.before - step.after)} removed",)


def account_words(step: str, account: Mapping[str, object], keys: frozenset[str]) -> str:
    """`48 rows used`, `12 rows left out: not attributed`, `1 member cut, $582,000.00 before`."""
    if "date" in account and isinstance(amount := account.get("amount"), Fraction):
        return f"{dollars(amount)} on {account['date']}"
    reason, rows = account.get("reason"), account.get("rows")
    count = rows if isinstance(rows, int) else 0
    amounts = {name: v for name, v in account.items() if name not in keys and isinstance(v, Fraction)}
    if step == "truncate":
        before = "".join(f", {dollars(value)} before" for name, value in amounts.items() if name != step)
        return f"{count:,} member{'' if count == 1 else 's'} cut{before}"
    months, left = amounts.get("months"), amounts.get("amount")
    shown = "" if months is None or months == count else f", {exactly(months, Type(Kind.NUMBER))} member_months"
    shown += "" if left is None else f", {dollars(left)}"
    text = f"{count:,} row{'' if count == 1 else 's'}"
    return f"{text} used{shown}" if reason is None else f"{text} left out: {reason}{shown}"
