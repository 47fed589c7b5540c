"""The shape of a plan for this engine: values with categories unrolled, levels between network aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from contractlang.engines import periods
from contractlang.engines.reference.evaluator import NETWORK
from contractlang.plan.nodes import Aggregate, Plan, Previous, Split

Cell = tuple[int, tuple[str, ...]]
"""A node, and the labels of its keys other than unit and period, in the order of their names."""


@dataclass(frozen=True)
class Shape:
    """What does not depend on data, for one plan and period."""

    plan: Plan
    period: str

    @cached_property
    def extras(self) -> list[tuple[str, ...]]:
        """The keys of every node other than unit and period."""
        return [tuple(sorted(node.type.grain - {self.plan.unit, self.plan.period})) for node in self.plan.nodes]

    @cached_property
    def by_row(self) -> list[bool]:
        """Whether a node varies by unit."""
        return [self.plan.unit in node.type.grain for node in self.plan.nodes]

    @cached_property
    def levels(self) -> list[int]:
        """How many aggregates over the network stand below or at a node, along its longest path."""
        found: list[int] = []
        for node in self.plan.nodes:
            below = max((found[arg] for arg in node.args), default=0)
            found.append(below + 1 if over_network(self.plan, node.op) else below)
        return found

    @cached_property
    def looks_back(self) -> list[bool]:
        """Whether a node depends on other periods."""
        found: list[bool] = []
        for node in self.plan.nodes:
            found.append(isinstance(node.op, Previous) or any(found[arg] for arg in node.args))
        return found

    def key(self, cell: Cell) -> dict[str, str]:
        """The labels of a cell with the period."""
        node, labels = cell
        return {self.plan.period: self.period} | dict(zip(self.extras[node], labels, strict=True))

    def argument(self, node: int, key: Mapping[str, str]) -> Cell:
        """The cell of an argument for labels of (at least) its keys."""
        return node, tuple(key[name] if name in key else self._containing(name, key) for name in self.extras[node])

    def labels(self, name: str) -> Sequence[str]:
        """The labels of a key that is neither unit nor network. Raises KeyError."""
        for category, found in self.plan.categories:
            if category == name:
                return found
        if name in periods.WORDS:
            return periods.inside(self.period, name, self.plan.year_starts)
        raise KeyError(f"`{self.plan.contract}` has no labels for the key `{name}`")

    def cells(self, node: int) -> list[Cell]:
        """All cells of a node."""
        return [(node, labels) for labels in product(*(self.labels(name) for name in self.extras[node]))]

    def removed(self, op: Aggregate | Split) -> list[dict[str, str]]:
        """The labels of the categories that an aggregate removes, every combination, in order."""
        names = [name for name in op.over if name not in (NETWORK, self.plan.unit)]
        return [dict(zip(names, found, strict=True)) for found in product(*(self.labels(name) for name in names))]

    def _containing(self, name: str, key: Mapping[str, str]) -> str:
        for other, label in key.items():
            if other in periods.WORDS and periods.LENGTHS[other] < periods.LENGTHS[name]:
                return periods.containing(label, name, self.plan.year_starts)
        raise KeyError(f"a value of `{self.plan.contract}` is read without its key `{name}`")


def over_network(plan: Plan, op: object) -> bool:
    """Whether an operation aggregates or splits over settlement units."""
    return isinstance(op, Aggregate | Split) and (NETWORK in op.over or plan.unit in op.over)
