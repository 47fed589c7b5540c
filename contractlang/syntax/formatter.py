"""The canonical layout of a contract. Only blanks and line ends change: tokens, comments and their order stay."""

from __future__ import annotations

from itertools import pairwise

from contractlang.diagnostics.diagnostic import Sink
from contractlang.source import SourceFile
from contractlang.syntax.layout import WIDTH, Layout, Line, rendered
from contractlang.syntax.parser import parse
from contractlang.syntax.tokens import Comment, Statement, scan

_HEADER = frozenset(
    {
        "contract",
        "library",
        "amendment",
        "title",
        "version",
        "payer",
        "settles",
        "term",
        "pays",
        "year",
        "effective",
        "published",
        "no",
    }
)
_CLAUSES = frozenset(
    {
        "population",
        "roster",
        "spending",
        "budget",
        "measure",
        "measures",
        "rate",
        "quality",
        "equity",
        "sharing",
        "pool",
        "report",
        "obligation",
    }
)
_COLUMNS = frozenset({"input", "exhibit", "table"})
_ENTRIES = frozenset({"category", "schedule", "baseline", "scale"})
_INDENT = 2
_LONG_CONDITION = 72


def format_source(source: SourceFile, sink: Sink) -> str | None:
    """The text in canonical layout, or None for a text with syntax errors, which are reported.

    Comments stay where they are; the author's line breaks inside an expression stay; a list in braces stays on one
    line if it stands on one and fits.
    """
    problems = Sink()
    parse(source, problems)
    sink.extend(problems)
    found = scan(source, Sink())
    if problems.failed or found is None:
        return None
    return _Formatter(source, found.statements, found.comments).text()


class _Formatter:
    def __init__(self, source: SourceFile, statements: list[Statement], comments: list[Comment]) -> None:
        self.source = source
        last = statements[-1].tokens[-1].end
        self.layouts: list[Layout] = []
        remaining = list(comments)
        for number, statement in enumerate(statements):
            end = statements[number + 1].tokens[0].start if number + 1 < len(statements) else len(source.text)
            if number + 1 == len(statements):
                mine = [c for c in remaining if c.start < last or not c.own]
            else:
                # Comments on lines of their own after a statement belong to the next one.
                stop = statement.tokens[-1].end
                mine = [c for c in remaining if c.start < stop or (c.start < end and not c.own)]
            remaining = [c for c in remaining if c not in mine]
            self.layouts.append(Layout(source, statement.tokens, mine))
        self.tail = remaining

    def text(self) -> str:
        lines: list[Line] = []
        previous: Layout | None = None
        was_tall = False
        for layout, item in zip(self.layouts, self._items(), strict=True):
            header = layout.tokens[0].text in _HEADER
            tall = len(item) > 1
            lead = layout.lead(0, 0, first=previous is None) if previous is None else _lead_after(previous, layout)
            if previous is not None and not (lead and lead[0].text == ""):
                closes_header = previous.tokens[0].text in _HEADER and not header
                if closes_header or (not header and (tall or was_tall)):
                    lead.insert(0, Line(""))
            if header and previous is not None and previous.tokens[0].text in _HEADER:
                lead = [line for line in lead if line.text]
            lines += lead + layout.unplaced(0, len(layout.tokens), 0) + item
            previous, was_tall = layout, tall
        return rendered(lines + self._tail())

    def _items(self) -> list[list[Line]]:
        """The lines of every statement. Neighbours of one kind on single lines get a common column."""
        words = [layout.tokens[0].text for layout in self.layouts]
        width = max((len(word) for word in words if word in _HEADER), default=0) + 1
        items = [_item(layout, width) for layout in self.layouts]
        heads = [_head(layout) if len(item) == 1 else "" for layout, item in zip(self.layouts, items, strict=True)]
        start = 0
        while start < len(items):
            end = start + 1
            while end < len(items) and heads[start] and heads[end] and self._neighbours(end):
                end += 1
            column = max(len(head) for head in heads[start:end])
            aligned = [
                [Line(head.ljust(column) + item[0].text[len(head) :], item[0].comment)]
                for head, item in zip(heads[start:end], items[start:end], strict=True)
            ]
            if end > start + 1 and all(len(line.text) <= WIDTH for (line,) in aligned):
                items[start:end] = aligned
            start = end
        return items

    def _neighbours(self, number: int) -> bool:
        """Whether a statement follows one of its kind on the next line."""
        above, layout = self.layouts[number - 1 : number + 1]
        here = layout.tokens[0]
        between = self.source.text[above.tokens[-1].end : here.start].count("\n")
        return above.tokens[0].text == here.text and between == 1

    def _tail(self) -> list[Line]:
        lines: list[Line] = []
        at = self.layouts[-1].end_of(len(self.layouts[-1].tokens) - 1)
        for comment in self.tail:
            if self.source.text[at : comment.start].count("\n") > 1:
                lines.append(Line(""))
            lines.append(Line(comment.text))
            at = comment.end
        return lines


def _lead_after(previous: Layout, layout: Layout) -> list[Line]:
    """Comments and at most one empty line between two statements."""
    lines: list[Line] = []
    at = previous.end_of(len(previous.tokens) - 1)
    for comment in layout.before.get(0, ()):
        if layout.blank_before(at, comment.start):
            lines.append(Line(""))
        lines.append(layout.own(comment, 0))
        at = comment.end
    if layout.blank_before(at, layout.tokens[0].start):
        lines.append(Line(""))
    return lines


def _head(layout: Layout) -> str:
    """What stands before the column that neighbours on single lines share, or nothing."""
    word = layout.tokens[0].text
    if word in _ENTRIES:
        return layout.joined(0, layout.kinds.index("LBRACE"))
    return layout.joined(0, 2) if word == "guarantee" else ""


def _item(layout: Layout, header_width: int) -> list[Line]:
    """The lines of one statement, without the comments above it."""
    word = layout.tokens[0].text
    if word == "no":
        return layout.rows(0, len(layout.tokens), "", _INDENT)
    if word in _HEADER:
        return layout.rows(1, len(layout.tokens), word.ljust(header_width), header_width)
    if word == "replace":
        word = layout.tokens[1].text
    if "LBRACE" in layout.kinds:
        brace = layout.kinds.index("LBRACE")
        if word in _ENTRIES and _fits(layout, brace):
            return [Line(_one_line(layout, brace), layout.comment(len(layout.tokens) - 1))]
        head = layout.rows(0, brace + 1, "", 2 * _INDENT)
        if word in _CLAUSES:
            body = _clauses(layout, brace)
        elif word == "example":
            body = _example(layout, brace)
        elif word in _COLUMNS and layout.kinds[brace + 1] == "VBAR":
            body = _terms(layout, brace)
        elif word in _COLUMNS:
            body = _columns(layout, brace)
        else:
            body = _entries(layout, brace, word)
        return head + body + _closing(layout)
    if "_NL" in layout.kinds:
        return _cases(layout)
    return layout.rows(0, len(layout.tokens), "", _INDENT)


def _closing(layout: Layout) -> list[Line]:
    last = len(layout.tokens) - 1
    comments = [line for line in layout.lead(last, _INDENT, first=False) if line.text]
    return [*comments, Line("}", layout.comment(last))]


def _part(layout: Layout, number: int, start: int, end: int, lines: list[Line]) -> list[Line]:
    """One part of a body with its comments: those above it, then those that found no place in its lines."""
    lead = layout.lead(start, _INDENT, first=number == 0)
    return lead + layout.unplaced(start, end, _INDENT) + lines


def _clauses(layout: Layout, brace: int) -> list[Line]:
    """One clause per line; what follows the first words begins in one column. A table stands below the clauses."""
    parts = layout.parts(brace + 1, len(layout.tokens) - 1)
    rows = [part for part in parts if layout.kinds[part[0]] == "VBAR"]
    parts = [part for part in parts if part not in rows]
    heads = [_clause_words(layout, start) for start, _ in parts]
    column = 2 * _INDENT + max((len(layout.joined(*head)) for head in heads), default=0)
    lines: list[Line] = []
    for number, ((start, end), head) in enumerate(zip(parts, heads, strict=True)):
        prefix = (" " * _INDENT + layout.joined(*head)).ljust(column)
        lines += _part(layout, number, start, end, layout.rows(head[1], end, prefix, column))
    if rows:
        table = zip(rows, _rows(layout, rows, " " * _INDENT), strict=True)
        for number, ((start, end), row) in enumerate(table, len(parts)):
            lines += _part(layout, number, start, end, [row])
    return lines


def _clause_words(layout: Layout, start: int) -> tuple[int, int]:
    """The first and the last token, exclusive, of what stands before the column: `as of`, else one word."""
    return start, start + 1 + (layout.text(start) == "as")


def _columns(layout: Layout, brace: int) -> list[Line]:
    """Names, types and rules of columns, each in one column."""
    parts = layout.parts(brace + 1, len(layout.tokens) - 1)
    ends = {"WITHIN", "WHEN", "SOURCE", "ASSUMED"}
    types = [next((i for i in range(start + 1, end) if layout.kinds[i] in ends), end) for start, end in parts]
    names = 2 * _INDENT + max(len(layout.text(start)) for start, _ in parts)
    rules = names + max(len(layout.joined(start + 1, stop)) for (start, _), stop in zip(parts, types, strict=True)) + 2
    ruled = any(stop < end for (_, end), stop in zip(parts, types, strict=True))
    lines: list[Line] = []
    for number, ((start, end), stop) in enumerate(zip(parts, types, strict=True)):
        text = (" " * _INDENT + layout.text(start)).ljust(names) + layout.joined(start + 1, stop)
        if stop < end:
            column = layout.rows(stop, end, text.ljust(rules), rules)
        else:
            comment = layout.comment(end - 1)
            column = [Line(text.ljust(rules - 2) if comment and ruled else text, comment)]
        lines += _part(layout, number, start, end, column)
    return lines


def _terms(layout: Layout, brace: int) -> list[Line]:
    """The rows of a table of terms."""
    parts = layout.parts(brace + 1, len(layout.tokens) - 1)
    lines: list[Line] = []
    for number, ((start, end), row) in enumerate(zip(parts, _rows(layout, parts, " " * _INDENT), strict=True)):
        lines += _part(layout, number, start, end, [row])
    return lines


def _rows(layout: Layout, parts: list[tuple[int, int]], prefix: str) -> list[Line]:
    """Rows of a table, with numbers to the right and words to the left."""
    table = [_cells(layout, start, end) for start, end in parts]
    width = [max(len(text) for text, _ in column) for column in zip(*table, strict=True)]
    right = [all(number for _, number in column[1:]) for column in zip(*table, strict=True)]
    lines: list[Line] = []
    for (_, end), cells in zip(parts, table, strict=True):
        row = [text.rjust(w) if r else text.ljust(w) for (text, _), w, r in zip(cells, width, right, strict=True)]
        lines.append(Line(f"{prefix}| {' | '.join(row)} |", layout.comment(end - 1)))
    return lines


def _cells(layout: Layout, start: int, end: int) -> list[tuple[str, bool]]:
    """The cells of a row, and whether each is a number or `-`."""
    bars = [index for index in range(start, end) if layout.kinds[index] == "VBAR"]
    cells = []
    for left, right in pairwise(bars):
        first = left + 1 + (layout.kinds[left + 1] == "MINUS")
        single = all(layout.tokens[index].text != ".." for index in range(left, right))
        number = single and (first == right or layout.kinds[first] == "NUMBER")
        cells.append((layout.joined(left + 1, right), number))
    return cells


def _fits(layout: Layout, brace: int) -> bool:
    """Whether a list in braces stands on one line and may stay there."""
    end = len(layout.tokens)
    if any(layout.broken(index) for index in range(1, end)) or layout.comments_inside(0, end):
        return False
    return len(_one_line(layout, brace)) <= WIDTH


def _one_line(layout: Layout, brace: int) -> str:
    entries = layout.parts(brace + 1, len(layout.tokens) - 1, commas=True)
    inside = ", ".join(layout.joined(start, end) for start, end in entries)
    return f"{layout.joined(0, brace)} {{ {inside} }}"


def _entries(layout: Layout, brace: int, word: str) -> list[Line]:
    """One entry per line; what follows the colons begins in one column."""
    parts = layout.parts(brace + 1, len(layout.tokens) - 1, commas=True)
    colons = [next((i for i in range(start, end) if layout.kinds[i] == "COLON"), end) for start, end in parts]
    edges = [layout.joined(start, colon) for (start, _), colon in zip(parts, colons, strict=True)]
    if word == "scale":
        edges = _bands(layout, parts, colons)
    column = _INDENT + max(len(edge) for edge in edges) + 2
    values = [
        layout.joined(colon + 1, _to(layout, colon + 1, end)) for (_, end), colon in zip(parts, colons, strict=True)
    ]
    wide = (
        max(len(value) for value in values) if all(value[:1].isdigit() or value[:1] in "$-" for value in values) else 0
    )
    lines: list[Line] = []
    for number, ((start, end), colon) in enumerate(zip(parts, colons, strict=True)):
        edge = " " * _INDENT + edges[number]
        if colon < end:
            prefix = f"{edge}:".ljust(column) + " " * max(0, wide - len(values[number]))
            rows = layout.rows(colon + 1, end, prefix, column)
        else:
            rows = [Line(edge)]
        # The comment may stand behind the comma that parted the entries.
        behind = layout.comment(end) if layout.kinds[end] == "COMMA" else ""
        last = rows[-1].comment or layout.comment(end - 1) or behind
        lines += _part(layout, number, start, end, [*rows[:-1], Line(rows[-1].text, last)])
    return lines


def _to(layout: Layout, start: int, end: int) -> int:
    """The `to` between two values, or the end."""
    return next((i for i in range(start, end) if layout.kinds[i] == "TO"), end)


def _bands(layout: Layout, parts: list[tuple[int, int]], colons: list[int]) -> list[str]:
    """The edges of the bands of a scale, with their lower and upper ends to the right."""
    splits = [_to(layout, start, colon) for (start, _), colon in zip(parts, colons, strict=True)]
    ranges = [(start, split, colon) for (start, _), split, colon in zip(parts, splits, colons, strict=True)]
    low = max((len(layout.joined(start, split)) for start, split, colon in ranges if split < colon), default=0)
    high = max((len(layout.joined(split + 1, colon)) for _, split, colon in ranges if split < colon), default=0)
    edges = []
    for start, split, colon in ranges:
        if split < colon:
            edges.append(f"{layout.joined(start, split).rjust(low)} to {layout.joined(split + 1, colon).rjust(high)}")
            continue
        above = next((i for i in range(start, colon) if layout.kinds[i] == "AND"), colon)
        words = " " + layout.joined(above, colon) if above < colon else ""
        edges.append(layout.joined(start, above).rjust(low) + words)
    return edges


def _cases(layout: Layout) -> list[Line]:
    """A name and its cases; the values begin in one column unless their condition is long."""
    (head_start, head_end), *parts = layout.parts(0, len(layout.tokens))
    colons = [_case_colon(layout, start, end) for start, end in parts]
    heads = [layout.joined(start, colon + 1) for (start, _), colon in zip(parts, colons, strict=True)]
    values = [layout.joined(colon + 1, end) for (_, end), colon in zip(parts, colons, strict=True)]
    most = _longest_beside_values([len(head) for head in heads], max(len(value) for value in values))
    column = _INDENT + most + 2
    lines = layout.rows(head_start, head_end, "", _INDENT)
    for (start, end), colon, whole in zip(parts, colons, heads, strict=True):
        head = layout.rows(start, colon + 1, " " * _INDENT, 3 * _INDENT)
        if len(whole) > most or head[-1].comment or colon + 1 in layout.before:
            head += [layout.own(comment, column) for comment in layout.before.get(colon + 1, ())]
            text = " " * column
        else:
            text = head.pop().text.ljust(column)
        rows = layout.rows(colon + 1, end, text, max(column, 3 * _INDENT))
        lines += _part(layout, -1, start, end, head + rows)
    return lines


def _longest_beside_values(heads: list[int], widest: int) -> int:
    """The longest condition that has its value on the same line: as long as may be while all values fit."""
    candidates = sorted({head for head in heads if head <= _LONG_CONDITION}, reverse=True)
    return next((head for head in candidates if _INDENT + head + 2 + widest <= WIDTH), max(candidates, default=4))


def _case_colon(layout: Layout, start: int, end: int) -> int:
    return next(i for i in range(start, end) if layout.kinds[i] == "COLON")


def _example(layout: Layout, brace: int) -> list[Line]:
    """`given` and `expect` lines; the rows of a table stand under each other."""
    column = _INDENT + len("expect") + 2
    parts = layout.parts(brace + 1, len(layout.tokens) - 1)
    lines: list[Line] = []
    number = 0
    while number < len(parts):
        start, end = parts[number]
        prefix = (" " * _INDENT + layout.text(start)).ljust(column)
        count, number = number, number + 1
        if layout.kinds[start + 1] != "VBAR":
            lines += _part(layout, count, start, end, layout.rows(start + 1, end, prefix, column))
            continue
        rows = [(start + 1, end)]
        while number < len(parts) and layout.kinds[parts[number][0]] == "VBAR":
            rows.append(parts[number])
            number += 1
        first, *others = _rows(layout, rows, " " * column)
        table = [Line(prefix + first.text[column:], first.comment), *others]
        lines += _part(layout, count, start, rows[-1][1], table)
    return lines
