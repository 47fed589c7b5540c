"""Examples of a compiled contract, evaluated by the reference engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.plan.compiler import Compiled
from contractlang.plan.lowering.examples import Expectation, lower_example
from contractlang.values import Absent, Value


@dataclass(frozen=True)
class Outcome:
    """One expectation of an example: what it names, what was expected and what came out."""

    title: str
    name: str
    expected: Value
    got: Value
    within: Fraction | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        if self.problem:
            return False
        if isinstance(self.expected, Absent) or isinstance(self.got, Absent):
            states = [v.state for v in (self.expected, self.got) if isinstance(v, Absent)]
            return len(states) == 2 and states[0] is states[1]
        if self.within is not None:
            assert isinstance(self.expected, Fraction)
            assert isinstance(self.got, Fraction)
            return abs(self.expected - self.got) <= self.within
        return self.expected == self.got


def outcomes(compiled: Compiled) -> Iterator[Outcome]:
    """Every expectation of every example of every edition."""
    for lowered in compiled.lowered:
        for example in lowered.examples:
            sink = Sink()
            found = lower_example(lowered, example, sink)
            if found is None or sink.failed:
                yield Outcome(example.title, "", Fraction(0), Fraction(0), problem=report(sink) or "not read")
                continue
            programme = Programme(dict.fromkeys(found.periods, found.plan))
            frame = Frame([found.unit] * len(found.periods), list(found.periods))
            evaluator = Evaluator(programme, Inputs(frame, {}))
            for expected in found.expectations:
                key = {found.plan.unit: found.unit, found.plan.period: found.period} | dict(expected.labels)
                yield _outcome(example.title, expected, evaluator.value(found.plan, expected.node, key))


def _outcome(title: str, expected: Expectation, got: Value) -> Outcome:
    return Outcome(title, expected.name, expected.value, got, expected.within)


def failures(compiled: Compiled) -> list[str]:
    """What does not come out as stated, in words."""
    return [
        o.problem or f"example `{o.title}`: `{o.name}` is {o.got}, expected {o.expected}"
        for o in outcomes(compiled)
        if not o.holds
    ]
