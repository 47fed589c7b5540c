"""The plan as text: one line per relation and per named value, each with its grain, unit and place in the contract."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from contractlang.plan import nodes, relations
from contractlang.plan.builder import Ref
from contractlang.semantics.types import Kind, Type
from contractlang.values import Absent, Value

DEPTH = 12


def print_plan(plan: nodes.Plan) -> str:
    """Both stages of a plan, in evaluation order; shared unnamed nodes stand where they are used."""
    return "\n".join([*_head(plan), "", *_reduce(plan.reduction), *_settle(plan)]) + "\n"


def _head(plan: nodes.Plan) -> Iterator[str]:
    yield f"plan of {plan.contract} {plan.version}".rstrip()
    yield f"settles {plan.unit} per {plan.period}; {len(plan.nodes)} operations, {len(plan.names)} named values"


def _reduce(reduction: relations.Reduction) -> Iterator[str]:
    if not reduction.steps:
        return
    yield "reduce: member rows to settled rows"
    width = max(len(s.name) for s in reduction.steps)
    for step in reduction.steps:
        yield f"  {step.name:<{width}}  {_relation(step.relation)}   # {step.description}, {step.origin.place}"
    for output in reduction.outputs:
        yield f"  {output.table:<{width}}  output: {', '.join(c for c, _, _ in output.columns)} per {', '.join(k for k, _ in output.keys)}"
    for check in reduction.checks:
        yield f"  {check.step:<{width}}  must be empty: {check.code}"
    yield ""


def _relation(relation: relations.Relation) -> str:
    match relation:
        case relations.Scan(table=table):
            return f"scan {table}"
        case relations.Derive(input=source, columns=columns):
            return f"{source} with " + ", ".join(f"{name} = {_row(e)}" for name, e in columns)
        case relations.Filter(input=source, condition=condition):
            return f"{source} where {_row(condition)}"
        case relations.Group(input=source, keys=keys, measures=measures):
            sums = ", ".join(f"{m.name} = {m.function}({_row(m.operand) if m.operand else ''})" for m in measures)
            return f"{source} by {', '.join(keys)}: {sums}"
        case relations.Union(inputs=inputs):
            return f"all rows of {', '.join(inputs)}"
        case relations.Join(left_input=left, right_input=right, on=on, many=many, within=within):
            dated = "" if within is None else f", {within[0]} from {within[1]} until {within[2]}"
            each = "each of " if many else ""
            return f"{left} join {each}{right} on {', '.join(a if a == b else f'{a} = {b}' for a, b in on)}{dated}"


def _row(e: relations.RowExpr) -> str:
    args = [_row(a) for a in e.args]
    match e.op:
        case "column":
            return str(e.value)
        case "const":
            return "none" if e.value is None else repr(e.value) if e.kind == "text" else _scaled(e.value, e.scale)
        case "rescale":
            return args[0]
        case "case":
            pairs = [f"when {c}: {v}" for c, v in zip(args[0:-1:2], args[1::2], strict=False)]
            return f"({'; '.join([*pairs, f'otherwise {args[-1]}'])})"
        case "in":
            return f"{args[0]} in {e.value}"
        case "period":
            return f"period of {args[0]}"
        case "day":
            return f"day of {args[0]} {e.value}"
        case "+" | "-" | "*" | "<" | "<=" | ">" | ">=" | "is" | "is not" | "and" | "or":
            return f"({f' {e.op} '.join(args)})"
        case _:
            return f"{e.op}({', '.join(args)})"


def _scaled(value: object, scale: int) -> str:
    return str(Fraction(value, 10**scale)) if isinstance(value, int) and not isinstance(value, bool) else str(value)


# Settle --------------------------------------------------------------------------------------------------------------


def _settle(plan: nodes.Plan) -> Iterator[str]:
    yield "settle: named values"
    order = sorted(plan.names, key=lambda n: n.node)
    width = max((len(n.name) for n in order), default=0)
    for named in order:
        node = plan.nodes[named.node]
        body = expression(plan, node.args[0] if isinstance(node.op, nodes.Alias) else named.node)
        yield f"  {named.name:<{width}}  {body}   # {_type(node.type)}, {named.origin.place}"
    for refusal in plan.refusals:
        yield f"  {refusal.name} refused when {expression(plan, refusal.condition)}: {refusal.reason}"
    for requirement in plan.requirements:
        yield f"  require {expression(plan, requirement.condition)}, otherwise {requirement.reason!r}   # {requirement.origin.place}"
    for assertion in plan.assertions:
        if assertion.condition is not None:
            yield f"  guarantee {assertion.title!r}: {expression(plan, assertion.condition)}   # {assertion.origin.place}"


def _type(type_: Type) -> str:
    grain = ", ".join(sorted(type_.grain)) or "one value"
    absent = "".join(f", may be {s.words}" for s in sorted(type_.absent))
    return f"{type_} per {grain}{absent}" if type_.grain else f"{type_}, {grain}{absent}"


def expression(plan: nodes.Plan, ref: Ref, depth: int = 0) -> str:
    """A node in the words of the language; named nodes by their name, deep ones as their number."""
    node = plan.nodes[ref]
    if node.name is not None:
        return node.name
    if depth > DEPTH:
        return f"#{ref}"
    args = [expression(plan, a, depth + 1) for a in node.args]
    return _operation(node.op, node.type, args)


def _operation(op: nodes.Op, type_: Type, args: list[str]) -> str:
    match op:
        case nodes.Const(value=value):
            return _value(value, type_)
        case nodes.Cell(table=table, column=column):
            return f"{table}.{column}"
        case nodes.Key(key=key):
            return key
        case nodes.Arithmetic(op=sign) | nodes.Compare(op=sign):
            return f"({args[0]} {sign} {args[1]})"
        case nodes.Negate():
            return f"-{args[0]}"
        case nodes.Absolute():
            return f"abs({args[0]})"
        case nodes.Power(exponent=exponent):
            return f"{args[0]} ^ {exponent}"
        case nodes.Extreme(op=name):
            return f"{name}({', '.join(args)})"
        case nodes.Among(values=values, ranges=ranges):
            listed = [str(v) for v in values] + [
                f"{low if low is not None else ''}..{high if high is not None else ''}" for low, high in ranges
            ]
            return f"{args[0]} in [{', '.join(listed)}]"
        case nodes.Logic(op="not"):
            return f"not {args[0]}"
        case nodes.Logic(op=word):
            return f"({f' {word} '.join(args)})"
        case nodes.Test(state=state):
            return f"{args[0]} is {state}"
        case nodes.Choose():
            pairs = [f"when {c}: {v}" for c, v in zip(args[0 : len(args) - 1 : 2], args[1::2], strict=False)]
            return f"({'; '.join([*pairs, *([f'otherwise {args[-1]}'] if len(args) % 2 else [])])})"
        case nodes.Fallback(missing=missing):
            return f"({args[0]} {'if missing' if missing else 'else'} {args[1]})"
        case nodes.Round(mode=mode):
            return f"round({args[0]} to {args[1]}, {mode})"
        case nodes.Root(function=name, decimals=decimals):
            return f"{name}({', '.join(args)}, {decimals} decimals)"
        case nodes.Limit(distribution=name, upper=upper, tail=tail, decimals=decimals):
            end = "upper" if upper else "lower"
            return f"{end} end by exact_{name}({', '.join(args)}, {_decimal(tail * 100)}% beyond, {decimals} decimals)"
        case nodes.Curve(name=name):
            return f"{name}({args[0]})"
        case nodes.Terms(table=table, column=column):
            return f"{table}[{', '.join(args)}]" + ("" if column == "value" else f".{column}")
        case nodes.Aggregate(function=name, over=over, weighted=weighted, filtered=filtered, except_own=own):
            words = args[0] + (f" weighted by {args[1]}" if weighted else "") + f" over {', '.join(over)}"
            return f"{name}({words}{f' where {args[-1]}' if filtered else ''}{' except own' if own else ''})"
        case nodes.Split(over=over, unit=unit, filtered=filtered):
            among = f" where {args[2]}" if filtered else ""
            return f"split({args[0]} by {args[1]} over {', '.join(over)}{among} to {unit})"
        case nodes.Previous(name=name, periods=periods, at=at):
            start = f" starting {args[0]}" if args else ""
            return f"prior {name}{start}" if periods else f"{name} at {', '.join(label for label, _ in at)}"
        case nodes.Alias():
            return args[0]
        case nodes.Later(months=months):
            return f"{months} months after {args[0]}"
        case nodes.DatePart(part=part):
            return f"{part}({args[0]})"


def _value(value: Value, type_: Type) -> str:
    match value:
        case Absent():
            return str(value)
        case bool():
            return "yes" if value else "no"
        case Fraction() if type_.kind is Kind.PERCENT:
            return f"{_decimal(value * 100)}%"
        case Fraction() if type_.kind is Kind.MONEY:
            rest = str(type_.unit).removeprefix("USD").strip()
            return f"${_decimal(value)}" + (f" {rest}" if rest else "")
        case Fraction():
            return _decimal(value)
        case _:
            return str(value)


def _decimal(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"
