"""Worked examples of a contract, evaluated by the reference engine with the given values cut in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.plan.compiler import Compiled
from contractlang.plan.lowering.examples import Expectation, LoweredExample, lower_example
from contractlang.runtime.formatting import exactly
from contractlang.runtime.parting import Question, first_parting
from contractlang.runtime.provenance import Point, Provenance
from contractlang.source import Span
from contractlang.values import Absent, Value


@dataclass(frozen=True, slots=True)
class Check:
    """One expected value of an example or a case; `parts` says where expected and got part, when that is known."""

    name: str
    expected: str
    got: str
    passed: bool
    parts: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An example or a case with all its checks. `place` is its `file:line`."""

    title: str
    place: str
    checks: tuple[Check, ...]
    broken: str = ""

    @property
    def passed(self) -> bool:
        return not self.broken and all(check.passed for check in self.checks)


def run_examples(compiled: Compiled, sink: Sink) -> Iterator[Outcome]:
    """Every example of every edition, under the text in force in its period; failures are reported.

    An example that stands in several editions is run once: under the edition that governs its period, or, where it
    states none, under the last that has it.
    """
    done: set[Span] = set()
    several = len(compiled.editions) > 1
    for edition, lowered in reversed(list(zip(compiled.editions, compiled.lowered, strict=True))):
        for example in lowered.examples:
            if example.span in done:
                continue
            ready = lower_example(lowered, example, sink)
            if ready is None:
                done.add(example.span)
                yield Outcome(example.title, example.span.place, (), "cannot be evaluated")
                continue
            governing = compiled.edition_for(ready.period)
            if several and ready.dated and governing is not None and governing is not edition:
                continue
            done.add(example.span)
            outcome = run_example(ready)
            if not outcome.passed:
                sink.report(_failed(outcome, example.span))
            yield outcome


def run_example(example: LoweredExample) -> Outcome:
    """Evaluate one example."""
    periods = list(example.periods)
    programme = Programme(dict.fromkeys(periods, example.plan))
    rows = [(unit, period) for unit in example.units for period in periods]
    inputs = Inputs(Frame([unit for unit, _ in rows], [period for _, period in rows]), {})
    provenance = Provenance(programme, inputs)
    checks: list[Check] = []
    parted = False
    for expectation in sorted(example.expectations, key=lambda e: e.node):
        check = _check(example, expectation, programme, inputs, provenance, look=not parted)
        parted = parted or not check.passed
        checks.append(check)
    order = {e.name: i for i, e in enumerate(example.expectations)}
    checks.sort(key=lambda check: order.get(check.name, len(order)))
    return Outcome(example.title, example.origin.place, tuple(checks))


def _check(
    example: LoweredExample,
    expectation: Expectation,
    programme: Programme,
    inputs: Inputs,
    provenance: Provenance,
    *,
    look: bool,
) -> Check:
    plan = example.plan
    key = {plan.unit: example.unit, plan.period: example.period, **dict(expectation.labels)}
    point = Point(plan, expectation.node, key)
    got = provenance.value(point)
    expected = expectation.value
    labels = "".join(f" for {label}" for _, label in expectation.labels)
    shown = exactly(expected, point.type) if not isinstance(expected, Absent) else expected.state.words
    if expectation.within is not None:
        shown += f" within {exactly(expectation.within, point.type)}"
    passed = agrees(got, expected, expectation.within or Fraction(0))
    parts = ""
    if not passed and look:
        parts = f"`{expectation.name}` is the first expected value that differs"
        if isinstance(expected, Fraction) and isinstance(got, Fraction):
            question = Question(
                programme,
                inputs,
                provenance,
                plan,
                expectation.node,
                key,
                expected,
                expectation.within or Fraction(0),
            )
            found = first_parting(question)
            if found is not None:
                parts = f"the expected value comes out at `{found.name}` {found.reading} ({found.place})"
    return Check(expectation.name + labels, shown, exactly(got, point.type), passed, parts)


def agrees(got: Value, expected: Value, within: Fraction) -> bool:
    """Exact equality, a difference within the tolerance, or the same state of absence."""
    if isinstance(expected, Absent):
        return isinstance(got, Absent) and got.state is expected.state
    if isinstance(expected, Fraction) and isinstance(got, Fraction):
        return abs(got - expected) <= within
    return got == expected


def _failed(outcome: Outcome, span: Span) -> Diagnostic:
    wrong = [check for check in outcome.checks if not check.passed]
    lines = [f"`{check.name}`: expected {check.expected}, got {check.got}" for check in wrong]
    notes = [check.parts for check in wrong if check.parts]
    end = span.text.find("\n")
    head = span if end < 0 else Span(span.file, span.start, span.start + end)
    return Diagnostic(
        "example-failed",
        f"example `{outcome.title}` does not come out as stated: {lines[0]}",
        head,
        notes=(*lines[1:], *notes),
        help="change the clause that parts from the example, or the expected value",
    )
