"""Rewrites of the reduce stage that make it cheaper and change no result.

A rule takes a reduction and gives one with the same outputs and accounts: every step that is left keeps its name, its
origin and at least the columns that others read. The reference engine runs the plan as it was lowered, so that the two
engines together test the rules.
"""

from __future__ import annotations

from collections.abc import Callable

from contractlang.plan.relations import Reduction
from contractlang.plan.rewrites.last_rows import last_rows
from contractlang.plan.rewrites.pruning import pruned
from contractlang.plan.rewrites.same_scans import same_scans
from contractlang.plan.rewrites.shared_groups import shared_groups

Rule = Callable[[Reduction], Reduction]

RULES: tuple[Rule, ...] = (pruned, last_rows, pruned, same_scans, shared_groups, shared_groups, pruned)
"""In the order in which they are applied. Groups are shared twice: those over rows, then those over what is kept of them."""


def rewritten(reduction: Reduction) -> Reduction:
    """The reduction after all rules."""
    for rule in RULES:
        reduction = rule(reduction)
    return reduction
