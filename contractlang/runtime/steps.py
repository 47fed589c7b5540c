"""The steps of a block for one group and period: what each did to the running value, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contractlang.plan.nodes import Compare, Named, Plan
from contractlang.runtime.formatting import exactly
from contractlang.runtime.provenance import Point, Provenance
from contractlang.runtime.words import body
from contractlang.values import Value

SIDES = ("surplus", "deficit")
PIPELINE = frozenset({"step", "side"})
REDUCED = frozenset({"amount", "truncate"})
"""Steps of a spending block that the reduce stage has already taken: their results come in as inputs."""


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step: the value before (None for the first of its block or side) and after, and notes in few words.

    `side` is `surplus`, `deficit` or "".
    """

    named: Named
    point: Point
    side: str
    before: Value | None
    after: Value
    notes: tuple[str, ...]


def steps_taken(provenance: Provenance, point: Point, block: str) -> Iterator[StepTaken]:
    """The steps of a block in order, without a side that is and stays zero, and up to the step that refuses a side."""
    empty = set(empty_sides(provenance, point, block))
    over = set(empty)
    before: dict[str, Value] = {}
    for named in in_order(point.plan, block):
        side = named.name.removeprefix(f"{block}.").split(".")[0] if named.role == "side" else ""
        if named.word == "netted" and side not in empty:
            over.discard(side)  # what was paid too much is owed, whatever was refused before
        if side in over:
            continue
        at = point.at(named.node)
        after = provenance.value(at)
        if named.role == "side" and named.word in ("compare", "netted"):
            before[side] = after
            continue
        notes = _notes(provenance, at, named, before.get(side), after)
        yield StepTaken(named, at, side, before.get(side), after, notes)
        before[side] = after
        if refusal(provenance, at, named):
            over.add(side)


def is_step(named: Named) -> bool:
    """Whether a value is the running value of its block after a step."""
    if named.role == "input":
        return named.word in REDUCED
    return named.role in PIPELINE and named.word is not None


def in_order(plan: Plan, block: str) -> list[Named]:
    """The values of a block's steps in the order in which they apply, also where an amendment wrote one of them.

    Values that vary by more than the settlement (points of each measure) are no lines of a statement.
    """
    steps = (n for n in plan.names if n.block == block and is_step(n) and plan.nodes[n.node].type.grain <= plan.settled)
    return sorted(steps, key=lambda n: n.node)


def in_contract_order(plan: Plan) -> list[Named]:
    """All named values in the order of the contract, the values of a block together and in the order of its steps.

    A step that an amendment wrote stands in another file, yet belongs where it applies.
    """
    heads: dict[str, int] = {}
    for position, named in enumerate(plan.names):
        if named.block is not None and (named.role == "amount" or named.block not in heads):
            heads[named.block] = position
    order = [
        ((heads[n.block], n.node) if n.block is not None else (position, 0), n) for position, n in enumerate(plan.names)
    ]
    return [named for _, named in sorted(order, key=lambda pair: pair[0])]


def empty_sides(provenance: Provenance, point: Point, block: str) -> list[str]:
    """The sides of a sharing block on which there is nothing to share at any step."""
    found = []
    for side in SIDES:
        values = [
            provenance.value(point.at(named.node))
            for named in point.plan.names
            if named.block == block and named.role == "side" and named.name.startswith(f"{block}.{side}.")
        ]
        if values and all(value == 0 for value in values):
            found.append(side)
    return found


def refusal(provenance: Provenance, point: Point, named: Named) -> str:
    """The reason why a step refuses its side; "" where it does not."""
    if named.word != "refuse":
        return ""
    for refusing in point.plan.refusals:
        if refusing.origin == named.origin and provenance.value(point.at(refusing.condition)) is True:
            return refusing.reason
    return ""


def _notes(provenance: Provenance, point: Point, named: Named, before: Value | None, after: Value) -> tuple[str, ...]:
    """What a step did where that is not plain arithmetic."""
    match named.word:
        case "refuse":
            reason = refusal(provenance, point, named)
            return (f"refused: {reason}" if reason else "not refused",)
        case "minimum":
            return _threshold(provenance, point)
        case "cap" | "floor" if (limit := point.plan.named(f"{named.name}.limit")) is not None:
            at = point.at(limit.node)
            return (f"{named.word} {exactly(provenance.value(at), at.type)}",)
        case _:
            return ("unchanged",) if before is not None and before == after else ()


def _threshold(provenance: Provenance, point: Point) -> tuple[str, ...]:
    """`reached: needs $345,000.00`: the right side of the comparison that a minimum makes."""
    waiting = [body(point)]
    while waiting:
        at = waiting.pop()
        reached = provenance.value(at)
        if at.node.op == Compare(">=") and isinstance(reached, bool):
            needed = at.at(at.node.args[1])
            amount = exactly(provenance.value(needed), needed.type)
            return (f"{'reached' if reached else 'not reached'}: needs {amount}",)
        if at.node.name is None:
            waiting.extend(provenance.reads(at))
    return ()
