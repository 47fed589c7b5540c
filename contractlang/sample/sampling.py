"""`sample`: every table that a contract reads, a binding for them, and the truths planted in them, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime.export import Writing
from contractlang.sample.answers import imputed_table, member_table
from contractlang.sample.drawing import drawn_column
from contractlang.sample.fitting import (
    IMPUTED,
    MEMBER_MONTHS,
    MEMBERS,
    RESULTS,
    ROSTER,
    SERVICES,
    SETTLED,
    TRAITS,
    VISITS,
    Fit,
    fit,
    role_of,
    toml,
)
from contractlang.sample.measures import Measures, make_measures
from contractlang.sample.population import DEFAULT_LABELS, LOT, Lot, Size, Trait, World, make_lot, make_world
from contractlang.sample.programmes import Programme
from contractlang.sample.records import records
from contractlang.sample.rows import (
    MonthFacts,
    Results,
    Visits,
    measure_results,
    measure_table,
    member_months,
    service_lines,
    visit_table,
    visits,
)  # fmt: skip
from contractlang.sample.settled import settled_table, why_not
from contractlang.sample.truth import Truth
from contractlang.sample.writing import Parquet

Progress = Callable[[str, int, int], None]
TRUTH, BINDING = "truth.json", "binding.toml"


@dataclass(frozen=True, slots=True)
class Request:
    """What to make. `contract` stands in for the contract of the programme; `also` names tables that the contract does
    not read (`visit`, `service_line`)."""

    programme: Programme
    size: Size
    contract: Path | None = None
    also: tuple[str, ...] = ()

    @property
    def contract_path(self) -> Path:
        return self.contract or contracts_folder() / self.programme.contract


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was written: rows by table, and the files."""

    contract: Path
    rows: Mapping[str, int]
    written: tuple[Path, ...]


def sample(request: Request, folder: Path, sink: Sink, progress: Progress = lambda _s, _d, _t: None) -> Sampled | None:
    """Write a sample into a folder; None, with every reason in the sink, when that cannot be done.

    The files appear together or not at all. Raises OSError when the folder cannot be written.
    """
    compiled = compile_file(request.contract_path, sink)
    if compiled is None or sink.failed:
        return None
    plan = _plan(request, compiled, sink)
    if plan is None:
        return None
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Writing(folder) as writing:
            rows = _Making(request, plan, writing, progress).make()
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()
    return Sampled(request.contract_path, rows, tuple(writing.written))


@dataclass(frozen=True)
class _Plan:
    """What is made for a contract: its world, how its tables are served, its measures."""

    compiled: Compiled
    world: World
    fits: tuple[Fit, ...]
    measures: Measures

    def fit(self, role: str) -> Fit | None:
        """The first table that a kind of rows serves."""
        return next((found for found in self.fits if found.role == role), None)

    def nullable(self, role: str, fact: str) -> bool:
        """Whether every table that reads a column says what a missing value means, so that some may be missing."""
        reading = [
            column
            for found in self.fits
            if found.role == role
            for column in found.schema.columns
            if found.served.get(column.name) == fact
        ]
        return bool(reading) and all(column.missing is not None for column in reading)


def _plan(request: Request, compiled: Compiled, sink: Sink) -> _Plan | None:
    first, last = (day.year for day in compiled.term)
    size = request.size
    if size.years[1] < first or size.years[0] > last:
        message = f"none of the years {size.years[0]} to {size.years[1]} lies in the term of the contract"
        sink.report(Diagnostic("period-unknown", message, help=f"the term has the years {first} to {last}"))
        return None
    fits: list[Fit] = []
    for schema in compiled.tables:
        role = role_of(schema)
        second = any(other.role == role for other in fits)
        fitted = fit(schema, compiled.unit, second=second) if role != SETTLED else Fit(schema, SETTLED)
        if isinstance(fitted, str):
            _unfit(schema.name, fitted, sink)
        else:
            fits.append(fitted)
    if sink.failed:
        return None
    world = make_world(request.programme, size, _traits(request.programme, fits), first)
    clashing = {f.schema.name for f in fits if f.role == SETTLED} & {
        MEMBER_MONTHS,
        RESULTS,
        VISITS,
        SERVICES,
        MEMBERS,
        IMPUTED,
        ROSTER,
    }
    for name in sorted(clashing):
        _unfit(name, "member rows go into a file of that name", sink)
    refused = {
        f.schema.name: reason for f in fits if f.role == SETTLED and (reason := why_not(world, f.schema)) is not None
    }
    for name, reason in refused.items():
        _unfit(name, reason, sink)
    if refused or clashing:
        return None
    results = next((found for found in fits if found.role == RESULTS), None)
    labels = () if results is None else next((k.labels or () for k in results.schema.keys if k.role == "category"), ())
    return _Plan(compiled, world, tuple(fits), make_measures(world, labels or _one_measure(results)))


def _one_measure(results: Fit | None) -> tuple[str, ...]:
    return () if results is None else ("measure",)


def _unfit(table: str, why: str, sink: Sink) -> None:
    message = f"table `{table}` of the contract cannot be sampled: {why}"
    sink.report(Diagnostic("unsupported", message, help="bind a file of your own to this table"))


def _traits(programme: Programme, fits: list[Fit]) -> dict[str, Trait]:
    """Traits with the labels of the contract where it has a category for them, else of the programme, else the usual."""
    labels = {name: DEFAULT_LABELS[name] for name in TRAITS}
    if programme.products:
        labels["product"] = tuple(programme.products)
    for found in fits:
        for column in found.schema.columns:
            served = found.served.get(column.name)
            if served in TRAITS and column.labels:
                labels[served] = column.labels
    return {
        name: Trait.of(
            name, labels[name], {"product": dict(programme.products), "race": dict(programme.races)}.get(name)
        )
        for name in TRAITS
    }


class _Making:
    """One run: lots of members first, then what is added up from them."""

    def __init__(self, request: Request, plan: _Plan, writing: Writing, progress: Progress) -> None:
        self._request, self._plan, self._world = request, plan, plan.world
        self._writing, self._progress = writing, progress
        self._truth = Truth(plan.world, plan.measures)
        self._rows: dict[str, int] = {}
        self._sections: list[tuple[str, str, Mapping[str, str], Mapping[str, str]]] = []

    def make(self) -> dict[str, int]:
        self._members()
        supplied = self._settled()
        for name, table in records(self._world).items():
            if name not in self._rows:  # a table of the contract with that name is made for its columns
                self._write(name, table)
        self._writing.add(TRUTH, lambda path: path.write_text(self._truth_text(supplied), encoding="utf-8"))
        self._writing.add(BINDING, lambda path: path.write_text(self._binding_text(), encoding="utf-8"))
        return self._rows

    def _members(self) -> None:
        roles = {MEMBER_MONTHS, *self._request.also, *(found.role for found in self._plan.fits)} - {SETTLED, ROSTER}
        with ExitStack() as stack:
            files: dict[str, Parquet] = {}
            for role in sorted(roles):
                self._writing.add(f"{role}.parquet", lambda path, role=role: files.update({role: Parquet(path)}))  # type: ignore[misc]
                stack.enter_context(files[role])
            lots = -(-self._world.size.members // LOT)
            for number in range(lots):
                self._progress("members", number, lots)
                for role, columns in self._lot(number, roles).items():
                    files[role].add(columns)
        self._rows |= {role: file.rows for role, file in files.items()}
        for found in self._plan.fits:
            if found.role != SETTLED:
                self._sections.append((found.schema.name, f"{found.role}.parquet", found.keys, found.columns))

    def _lot(self, number: int, roles: set[str]) -> dict[str, dict[str, pa.Array]]:
        lot = make_lot(self._world, number)
        if not self._plan.nullable(MEMBER_MONTHS, "risk_score"):
            lot = replace(lot, no_risk=np.zeros_like(lot.no_risk))
        facts = MonthFacts.of(lot)
        self._truth.add_months(lot, facts)
        made: dict[str, dict[str, pa.Array]] = {
            MEMBER_MONTHS: member_months(self._world, lot, facts, risk_gaps=bool(lot.no_risk.any()))
        }
        if RESULTS in roles:
            made[RESULTS] = measure_table(self._world, lot, self._results(lot), self._plan.measures)
        if VISITS in roles:
            seen = self._visits(lot, facts)
            made[VISITS] = visit_table(self._world, lot, seen)
        if MEMBERS in roles:
            made[MEMBERS] = member_table(self._world, lot)
        if IMPUTED in roles:
            labels = [c.name for f in self._plan.fits if f.role == IMPUTED for c in f.schema.columns]
            made[IMPUTED] = imputed_table(self._world, lot, list(dict.fromkeys(labels)))
        if SERVICES in roles:
            made[SERVICES] = dict(service_lines(self._world, lot, facts))
        for found in self._plan.fits:
            for column in found.drawn:
                rows = len(next(iter(made[found.role].values())))
                made[found.role][column.name] = drawn_column(self._world, found.schema.name, column, number, rows)
        return made

    def _results(self, lot: Lot) -> Results:
        found = measure_results(self._world, lot, self._plan.measures)
        fitted = self._plan.fit(RESULTS)
        if fitted is None or "excluded" not in fitted.served.values():
            found = replace(found, excluded=np.zeros_like(found.excluded))
        self._truth.add_results(lot, found)
        return found

    def _visits(self, lot: Lot, facts: MonthFacts) -> Visits:
        seen = visits(self._world, lot, facts)
        self._truth.add_visits(lot, facts, seen)
        return seen

    def _settled(self) -> dict[str, Any]:
        supplied: dict[str, Any] = {}
        for found in self._plan.fits:
            if found.role != SETTLED:
                continue
            made = settled_table(self._world, self._truth, found.schema)
            self._write(found.schema.name, made.table)
            self._sections.append((found.schema.name, f"{found.schema.name}.parquet", made.keys, made.columns))
            if made.truth is not None:
                supplied[found.schema.name] = made.truth
        return supplied

    def _write(self, name: str, table: pa.Table) -> None:
        self._rows[name] = len(table)
        self._writing.add(
            f"{name}.parquet",
            lambda path: pq.write_table(table, path, compression="zstd", store_decimal_as_integer=True),
        )

    def _truth_text(self, supplied: dict[str, Any]) -> str:
        size, programme = self._world.size, self._request.programme
        head = {
            "programme": programme.name,
            "contract": f"{self._plan.compiled.plans[-1].contract} {self._plan.compiled.plans[-1].version}",
            "members": size.members,
            "groups": size.groups,
            "years": list(size.years),
            "seed": size.seed,
            "rows": self._rows,
        }
        return self._truth.text(head, {"supplied": supplied} if supplied else {})

    def _binding_text(self) -> str:
        lines = [
            f"# Sampled data for {self._plan.compiled.plans[-1].contract}: not from real people.",
            f"# {TRUTH} says what is planted in them.",
        ]
        for name, file, keys, columns in self._sections:
            lines += ["", f"[tables.{name}]", f"file = {toml(file)}"]
            for section, entries in (("keys", keys), ("columns", columns)):
                if entries:
                    lines += ["", f"[tables.{name}.{section}]", *(f"{key} = {line}" for key, line in entries.items())]
        return "\n".join(lines) + "\n"
