"""The statement of one group and period: one document that text, JSON and later forms are made from.

Every amount is printed to the cent. The change of a line is the difference of the printed amounts before and after it,
so the printed changes of a section always add up to its printed total, and the last total is the amount paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from contractlang.plan.nodes import Assumption, Cell, Named, Plan
from contractlang.runtime import ledger
from contractlang.runtime.assumed import assumed_by
from contractlang.runtime.formatting import exactly, rounded
from contractlang.runtime.heading import ILLUSTRATIVE, Heading
from contractlang.runtime.ledger import Paid
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.result import Result, Status
from contractlang.runtime.splits import split_notes
from contractlang.runtime.statement_tables import Grid, grids
from contractlang.runtime.steps import SIDES, StepTaken, empty_sides, in_contract_order, is_step, steps_taken
from contractlang.runtime.words import clause, is_cell, summands, words
from contractlang.semantics.types import USD, Kind, Type
from contractlang.source import Span
from contractlang.values import Rounding, Value, round_to

CENT = Fraction(1, 100)
CARRIED = "carry"
"""A step that one clause of a pool asks for beside what it says of the residual; its label says what it does."""
RATED = frozenset({"share", "reduce", "trend", "adjust", "discount", "withhold"})
"""Steps that multiply by a rate: a statement says which, because the clause may only name it."""

APART = frozenset({"points", "domain"})
"""Steps of a score: the scores of its domains stand side by side, none works on the one before."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what the clause says, where it stands, what it changed, and the amount after it.

    `change` and `amount` are printed amounts (None for lines that hold no number); `shown` is the amount as text.
    """

    text: str
    place: str
    shown: str
    amount: Fraction | None = None
    change: Fraction | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A block, a payment, or a list of values. With `adds`, the changes of its lines add up to `total`.

    `grids` hold what varies along further keys, such as the measures of a score.
    """

    title: str
    kind: str  # block, payment, values, data
    place: str
    lines: tuple[Line, ...]
    total: Line | None = None
    adds: bool = False
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """`warnings` say "not the contract" and "illustrative terms"; `reason` why a group is held or not settled."""

    contract: str
    version: str
    title: str
    payer: str
    unit: str
    group: str
    period: str
    status: str
    reason: str
    paid_in: tuple[str, str] | None
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]


def statement(result: Result, heading: Heading, row: int) -> Statement:
    """The statement of one row of the frame."""
    period = result.period(row)
    plan = result.programme.plans[period]
    status = Status(int(result.status[row]))
    group = result.group(row)
    before = partial(ledger.paid, result, group=group, period=period)
    maker = _Maker(result.provenance, plan, {plan.unit: group, plan.period: period}, before)
    warnings = [line for line in (heading.as_known, heading.warning) if line]
    warnings += [f"{ILLUSTRATIVE}: {a.name} ({a.words})" for a in maker.assumed()]
    warnings += result.failed_controls
    warnings += [result.incomplete] if result.incomplete else []
    sections = list(maker.blocks())
    if status is Status.SETTLED:
        sections += maker.payments()
    sections += maker.values()
    return Statement(
        heading.contract,
        heading.version,
        plan.title,
        plan.payer,
        plan.unit,
        result.group(row),
        period,
        status.words,
        result.reasons.get(row, ""),
        heading.paid_in.get(period),
        tuple(warnings),
        tuple(section for section in sections if section.lines or section.total or section.grids),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    provenance: Provenance
    plan: Plan
    key: dict[str, str]
    before: Callable[[str], Sequence[Paid]]

    def point(self, named: Named) -> Point:
        return Point(self.plan, named.node, self.key)

    def value(self, named: Named) -> Value:
        return self.provenance.value(self.point(named))

    def assumed(self) -> list[Assumption]:
        payments = [named for name in self.plan.payments if (named := self.plan.named(name)) is not None]
        found = [a for named in payments for a in assumed_by(self.provenance, self.point(named))]
        return list({a.name: a for a in found}.values())

    # Blocks

    def blocks(self) -> Iterator[Section]:
        """The blocks in the order of the contract: lines for what varies by group, tables for what varies further."""
        order = in_contract_order(self.plan)
        for block in dict.fromkeys(n.block for n in order if n.block is not None):
            own = [n for n in order if n.block == block]
            settled = [n for n in own if self.plan.nodes[n.node].type.grain <= self.plan.settled]
            found = tuple(grids(self.provenance, self.plan, self.key, own))
            amount = next((n for n in settled if n.role == "amount"), None)
            place = own[0].origin.place
            if amount is not None and any(is_step(n) and n.word not in APART for n in settled):
                yield replace(self._pipeline(block, amount), grids=found)
            elif settled or found:
                lines = [n for n in settled if len(settled) == len(own) or n.role != "argument"]
                yield Section(block, "block", place, tuple(self._line(n, n.label) for n in lines), grids=found)

    def _pipeline(self, block: str, amount: Named) -> Section:
        point = self.point(amount)
        sided = any(self.plan.named(f"{block}.{side}.compare") for side in SIDES)
        steps = list(steps_taken(self.provenance, point, block))
        lines = tuple(self._sided(steps) if sided else self._straight(steps))
        shown = {step.named.name for step in steps} | {amount.name}
        others = [
            n
            for n in self.plan.names
            if n.block == block
            and n.role in {"input", "step"}
            and n.name not in shown
            and self.plan.nodes[n.node].type.grain <= self.plan.settled
        ]
        lines += tuple(replace(self._line(n, n.label), amount=None) for n in others if not sided)
        value = self.provenance.value(point)
        notes = tuple(f"no {side}" for side in empty_sides(self.provenance, point, block)) if sided else ()
        notes += split_notes(self.provenance, point, amount)
        name = amount.name.removesuffix(".amount")
        total = Line(name, amount.origin.place, rounded(value, point.type), _printed(value, point.type), notes=notes)
        return Section(block, "block", amount.origin.place, lines, total, adds=sided and total.amount is not None)

    def _sided(self, steps: list[StepTaken]) -> Iterator[Line]:
        """Surplus less deficit after each step; the running sizes of the sides are never below zero."""
        sizes = dict.fromkeys(SIDES, Fraction(0))
        before = Fraction(0)
        for step in steps:
            after = step.after if isinstance(step.after, Fraction) else Fraction(0)
            if step.side:
                sizes[step.side] = after
                running = sizes["surplus"] - sizes["deficit"]
            else:
                running = after
                sizes = {"surplus": max(after, Fraction(0)), "deficit": max(-after, Fraction(0))}
                dated = self._netted(step, before - _cents(running))
                for one in dated:
                    before -= one.amount
                    place, shown = step.named.origin.place, rounded(before, step.point.type)
                    yield Line(f"less what was paid on {one.day}", place, shown, before, -one.amount)
                if dated:
                    continue
            yield self._step(step, running, before)
            before = _cents(running)

    def _netted(self, step: StepTaken, taken: Fraction) -> Sequence[Paid]:
        """The payments that `net of` took off."""
        amount = self.plan.named(f"{step.named.name}.amount") if step.named.word == "net" else None
        return () if amount is None else self._dated(self.point(amount), taken)

    def _straight(self, steps: list[StepTaken]) -> Iterator[Line]:
        before: Fraction | None = Fraction(0)
        for step in steps:
            if isinstance(step.after, Fraction):
                yield self._step(step, step.after, before or Fraction(0))
                before = _printed(step.after, step.point.type)
            else:
                yield replace(
                    self._step(step, Fraction(0), Fraction(0)), shown=str(step.after), amount=None, change=None
                )

    def _step(self, step: StepTaken, running: Fraction, before: Fraction) -> Line:
        printed = _printed(running, step.point.type)
        text = step.named.label if step.named.word == CARRIED else clause(step.named.origin)
        if step.side and not text.startswith(step.side):
            text = f"{step.side} {text}"
        shown = rounded(running, step.point.type)
        change = None if printed is None else printed - before
        return Line(text, step.named.origin.place, shown, printed, change, step.notes or self._rate(step, text))

    def _rate(self, step: StepTaken, text: str) -> tuple[str, ...]:
        """The rate that a step applied, where its clause names it and does not write it."""
        rate = self.plan.named(f"{step.named.name}.rate") if step.named.word in RATED else None
        if rate is None:
            return ()
        at = self.point(rate)
        shown = exactly(self.provenance.value(at), at.type)
        return () if shown in text else (shown,)

    # Payments

    def payments(self) -> Iterator[Section]:
        for name in self.plan.payments:
            named = self.plan.paid(name)
            if named is None or not self.plan.nodes[named.node].type.grain <= self.plan.settled:
                continue
            point = self.point(named)
            value = self.provenance.value(point)
            lines = list(self._terms(point) if named.name == name else self._within(name))
            paid = _printed(value, point.type)
            added = sum((line.change for line in lines if line.change is not None), Fraction(0))
            if paid is not None and added != paid:
                lines.append(
                    Line("rounding", named.origin.place, rounded(paid - added, point.type), paid, paid - added)
                )
            due = ("balance due",) if ledger.nets(self.plan, named.node) else ()
            total = Line(name, named.origin.place, rounded(value, point.type), paid, notes=due)
            yield Section(
                f"{name}{self._to(name)}", "payment", named.origin.place, tuple(lines), total, adds=paid is not None
            )

    def _to(self, payment: str) -> str:
        """` to hospital South Shore`, where the payment does not go to the settled unit."""
        payee = self.plan.payee(payment)
        named = None if payee is None else self.plan.named(payee.name)
        if payee is None or named is None:
            return ""
        who = self.provenance.value(self.point(named))
        return f" to {payee.what} {who}" if isinstance(who, str) else f" to a {payee.what} not known"

    def _within(self, payment: str) -> Iterator[Line]:
        """What is paid within the period, month by month."""
        named = self.plan.named(payment)
        assert named is not None  # noqa: S101 - its sum is named after it
        running = Fraction(0)
        for key in self.provenance.evaluator.expand(self.plan, named.node, self.key):
            point = Point(self.plan, named.node, {**self.key, **key})
            value = self.provenance.value(point)
            if isinstance(value, Fraction):
                running += value
                label = " ".join(key[k] for k in key if k not in self.key)
                yield Line(label, named.origin.place, rounded(running, point.type), running, value)

    def _terms(self, point: Point) -> Iterator[Line]:
        """What a payment adds up, with its sign."""
        running = Fraction(0)
        for sign, part in summands(point):
            value = self.provenance.value(part)
            if not isinstance(value, Fraction):
                continue
            if sign < 0 and (dated := self._dated(part, value)):
                for one in dated:
                    running -= one.amount
                    text, shown = f"less what was paid on {one.day}", rounded(running, part.type)
                    yield Line(text, _origin(part).place, shown, running, -one.amount)
                continue
            change = _cents(sign * value)
            running += change
            text = words(part).removesuffix(".amount")
            yield Line(
                text if sign > 0 else f"less {text}",
                _origin(part).place,
                rounded(running, part.type),
                running,
                change,
            )

    def _dated(self, point: Point, value: Fraction) -> Sequence[Paid]:
        """The payments that make up an amount of the ledger; none for anything else."""
        payment = ledger.payment_of(self.plan, point.index)
        found = () if payment is None else self.before(payment)
        return found if sum((p.amount for p in found), Fraction(0)) == value else ()

    # Further values

    def values(self) -> Iterator[Section]:
        """The other named values, and the cells that the contract read for this group."""
        plain = [n for n in self.plan.names if n.block is None and n.role in {"define", "parameter"}]
        plain = [n for n in plain if self.plan.nodes[n.node].type.grain <= self.plan.settled]
        lines = tuple(self._line(n, n.label) for n in plain)
        free = [n for n in self.plan.names if n.block is None and n.role in {"define", "parameter"}]
        found = tuple(grids(self.provenance, self.plan, self.key, free))
        yield Section("values", "values", lines[0].place if lines else "", lines, grids=found)
        yield Section("data", "data", "", tuple(self._data()))

    def _data(self) -> Iterator[Line]:
        seen: set[tuple[str, str]] = set()
        reduced = {output.table for output in self.plan.reduction.outputs}
        for index, node in enumerate(self.plan.nodes):
            if not is_cell(self.plan, node) or not node.type.grain <= self.plan.settled:
                continue
            point = Point(self.plan, index, self.key)
            cell = self.provenance.cell(point if isinstance(node.op, Cell) else point.at(node.args[0]))
            scaled = isinstance(node.op, Cell) and self._scaled(index)
            if cell is None or cell.table in reduced or scaled or (cell.table, cell.column) in seen:
                continue
            seen.add((cell.table, cell.column))
            yield Line(cell.column, str(cell), rounded(self.provenance.value(point), point.type))

    def _scaled(self, index: int) -> bool:
        """Whether a cell is only read through a factor into base units."""
        return any(node.args[:1] == (index,) and is_cell(self.plan, node) for node in self.plan.nodes)

    def _line(self, named: Named, text: str) -> Line:
        point = self.point(named)
        value = self.provenance.value(point)
        return Line(text, named.origin.place, rounded(value, point.type), _printed(value, point.type))


def _origin(point: Point) -> Span:
    named = point.plan.named(point.node.name) if point.node.name else None
    return named.origin if named is not None else point.node.origin


def _cents(value: Fraction) -> Fraction:
    return round_to(value, CENT, Rounding.HALF_AWAY)


def _printed(value: Value, type_: Type) -> Fraction | None:
    """The amount as it is printed: money to the cent, a rate of money to a hundredth of a cent."""
    if not isinstance(value, Fraction) or type_.kind is not Kind.MONEY:
        return None
    return _cents(value) if type_.unit == USD else round_to(value, CENT / 100, Rounding.HALF_AWAY)
