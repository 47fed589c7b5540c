"""Units that only the member rows name, or only the tables that list the settled units: neither is dropped silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines.base import Frame, Programme, Reduced, Table, exact
from contractlang.engines.reference.cells import labels
from contractlang.plan.nodes import Alias, Cell, Plan
from contractlang.runtime.set_aside import SetAside
from contractlang.semantics.types import USD

SHOWN = 5

Key = tuple[str, str]
"""Unit and period."""


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows of a population for units, or for units in single periods, that are not settled."""

    block: str
    names: Sequence[str]  # as a reader names them, in order
    chosen: Callable[[Key], bool]
    reason: str
    message: str
    help: str


def set_strangers_aside(
    programme: Programme,
    reduced: Sequence[tuple[Plan, Reduced]],
    frame: Frame,
    sink: Sink,
    *,
    listing: Sequence[str],
    lenient: bool,
) -> tuple[Frame, list[SetAside]]:
    """Report what member rows and lists of units do not have in common; the frame that is settled, and what is set aside.

    `listing` names the tables that list the units. Units without a member row that counts stay in the frame unless the
    run is `lenient`.
    """
    aside: list[SetAside] = []
    if not len(frame) or not reduced:
        return frame, aside
    populations = {block: _counted(programme, reduced, block) for block in _populations(reduced[-1][0])}
    severity = Severity.WARNING if lenient else Severity.ERROR
    for block, counted in populations.items():
        for side in _sides(reduced[-1][0], programme, frame, block, counted):
            found = _worth(programme, reduced, side, counted)
            aside.append(found)
            notes = tuple(f"{unit}" for unit in found.examples)
            sink.report(
                Diagnostic(
                    "exhibit-row-missing",
                    side.message,
                    notes=(*notes, found.words.partition(": ")[0] + f" count for them: {found.worth}"),
                    help=side.help,
                    severity=severity,
                )
            )
    there = {unit for counted in populations.values() for unit, _ in counted}
    idle = [unit for unit in dict.fromkeys(frame.units) if unit not in there] if populations else []
    if idle and there:
        plan = reduced[-1][0]
        names = " or ".join(f"`{block}`" for block in populations)
        shown = ", ".join(f"`{unit}`" for unit in idle[:SHOWN]) + (" …" if len(idle) > SHOWN else "")
        message = f"{len(idle):,} {plan.unit}(s) that the data list have no row that counts in {names}: {shown}"
        help_ = f"mend the names of the {plan.unit}s, or remove them from the tables that list them"
        sink.report(Diagnostic("exhibit-row-missing", message, help=help_, severity=severity))
        rows = [row for row, unit in enumerate(frame.units) if unit in set(idle)]
        examples = tuple(f"{plan.unit} `{unit}`" for unit in idle[:SHOWN])
        aside.append(SetAside(" and ".join(listing), f"no row that counts in {names}", len(idle), examples))
        if lenient:
            keep = [row for row in range(len(frame)) if row not in set(rows)]
            frame = Frame([frame.units[row] for row in keep], [frame.periods[row] for row in keep])
    return frame, aside


def _sides(
    plan: Plan, programme: Programme, frame: Frame, block: str, counted: Mapping[Key, tuple[int, Fraction]]
) -> Iterator[_Side]:
    known, pairs = set(frame.units), set(zip(frame.units, frame.periods, strict=True))
    strange = sorted({unit for unit, _ in counted} - known)
    if strange:
        shown = ", ".join(f"`{unit}`" for unit in strange[:SHOWN]) + (" …" if len(strange) > SHOWN else "")
        yield _Side(
            block,
            [f"{plan.unit} `{unit}`" for unit in strange],
            lambda key: key[0] not in known,
            f"{plan.unit}s that no exhibit or input lists",
            f"`{block}` counts members of {len(strange)} {plan.unit}(s) that no exhibit or input lists: {shown}",
            f"add a row for each {plan.unit}, or exclude these members in the population",
        )
    gaps = sorted(key for key in counted if key[0] in known and key[1] in programme.plans and key not in pairs)
    if gaps:
        shown = ", ".join(f"`{unit}` in {period}" for unit, period in gaps[:SHOWN]) + (
            " …" if len(gaps) > SHOWN else ""
        )
        yield _Side(
            block,
            [f"{plan.unit} `{unit}` in {period}" for unit, period in gaps],
            set(gaps).__contains__,
            f"{plan.unit}s in periods that no exhibit or input lists",
            f"`{block}` counts members in periods for which no exhibit or input lists their {plan.unit}: {shown}",
            f"add the rows of these periods to the tables that list the {plan.unit}s",
        )


def _populations(plan: Plan) -> list[str]:
    blocks = [account.block for account in plan.reduction.accounts]
    return [block for block in blocks if plan.named(f"{block}.member_months") is not None]


def _counted(
    programme: Programme, reduced: Sequence[tuple[Plan, Reduced]], block: str
) -> dict[Key, tuple[int, Fraction]]:
    """Rows and member-months that count, by unit and period; each period from the plan that governs it."""
    found: dict[Key, tuple[int, Fraction]] = {}
    for number, (plan, part) in enumerate(reduced):
        for account in part.accounts.get(block, ()):
            unit, period, rows, months = (account.get(n) for n in (plan.unit, plan.period, "rows", "months"))
            if account.get("reason") is not None or not isinstance(unit, str) or not isinstance(period, str):
                continue
            governing = programme.plan(period)
            if governing is not plan and not (governing is None and number == 0):
                continue
            before = found.get((unit, period), (0, Fraction(0)))
            own = months if isinstance(months, Fraction) else Fraction(0)
            found[unit, period] = (before[0] + (rows if isinstance(rows, int) else 0), before[1] + own)
    return found


def _worth(
    programme: Programme,
    reduced: Sequence[tuple[Plan, Reduced]],
    side: _Side,
    counted: Mapping[Key, tuple[int, Fraction]],
) -> SetAside:
    chosen = [value for key, value in counted.items() if side.chosen(key)]
    money: dict[str, Fraction] = {}
    for number, (plan, part) in enumerate(reduced):
        for block, table, column in _amounts(plan, side.block):
            total = money.get(block, Fraction(0))
            for key, amount in _cells(plan, part.tables[table], column):
                governing = programme.plan(key[1])
                if side.chosen(key) and (governing is plan or (governing is None and number == 0)):
                    total += amount
            money[block] = total
    rows, months = sum(row for row, _ in chosen), sum((month for _, month in chosen), Fraction(0))
    return SetAside(side.block, side.reason, rows, tuple(side.names[:SHOWN]), money, months=months)


def _amounts(plan: Plan, population: str) -> Iterator[tuple[str, str, str]]:
    """Spending of a population: its name, and table and column of its amounts before any step."""
    for named in plan.names:
        node = plan.nodes[named.node]
        while isinstance(node.op, Alias):
            node = plan.nodes[node.args[0]]
        op = node.op
        if not isinstance(op, Cell) or named.block is None or named.name != f"{named.block}.amount":
            continue
        if plan.nodes[named.node].type.unit == USD and _reads(plan, op.table, population):
            yield named.block, op.table, op.column


def _reads(plan: Plan, table: str, population: str) -> bool:
    """Whether an output is made from the rows that count of a population."""
    from contractlang.plan.rewrites.columns import inputs

    steps = {step.name: step.relation for step in plan.reduction.steps}
    waiting = [output.step for output in plan.reduction.outputs if output.table == table]
    seen: set[str] = set()
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            waiting.extend(inputs(steps[step]))
    return f"{population}.counted" in seen


def _cells(plan: Plan, table: Table, column: str) -> Iterator[tuple[Key, Fraction]]:
    found = table.columns[column]
    keys = zip(labels(table.keys[plan.unit]), labels(table.keys[plan.period]), strict=True)
    for row, key in enumerate(keys):
        value = exact(found, row)
        if isinstance(value, Fraction):
            yield key, value
