"""Worked examples give every value that what they expect certainly needs."""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Sink
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering.contract import Lowered
from contractlang.plan.lowering.examples import LoweredExample, lower_example
from contractlang.plan.ranges import Facts, Ranges
from contractlang.semantics.typing import zero
from contractlang.syntax import ast
from contractlang.values import Absent, State

NOT_GIVEN = " is not given"


def check_example(lowered: Lowered, written: ast.Example, years: tuple[int, int], sink: Sink) -> None:
    """Report names that mean nothing, values that are not used, and values that are lacking."""
    example = lower_example(lowered, written, sink)
    if example is None:
        return
    ranges = Ranges(example.plan, years)
    lacking: dict[str, Ref] = {}
    for expectation in example.expectations:
        found = ranges.of(expectation.node)
        if not found.present and State.MISSING in found.states and not isinstance(expectation.value, Absent):
            lacking |= _not_given(ranges, example, expectation.node)
    for name, ref in sorted(lacking.items(), key=lambda pair: pair[1]):
        _report(written, name, zero(example.plan.nodes[ref].type), sink)


def _not_given(ranges: Ranges, example: LoweredExample, root: Ref) -> dict[str, Ref]:
    """The columns without a value from which a missing value certainly comes."""
    found: dict[str, Ref] = {}
    stack: list[tuple[Ref, Facts]] = [(root, {})]
    seen: set[Ref] = set()
    while stack:
        ref, facts = stack.pop()
        node = example.plan.nodes[ref]
        if ref in seen or State.MISSING not in ranges.of(ref, facts).states:
            continue
        seen.add(ref)
        match node.op:
            case nodes.Const(value=Absent(reason=reason)) if reason.endswith(NOT_GIVEN):
                found[reason.removesuffix(NOT_GIVEN).strip("`")] = ref
            case nodes.Choose():
                for condition, value, here in ranges.branches(node, facts):
                    taken = ranges.taken(condition, here)
                    stack += [] if condition is None else [(condition, here)]
                    stack += [] if taken is None else [(value, taken)]
            case _:
                stack += [(arg, facts) for arg in node.args]
    return found


def _report(example: ast.Example, name: str, nothing: str | None, sink: Sink) -> None:
    bare = name.partition(".")[2]
    fixes: tuple[Fix, ...] = ()
    last = next((g for g in reversed(example.given) if isinstance(g, ast.Binding)), None)
    if nothing is not None and last is not None:
        fixes = (Fix(f"give `{bare} = {nothing}`", (edits.after(last.span, f", {bare} = {nothing}"),)),)
    sink.report(
        Diagnostic(
            "example-value-missing",
            f"the example needs `{name}`, and does not give it",
            example.span,
            help=f"add `{bare} = …` under `given`",
            fixes=fixes,
        )
    )
