"""A run: reduce member rows, settle, see who is held or not settled, and check the guarantees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines import registry
from contractlang.engines.base import (
    Bytes,
    Frame,
    Inputs,
    Ints,
    MemoryExceededError,
    Programme,
    Settlement,
    TooWideError,
)
from contractlang.engines.standing import Standing, standing
from contractlang.plan.nodes import Aggregate, Plan, Previous, Split
from contractlang.runtime.breaches import report_breaches
from contractlang.runtime.controls import check_controls
from contractlang.runtime.findings import guarantees, report_held
from contractlang.runtime.frames import without_empty_periods
from contractlang.runtime.ledger import report_unsettled
from contractlang.runtime.member_accounts import report_unplaced
from contractlang.runtime.reducing import Progress, distinct, quiet, reduce_members, with_reduced
from contractlang.runtime.result import LeftOut, Result, Status
from contractlang.runtime.set_aside import SetAside
from contractlang.runtime.strangers import set_strangers_aside
from contractlang.values import State

Accounts = Mapping[str, Sequence[Mapping[str, object]]]

SMALL, FEW = 5_000, 2_000_000
"""Rows, and values of all of them together, up to which the reference engine is fast enough to be the first choice."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Engines by name; `auto` chooses by size and by what the engine can do."""

    settle: str = "auto"
    reduce: str = "auto"


AUTO = Engines()


def execute(
    programme: Programme,
    inputs: Inputs,
    sink: Sink,
    *,
    periods: Iterable[str] = (),
    groups: Iterable[str] = (),
    engines: Engines = AUTO,
    progress: Progress = quiet,
    aside: Sequence[SetAside] | None = None,
    identifiers: bool = False,
) -> Result | None:
    """Settle every row of the inputs and report those of the given periods and groups (all, when none are given).

    Held units, failed guarantees and an engine that cannot do the job are reported to the sink; None when nothing can
    be settled at all. A lenient run gives `aside`, the rows that were set aside before: more may follow, and the result
    says all of them. With `identifiers`, findings name the keys of members.
    """
    found = None if aside is None else list(aside)
    reduced = reduce_stage(programme, inputs, sink, engines.reduce, progress, aside=found, identifiers=identifiers)
    if reduced is None:
        return None
    result = settle_stage(
        programme, *reduced, sink, periods=periods, groups=groups, engine=engines.settle, progress=progress
    )
    return result if result is None or found is None else replace(result, set_aside=tuple(found))


def reduce_stage(
    programme: Programme,
    inputs: Inputs,
    sink: Sink,
    engine: str = "auto",
    progress: Progress = quiet,
    *,
    aside: list[SetAside] | None = None,
    identifiers: bool = False,
) -> tuple[Inputs, list[Accounts | None]] | None:
    """The inputs with every reduced table, and the accounts of each distinct plan (None: it reduces nothing).

    None after a report of rows that must not be there, or of too little memory. Rows that belong to no settled unit are
    reported; with `aside` they are added to it, and are no error.
    """
    plans = distinct(programme)
    progress("reducing", 0, len(plans))
    try:
        reduced = reduce_members(plans, inputs, engine, progress)
    except MemoryExceededError as error:
        message = f"the sums over member rows do not fit into memory: {error}"
        sink.report(Diagnostic("memory-exceeded", message, help="give more with `--memory-limit`"))
        return None
    except TooWideError as error:
        message = f"the sums over member rows may not be exact: {error}"
        help_ = "look for amounts and scores in the data that cannot be true, or say `within` for their columns"
        sink.report(Diagnostic("out-of-range", message, help=help_))
        return None
    if report_breaches(plans, reduced, sink, identifiers=identifiers):
        return None
    listed = inputs.frame
    listing = [name for name, table in inputs.tables.items() if plans[-1].unit in table.keys]
    inputs = with_reduced(inputs, programme, plans, reduced)
    if len(listed):
        parts = [(plan, part) for plan, part in zip(plans, reduced, strict=True) if part is not None]
        frame, found = set_strangers_aside(programme, parts, listed, sink, listing=listing, lenient=aside is not None)
        inputs = replace(inputs, frame=frame)
        inputs = replace(inputs, frame=without_empty_periods(inputs, plans[-1], sink))
        if aside is not None:
            aside += found
    return inputs, [None if part is None else part.accounts for part in reduced]


def settle_stage(
    programme: Programme,
    inputs: Inputs,
    accounts: Sequence[Accounts | None],
    sink: Sink,
    *,
    periods: Iterable[str] = (),
    groups: Iterable[str] = (),
    engine: str = "auto",
    progress: Progress = quiet,
) -> Result | None:
    """What follows the reduce stage; see `execute`."""
    plans = distinct(programme)
    wanted = set(periods)
    if wanted and not any(_looks_around(plan) for plan in plans):
        inputs = replace(inputs, frame=_only(inputs.frame, [p in wanted for p in inputs.frame.periods]))
    if not len(inputs.frame):
        sink.report(_nothing(programme, wanted))
        return None
    name = _settle_engine(engine, plans, len(inputs.frame), sink)
    if name is None:
        return None
    progress("settling", 0, 1)
    settlement, found, left_out = _settle(name, programme, inputs)
    progress("settling", 1, 1)
    status, reasons = _status(settlement, found)
    named = set(groups)
    rows = _rows(settlement.frame, wanted, named)
    if not len(rows):
        sink.report(_nothing(programme, wanted))
        return None
    left = tuple(o for o in left_out if (not wanted or o.period in wanted) and (not named or o.group in named))
    result = Result(
        programme,
        replace(inputs, frame=settlement.frame),
        settlement,
        rows,
        status,
        reasons,
        name,
        accounts={id(plan): part for plan, part in zip(plans, accounts, strict=True) if part is not None},
        left_out=left,
    )
    report_held(result, found, sink)
    report_unplaced(result, sink)
    report_unsettled(result, sink)
    return replace(result, guarantees=guarantees(result, sink), controls=check_controls(result, sink))


def _looks_around(plan: Plan) -> bool:
    """Whether a row may read other rows: earlier periods, or the network of its period."""
    return any(isinstance(node.op, Previous) or _network(node.op) for node in plan.nodes)


def _network(op: object) -> bool:
    return isinstance(op, Aggregate | Split) and "network" in op.over


def _only(frame: Frame, keep: Sequence[bool]) -> Frame:
    rows = [row for row, kept in enumerate(keep) if kept]
    return Frame([frame.units[row] for row in rows], [frame.periods[row] for row in rows])


def _values(plan: Plan) -> int:
    """How many values a row has: each operation counts for every combination of the categories along which it varies."""
    labels = {category: len(values) for category, values in plan.categories}
    return sum(prod(labels.get(key, 1) for key in node.type.grain) for node in plan.nodes)


def _settle_engine(wanted: str, plans: Sequence[Plan], rows: int, sink: Sink) -> str | None:
    """The engine to use; None, and a report, when the engine that was asked for cannot do it."""
    small = rows <= SMALL and rows * max(map(_values, plans), default=0) <= FEW
    if wanted == "reference" or (wanted == "auto" and small):
        return "reference"
    from contractlang.engines import vector

    unable = sorted({reason for plan in plans for reason in vector.unsupported(plan)})
    if not unable:
        return "vector"
    if wanted == "auto":
        return "reference"
    sink.report(
        Diagnostic(
            "engine-unable",
            f"the engine `{wanted}` cannot evaluate this contract: {', '.join(unable)}",
            help="use `--engine auto` or `--engine reference`",
        )
    )
    return None


def _settle(
    name: str, programme: Programme, inputs: Inputs
) -> tuple[Settlement, Mapping[int, Standing], list[LeftOut]]:
    """Settle; where units that are not settled would count in `over network`, settle again without them."""
    engine = registry.settle_engine(name)
    settlement = engine(programme, inputs)
    found = standing(settlement)
    if not any(_network(node.op) for plan in distinct(programme) for node in plan.nodes):
        return settlement, found, []
    out = [row in found and _outside(found[row]) for row in range(len(inputs.frame))]
    if not any(out) or all(out):  # with nobody left there is no network; the rows say why they are not settled
        return settlement, found, []
    frame = inputs.frame
    left = [LeftOut(frame.units[row], frame.periods[row], _why_outside(found[row])) for row in found if out[row]]
    settlement = engine(programme, replace(inputs, frame=_only(frame, [not o for o in out])))
    return settlement, standing(settlement), left


def _status(settlement: Settlement, found: Mapping[int, Standing]) -> tuple[Bytes, dict[int, str]]:
    status = np.zeros(len(settlement.frame), dtype=np.uint8)
    reasons: dict[int, str] = {}
    for row, why in found.items():
        if why.refused:
            status[row], reasons[row] = Status.NOT_SETTLED, _why_outside(why)
        elif why.undecided:
            status[row] = Status.NOT_SETTLED if _outside(why) else Status.HELD
            reasons[row] = _why_outside(why)
        else:
            status[row] = Status.HELD
            reasons[row] = "; ".join(f"{payment} is {absent}" for payment, absent in why.held)
    return status, reasons


def _outside(why: Standing) -> bool:
    """Whether a unit is not settled: a requirement is not met, or cannot be told though nothing is missing."""
    lacking = any(absent.state is State.MISSING for _, absent in why.undecided)
    return bool(why.refused) or (bool(why.undecided) and not lacking)


def _why_outside(why: Standing) -> str:
    if why.refused:
        return "; ".join(requirement.reason for requirement in why.refused)
    return "; ".join(f"{requirement.reason}: {absent}" for requirement, absent in why.undecided)


def _rows(frame: Frame, periods: set[str], groups: set[str]) -> Ints:
    return np.array(
        [
            row
            for row, (unit, period) in enumerate(zip(frame.units, frame.periods, strict=True))
            if (not periods or period in periods) and (not groups or unit in groups)
        ],
        dtype=np.int64,
    )


def _nothing(programme: Programme, wanted: set[str]) -> Diagnostic:
    term = list(programme.plans)
    shown = term[0] if len(term) == 1 else f"{term[0]} to {term[-1]}" if term else "none"
    return Diagnostic(
        "nothing-to-settle",
        f"there is no row for {', '.join(sorted(wanted))}"
        if wanted
        else "the data have no row for a period of the term",
        notes=(f"periods of the term: {shown}",),
        help="check the period column of the binding, the term of the contract and `--period`",
    )
