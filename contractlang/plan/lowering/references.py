"""Names in expressions: columns, tables of terms, schedules, keys, defined values, and values of other periods."""

from __future__ import annotations

from fractions import Fraction

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Edit, Fix, Label
from contractlang.plan import nodes
from contractlang.plan.builder import Ref
from contractlang.plan.lowering import expressions, ledger, months, tables
from contractlang.plan.lowering.context import Lowering
from contractlang.semantics import foreign
from contractlang.semantics.model import ColumnSchema, TableSchema
from contractlang.semantics.scope import ColumnRef, ItemRef, KeyRef, described_item
from contractlang.semantics.terms import TermsTable
from contractlang.semantics.types import NONE, USD, Kind, Type
from contractlang.source import Span
from contractlang.syntax import ast


def lower_name(low: Lowering, name: ast.Name) -> Ref | None:
    if name.text in low.locals:
        return _local(low, name)
    bare = low.declared.inputs.get(low.bare_table) if low.bare_table else None
    if bare is not None and len(name.parts) == 1 and bare.column(name.text) is not None:
        return column_cell(low, bare.name, name.text, name)
    fine = low.scope.finer.get(name.text, []) if not low.scope.candidates(name) else []
    if fine and low.declared.inputs[fine[0].table.name].member_level:
        return column_cell(low, fine[0].table.name, name.text, name)
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


def _local(low: Lowering, name: ast.Name) -> Ref | None:
    """A value of the block whose clause this is; a name that means something outside too is ambiguous."""
    others = [c for c in low.scope.candidates(name) if isinstance(c, ColumnRef | ItemRef)]
    if not others:
        return low.builder.read(low.locals[name.text], name.span)
    block = next(n for n, ref in low.values.items() if ref == low.locals[name.text] and n.endswith(f".{name.text}"))
    spellings = [block, *(low.scope.qualified(c) for c in others)]
    low.error(
        "ambiguous-name",
        f"`{name.text}` could mean {len(spellings)} things",
        name.span,
        f"write one of {', '.join(f'`{s}`' for s in spellings)}",
        fixes=[edits.instead(name.span, s) for s in spellings if "." in s],
    )
    return None


def key(low: Lowering, word: str, span: Span) -> Ref:
    """The value of a key: `year`, `contract_year`, the unit; a category as what varies by it."""
    if word == low.scope.unit:
        return low.emit(nodes.Key(word), (), Type(Kind.TEXT, grain=frozenset({word})), span)
    if word in low.scope.categories:
        return low.emit(nodes.Key(word), (), Type(Kind.CATEGORY, scheme=word, grain=frozenset({word})), span)
    if word in low.scope.levels:
        return low.emit(nodes.Key(word), (), Type(Kind.TEXT, grain=frozenset({word})), span)
    number = Type(Kind.NUMBER, NONE, frozenset({low.scope.period}), step=Fraction(1))
    if low.scope.inside(word):
        return low.emit(nodes.Key(word), (), number.at(low.timed({tables.moment(low, word)})), span)
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
    if f"{table_name}.{column_name}" in low.declared.broken:
        return None
    if column is None:
        low.scope.unknown(name, [f"{table_name}.{c.name}" for c in schema.columns], "column")
        return None
    if schema.member_level:
        _member_column(low, schema, column, name)
        return None
    grain = low.timed(k.name for k in schema.keys) | ({low.scope.period} if schema.dated else frozenset())
    cell = low.emit(nodes.Cell(table_name, column_name), (), column.type.at(grain), name.span)
    if column.factor == 1:
        return cell
    factor = low.constant(column.factor, Type(Kind.NUMBER), name.span)
    return low.emit(nodes.Arithmetic("*"), (cell, factor), column.type.at(grain), name.span)


def _member_column(low: Lowering, schema: TableSchema, column: ColumnSchema, name: ast.Name) -> None:
    """A column of member rows where a settled value is needed: add it up in a block."""
    keys = [k.name for k in schema.keys]
    words = " and ".join(keys)
    help_ = f"add it up in a block over `{schema.name}`: `population`, `spending` or `measure`"
    open_keys = [k for k in schema.keys if k.role == "open"]
    if len(open_keys) == 1 and open_keys[0].name != "member":
        word = open_keys[0].name
        help_ += f"; if `{word}` has a known list of values, declare `category {word} {{ … }}` and add up over it"
    population = next(
        (
            n
            for n, i in low.scope.items.items()
            if isinstance(i, ast.Block) and i.kind == "population" and i.source and i.source.text == schema.name
        ),
        None,
    )
    fixes: list[Fix] = []
    if population is not None and column.type.unit == USD and low.item in low.scope.items:
        block = f"total_{column.name}"
        item = low.scope.items[low.item].span
        text = f"spending {block} of {population} {{\n  amount  {column.name}\n}}\n\n"
        fixes = [Fix("add it up in a block", (edits.before(item, text), *edits.instead(name.span, block).edits))]
    low.error(
        "grain-mismatch",
        f"`{name.text}` varies by {words}, this place by {low.scope.unit} and {low.scope.period}",
        name.span,
        help_,
        labels=[Label(schema.span, "the table")] if schema.span is not None else [],
        fixes=fixes,
    )


def _item(low: Lowering, name: ast.Name, item_name: str, item: ast.Item, rest: tuple[str, ...]) -> Ref | None:
    if item_name in low.broken:
        return None
    match item:
        case ast.Input(kind="ledger"):
            return ledger.paid_before(low, name, rest)
        case ast.Input(kind=foreign.RESULTS):
            return _result(low, name, item_name, rest)
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
            return tables.terms(low, table, rest[0], keys, name.span)
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
            if table.keys == ("month",):
                return tables.monthly(low, table, name.span)
            return tables.terms(low, table, "value", [key(low, table.keys[0], name.span)], name.span)
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
    if full in low.values and item_name in low.populations:
        counted = months.counted(low, item_name, rest, name.span)
        if counted is not months.WHOLE:
            return counted
    if full in low.values:
        return low.builder.read(low.values[full], name.span)
    if not rest and isinstance(item, ast.Block) and item.kind == "population":
        low.error(
            "kind-mismatch",
            f"`{item_name}` is a population, not a value",
            name.span,
            f"write `{item_name}.member_months` or `{item_name}.members`",
            fixes=[edits.instead(name.span, f"{item_name}.members")],
        )
        return None
    inside = [v for v in low.values if v.startswith(f"{item_name}.")]
    if inside or rest:
        low.scope.unknown(name, inside or [item_name], "step" if isinstance(item, ast.Block) else "name")
        return None
    if isinstance(item, ast.Baseline):
        low.error(
            "kind-mismatch",
            f"`{item_name}` is a baseline, not a value",
            name.span,
            f"read a value of its years: `x at {item_name}`",
        )
    elif not isinstance(item, ast.Block | ast.Define | ast.Constant | ast.Payment):
        low.error(
            "kind-mismatch", f"`{item_name}` is {_a(described_item(item))}, not a value", name.span, "name a value"
        )
    low.broken.add(item_name)
    return None


def _result(low: Lowering, name: ast.Name, table_name: str, rest: tuple[str, ...]) -> Ref | None:
    """A published value of another contract."""
    schema = low.declared.inputs[table_name]
    column = foreign.column_named(schema, rest)
    if column is None:
        low.scope.unknown(name, [f"{table_name}.{c.name}" for c in schema.columns], "result")
        return None
    if (key_name := foreign.strange_key(schema)) is not None:
        low.used.add(table_name)
        low.error(
            "grain-mismatch",
            f"`{name.text}` varies by {key_name}, this place by {low.scope.unit} and {low.scope.period}",
            name.span,
            f"read it beside member rows that have a column `{key_name}`: `mean({name.text} weighted by W over POPULATION)`",
        )
        return None
    low.read_results.setdefault(table_name, set()).add(column)
    return column_cell(low, table_name, column, name)


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _visible_key(low: Lowering, table: TermsTable, position: int, span: Span) -> Ref | None:
    """The value named like the key of the table, as visible here."""
    word, scheme = table.keys[position], table.key_types[position].scheme
    name = ast.Name((word,), span=span)
    found = [c for c in low.scope.candidates(name) if not (isinstance(c, ItemRef) and c.name == table.name)]
    if not found and scheme is not None:
        return key(low, scheme, span)
    if not found:
        low.error(
            "unknown-name",
            f"table `{table.name}` is keyed by `{word}`, and no value of that name is visible here",
            span,
            f"write `{table.name}[…].column` with the key that is meant, or declare a column `{word}`",
        )
        return None
    return lower_name(low, name)


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
    return tables.terms(low, table, e.column, keys, e.span)
