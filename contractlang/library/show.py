"""The text of the contract in force, put together from the words of the files that wrote it, with their places.

The text is a contract by itself: parsed again, it gives the tree of the edition. A comment above every item names the
file and line that wrote it; in a block that several files wrote, a comment behind every clause of another file does.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.addresses import item_key, step_name
from contractlang.library.edition import Edition, Setting
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast
from contractlang.syntax.formatter import format_source

_SIMPLE = (ast.Name, ast.Number, ast.Call, ast.Lookup, ast.Aggregate, ast.Round, ast.Flag, ast.Text, ast.Date)
_WORDS = re.compile(r'"(?:[^"\\\n]|\\["\\])*"|#[^\n]*|\{|\w+|\s+|.')


def show(edition: Edition) -> str:
    """The consolidated text of an edition, laid out by the formatter."""
    parts = [_head(edition), *(_item(item, edition.settings) for item in edition.document.items)]
    text = "\n\n".join(part.rstrip() for part in parts) + "\n"
    return format_source(SourceFile(edition.document.name.text, text), Sink()) or text


def origins(edition: Edition) -> list[tuple[str, Span]]:
    """Every item and every step with the place that wrote it: ("risk", …), ("risk.cap", …)."""
    found: list[tuple[str, Span]] = []
    for item in edition.document.items:
        name = item_key(item)[1]
        found.append((name, item.span))
        if isinstance(item, ast.Block):
            found += [(f"{name}.{step_name(step)}", step.span) for step in item.steps]
    return found


def assumptions(edition: Edition) -> list[tuple[str, str, Span]]:
    """Everything that is marked `assumed`: its name, the words of the mark, and where it stands.

    What a used library assumes counts, under the name by which the library is used: `hedis.base_rate`.
    """
    found = list(_assumed(edition.document, ""))
    seen = {edition.document.name.text}
    for use, document in edition.uses:
        if not use.results and document.name.text not in seen:
            seen.add(document.name.text)
            found += _assumed(document, f"{use.alias or use.name.text}.")
    return found


def _assumed(document: ast.Document, prefix: str) -> Iterator[tuple[str, str, Span]]:
    for item in document.items:
        if isinstance(item, ast.Use):
            continue
        name = f"{prefix}{item_key(item)[1]}"
        if item.notes.assumed is not None:
            yield name, item.notes.assumed, item.span
        inner: Iterable[tuple[str, ast.Notes, Span]] = ()
        if isinstance(item, ast.Block):
            inner = ((step_name(step), step.notes, step.span) for step in item.steps)
        elif isinstance(item, ast.Input):
            inner = ((column.name, column.notes, column.span) for column in item.columns)
        for part, notes, span in inner:
            if notes.assumed is not None:
                yield f"{name}.{part}", notes.assumed, span


# Text ----------------------------------------------------------------------------------------------------------------


def _head(edition: Edition) -> str:
    document, header = edition.document, edition.document.header
    lines = [*_validity(edition), *(f"# amended by {name}" for name in edition.amendments), ""]
    lines += [*_doc(document.doc), f"{document.kind} {document.name.text}"]
    lines += [
        f"{word} {_quoted(text)}"
        for word in ("title", "version", "payer")
        if (text := getattr(header, word)) is not None
    ]
    if header.settles is not None:
        lines.append(f"settles {header.settles[0].text} per {header.settles[1].text}")
    for word in ("term", "pays"):
        if (dates := getattr(header, word)) is not None:
            lines.append(f"{word} {dates[0].value} to {dates[1].value}")
    if header.year_starts is not None:
        lines.append(f"year starts {header.year_starts.text}")
    if header.unpaid:
        lines.append("no payment")
    return "\n".join(lines)


def _validity(edition: Edition) -> list[str]:
    if edition.document.kind != "contract" or edition.end == dt.date.max:
        return []
    return [f"# in force from {edition.start} to {edition.end - dt.timedelta(days=1)}"]


def _item(item: ast.Item, settings: tuple[Setting, ...]) -> str:
    doc = item.notes.doc if not isinstance(item, ast.Use) else None
    return "\n".join([f"# {item.span.place}", *_doc(doc), _item_text(item, settings)])


def _item_text(item: ast.Item, settings: tuple[Setting, ...]) -> str:
    match item:
        case ast.Block() if _rewritten(item):
            return _block(item, settings)
        case ast.Schedule() if any(_moved(entry, item) for entry in item.entries):
            return _schedule(item)
        case ast.Constant():
            return _clause(item.span, item.value, settings, wrapped=False)
        case _:
            return _bare(item.span.text)


def _bare(text: str) -> str:
    return re.sub(r"\Areplace\s+", "", text)


def _doc(doc: str | None) -> list[str]:
    return [] if doc is None else [f"## {line}" for line in doc.split("\n")]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _within(inner: Span, outer: Span) -> bool:
    return inner.file is outer.file and outer.start <= inner.start and inner.end <= outer.end


def _rewritten(block: ast.Block) -> bool:
    """Whether the steps of a block are no longer those of its text: one came from elsewhere, or one has gone."""
    if not all(_within(step.span, block.span) for step in block.steps):
        return True
    parts = [step.span for step in block.steps] + ([block.table.span] if block.table is not None else [])
    text, start = block.span.text, block.span.start
    body = _header_end(text)
    kept = "".join(
        text[a:b]
        for a, b in zip(
            (body, *(span.end - start for span in parts)),
            (*(span.start - start for span in parts), len(text)),
            strict=True,
        )
    )
    return re.sub(r"#[^\n]*|[\s}]", "", kept) != ""


def _header_end(text: str) -> int:
    """The offset behind the opening brace of a block, or behind the whole text where it has none."""
    return next((m.end() for m in _WORDS.finditer(text) if m.group() == "{"), len(text))


def _block(block: ast.Block, settings: tuple[Setting, ...]) -> str:
    header = _bare(block.span.text[: _header_end(block.span.text)])
    lines = [header if header.rstrip().endswith("{") else f"{header} {{"]
    for step in block.steps:
        lines += [f"  {line}" for line in _doc(step.notes.doc)]
        wrapped = step.get("of") is not None
        text = _clause(step.span, step.argument, settings, wrapped=wrapped)
        lines.append(f"  {text}" if _within(step.span, block.span) else f"  {text}  # {step.span.place}")
    if block.table is not None:
        lines.append(f"  {block.table.span.text}")
    return "\n".join([*lines, "}"])


def _clause(span: Span, value: ast.Expr | None, settings: tuple[Setting, ...], *, wrapped: bool) -> str:
    """The words of a clause; where its value was set, the first words around the new ones, without their notes."""
    setting = next((s for s in settings if s.change == span), None)
    if setting is None:
        return _bare(span.text)
    text, at = "", setting.changed.start
    pieces = sorted(setting.pieces, key=lambda piece: piece[0].start)
    source = setting.changed.file.text
    for old, new in pieces:
        words = new.text
        if wrapped and value is not None and new == value.span and not isinstance(value, _SIMPLE):
            words = f"({words})"
        text += source[at : old.start] + words
        at = old.end
    return _bare(text + _without_notes(source[at : setting.changed.end]))


def _without_notes(text: str) -> str:
    """Words behind a value, without `source "…"` and `assumed "…"`, which spoke of the old value."""
    kept: list[str] = []
    dropping = False
    for match in _WORDS.finditer(text):
        word = match.group()
        if word in ("source", "assumed"):
            dropping = True
        elif not dropping:
            kept.append(word)
        elif word.startswith('"'):
            dropping = False
    return "".join(kept).rstrip()


def _moved(entry: ast.Entry, schedule: ast.Schedule) -> bool:
    """Whether an entry was cut off at the date of an amendment, or comes from the schedule before it."""
    edges = [edge.span for edge in (entry.low, entry.high) if edge is not None]
    return not _within(entry.span, schedule.span) or any(not _within(span, entry.span) for span in edges)


def _schedule(schedule: ast.Schedule) -> str:
    header = _bare(schedule.span.text[: _header_end(schedule.span.text)])
    lines = [f"  {_edges(entry)}: {entry.value.span.text}" for entry in schedule.entries]
    places = [f"  # {entry.span.place}" for entry in schedule.entries]
    return "\n".join([header, *(line + place for line, place in zip(lines, places, strict=True)), "}"])


def _edges(entry: ast.Entry) -> str:
    low, high = _edge(entry.low), _edge(entry.high)
    return low if low == high and entry.low is not None else f"{low}..{high}"


def _edge(edge: ast.Expr | None) -> str:
    match edge:
        case None:
            return ""
        case ast.Date(value):
            return str(value)
        case _:
            return edge.span.text
