"""Names in expressions: columns, tables of terms, schedules, keys, defined values, and values of other periods."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Edit, Fix
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics import typing
from contractlang.semantics.cells import literal
from contractlang.semantics.scope import ColumnRef, ItemRef, KeyRef, described_item
from contractlang.semantics.terms import Pattern, TermsTable
from contractlang.semantics.types import NONE, Kind, Type
from contractlang.semantics.typing import Problem, described
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import State, Value


def lower_name(low: Lowering, name: ast.Name) -> Ref | None:
    if name.text in low.locals:
        return low.locals[name.text]
    bare = low.declared.inputs.get(low.bare_table) if low.bare_table else None
    if bare is not None and len(name.parts) == 1 and bare.column(name.text) is not None:
        return column_cell(low, bare.name, name.text, name)
    found = low.scope.resolve(name)
    match found:
        case None:
            return None
        case KeyRef(word):
            return key(low, word, name.span)
        case ColumnRef(table, column):
            return column_cell(low, table.name, column.name, name)
        case ItemRef(item_name, item, rest):
            low.used.add(item_name)
            return _item(low, name, item_name, item, rest)


def key(low: Lowering, word: str, span: Span) -> Ref:
    """The value of a key: `year`, `contract_year`, the unit; a category as what varies by it."""
    if word == low.scope.unit:
        return low.emit(nodes.Key(word), (), Type(Kind.TEXT, grain=frozenset({word})), span)
    if word in low.scope.categories:
        return low.emit(nodes.Key(word), (), Type(Kind.CATEGORY, scheme=word, grain=frozenset({word})), span)
    grain = frozenset({low.scope.period})
    number = Type(Kind.NUMBER, NONE, grain, step=Fraction(1))
    if word != "contract_year":
        return low.emit(nodes.Key(word), (), number, span)
    year = low.emit(nodes.Key("year"), (), number, span)
    first = low.constant(Fraction(low.term_years[0] - 1), Type(Kind.NUMBER, step=Fraction(1)), span)
    return low.emit(nodes.Arithmetic("-"), (year, first), number, span)


def column_cell(low: Lowering, table_name: str, column_name: str, name: ast.Name) -> Ref | None:
    """A column of an input at the grain of its keys, in base units."""
    low.used.add(table_name)
    schema = low.declared.inputs[table_name]
    column = schema.column(column_name)
    if column is None:
        low.scope.unknown(name, [f"{table_name}.{c.name}" for c in schema.columns], "column")
        return None
    if schema.member_level:
        keys = [k.name for k in schema.keys]
        low.error(
            "grain-mismatch",
            f"`{name.text}` varies by {' and '.join(keys)}, this place by {low.scope.unit} and {low.scope.period}",
            name.span,
            f"take it into a block over `{table_name}` (`population`, `spending`, `measure`), which adds it up",
        )
        return None
    grain = frozenset(k.name for k in schema.keys)
    cell = low.emit(nodes.Cell(table_name, column_name), (), column.type.at(grain), name.span)
    if column.factor == 1:
        return cell
    factor = low.constant(column.factor, Type(Kind.NUMBER), name.span)
    return low.emit(nodes.Arithmetic("*"), (cell, factor), column.type.at(grain), name.span)


def _item(low: Lowering, name: ast.Name, item_name: str, item: ast.Item, rest: tuple[str, ...]) -> Ref | None:
    if item_name in low.broken:
        return None
    match item:
        case ast.Input():
            if len(rest) != 1:
                low.error(
                    "unknown-name",
                    f"`{item_name}` is {_a(described_item(item))}, not a value",
                    name.span,
                    f"name a column: `{item_name}.{item.columns[0].name}`" if item.columns else "",
                )
                return None
            return column_cell(low, item_name, rest[0], name)
        case ast.Terms():
            table = low.declared.terms.get(item_name)
            if table is None:
                return None
            if len(rest) != 1 or rest[0] not in table.columns:
                low.scope.unknown(name, [f"{item_name}.{c}" for c in table.columns], "column")
                return None
            keys = [_visible_key(low, table, i, name.span) for i in range(len(table.keys))]
            return terms(low, table, rest[0], keys, name.span)
        case ast.Schedule():
            table = low.declared.terms.get(item_name)
            if table is None:
                return None
            if rest:
                low.error(
                    "unknown-name",
                    f"`{item_name}` is a schedule and has no `{rest[0]}`",
                    name.span,
                    f"write `{item_name}`",
                )
                return None
            return terms(low, table, "value", [key(low, table.keys[0], name.span)], name.span)
        case ast.Scale():
            low.error(
                "kind-mismatch",
                f"`{item_name}` is a scale: it needs an argument",
                name.span,
                f"write `{item_name}({item.parameter})`",
                fixes=[
                    Fix(f"write `{item_name}({item.parameter})`", (Edit(name.span, f"{item_name}({item.parameter})"),))
                ]
                if low.scope.candidates(ast.Name((item.parameter,), span=name.span))
                else [],
            )
            return None
        case _:
            return _value(low, name, item_name, item, rest)


def _value(low: Lowering, name: ast.Name, item_name: str, item: ast.Item, rest: tuple[str, ...]) -> Ref | None:
    full = ".".join((item_name, *rest))
    if full in low.values:
        return low.values[full]
    if not rest and isinstance(item, ast.Block) and item.kind == "population":
        low.error(
            "kind-mismatch",
            f"`{item_name}` is a population, not a value",
            name.span,
            f"write `{item_name}.member_months` or `{item_name}.members`",
        )
        return None
    inside = [v for v in low.values if v.startswith(f"{item_name}.")]
    if inside or rest:
        low.scope.unknown(name, inside or [item_name], "step" if isinstance(item, ast.Block) else "name")
        return None
    # The item stands on a circle, which has been reported.
    low.broken.add(item_name)
    return None


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


# Tables of terms -----------------------------------------------------------------------------------------------------


def _visible_key(low: Lowering, table: TermsTable, position: int, span: Span) -> Ref | None:
    """The value named like the key of the table, as visible here."""
    word = table.keys[position]
    name = ast.Name((word,), span=span)
    found = [c for c in low.scope.candidates(name) if not (isinstance(c, ItemRef) and c.name == table.name)]
    if not found:
        low.error(
            "unknown-name",
            f"table `{table.name}` is keyed by `{word}`, and no value of that name is visible here",
            span,
            f"write `{table.name}[…].column` with the key that is meant, or declare a column `{word}`",
        )
        return None
    return lower_name(low, name)


def terms(low: Lowering, table: TermsTable, column: str, keys: list[Ref | None], span: Span) -> Ref | None:
    """One column of a table of terms for keys that are nodes."""
    args: list[Ref] = []
    for ref, type_, word in zip(keys, table.key_types, table.keys, strict=True):
        if ref is None:
            return None
        problem = typing.comparison(
            "is",
            replace(low.type(ref), literal=False),
            replace(type_, unit=low.type(ref).unit) if type_.numeric else type_,
        )
        if isinstance(problem, Problem):
            low.error(
                "kind-mismatch",
                f"table `{table.name}` is keyed by `{word}`, {described(type_)}; here is {described(low.type(ref))}",
                span,
            )
            return None
        args.append(ref)
    found = table.columns[column]
    rows = tuple(
        nodes.TermsRow(_patterns(pattern), value, at)
        for pattern, value, at in zip(table.patterns, found.values, found.spans, strict=True)
    )
    grain = typing.union([low.type(a) for a in args])
    absent = found.type.absent | typing.absences([low.type(a) for a in args])
    if not _total(table):
        absent = absent | {State.MISSING}
    return low.emit(
        nodes.Terms(table.name, column, rows), tuple(args), replace(found.type, grain=grain, absent=absent), span
    )


def _patterns(pattern: tuple[Pattern, ...]) -> tuple[Value | tuple[Value | None, Value | None] | None, ...]:
    return pattern


def _total(table: TermsTable) -> bool:
    """Whether every key value has a row (checked for one closed category, and for schedules by their cover)."""
    if len(table.keys) != 1:
        return all(p is None for p in table.patterns[-1])
    if table.key_types[0].kind is Kind.CATEGORY:
        return True
    return all(isinstance(p[0], tuple) for p in table.patterns) or table.patterns[-1][0] is None


def lower_lookup(low: Lowering, e: ast.Lookup) -> Ref | None:
    """`table[key].column`."""
    table = low.declared.terms.get(e.table.text)
    low.used.add(e.table.text)
    if table is None:
        if e.table.text not in low.scope.items:
            low.scope.unknown(e.table, list(low.declared.terms), "table")
        elif not isinstance(low.scope.items[e.table.text], ast.Terms | ast.Schedule):
            low.error("kind-mismatch", f"`{e.table.text}` is no table of terms", e.span)
        return None
    if e.column not in table.columns:
        low.scope.unknown(ast.Name((e.column,), span=e.span), list(table.columns), "column")
        return None
    if len(e.keys) != len(table.keys):
        low.error(
            "terms-header",
            f"table `{table.name}` has {len(table.keys)} keys, here are {len(e.keys)}",
            e.span,
            f"write `{table.name}[{', '.join(table.keys)}].{e.column}`",
        )
        return None
    keys: list[Ref | None] = []
    for part, type_ in zip(e.keys, table.key_types, strict=True):
        word = part.text if type_.scheme and isinstance(part, ast.Name) else None
        if word is not None and type_.scheme and word in low.scope.categories[type_.scheme].values:
            keys.append(low.constant(word, Type(Kind.CATEGORY, scheme=type_.scheme), part.span))
        else:
            keys.append(expressions.lower_expression(low, part))
    return terms(low, table, e.column, keys, e.span)


# Other periods -------------------------------------------------------------------------------------------------------


def lower_shift(low: Lowering, e: ast.At | ast.Prior) -> Ref | None:
    """`prior x [starting v]` and `x at 2019`, `x at baseline`."""
    starting: Ref | None = None
    if isinstance(e, ast.Prior) and e.starting is not None:
        starting = expressions.lower_expression(low, e.starting)
        if starting is None:
            return None
    name = _shifted_name(low, e, starting)
    if name is None:
        return None
    text, type_ = name
    if isinstance(e, ast.Prior):
        absent = type_.absent | {State.MISSING}
        return low.emit(
            nodes.Previous(text, 1), () if starting is None else (starting,), replace(type_, absent=absent), e.span
        )
    at = _periods(low, e.period)
    if at is None:
        return None
    grain = type_.grain - {low.scope.period}
    return low.emit(
        nodes.Previous(text, 0, at), (), replace(type_, grain=grain, absent=type_.absent | {State.MISSING}), e.span
    )


def _shifted_name(low: Lowering, e: ast.At | ast.Prior, starting: Ref | None) -> tuple[str, Type] | None:
    """The name whose value is read in another period; an expression gets a hidden name of its own."""
    operand = e.operand
    target = _across(low, operand) if isinstance(operand, ast.Name) and isinstance(e, ast.Prior) else None
    if target is not None and isinstance(operand, ast.Name):
        low.used.add(target)
        if starting is None:
            low.error(
                "prior-without-starting",
                f"`{operand.text}` reaches itself through `prior`",
                e.span,
                "say what it starts from: `prior x starting v`",
            )
            return None
        return operand.text, replace(low.type(starting), grain=low.settled, literal=False)
    ref = expressions.lower_expression(low, operand)
    if ref is None:
        return None
    node = low.builder.nodes[ref]
    if node.name is None:
        hidden = f"({operand.span.text})"
        ref = low.builder.name(ref, hidden, operand.span)
        low.names.append(nodes.Named(hidden, ref, "hidden", operand.span.text, operand.span))
        node = low.builder.nodes[ref]
    assert node.name is not None
    return node.name, node.type


def _across(low: Lowering, name: ast.Name) -> str | None:
    """The item of a name if it reaches the item that is being lowered in turn."""
    for found in low.scope.candidates(name):
        if isinstance(found, ItemRef) and (low.item, found.name) in low.across:
            return found.name
    return None


def _periods(low: Lowering, period: ast.Expr) -> tuple[tuple[str, Fraction], ...] | None:
    if isinstance(period, ast.Name) and len(period.parts) == 1:
        item = low.scope.items.get(period.text)
        if not isinstance(item, ast.Baseline):
            known = [n for n, i in low.scope.items.items() if isinstance(i, ast.Baseline)]
            low.scope.unknown(period, known, "baseline")
            return None
        low.used.add(period.text)
        entries = []
        for entry in item.entries:
            assert entry.low is not None
            year, weight = literal(low.scope, entry.low, low.sink), literal(low.scope, entry.value, low.sink)
            if (
                year is None
                or weight is None
                or not isinstance(year[0], Fraction)
                or not isinstance(weight[0], Fraction)
            ):
                return None
            entries.append((str(year[0]), weight[0]))
        return tuple(entries)
    found = literal(low.scope, period, low.sink)
    if found is None:
        return None
    if not isinstance(found[0], Fraction) or found[0].denominator != 1:
        low.error(
            "kind-mismatch",
            "`at` needs a period or a baseline",
            period.span,
            "write a year, such as `at 2019`, or the name of a baseline",
        )
        return None
    return ((str(found[0]), Fraction(1)),)
