"""Case folders: a contract, data, and the values that must come out. `grammar/reference/cases.md` describes `case.toml`."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.examples import Check, Outcome, agrees
from contractlang.runtime.formatting import exactly
from contractlang.runtime.parting import parting
from contractlang.runtime.result import Result, Status
from contractlang.runtime.runs import open_run, resolve_name, settle
from contractlang.semantics import literals
from contractlang.semantics.types import Type
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse_expression
from contractlang.values import Absent, State, Value

STATES = {state.words: state for state in (State.NOT_APPLICABLE, State.NOT_REPORTABLE, State.MISSING)}
_KEYS = {"title", "contract", "data", "tables", "set", "as_known_on", "expect"}
_EXPECT = {"group", "period", "status", "values"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come out for one group and period; `status` is None where only values are stated."""

    group: str
    period: str
    status: str | None
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A `case.toml`; paths are relative to its folder."""

    path: Path
    title: str
    contract: Path
    data: Path
    tables: Mapping[str, Path]
    overrides: Mapping[str, str]
    expected: tuple[Expected, ...]
    known_on: dt.date | None = None


def run_case(path: Path, sink: Sink) -> Outcome | None:
    """Run one case; None, with the reason in the sink, when it cannot be read. A case that fails is reported."""
    case = read_case(path, sink)
    if case is None:
        return None
    own = Sink()
    opened = open_run(
        case.contract, case.data, own, overrides=case.overrides, tables=case.tables, known_on=case.known_on
    )
    result = None if opened is None else settle(opened, own)
    if result is None:
        sink.extend(own)
        return Outcome(case.title, str(path), (), "cannot be settled")
    checks = [check for expected in case.expected for check in _checks(case, expected, result, sink)]
    outcome = Outcome(case.title, str(path), tuple(checks))
    if not outcome.passed:
        sink.report(_failed(outcome))
    return outcome


def read_case(path: Path, sink: Sink) -> Case | None:
    """Read a `case.toml`; None after a report."""
    problems: list[str] = []
    try:
        content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        sink.report(Diagnostic("case-invalid", f"`{path}` cannot be read: {error.strerror}"))
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        sink.report(Diagnostic("case-invalid", f"`{path}` is no valid TOML: {error}"))
        return None
    problems += _strange(content, _KEYS, "")
    folder = path.parent
    texts = {name: content.get(name) for name in ("contract", "data")}
    problems += [f"`{name}` is missing or no text" for name, text in texts.items() if not isinstance(text, str)]
    maps = {name: content.get(name, {}) for name in ("tables", "set")}
    problems += [
        f"`[{name}]` must give a text for each name"
        for name, found in maps.items()
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values())
    ]
    known_on = content.get("as_known_on")
    if known_on is not None and (not isinstance(known_on, dt.date) or isinstance(known_on, dt.datetime)):
        problems.append("`as_known_on` must be a date: `as_known_on = 2024-06-30`")
    entries = content.get("expect", [])
    if not isinstance(entries, list) or not entries:
        problems.append("there is no `[[expect]]`")
        entries = []
    expected = [e for entry in entries if (e := _expected(entry, problems)) is not None]
    if problems:
        sink.report(
            Diagnostic(
                "case-invalid", f"`{path}`: {problems[0]}", notes=tuple(problems[1:]), help="see the page on cases"
            )
        )
        return None
    return Case(
        path,
        str(content.get("title", folder.name)),
        folder / str(texts["contract"]),
        folder / str(texts["data"]),
        {name: folder / text for name, text in maps["tables"].items()},
        maps["set"],
        tuple(expected),
        known_on,
    )


def _strange(content: Mapping[str, Any], known: set[str], where: str) -> Iterator[str]:
    for name in content:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            yield f"`{where}{name}` means nothing here" + (f"; did you mean `{near[0]}`?" if near else "")


def _expected(entry: object, problems: list[str]) -> Expected | None:
    if not isinstance(entry, dict):
        problems.append("`expect` is a list of tables: write `[[expect]]`")
        return None
    problems += _strange(entry, _EXPECT, "expect.")
    group, period, status = entry.get("group"), entry.get("period"), entry.get("status")
    values = entry.get("values", {})
    if not isinstance(group, str | int) or not isinstance(period, str | int):
        problems.append("an `[[expect]]` needs `group` and `period`")
        return None
    if status is not None and status not in {s.words for s in Status}:
        problems.append(f"`status` is one of {', '.join(f'`{s.words}`' for s in Status)}")
    if not isinstance(values, dict):
        problems.append("`[expect.values]` gives a value for each name")
        return None
    return Expected(str(group), str(period), status, {name: _written(value) for name, value in values.items()})


def _written(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dt.date():
            return value.isoformat()
        case _:
            return str(value)


# Checks --------------------------------------------------------------------------------------------------------------


def _checks(case: Case, expected: Expected, result: Result, sink: Sink) -> Iterator[Check]:
    where = f"{expected.group}, {expected.period}"
    row = result.find(expected.group, expected.period)
    if row is None:
        left = next((o for o in result.left_out if (o.group, o.period) == (expected.group, expected.period)), None)
        got = f"not settled ({left.reason})" if left else "no such row"
        yield Check(where, expected.status or "settled", got, left is not None and expected.status == "not settled")
        return
    if expected.status is not None:
        status = Status(int(result.status[row])).words
        yield Check(f"status of {where}", expected.status, status, status == expected.status)
    for name, text in expected.values.items():
        stated = _stated(case, name, text, sink)
        if name.endswith("]"):
            check = _finer_check(case, result, name, row, where=where, stated=stated, sink=sink) if stated else None
            if check is not None:
                yield check
            continue
        full = resolve_name(result, name, sink)
        if full is not None and stated is not None:
            yield _value_check(result, full, row, where, stated)


def _value_check(result: Result, name: str, row: int, where: str, stated: tuple[Value, Fraction]) -> Check:
    value, within = stated
    got, type_ = result.value(name, row), result.names[name].type
    passed = agrees(got, value, within)
    parts = ""
    if not passed and isinstance(value, Fraction) and isinstance(got, Fraction):
        found = parting(result, name, row, value, within)
        if found is not None:
            parts = f"the expected value comes out at `{found.name}` {found.reading} ({found.place})"
    return Check(f"{name} of {where}", _shown(value, within, type_), exactly(got, type_), passed, parts)


def _finer_check(
    case: Case, result: Result, name: str, row: int, *, where: str, stated: tuple[Value, Fraction], sink: Sink
) -> Check | None:
    """`use.oe[ECHO]`: the value under some labels of its further keys; None after a report."""
    full, _, inside = name.removesuffix("]").partition("[")
    labels = sorted(label.strip() for label in inside.split(","))
    value, within = stated
    settled = result.plan.settled
    found = list(result.finer(full, row)) if full in result.names else []
    for key, got in found:
        if sorted(label for word, label in key.items() if word not in settled) == labels:
            type_ = result.names[full].type
            return Check(
                f"{name} of {where}", _shown(value, within, type_), exactly(got, type_), agrees(got, value, within)
            )
    help_ = f"`{full}` has no such labels" if found else f"the contract has no value `{full}`"
    sink.report(Diagnostic("value-unknown", f"{case.path}: `{name}` names nothing", help=help_))
    return None


def _shown(value: Value, within: Fraction, type_: Type) -> str:
    text = value.state.words if isinstance(value, Absent) else exactly(value, type_)
    return text + (f" within {exactly(within, type_)}" if within else "")


def _stated(case: Case, name: str, text: str, sink: Sink) -> tuple[Value, Fraction] | None:
    """The value and tolerance of `$5.00 within $0.01`, `not applicable`, `BASIC_E`, `yes`, `2024-01-01`."""
    body, _, tolerance = text.partition(" within ")
    if body in STATES:
        return Absent(STATES[body]), Fraction(0)
    place = f"{case.path}: {name}"
    value = _literal(body, place, sink)
    within = _literal(tolerance, place, sink) if tolerance else Fraction(0)
    if value is None or not isinstance(within, Fraction):
        return None
    return value, within


def _literal(text: str, place: str, sink: Sink) -> Value | None:
    own = Sink()
    found = parse_expression(SourceFile(place, text), own)
    sign = 1
    if isinstance(found, ast.Unary) and found.op == "-":
        sign, found = -1, found.operand
    match found:
        case ast.Number():
            number = literals.number(found)
            if not isinstance(number, str):
                return sign * number[0]
        case ast.Flag(value=value):
            return value
        case ast.Date(value=day):
            return day
        case ast.Text(value=label):
            return label
        case ast.Name():
            return found.text
        case _:
            pass
    sink.report(
        Diagnostic(
            "case-invalid", f"{place}: `{text}` is no value", help="write it as in a contract: `$5.00`, `12.5%`, `yes`"
        )
    )
    return None


def _failed(outcome: Outcome) -> Diagnostic:
    wrong = [check for check in outcome.checks if not check.passed]
    lines = [f"{check.name}: expected {check.expected}, got {check.got}" for check in wrong]
    notes = [check.parts for check in wrong if check.parts]
    return Diagnostic(
        "case-failed",
        f"case `{outcome.title}` does not come out as stated: {lines[0]}",
        notes=(*lines[1:6], *notes[:3]),
        help=f"see {outcome.place}",
    )
