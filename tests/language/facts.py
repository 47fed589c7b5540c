"""Facts that a contract states about itself in comments: types, given rows, and the values that come out.

    #: types
    #:   savings   USD {group, year}
    #:   share     percent {group, year}, may be not applicable
    #: given results
    #:   | group | year | benchmark | quality |
    #:   | A     | 2024 |      1000 |       - |
    #: expect
    #:   | group | year | savings | share |
    #:   | A     | 2024 |   99.50 | n/a   |

Numbers stand as in a file: `1000.50`, `7.5%`, `2/3`; a word in a category column is its value, a day is a date. `-`
given is not applicable, `?` is missing. Expected absence is `n/a`, `n/r` or `missing`. Keys of an expected table beyond
unit and period are categories.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import duckdb

from contractlang.engines import periods, reference
from contractlang.engines.base import Frame, Inputs, MemberTable, Programme, Settlement, Table
from contractlang.engines.registry import settle_engine
from contractlang.plan.compiler import Compiled
from contractlang.plan.nodes import Plan
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.scope import PERIODS
from contractlang.semantics.types import Kind
from contractlang.values import Absent, State, Value
from tests.engines.plans import Written, column, words

Rows = list[dict[str, str]]

STATES = {"n/a": State.NOT_APPLICABLE, "n/r": State.NOT_REPORTABLE, "missing": State.MISSING}
DECIMALS = 6
"""Decimals of given numbers whose column declares none."""


@dataclass
class Facts:
    """The directives of one file. `types` maps a name to what is said of it."""

    types: dict[str, str] = field(default_factory=dict)
    given: dict[str, Rows] = field(default_factory=dict)
    expected: list[Rows] = field(default_factory=list)


def facts_of(text: str) -> Facts:
    """Read the `#:` comments of a file. A line that fits nowhere is an error."""
    facts = Facts()
    section: list[str] = []
    header: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#:"):
            continue
        said = line[2:].strip()
        if said.startswith("|"):
            cells = [cell.strip() for cell in said.strip("|").split("|")]
            if not header:
                header = cells
                continue
            assert len(cells) == len(header), f"{len(cells)} cells under {len(header)}: {line}"
            rows = facts.given[section[1]] if section[0] == "given" else facts.expected[-1]
            rows.append(dict(zip(header, cells, strict=True)))
        elif said in ("types", "expect") or said.startswith("given "):
            section, header = said.split(), []
            if said == "expect":
                facts.expected.append([])
            elif section[0] == "given":
                facts.given[section[1]] = []
        else:
            assert section == ["types"], f"a fact of no section: {line}"
            name, _, type_ = said.partition(" ")
            facts.types[name] = type_.strip()
    return facts


# Types ---------------------------------------------------------------------------------------------------------------


def typed(plan: Plan, name: str) -> str:
    """A named value's type in the words of a fact."""
    named = plan.named(name)
    assert named is not None, f"no value `{name}`: there are {', '.join(n.name for n in plan.names)}"
    type_ = plan.nodes[named.node].type
    grain = ", ".join(sorted(type_.grain, key=lambda k: (k != plan.unit, k != plan.period, k)))
    absent = [s.words for s in sorted(type_.absent) if s is not State.MISSING]
    return f"{type_} {{{grain}}}" + (f", may be {' or '.join(absent)}" if absent else "")


# Inputs --------------------------------------------------------------------------------------------------------------


def inputs_of(compiled: Compiled, given: Mapping[str, Rows], frame: Frame) -> Inputs:
    """The given rows as bound tables; member rows are reduced by the reference engine."""
    tables: dict[str, Table] = {}
    members: dict[str, MemberTable] = {}
    schemas = {t.name: t for t in compiled.tables}
    for name, rows in given.items():
        schema = schemas[name]
        if schema.member_level:
            members[name] = _member_table(schema, rows)
        else:
            tables[name] = _table(schema, rows)
    for schema in compiled.tables:
        assert schema.name in given, f"no rows given for `{schema.name}`"
    plan = compiled.plans[-1]
    if plan.reduction.steps:
        tables |= reference.reduce(plan, members).tables
    return Inputs(frame, tables, members)


def _table(schema: TableSchema, rows: Rows) -> Table:
    keys = {
        k.name: column([r[k.name] for r in rows], labels=k.labels) if k.labels else words(r[k.name] for r in rows)
        for k in schema.keys
    }
    columns = {
        c.name: column([_cell(c, r[c.name]) for r in rows], _scale(c), labels=c.labels or ()) for c in schema.columns
    }
    return Table(schema.name, keys, columns)


def _scale(schema: ColumnSchema) -> int:
    decimals = DECIMALS if schema.decimals is None else schema.decimals
    return decimals + (2 if schema.type.kind is Kind.PERCENT else 0)


def _cell(schema: ColumnSchema, text: str) -> Written:
    if text == "-":
        return Absent(State.NOT_APPLICABLE, "given so")
    if text == "?":
        return None
    value = value_of(text)
    if isinstance(value, str) and schema.type.kind is Kind.TEXT:
        return value
    assert not isinstance(value, Absent)
    return value


def value_of(text: str) -> Value:
    """A written value: number, percentage, fraction, flag, date, state of absence, or word."""
    if text in STATES:
        return Absent(STATES[text])
    if text in ("yes", "no"):
        return text == "yes"
    try:
        return dt.date.fromisoformat(text) if text.count("-") == 2 else _number(text)
    except ValueError:
        return text


def _number(text: str) -> Fraction:
    digits = text.replace(",", "").replace("$", "")
    return Fraction(digits[:-1]) / 100 if digits.endswith("%") else Fraction(digits)


def _member_table(schema: TableSchema, rows: Rows) -> MemberTable:
    forms = {k.name: ("text", 0) for k in schema.keys} | {c.name: _form(c) for c in schema.columns}
    sql = {"text": "VARCHAR", "code": "VARCHAR", "int": "BIGINT", "flag": "BOOLEAN", "date": "DATE"}
    connection = duckdb.connect()
    declared = ", ".join(f"{name} {sql[form]}" for name, (form, _) in forms.items())
    connection.execute(f"CREATE TABLE rows ({declared})")
    for row in rows:
        values = [_stored(row[name], *form) for name, form in forms.items()]
        marks = ", ".join("?" * len(values))
        values = [_first_month(v) if name in PERIODS else v for name, v in zip(forms, values, strict=True)]
        connection.execute(f"INSERT INTO rows VALUES ({marks})", values)  # noqa: S608 - question marks alone
    return MemberTable(schema.name, connection, "rows", forms)


def _first_month(label: str) -> str:
    """The month in which a period starts, as member rows carry it."""
    _, year, number = periods.parts(periods.containing(label, "month"))
    return f"{year}{number:02}"


def _form(schema: ColumnSchema) -> tuple[str, int]:
    match schema.type.kind:
        case Kind.FLAG:
            return "flag", 0
        case Kind.DATE:
            return "date", 0
        case Kind.CATEGORY:
            return "code", 0
        case Kind.TEXT:
            return "text", 0
        case _:
            return "int", _scale(schema)


def _stored(text: str, form: str, scale: int) -> Any:
    if text == "?":
        return None
    if form == "int":
        return int(_number(text) * 10**scale)
    return text == "yes" if form == "flag" else text


# Results -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """One expected cell and what came out."""

    row: str
    name: str
    expected: Value
    got: Value

    @property
    def agrees(self) -> bool:
        if isinstance(self.expected, Absent) or isinstance(self.got, Absent):
            return (
                isinstance(self.expected, Absent)
                and isinstance(self.got, Absent)
                and self.expected.state == self.got.state
            )
        return self.expected == self.got

    def __str__(self) -> str:
        return f"{self.row}: {self.name} is {self.got}, expected {self.expected}"


def settled(compiled: Compiled, facts: Facts, engine: str = "reference") -> Settlement:
    """The settlement of all rows that some expected table names."""
    unit, period = compiled.unit, compiled.period
    rows = dict.fromkeys((r[unit], r[period]) for table in facts.expected for r in table)
    frame = Frame([u for u, _ in rows], [p for _, p in rows])
    plans = {p.label: plan for p in compiled.periods() if (plan := compiled.plan_for(p.label)) is not None}
    return settle_engine(engine)(Programme(plans), inputs_of(compiled, facts.given, frame))


def outcomes(compiled: Compiled, facts: Facts) -> Iterator[Outcome]:
    """Every expected cell with the exact value that came out."""
    found = settled(compiled, facts)
    for table in facts.expected:
        for row in table:
            plan = compiled.plan_for(row[compiled.period])
            assert plan is not None
            keys = {compiled.unit, compiled.period, *(name for name, _ in plan.categories)}
            key = {k: v for k, v in row.items() if k in keys}
            for name, text in row.items():
                if name in keys:
                    continue
                named = next((n for s in ("", ".amount", ".total") if (n := plan.named(name + s)) is not None), None)
                assert named is not None, f"no value `{name}`"
                value = found.evaluator.value(plan, named.node, key)
                yield Outcome(" ".join(key.values()), name, value_of(text), value)
