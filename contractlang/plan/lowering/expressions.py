"""Expressions: names resolved, types checked, nodes emitted, in one walk.

`lower_expression` gives the node of an expression, or None after a report. A None argument makes the whole expression
None without a second report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import aggregates, calls, codes, references, remedies, shifts
from contractlang.plan.lowering.context import FLAG, Lowering
from contractlang.semantics import literals, typing
from contractlang.semantics.cells import report_unit
from contractlang.semantics.literals import amount
from contractlang.semantics.scope import unknown
from contractlang.semantics.types import Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State

MOST_CASES = 500
"""Cases of one `when`. What has more of them is a table or a scale."""


def lower_expression(low: Lowering, e: ast.Expr) -> Ref | None:
    match e:
        case ast.Number():
            return _number(low, e)
        case ast.Text(value=text):
            return low.constant(text, Type(Kind.TEXT), e.span)
        case ast.Flag(value=value):
            return low.flag(value, e.span)
        case ast.Date(value=day):
            return low.constant(day, Type(Kind.DATE), e.span)
        case ast.NotApplicable():
            low.error("kind-mismatch", "`-` stands for not applicable in tables only", e.span, "write a value")
            return None
        case ast.Name():
            return references.lower_name(low, e)
        case ast.Lookup():
            return references.lower_lookup(low, e)
        case ast.Unary(op="not", operand=operand):
            return logic(low, "not", (operand,), e.span)
        case ast.Unary(operand=operand):
            return _negate(low, operand, e.span)
        case ast.Binary(op=("and" | "or") as op):
            return logic(low, op, _flattened(op, e), e.span)
        case ast.Binary(op=("is" | "is not" | "<" | "<=" | ">" | ">=") as op, left=left, right=right):
            return compare(low, op, left, right, e.span)
        case ast.Binary(op="^", left=left, right=right):
            return _power(low, left, right, e.span)
        case ast.Binary(op=op, left=left, right=right):
            return binary(low, "*" if op == "of" else op, left, right, e.span)
        case ast.StateTest():
            return _state_test(low, e)
        case ast.Membership():
            return _membership(low, e)
        case ast.Else():
            return _else(low, e)
        case ast.Call():
            return calls.lower_call(low, e)
        case ast.Round():
            return calls.lower_round(low, e)
        case ast.Aggregate():
            return aggregates.lower_aggregate(low, e)
        case ast.At() | ast.Prior():
            return shifts.lower_shift(low, e)


def lower_body(low: Lowering, body: ast.Body) -> Ref | None:
    """An expression, or a table of `when` cases."""
    if not isinstance(body, ast.Cases):
        return lower_expression(low, body)
    if len(body.cases) > MOST_CASES:
        low.error(
            "table-too-large",
            f"{len(body.cases):_} cases in a `when`; the limit is {MOST_CASES}",
            body.cases[MOST_CASES].span,
            "write a table of terms for values of a category, or a scale for numbers",
        )
        return None
    args: list[Ref] = []
    values: list[Ref] = []
    parts: list[ast.Expr] = []
    failed = False
    for position, case in enumerate(body.cases):
        if case.condition is None and position != len(body.cases) - 1:
            low.error(
                "unreachable-case",
                "the cases after `otherwise` are never reached",
                body.cases[position + 1].span,
                "let `otherwise` stand last",
                fixes=[_last(body, position)],
            )
            return None
        if case.condition is not None:
            condition = flag(low, case.condition)
            failed |= condition is None
            args.append(condition if condition is not None else -1)
        value = lower_expression(low, case.value)
        failed |= value is None
        if value is not None:
            values.append(value)
            parts.append(case.value)
            args.append(value)
    if failed:
        return None
    type_ = common(low, values, parts, "the cases mix", body.span)
    if type_ is None:
        return None
    grain = typing.union([low.type(a) for a in args])
    absent = typing.absences([low.type(a) for a in args])
    ref = low.emit(nodes.Choose(), tuple(args), replace(type_, grain=grain, absent=absent, literal=False), body.span)
    low.case_tables.append((ref, body))
    return ref


def _last(body: ast.Cases, position: int) -> Fix:
    """`otherwise` moved behind the cases that follow it."""
    case, last = body.cases[position], body.cases[-1]
    indent = " " * (last.span.column - 1)
    moved = edits.after(last.span, f"\n{indent}{edits.one_line(case.span)}")
    return Fix("let `otherwise` stand last", (*edits.without(case.span, "").edits, moved))


def flag(low: Lowering, e: ast.Expr) -> Ref | None:
    """An expression that must be yes or no."""
    ref = lower_expression(low, e)
    if ref is not None and low.type(ref).kind is not Kind.FLAG:
        fixes = remedies.compared(e, low.type(ref), low)
        low.error(
            "kind-mismatch",
            f"a condition is needed, here is {described(low.type(ref))}",
            e.span,
            "compare it with something, such as `" + (fixes[0].edits[-1].text.strip() if fixes else "> 0") + "`",
            fixes=fixes,
        )
        return None
    return ref


def numeric(low: Lowering, e: ast.Expr, what: str) -> Ref | None:
    """An expression that must be a number of any unit."""
    ref = lower_expression(low, e)
    if ref is not None and not low.type(ref).numeric:
        type_ = low.type(ref)
        help_ = "write a number, or choose one: `when CONDITION: …`" if type_.kind is Kind.FLAG else "write a number"
        low.error("kind-mismatch", f"{what} needs a number, here is {described(type_)}", e.span, help_)
        return None
    return ref


def common(low: Lowering, refs: Sequence[Ref], parts: Sequence[ast.Expr], what: str, span: Span) -> Type | None:
    """The common type of several nodes, or None after a report at the odd part."""
    types = [low.type(r) for r in refs]
    found = typing.unify(types, what)
    if isinstance(found, Problem):
        odd = span
        if found.adapt is not None:
            odd = parts[found.adapt[0]].span
        else:
            for type_, part in zip(types, parts, strict=False):
                if isinstance(typing.unify((types[0], type_), what), Problem):
                    odd = part.span
                    break
        low.problem(found, odd, parts)
        return None
    bare_percentages(low, types, parts)
    return found


def bare_percentages(low: Lowering, types: Sequence[Type], parts: Sequence[ast.Expr]) -> None:
    """Warn of a bare number such as `40` beside a percentage: it counts as 4000%."""
    if not any(t.kind is Kind.PERCENT and not t.literal for t in types):
        return
    for part in parts:
        if isinstance(part, ast.Number) and not part.symbol and part.unit is None and abs(part.value) >= 2:
            digits = part.span.text
            low.warn(
                "percent-or-points",
                f"`{digits}` beside a percentage is {amount(part.value, Type(Kind.PERCENT))}",
                part.span,
                f"write `{digits}%`, if that is meant",
                fixes=[edits.instead(part.span, f"{digits}%")],
            )


# Shapes --------------------------------------------------------------------------------------------------------------


def _number(low: Lowering, e: ast.Number) -> Ref | None:
    found = literals.number(e)
    if isinstance(found, str):
        report_unit(e, found, low.sink)
        return None
    value, type_ = found
    return low.constant(value, type_, e.span)


def _negate(low: Lowering, operand: ast.Expr, span: Span) -> Ref | None:
    ref = numeric(low, operand, "`-`")
    if ref is None:
        return None
    type_ = low.type(ref)
    op = low.builder.nodes[ref].op
    if isinstance(op, nodes.Const) and isinstance(op.value, Fraction):
        return low.constant(-op.value, type_, span)
    return low.emit(nodes.Negate(), (ref,), type_, span)


def _flattened(op: str, e: ast.Expr) -> tuple[ast.Expr, ...]:
    if isinstance(e, ast.Binary) and e.op == op:
        return (*_flattened(op, e.left), *_flattened(op, e.right))
    return (e,)


def logic(low: Lowering, op: str, parts: Sequence[ast.Expr], span: Span) -> Ref | None:
    refs = [flag(low, part) for part in parts]
    if any(r is None for r in refs):
        return None
    args = tuple(r for r in refs if r is not None)
    types = [low.type(r) for r in args]
    return low.emit(
        nodes.Logic(op), args, replace(FLAG, grain=typing.union(types), absent=typing.absences(types)), span
    )


def binary(low: Lowering, op: str, left: ast.Expr, right: ast.Expr, span: Span) -> Ref | None:
    a, b = lower_expression(low, left), lower_expression(low, right)
    if a is None or b is None:
        return None
    if op in "+-":
        if _percent_plus(low, left, right, a, b):
            return None
        bare_percentages(low, (low.type(a), low.type(b)), (left, right))
    for side, other, ref in ((left, right, a), (right, left, b)):
        if low.type(ref).kind is Kind.FLAG:
            _flag_as_number(low, op, side, other, span)
            return None
    return operate(low, op, a, b, span, (left, right))


def _flag_as_number(low: Lowering, op: str, flag_side: ast.Expr, other: ast.Expr, span: Span) -> None:
    """`passed * amount` is a choice: the amount when passed, otherwise nothing."""
    fixes: list[Fix] = []
    item = low.scope.items.get(low.item)
    type_ = low.probe(other) if op == "*" else None
    nothing = typing.zero(type_) if type_ is not None else None
    if isinstance(item, ast.Define | ast.Payment) and item.body.span == span and nothing is not None:
        text = item.span.file.text
        start = text.rindex("=", 0, span.start)
        cases = f"\n  when {flag_side.span.text}: {other.span.text}\n  otherwise: {nothing}"
        place = Span(span.file, len(text[:start].rstrip()), span.end)
        fixes = [Fix("write it as a choice", (Edit(place, cases),))]
    low.error(
        "kind-mismatch",
        f"`{op}` needs numbers, here is a flag",
        flag_side.span,
        f"write a choice: `when {edits.one_line(flag_side.span)}: …` and `otherwise: …`",
        fixes=fixes,
    )


def operate(low: Lowering, op: str, a: Ref, b: Ref, span: Span, parts: Sequence[ast.Expr] = ()) -> Ref | None:
    """`a op b` of two nodes; constants are folded."""
    found = typing.arithmetic(op, low.type(a), low.type(b))
    if isinstance(found, Problem):
        low.problem(found, parts[found.adapt[0]].span if found.adapt and parts else span, parts)
        return None
    x, y = low.builder.nodes[a].op, low.builder.nodes[b].op
    if (
        isinstance(x, nodes.Const)
        and isinstance(y, nodes.Const)
        and isinstance(x.value, Fraction)
        and isinstance(y.value, Fraction)
    ):
        folded = _fold(op, x.value, y.value)
        if folded is not None:
            step = found.step if found.step is not None else abs(folded)
            return low.constant(folded, replace(found, absent=frozenset(), step=step), span)
    if op == "/" and isinstance(y, nodes.Const) and y.value:
        found = replace(found, absent=typing.absences((low.type(a), low.type(b))))
    return low.emit(nodes.Arithmetic(op), (a, b), found, span)


def _fold(op: str, x: Fraction, y: Fraction) -> Fraction | None:
    match op:
        case "+":
            return x + y
        case "-":
            return x - y
        case "*":
            return x * y
        case _:
            return x / y if y else None


def _percent_plus(low: Lowering, left: ast.Expr, right: ast.Expr, a: Ref, b: Ref) -> bool:
    """Adding a percentage literal other than 100% to a percentage is ambiguous; reports and says so."""
    types = (low.type(a), low.type(b))
    if not all(t.kind is Kind.PERCENT for t in types):
        return False
    written = [part for part in (left, right) if isinstance(part, ast.Number) and part.symbol == "%"]
    if len(written) != 1 or abs(written[0].value) == 1:
        return False
    digits = written[0].span.text.rstrip("% ")
    low.error(
        "percent-or-points",
        f"`{written[0].span.text}` beside a percentage could mean percentage points or a share",
        written[0].span,
        f"write `{digits} pp` for percentage points, or multiply by `{100 + written[0].value * 100}%`"
        if written[0].value.denominator <= 100
        else f"write `{digits} pp` for percentage points, or multiply",
        fixes=[Fix(f"write `{digits} pp`", (Edit(written[0].span, f"{digits} pp"),))],
    )
    return True


def compare(low: Lowering, op: str, left: ast.Expr, right: ast.Expr, span: Span) -> Ref | None:
    a = lower_expression(low, left)
    b = _beside(low, a, right)
    if a is None or b is None:
        return None
    found = typing.comparison(op, low.type(a), low.type(b))
    if isinstance(found, Problem):
        if not _year_for_date(low, found, (left, right), (low.type(a), low.type(b))):
            low.problem(found, (left, right)[found.adapt[0]].span if found.adapt else span, (left, right))
        return None
    bare_percentages(low, (low.type(a), low.type(b)), (left, right))
    return low.emit(nodes.Compare(op), (a, b), found, span)


def _year_for_date(low: Lowering, found: Problem, parts: Sequence[ast.Expr], types: Sequence[Type]) -> bool:
    """A date compared with a bare year: its first day is meant, or the year of the date."""
    for part, other, type_ in ((parts[0], parts[1], types[1]), (parts[1], parts[0], types[0])):
        if type_.kind is Kind.DATE and isinstance(part, ast.Number) and not part.symbol and part.unit is None:
            low.error(
                found.code,
                found.message,
                part.span,
                f"write a date: `{part.span.text}-01-01`, or compare the year: `year({edits.one_line(other.span)})`",
                fixes=[edits.instead(part.span, f"{part.span.text}-01-01")] if 1000 <= part.value < 10_000 else [],
            )
            return True
    return False


def _beside(low: Lowering, left: Ref | None, right: ast.Expr) -> Ref | None:
    """The right side of a comparison or list: a word is first a value of the left side's category."""
    if left is not None:
        type_ = low.type(left)
        if type_.kind is Kind.CATEGORY and type_.scheme is not None:
            word = right.parts[0] if isinstance(right, ast.Name) and len(right.parts) == 1 else None
            word = right.value if isinstance(right, ast.Text) else word
            if word is not None:
                values = low.scope.categories[type_.scheme].values
                if word in values:
                    return low.constant(word, Type(Kind.CATEGORY, scheme=type_.scheme), right.span)
                if isinstance(right, ast.Text) or (isinstance(right, ast.Name) and not low.scope.candidates(right)):
                    if not low.scope.blind:
                        low.sink.report(unknown(word, right.span, values, f"value of category `{type_.scheme}`"))
                    return None
    return lower_expression(low, right)


def _power(low: Lowering, left: ast.Expr, right: ast.Expr, span: Span) -> Ref | None:
    base, exponent = numeric(low, left, "`^`"), lower_expression(low, right)
    if base is None or exponent is None:
        return None
    op = low.builder.nodes[exponent].op
    if not (
        isinstance(op, nodes.Const)
        and isinstance(op.value, Fraction)
        and op.value.denominator == 1
        and abs(op.value) <= 100
    ):
        rooted = f"power({edits.one_line(left.span)}, {edits.one_line(right.span)}, 12 decimals)"
        low.error(
            "root-without-decimals",
            "`^` takes a whole number up to 100",
            right.span,
            f"write `{rooted}` for any other power",
            fixes=[edits.instead(parenthesised(left.span).to(parenthesised(right.span)), rooted)],
        )
        return None
    found = typing.power(low.type(base), int(op.value))
    if isinstance(found, Problem):
        low.problem(found, span)
        return None
    if op.value < 0:
        found = replace(found, absent=found.absent | {State.NOT_REPORTABLE})
    return low.emit(nodes.Power(int(op.value)), (base,), found, span)


def parenthesised(span: Span) -> Span:
    """A piece of source with the parentheses directly around it."""
    text = span.file.text
    start, end = len(text[: span.start].rstrip()), span.end
    while end < len(text) and text[end] in " \t":
        end += 1
    if start and text[start - 1] == "(" and text[end : end + 1] == ")":
        return Span(span.file, start - 1, end + 1)
    return span


def _state_test(low: Lowering, e: ast.StateTest) -> Ref | None:
    if e.state == "own":
        low.error(
            "not-an-aggregate",
            f"`{edits.one_line(e.span)}` compares a unit with the own one, and here is only the own one",
            e.span,
            "write it into the condition of an aggregate: `percentile_rank(x over network where region is own)`",
        )
        return None
    ref = lower_expression(low, e.operand)
    if ref is None:
        return None
    test = low.test(e.state, ref, e.span)
    return low.emit(nodes.Logic("not"), (test,), low.type(test), e.span) if e.negated else test


def _membership(low: Lowering, e: ast.Membership) -> Ref | None:
    ref = lower_expression(low, e.operand)
    if ref is None:
        return None
    values: list[object] = []
    ranges: list[tuple[object, object]] = []
    failed = False
    items = codes.listed(low, e.items, low.type(ref))
    if items is None:
        return None
    for item in items:
        ends = (item.low, item.high) if isinstance(item, ast.Range) else (item,)
        found: list[object] = []
        for end in ends:
            if end is None:
                found.append(None)
                continue
            side = _beside(low, ref, end)
            if side is None:
                failed = True
                continue
            op = low.builder.nodes[side].op
            problem = typing.comparison("is", low.type(ref), low.type(side))
            if isinstance(problem, Problem):
                low.problem(problem, end.span, (e.operand, end))
                failed = True
            elif not isinstance(op, nodes.Const):
                low.error(
                    "kind-mismatch",
                    "a list after `in` holds literals",
                    end.span,
                    "write the comparison with `is` and `or`",
                )
                failed = True
            else:
                found.append(op.value)
        if failed:
            continue
        if isinstance(item, ast.Range):
            ranges.append((found[0], found[1]))
        else:
            values.append(found[0])
    if failed:
        return None
    type_ = replace(FLAG, grain=low.type(ref).grain, absent=low.type(ref).absent)
    among = low.emit(nodes.Among(tuple(values), tuple(ranges)), (ref,), type_, e.span)  # type: ignore[arg-type]
    return low.emit(nodes.Logic("not"), (among,), type_, e.span) if e.negated else among


def _else(low: Lowering, e: ast.Else) -> Ref | None:
    a = lower_expression(low, e.operand)
    b = _beside(low, a, e.fallback)
    if a is None or b is None:
        return None
    type_ = common(low, (a, b), (e.operand, e.fallback), "`else` offers", e.span)
    if type_ is None:
        return None
    taken = {State.MISSING} if e.missing else {State.NOT_APPLICABLE, State.NOT_REPORTABLE}
    absent = (low.type(a).absent - taken) | low.type(b).absent
    return low.emit(nodes.Fallback(e.missing), (a, b), replace(type_, absent=frozenset(absent)), e.span)
