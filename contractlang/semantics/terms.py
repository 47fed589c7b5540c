"""Tables of terms: keys and columns with a value per row, checked alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise, product

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.semantics.cells import literal, with_unit
from contractlang.semantics.scope import Scope
from contractlang.semantics.types import SCALAR, Kind, Type
from contractlang.semantics.typing import Problem, common_step, unify
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Absent, State, Value

Pattern = Value | tuple[Value | None, Value | None] | None
"""A key cell: a value, an inclusive range (open ends are None), or None for `otherwise`."""

MOST_COMBINATIONS = 10_000
"""Beyond so many combinations of key values a table of terms needs a row `otherwise` for every key."""


@dataclass(frozen=True, slots=True)
class TermsColumn:
    """One column of a table of terms or a schedule: its type and a value per row."""

    type: Type
    values: tuple[Value, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class TermsTable:
    """A table of terms (or a schedule, whose only column is `value`) with its key types, patterns and columns.

    A key type that is a bare number (`literal`) adapts to any key without unit.
    """

    name: str
    keys: tuple[str, ...]
    key_types: tuple[Type, ...]
    patterns: tuple[tuple[Pattern, ...], ...]
    columns: dict[str, TermsColumn]
    spans: tuple[Span, ...]
    cells: tuple[tuple[ast.Expr | ast.Range, ...], ...] = ()  # the key cells as written
    complete: bool = True  # False after a report that rows are missing


def terms_table(scope: Scope, name: str, item: ast.Terms, sink: Sink, *, whole: bool = True) -> TermsTable | None:
    """A checked table of terms. `whole`: every value of a closed category needs a row or `otherwise`."""
    keys = tuple(k.parts[-1] for k in item.keys)  # without the alias of a library
    if item.header[: len(keys)] != keys:
        _wrong_header(name, item, keys, sink)
        return None
    if len(set(item.header)) < len(item.header):
        double = next(h for i, h in enumerate(item.header) if h in item.header[:i])
        sink.report(
            Diagnostic(
                "duplicate-name",
                f"table `{name}` has two columns `{double}`",
                edits.word_in(item.span, double, last=False),
                help="give one of them another name",
                fixes=_second_header(item, double),
            )
        )
        return None
    schemes = [scope.category(k) for k in item.keys]
    read = [
        [_pattern(scope, cell, scheme, sink) for cell, scheme in zip(row.cells, schemes, strict=False)]
        for row in item.rows
    ]
    key_types = _key_types(item, schemes, read, sink)
    columns: dict[str, TermsColumn] = {}
    for position, header in enumerate(item.header[len(keys) :], len(keys)):
        column = terms_column(scope, header, [row.cells[position] for row in item.rows], sink)
        if column is not None:
            columns[header] = column
    if key_types is None or len(columns) < len(item.header) - len(keys):
        return None
    patterns = tuple(tuple(p.value for p in row if p is not None) for row in read)
    spans = tuple(row.span for row in item.rows)
    cells = tuple(row.cells[: len(keys)] for row in item.rows)
    table = TermsTable(name, keys, key_types, patterns, columns, spans, cells)
    complete = _distinct(table, sink) and (not whole or _covered(scope, table, item, sink))
    return table if complete else replace(table, complete=False)


# The header ----------------------------------------------------------------------------------------------------------


def _wrong_header(name: str, item: ast.Terms, keys: tuple[str, ...], sink: Sink) -> None:
    fixes: tuple[Fix, ...] = ()
    order = [item.header.index(k) for k in keys if k in item.header]
    if len(order) == len(keys):
        order += [i for i in range(len(item.header)) if i not in order]
        lines = [_header_cells(item), *([c.span for c in row.cells] for row in item.rows)]
        moved = [
            Edit(cells[to], cells[from_].text)
            for cells in lines
            if len(cells) == len(order)
            for to, from_ in enumerate(order)
            if to != from_
        ]
        fixes = (Fix("move the key to the front", tuple(moved)),)
    line = _header_cells(item)
    sink.report(
        Diagnostic(
            "terms-header",
            f"table `{name}` is keyed by {' and '.join(f'`{k}`' for k in keys)}, but its header starts otherwise",
            line[0].to(line[-1]) if line else item.span,
            help=f"start the header with `| {' | '.join(keys)} |`",
            fixes=fixes,
        )
    )


def _header_cells(item: ast.Terms) -> list[Span]:
    """The places of the words of the header, which stand in the text between the brace and the first row."""
    text, start = item.span.file.text, item.span.start
    at = text.index("{", start)
    found: list[Span] = []
    for word in item.header:
        at = text.index(word, text.index("|", at))
        found.append(Span(item.span.file, at, at + len(word)))
        at += len(word)
    return found


def _second_header(item: ast.Terms, word: str) -> tuple[Fix, ...]:
    places = [span for span, header in zip(_header_cells(item), item.header, strict=True) if header == word]
    return (edits.instead(places[1], f"{word}_2", f"call the second one `{word}_2`"),)


# Keys ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """A key cell as read: its pattern and the types of its literals."""

    value: Pattern
    types: tuple[Type, ...]


def _pattern(scope: Scope, cell: ast.Expr | ast.Range, scheme: str | None, sink: Sink) -> _Read | None:
    match cell:
        case ast.Name(parts=("otherwise",)):
            return _Read(None, ())
        case ast.Range(low=low, high=high):
            ends = [None if e is None else literal(scope, e, sink, scheme) for e in (low, high)]
            if any(e is None and w is not None for e, w in zip(ends, (low, high), strict=True)):
                return None
            values = [e[0] if e else None for e in ends]
            if all(isinstance(v, Fraction) for v in values) and values[0] > values[1]:  # type: ignore[operator]
                _backwards(cell, sink)
                return None
            return _Read((values[0], values[1]), tuple(e[1] for e in ends if e))
        case ast.NotApplicable():
            sink.report(
                Diagnostic(
                    "kind-mismatch",
                    "`-` cannot be a key",
                    cell.span,
                    help="write the value of the key, or `otherwise` for all others",
                    fixes=(edits.instead(cell.span, "otherwise"),),
                )
            )
            return None
        case _:
            found = literal(scope, cell, sink, scheme)
            return None if found is None else _Read(found[0], (found[1],))


def _backwards(cell: ast.Range, sink: Sink) -> None:
    assert cell.low is not None
    assert cell.high is not None
    sink.report(
        Diagnostic(
            "terms-row-missing",
            f"the range `{cell.span.text}` ends before it starts",
            cell.span,
            help="write the smaller end first",
            fixes=(edits.instead(cell.span, f"{cell.high.span.text}..{cell.low.span.text}"),),
        )
    )


def _key_types(
    item: ast.Terms, schemes: Sequence[str | None], read: Sequence[Sequence[_Read | None]], sink: Sink
) -> tuple[Type, ...] | None:
    """The type of each key from what its cells hold; None after a report (also of cells that could not be read)."""
    types: list[Type] = []
    for position, scheme in enumerate(schemes):
        cells = [row[position] for row in read]
        if any(c is None for c in cells):
            return None
        if scheme is not None:
            types.append(Type(Kind.CATEGORY, scheme=scheme))
            continue
        written = [t for c in cells if c is not None for t in c.types]
        common = (
            unify(written, f"key `{item.keys[position].text}` mixes") if written else Type(Kind.NUMBER, literal=True)
        )
        if isinstance(common, Problem):
            place = item.rows[0].cells[position].span
            sink.report(Diagnostic(common.code, common.message, place, help=common.help or "write all alike"))
            return None
        types.append(replace(common, step=None))
    return tuple(types)


def _distinct(table: TermsTable, sink: Sink) -> bool:
    """No key may have two rows; rows of `otherwise` stand back behind the others."""
    found = _first_clash(table)
    if found is None:
        return True
    earlier, later = found
    words = ", ".join(_shown(p) for p in table.patterns[later])
    covered = table.patterns[earlier] == table.patterns[later]
    sink.report(
        Diagnostic(
            "duplicate-key",
            f"table `{table.name}` has two rows for {words}"
            if covered
            else f"two rows of table `{table.name}` overlap",
            table.spans[later],
            labels=(Label(table.spans[earlier], "the first one"),),
            help="remove one of the rows" if covered else "let each range start behind the one before",
            fixes=(edits.without(table.spans[later], "remove the second row"),),
        )
    )
    return False


def _first_clash(table: TermsTable) -> tuple[int, int] | None:
    """Two rows that a single key could mean."""
    seen: dict[tuple[Pattern, ...], int] = {}
    for row, pattern in enumerate(table.patterns):
        if pattern in seen:
            return seen[pattern], row
        seen[pattern] = row
    ranged = [(row, p) for row, p in enumerate(table.patterns) if any(isinstance(x, tuple) for x in p)]
    if len(table.keys) == 1:
        return _overlap(list(enumerate(table.patterns)))
    if len(table.patterns) > 1_000:  # overlaps of ranges in several keys are only looked for in tables of usual size
        return None
    for row, pattern in ranged:
        for other, known in enumerate(table.patterns):
            if other != row and all(_meet(a, b) for a, b in zip(pattern, known, strict=True)):
                return min(row, other), max(row, other)
    return None


def _overlap(rows: list[tuple[int, tuple[Pattern, ...]]]) -> tuple[int, int] | None:
    """Two rows of one numeric key that overlap, found in the order of their lower ends."""
    ends: list[tuple[float | Fraction, float | Fraction, int]] = []
    for row, (pattern,) in rows:
        low, high = pattern if isinstance(pattern, tuple) else (pattern, pattern)
        if pattern is None or not all(x is None or type(x) is Fraction for x in (low, high)):
            continue
        ends.append((
            low if isinstance(low, Fraction) else float("-inf"),
            high if isinstance(high, Fraction) else float("inf"),
            row,
        ))  # fmt: skip
    ends.sort(key=lambda e: e[0])
    for before, after in pairwise(ends):
        if after[0] <= before[1]:
            return min(before[2], after[2]), max(before[2], after[2])
    return None


def _meet(a: Pattern, b: Pattern) -> bool:
    """Whether a key value can match both patterns as written (`otherwise` stands back)."""
    if a is None or b is None:
        return a is b
    x, y = (p if isinstance(p, tuple) else (p, p) for p in (a, b))
    try:
        return (x[1] is None or y[0] is None or y[0] <= x[1]) and (  # type: ignore[operator]
            y[1] is None or x[0] is None or x[0] <= y[1]  # type: ignore[operator]
        )
    except TypeError:
        return False


def _covered(scope: Scope, table: TermsTable, item: ast.Terms, sink: Sink) -> bool:
    """Every combination of closed categories needs a row or `otherwise`; other keys are proved where they are read."""
    if any(t.kind is not Kind.CATEGORY for t in table.key_types):
        return True
    values = [scope.categories[t.scheme or ""].values for t in table.key_types]
    lacking = list(islice(_lacking(table, values), len(values[0]) if len(values) == 1 else 20))
    if not lacking:
        return True
    last = item.rows[-1].span
    indent = " " * (last.column - 1)
    width = len(item.header) - len(table.keys)
    added = "".join(f"\n{indent}| {' | '.join((*keys, *('-' for _ in range(width))))} |" for keys in lacking)
    shown = ", ".join("`" + " | ".join(keys) + "`" for keys in lacking[:6]) + (" …" if len(lacking) > 6 else "")
    sink.report(
        Diagnostic(
            "terms-row-missing",
            f"table `{table.name}` has no row for {shown}",
            last,
            help="add the rows, or `| otherwise | … |`; `-` says that a term does not apply",
            fixes=(Fix("add the rows", (edits.after(last, added),)),),
        )
    )
    return False


def _lacking(table: TermsTable, values: Sequence[Sequence[str]]) -> Iterable[tuple[str, ...]]:
    """The combinations of key values that no row matches; the first few where there are too many to try."""
    stated = set(table.patterns)
    broad = [p for p in table.patterns if None in p]
    if any(all(x is None for x in p) for p in broad):
        return
    for keys in islice(product(*values), MOST_COMBINATIONS):
        if keys not in stated and not any(all(x in (None, k) for x, k in zip(p, keys, strict=True)) for p in broad):
            yield keys


def _shown(pattern: Pattern) -> str:
    match pattern:
        case None:
            return "`otherwise`"
        case (low, high):
            return f"`{'' if low is None else low}..{'' if high is None else high}`"
        case _:
            return f"`{pattern}`"


# Columns -------------------------------------------------------------------------------------------------------------


def terms_column(scope: Scope, header: str, cells: Sequence[ast.Expr | ast.Range], sink: Sink) -> TermsColumn | None:
    """The values of a column, which are all of one type; None after a report."""
    scheme = _scheme(scope, cells)
    values: list[Value] = []
    types: list[Type] = []
    parts: list[ast.Expr] = []
    failed = False
    for cell in cells:
        if isinstance(cell, ast.Range):
            sink.report(
                Diagnostic(
                    "kind-mismatch", f"a range cannot be a value of `{header}`", cell.span, help="write one value"
                )
            )
            failed = True
            continue
        found = literal(scope, cell, sink, scheme if isinstance(cell, ast.Name) else None)
        if found is None:
            failed = True
            continue
        value, type_ = found
        if isinstance(value, Absent):
            value = Absent(State.NOT_APPLICABLE, f"`{header}` does not apply")
        else:
            types.append(type_)
            parts.append(cell)
        values.append(value)
    if failed:
        return None
    absent = frozenset({State.NOT_APPLICABLE}) if len(types) < len(values) else frozenset()
    spans = tuple(c.span for c in cells)
    if not types:
        return TermsColumn(Type(Kind.NUMBER, absent=absent, literal=True), tuple(values), spans)
    common = unify(types, f"column `{header}` mixes")
    if isinstance(common, Problem):
        _mixed(common, types, parts, sink)
        return None
    type_ = replace(common, grain=SCALAR, absent=absent, literal=False, step=common_step([t.step for t in types]))
    return TermsColumn(type_, tuple(values), spans)


def _scheme(scope: Scope, cells: Sequence[ast.Expr | ast.Range]) -> str | None:
    """The one category that all words of a column are values of."""
    schemes: set[str] | None = None
    for cell in cells:
        if isinstance(cell, ast.Name) and len(cell.parts) == 1:
            found = set(scope.scheme_of(cell.parts[0]))
            schemes = found if schemes is None or not found else schemes & found or schemes
    return min(schemes) if schemes else None


def _mixed(problem: Problem, types: Sequence[Type], parts: Sequence[ast.Expr], sink: Sink) -> None:
    """Report the first cell that does not fit the others; bare numbers get the unit of the others."""
    if problem.adapt is not None:
        bare = [p for p, t in zip(parts, types, strict=True) if t.literal]
        fixes = [f for p in bare for f in with_unit(p, problem.adapt[1])]
        fix = Fix("write the unit", tuple(e for f in fixes for e in f.edits))
        sink.report(
            Diagnostic(problem.code, problem.message, bare[0].span, help=problem.help, fixes=(fix,) if fixes else ())
        )
        return
    odd = next(p for p, t in zip(parts, types, strict=True) if isinstance(unify((types[0], t), ""), Problem))
    help_ = problem.help or "let all cells of a column hold values of one kind; `-` is not applicable"
    sink.report(Diagnostic(problem.code, problem.message, odd.span, help=help_))
