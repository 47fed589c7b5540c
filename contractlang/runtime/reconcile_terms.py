"""What a reconciliation is asked for, as users write it: the stated column, the value, the uncertain inputs."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.reconcile import MOST_UNCERTAIN, Uncertain
from contractlang.runtime.result import Result
from contractlang.runtime.runs import Opened, resolve_name
from contractlang.runtime.stated import read_stated
from contractlang.runtime.words import summands
from contractlang.semantics import literals
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.types import Kind
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse_expression
from contractlang.values import Absent

_CODE = "half-step-invalid"


def stated_amounts(
    opened: Opened, against: str, tables: Mapping[str, Path], sink: Sink
) -> dict[tuple[str, str], Fraction | Absent] | None:
    """The stated amounts by group and period. `against` is a header, or `TABLE.HEADER` where several tables qualify."""
    name, dot, header = against.partition(".")
    keyed = _settled_tables(opened)
    schema = keyed.get(name) if dot else None
    if schema is None:
        header = against
        schema = next(iter(keyed.values()), None)
    if schema is None:
        message = f"no table of the contract has one row per {opened.compiled.unit} and {opened.compiled.period}"
        sink.report(Diagnostic("unsupported", message, help="stated amounts are read from such a table"))
        return None
    found = read_stated(schema, opened.binding, tables, header, sink)
    if found is None:
        return None
    unit = [key.name for key in schema.keys].index(opened.compiled.unit)
    return {(key[unit], key[1 - unit]): amount for key, amount in found.items()}


def _settled_tables(opened: Opened) -> dict[str, TableSchema]:
    settled = {opened.compiled.unit, opened.compiled.period}
    return {t.name: t for t in opened.compiled.tables if {key.name for key in t.keys} == settled}


def reconciled_value(result: Result, name: str | None, sink: Sink) -> str | None:
    """The value that is compared: the named one, else the only payment, before what is netted off it.

    `payment p = earned - recouped` is compared as `earned`: what was paid ahead is not part of what was earned.
    """
    if name is not None:
        return resolve_name(result, name, sink)
    plan = result.plan
    payments = [named.name for payment in plan.payments if (named := plan.paid(payment)) is not None]
    point = result.point(payments[0], int(result.rows[0])) if len(payments) == 1 else None
    if point is None:
        shown = f"one of {', '.join(f'`{p}`' for p in payments)}" if payments else "a value of the contract"
        message = "the contract has several payments" if payments else "the contract has no payment"
        sink.report(Diagnostic("value-unknown", message, help=f"add `--value` with {shown}"))
        return None
    added = [part for sign, part in summands(point) if sign > 0]
    taken = [part for sign, part in summands(point) if sign < 0]
    if len(added) == 1 and taken and added[0].node.name in result.names:
        return added[0].node.name
    return payments[0]


def tolerance_of(text: str, sink: Sink) -> Fraction | None:
    """`1.00` or `$1.00`."""
    try:
        found = Fraction(text.strip().removeprefix("$").replace("_", ""))
    except (ValueError, ZeroDivisionError):
        found = Fraction(-1)
    if found < 0:
        sink.report(Diagnostic(_CODE, f"`{text}` is no tolerance", help="write dollars: `--tolerance 1.00`"))
        return None
    return found


def uncertain_inputs(opened: Opened, written: Mapping[str, str], sink: Sink) -> list[Uncertain] | None:
    """The inputs of `--uncertain INPUT=HALFSTEP`; None after a report."""
    if len(written) > MOST_UNCERTAIN:
        sink.report(
            Diagnostic(_CODE, f"{len(written)} inputs are uncertain", help=f"name at most {MOST_UNCERTAIN} at once")
        )
        return None
    found = [one for name, text in written.items() if (one := _uncertain(opened, name, text, sink)) is not None]
    return found if len(found) == len(written) else None


def _uncertain(opened: Opened, name: str, text: str, sink: Sink) -> Uncertain | None:
    column = _column(opened, name, sink)
    if column is None:
        return None
    table, schema = column
    value = parse_expression(SourceFile(f"--uncertain {name}", text), sink)
    if value is None:
        return None
    number = literals.number(value) if isinstance(value, ast.Number) else "no number"
    if isinstance(number, str) or number[0] <= 0:
        sink.report(Diagnostic(_CODE, f"`{text}` is no half step", help=f"write a number: `--uncertain {name}=0.005%`"))
        return None
    half, type_ = number
    bare = type_.literal and schema.type.kind is not Kind.PERCENT
    if not bare and (
        type_.unit != schema.type.unit or (type_.kind is Kind.PERCENT) != (schema.type.kind is Kind.PERCENT)
    ):
        message = f"`{text}` is {type_}, but `{table}.{schema.name}` is {schema.type}"
        sink.report(Diagnostic(_CODE, message, help=f"write the half step in the unit of `{schema.name}`"))
        return None
    if bare:
        half *= schema.factor
    return Uncertain(table, schema.name, half, schema.factor, schema.low, schema.high)


def _column(opened: Opened, name: str, sink: Sink) -> tuple[str, ColumnSchema] | None:
    """A numeric column of a table at settlement grain, by its name or by `table.column`."""
    columns = [(t.name, c) for t in opened.compiled.tables if not t.member_level for c in t.columns if c.type.numeric]
    found = [(t, c) for t, c in columns if name in {c.name, f"{t}.{c.name}"}]
    if len(found) == 1:
        return found[0]
    known = [c.name for _, c in columns]
    near = get_close_matches(name, known, n=3)
    message = f"`{name}` is a column of several tables" if found else f"no input has a numeric column `{name}`"
    several = ", ".join(f"`{t}.{c.name}`" for t, c in found)
    help_ = f"write {several}" if found else f"there are {', '.join(f'`{k}`' for k in near or known[:12])}"
    sink.report(Diagnostic(_CODE, message, help=help_))
    return None
