"""Bindings: a TOML file that maps real files to the tables of a contract.

`read_binding` checks the shape of the file: every key must be known and of the right type, and nothing is ignored.
Whether tables, columns and formats fit the contract and the data is found out when they are bound (`dataset`).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.toml_places import Places
from contractlang.source import SourceFile, Span

Scalar = str | int | bool | Decimal | dt.date


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of one key or column come from, and how their cells are written.

    Exactly one of `column` (a header), `position` (from 1), `value` (a constant) and `one_hot` (label and header of each
    0/1 column) is set. `less` names a column whose size is taken off (only for stated amounts).
    """

    span: Span | None = field(default=None, compare=False)
    column: str | None = None
    position: int | None = None
    value: Scalar | None = None
    one_hot: tuple[tuple[str, str], ...] = ()
    form: str | None = None  # the key `as`
    formats: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    default: Scalar | None = None
    round: int | bool = False
    map: tuple[tuple[str, str], ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    less: str | None = None


@dataclass(frozen=True, slots=True)
class TableBinding:
    """One `[tables.NAME]`: the files, their layout, and the sources of keys, columns and stated amounts."""

    name: str
    files: tuple[str, ...] = ()
    format: str | None = None
    delimiter: str = ","
    header: bool = True
    insert_headers: tuple[tuple[str, int], ...] = ()
    ignore_case: bool = False
    same_names: bool = False
    absent: tuple[str, ...] = ()
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keys: Mapping[str, Source] = field(default_factory=dict)
    columns: Mapping[str, Source] = field(default_factory=dict)
    stated: Mapping[str, Source] = field(default_factory=dict)
    known: Mapping[str, Source] | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding file. Paths in it are relative to `folder`."""

    name: str
    folder: Path
    tables: Mapping[str, TableBinding]


def read_binding(path: Path, sink: Sink) -> Binding | None:
    """Read a binding file; None if it cannot be used, with every reason in the sink."""
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        code = "file-unreadable" if path.is_dir() else "file-not-found"
        sink.report(Diagnostic(code, f"the binding `{path}` {what}"))
        return None
    try:
        source = SourceFile.read(path)
    except UnicodeDecodeError as error:
        sink.report(
            Diagnostic("file-unreadable", f"the binding `{path}` is not UTF-8 text", notes=(f"byte {error.start + 1}",))
        )
        return None
    except OSError as error:
        sink.report(Diagnostic("file-unreadable", f"the binding `{path}` cannot be read: {error.strerror}"))
        return None
    return parse_binding(source, path.parent, sink)


def parse_binding(source: SourceFile, folder: Path, sink: Sink) -> Binding | None:
    """Read the text of a binding; see `read_binding`."""
    try:
        document = tomllib.loads(source.text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        sink.report(_toml_error(source, str(error) or "nested too deeply"))
        return None
    shape = _Shape(sink, Places(source))
    shape.known(document, ("tables",), ())
    tables = {
        name: _table(name, shape.table(content, ("tables", name)), shape)
        for name, content in shape.table(document.get("tables", {}), ("tables",)).items()
    }
    return None if shape.failed else Binding(source.name, folder, tables)


def _toml_error(source: SourceFile, message: str) -> Diagnostic:
    words, _, place = message.partition(" (at ")
    span = None
    if place.startswith("line "):
        line, _, column = place.removeprefix("line ").removesuffix(")").partition(", column ")
        starts = source.line_starts
        if line.isdigit() and column.isdigit() and int(line) <= len(starts):
            start = min(starts[int(line) - 1] + int(column) - 1, len(source.text))
            span = Span(source, start, min(start + 1, len(source.text)))
    words = f"{words[:1].lower()}{words[1:]}" if words else "not readable"
    return Diagnostic("binding-syntax", f"the binding is not valid TOML: {words}", span)


_TABLE_KEYS = (
    "file", "files", "format", "delimiter", "header", "insert_headers", "ignore_case", "same_names", "absent", "where",
    "keys", "columns", "stated", "known",
)  # fmt: skip
KNOWN = ("from", "to", "paid")
"""What a column may say of its row: from when it is known, when it was replaced, when it was paid."""

_SOURCE_KEYS = (
    "column", "position", "value", "one_hot", "as", "format", "absent", "strip", "default", "round", "map", "yes", "no",
)  # fmt: skip


def _table(name: str, content: dict[str, Any], shape: _Shape) -> TableBinding:
    path = ("tables", name)
    shape.known(content, _TABLE_KEYS, path)
    if "file" in content and "files" in content:
        shape.wrong((*path, "files"), "`file` and `files` stand together", "keep one of the two")
    files = shape.texts(
        content.get("files", content.get("file", [])), (*path, "files" if "files" in content else "file")
    )
    file_format = shape.choice(content.get("format"), ("csv", "parquet"), (*path, "format"))
    delimiter = shape.text(content.get("delimiter", ","), (*path, "delimiter")) or ","
    if len(delimiter) != 1 or delimiter in '"\r\n':
        shape.wrong((*path, "delimiter"), "a delimiter is one character", 'write `","`, `";"`, `"|"` or `"\\t"`')
    inserted = shape.table(content.get("insert_headers", {}), (*path, "insert_headers"))
    where = shape.table(content.get("where", {}), (*path, "where"))
    sections = {}
    for section in ("keys", "columns", "stated"):
        entries = shape.table(content.get(section, {}), (*path, section))
        further = ("less",) if section == "stated" else ()
        sections[section] = {
            key: source
            for key, entry in entries.items()
            if (source := _source(entry, (*path, section, key), further, shape)) is not None
        }
    known = None
    if "known" in content:
        entries = shape.table(content["known"], (*path, "known"))
        shape.known(entries, KNOWN, (*path, "known"))
        sources = {key: _source(entry, (*path, "known", key), (), shape) for key, entry in entries.items()}
        known = {key: source for key, source in sources.items() if source is not None}
    return TableBinding(
        name,
        files,
        file_format,
        delimiter,
        header=shape.flag(content.get("header", True), (*path, "header")),
        insert_headers=tuple(
            (header, shape.whole(at, 1, (*path, "insert_headers", header))) for header, at in inserted.items()
        ),
        ignore_case=shape.flag(content.get("ignore_case", False), (*path, "ignore_case")),
        same_names=shape.flag(content.get("same_names", False), (*path, "same_names")),
        absent=shape.texts(content.get("absent", []), (*path, "absent")),
        where=tuple((header, shape.texts(values, (*path, "where", header))) for header, values in where.items()),
        keys=sections["keys"],
        columns=sections["columns"],
        stated=sections["stated"],
        known=known,
        span=shape.places.find(*path),
    )


def _source(entry: Any, path: tuple[str, ...], further: tuple[str, ...], shape: _Shape) -> Source | None:
    if isinstance(entry, str):
        return Source(shape.places.find(*path), column=entry)
    if not isinstance(entry, dict):
        shape.wrong(
            path, "a source is the header of a column in quotes, or `{ … }`", "a constant is `{ value = 2021 }`"
        )
        return None
    shape.known(entry, (*_SOURCE_KEYS, *further), path)
    given = [key for key in ("column", "position", "value", "one_hot") if key in entry]
    if len(given) != 1:
        found = " and ".join(f"`{key}`" for key in given) if given else "none of them"
        shape.wrong(path, f"a source has one of `column`, `position`, `value` and `one_hot`, here {found}")
        return None
    one_hot = shape.table(entry.get("one_hot", {}), (*path, "one_hot"))
    pairs = shape.table(entry.get("map", {}), (*path, "map"))
    rounding = entry.get("round", False)
    if not isinstance(rounding, bool):
        rounding = shape.whole(rounding, 0, (*path, "round"))
    return Source(
        shape.places.find(*path),
        column=shape.text(entry.get("column"), (*path, "column")),
        position=shape.whole(entry["position"], 1, (*path, "position")) if "position" in entry else None,
        value=shape.scalar(entry.get("value"), (*path, "value")),
        one_hot=tuple((label, shape.text(h, (*path, "one_hot", label)) or "") for label, h in one_hot.items()),
        form=shape.text(entry.get("as"), (*path, "as")),
        formats=shape.texts(entry.get("format", []), (*path, "format")),
        absent=shape.texts(entry.get("absent", []), (*path, "absent")),
        strip=shape.texts(entry.get("strip", []), (*path, "strip")),
        default=shape.scalar(entry.get("default"), (*path, "default")),
        round=rounding,
        map=tuple((old, shape.text(new, (*path, "map", old)) or "") for old, new in pairs.items()),
        yes=tuple(text.lower() for text in shape.texts(entry.get("yes", []), (*path, "yes"))),
        no=tuple(text.lower() for text in shape.texts(entry.get("no", []), (*path, "no"))),
        less=shape.text(entry.get("less"), (*path, "less")),
    )


class _Shape:
    """Checks the types of TOML values and reports what does not fit."""

    def __init__(self, sink: Sink, places: Places) -> None:
        self.sink = sink
        self.places = places
        self.failed = False

    def wrong(self, path: tuple[str, ...], message: str, help_: str = "") -> None:
        self.failed = True
        where = ".".join(path)
        self.sink.report(Diagnostic("binding-syntax", f"`{where}`: {message}", self.places.find(*path), help=help_))

    def known(self, content: Mapping[str, Any], keys: tuple[str, ...], path: tuple[str, ...]) -> None:
        for key in content:
            if key not in keys:
                self.failed = True
                near = get_close_matches(key, keys, n=1)
                listed = ", ".join(f"`{k}`" for k in keys)
                where = f"`{'.'.join(path)}`" if path else "a binding"
                self.sink.report(
                    Diagnostic(
                        "binding-unknown-key",
                        f"{where} has no key `{key}`",
                        self.places.find(*path, key),
                        help=f"did you mean `{near[0]}`?" if near else f"it may have {listed}",
                    )
                )

    def table(self, value: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.wrong(path, "must be a table", f"write `[{'.'.join(path)}]` and its keys below, or `{{ key = … }}`")
        return {}

    def text(self, value: Any, path: tuple[str, ...]) -> str | None:
        if value is None or isinstance(value, str):
            return value
        self.wrong(path, f"must be text, here {_kind(value)}", "put it in quotes")
        return None

    def texts(self, value: Any, path: tuple[str, ...]) -> tuple[str, ...]:
        """One text or a list of texts."""
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.wrong(path, "must be text or a list of texts", 'write `"-"` or `["-", "N/A"]`')
        return ()

    def choice(self, value: Any, options: tuple[str, ...], path: tuple[str, ...]) -> str | None:
        if value is None or value in options:
            return value  # type: ignore[no-any-return]
        self.wrong(path, f"must be {' or '.join(f'`{o}`' for o in options)}")
        return None

    def flag(self, value: Any, path: tuple[str, ...]) -> bool:
        if isinstance(value, bool):
            return value
        self.wrong(path, "must be `true` or `false`")
        return False

    def whole(self, value: Any, least: int, path: tuple[str, ...]) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.wrong(path, f"must be a whole number from {least}")
        return least

    def scalar(self, value: Any, path: tuple[str, ...]) -> Scalar | None:
        if isinstance(value, dt.datetime) or (
            value is not None and not isinstance(value, str | int | bool | Decimal | dt.date)
        ):
            self.wrong(path, f"must be one value, here {_kind(value)}")
            return None
        return value


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "a flag"
        case int() | Decimal():
            return "a number"
        case dict():
            return "a table"
        case list():
            return "a list"
        case dt.date() | dt.time():
            return "a date or time"
        case _:
            return "text"
