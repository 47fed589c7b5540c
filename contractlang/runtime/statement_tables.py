"""Tables on a statement: what a block says per measure, line of business or practice.

A block whose values vary along further keys has no single line per clause. Its values stand in one table per set of
further keys, with the labels of the keys down the side, or across the top where there are fewer labels than values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contractlang.plan.nodes import Named, Plan
from contractlang.runtime.declines import declines
from contractlang.runtime.formatting import rounded
from contractlang.runtime.provenance import Point, Provenance
from contractlang.values import Absent, State, Value

ROLES = frozenset({"input", "step", "amount", "parameter", "define"})


@dataclass(frozen=True, slots=True)
class Grid:
    """Heads of the columns (the first names the rows), rows of cells, and why cells are empty."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def turned(self) -> Grid:
        """Rows as columns."""
        whole = [self.heads, *self.rows]
        heads, *rows = (tuple(line[i] for line in whole) for i in range(len(self.heads)))
        return Grid(heads, tuple(rows), self.notes)


def grids(provenance: Provenance, plan: Plan, key: dict[str, str], own: Sequence[Named]) -> Iterable[Grid]:
    """The tables of a block for one settled row: one per set of further keys, in the order of its clauses."""
    finer = [n for n in own if n.role in ROLES and not plan.nodes[n.node].type.grain <= plan.settled]
    sets = dict.fromkeys(plan.nodes[n.node].type.grain - plan.settled for n in finer)
    for further in sets:
        values = [n for n in finer if plan.nodes[n.node].type.grain - plan.settled == further]
        if any(plan.unit in plan.nodes[n.node].type.grain for n in values):
            grid = _grid(provenance, plan, key, sorted(further), values)
            if grid.rows:
                yield grid.turned if len(values) > len(grid.rows) else grid


def _grid(provenance: Provenance, plan: Plan, key: dict[str, str], further: list[str], values: list[Named]) -> Grid:
    reasons: dict[str, dict[str, None]] = {}
    rows: list[tuple[str, ...]] = []
    settled = [n for n in values if plan.unit in plan.nodes[n.node].type.grain]
    for full in provenance.evaluator.expand(plan, settled[0].node, key):
        label = ", ".join(full[name] for name in further)
        found = [provenance.value(Point(plan, n.node, key | full)) for n in settled]
        if all(isinstance(value, Absent) and value.state is State.NOT_APPLICABLE for value in found):
            continue  # a category may have values that the block is not about
        if _nobody(settled, found):
            continue
        cells = [label]
        for n in values:
            value = provenance.value(Point(plan, n.node, key | full))
            if isinstance(value, Absent):
                if value.reason and value.state is not State.NOT_APPLICABLE:  # what does not apply needs no excuse
                    reasons.setdefault(str(value), {})[label] = None
                cells.append(value.state.words)
            else:
                cells.append(rounded(value, plan.nodes[n.node].type))
        rows.append(tuple(cells))
    notes = [f"{', '.join(labels)}: {reason}" for reason, labels in reasons.items()]
    block = next((n.block for n in values if n.name.endswith(".declined")), None)
    notes += () if block is None else declines(provenance, plan, key, block)
    return Grid((", ".join(further), *(_head(n) for n in values)), tuple(rows), tuple(notes))


def _nobody(values: Sequence[Named], found: Sequence[Value]) -> bool:
    """Whether a stratum has no members, neither now nor at its baseline."""
    counts = {n.name.rpartition(".")[2]: value for n, value in zip(values, found, strict=True)}
    return all(counts.get(word) == 0 for word in ("denominator", "baseline_denominator"))


def _head(named: Named) -> str:
    return named.name.removeprefix(f"{named.block}.").replace("_", " ")
