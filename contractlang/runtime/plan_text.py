"""A plan as text: the steps of the reduce stage, then the nodes of the settle stage with their types and origins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from contractlang.plan.nodes import Cell, Const, Node, Op, Plan, Terms
from contractlang.plan.relations import Derive, Filter, Group, Join, Relation, RowExpr, Scan, Union
from contractlang.semantics.types import Grain
from contractlang.source import Span
from contractlang.values import Absent


def plan_lines(plan: Plan) -> Iterator[str]:
    """One line per step and per node."""
    yield f"plan of {plan.contract} {plan.version}, settles {plan.unit} per {plan.period}"
    reduction = plan.reduction
    if reduction.steps:
        yield ""
        yield "reduce"
        for step in reduction.steps:
            yield f"  {step.name} = {_relation(step.relation)}    # {step.description or step.origin.place}"
        for output in reduction.outputs:
            columns = ", ".join(f"{name}" for name, _, _ in output.columns)
            yield f"  → table {output.table} per {', '.join(key for key, _ in output.keys)}: {columns}"
    yield ""
    yield "settle"
    for index, node in enumerate(plan.nodes):
        yield _node(index, node)
    for payment in plan.payments:
        yield f"  pay {payment}"


def grain_words(grain: Grain) -> str:
    return "{" + ", ".join(sorted(grain)) + "}"


def _node(index: int, node: Node) -> str:
    name = f" {node.name} =" if node.name else ""
    args = ", ".join(f"%{arg}" for arg in node.args)
    text = f"  %{index}{name} {operation(node.op)}" + (f"({args})" if args else "")
    return f"{text}  : {node.type} {grain_words(node.type.grain)}  # {node.origin.place}"


def operation(op: Op) -> str:
    """`arithmetic *`, `const 0.5`, `cell results.benchmark`, …"""
    if isinstance(op, Const):
        return f"const {op.value if not isinstance(op.value, Absent) else str(op.value)}"
    if isinstance(op, Cell | Terms):
        return f"{type(op).__name__.lower()} {op.table}.{op.column}"
    words = []
    for part in fields(op):
        value = getattr(op, part.name)
        if isinstance(value, tuple):
            words.append(
                f"[{len(value)}]" if len(value) > 3 or not all(isinstance(v, str) for v in value) else ".".join(value)
            )
        elif value not in (None, False, 0, ""):
            words.append(part.name if value is True else str(value))
    return " ".join([type(op).__name__.lower(), *words])


def _relation(relation: Relation) -> str:
    match relation:
        case Scan(table, columns):
            return f"scan {table} [{', '.join(columns)}]"
        case Derive(source, columns):
            return f"derive {source} [" + ", ".join(f"{name} = {expression(e)}" for name, e in columns) + "]"
        case Filter(source, condition):
            return f"filter {source} where {expression(condition)}"
        case Group(source, keys, measures):
            found = ", ".join(
                f"{m.name} = {m.function}({expression(m.operand) if m.operand else '*'})" for m in measures
            )
            return f"group {source} by [{', '.join(keys)}] [{found}]"
        case Union(sources):
            return f"union {', '.join(sources)}"
        case Join(left, right, on, columns, left=keep):
            pairs = ", ".join(f"{a} = {b}" for a, b in on)
            return (
                f"{'left join' if keep else 'join'} {left}, {right} on [{pairs}] [{', '.join(n for _, n in columns)}]"
            )


def expression(e: RowExpr) -> str:
    """A row expression in prefix form."""
    match e.op:
        case "column":
            return str(e.value)
        case "const":
            return repr(e.value) if isinstance(e.value, str) else str(e.value)
        case _:
            args = ", ".join(expression(arg) for arg in e.args)
            value = f" {e.value}" if e.value is not None and not isinstance(e.value, Span) else ""
            return f"{e.op}{value}({args})"
