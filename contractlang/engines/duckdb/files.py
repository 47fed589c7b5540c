"""Files opened with DuckDB: CSV as text, Parquet with its own types, never guessed at.

Every function gives a `FileProblem` for a file that cannot be read; DuckDB's exceptions end here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from contractlang.engines.sql.building import alias, call, column, named, number, select, sql, table, text

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Why a file cannot be read: a code of the catalogue, a reason that follows the name of the file, and places."""

    code: str
    reason: str
    notes: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class Csv:
    """How a CSV file is laid out: the number of its columns, its delimiter, and whether its first line has the names."""

    columns: int
    delimiter: str = ","
    header: bool = True


@dataclass(slots=True)
class Parts:
    """The files of one table, as they are added to a connection: one query per file, then one view over all."""

    connection: Connection
    name: str
    queries: list[exp.Expr] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def add_csv(self, path: Path, layout: Csv, wanted: Sequence[tuple[str, int]]) -> FileProblem | None:
        """Load the wanted columns (name, position from 0) of a CSV file as text."""
        own = self._part(len(self.queries))
        rejects = f"{own}_rejects"
        columns = [named(column(f"p{position}"), name) for name, position in wanted] or [named(text(""), "c")]
        source = exp.Select(expressions=columns).from_(_read_csv(path, layout, rejects), copy=False)
        problem = self._create(own, source, kind="TABLE")
        if problem is None:
            problem = _ragged(self.connection, rejects, layout)
        if problem is None:
            place = _row_number("rowid")
            names = [column(name) for name, _ in wanted]
            self.queries.append(select([named(number(len(self.queries)), "f"), place, *names], own))
        return problem

    def add_parquet(self, path: Path, wanted: Sequence[tuple[str, str, str]], *, held: bool) -> FileProblem | None:
        """Add the wanted columns (name, header, native type) of a Parquet file: held in memory, or read when needed."""
        own = self._part(len(self.queries))
        columns = [named(_plain(header, native), name) for name, header, native in wanted]
        parquet = call("read_parquet", str(path), exp.EQ(this=_option("file_row_number"), expression=exp.true()))
        place = _row_number("file_row_number")
        source = exp.Select(expressions=[place, *columns]).from_(exp.Table(this=parquet), copy=False)
        problem = self._create(own, source, kind="TABLE" if held else "VIEW")
        if problem is None:
            names = [column(name) for name, _, _ in wanted]
            self.queries.append(select([named(number(len(self.queries)), "f"), column("r"), *names], own))
        return problem

    def finish(self, without: exp.Expr | None = None) -> None:
        """Create the view `name` with columns f (file, from 0), r (row, from 1) and the wanted ones.

        Again with `without`: the rows that meet the condition are left out.
        """
        tree = self.queries[0]
        for query in self.queries[1:]:
            tree = exp.Union(this=tree, expression=query, distinct=False)
        if without is not None:
            drop(self.connection, self.name, kind="VIEW")
            rows_left = exp.Select(expressions=[exp.Star()]).from_(exp.Subquery(this=tree, alias=alias("found")))
            tree = rows_left.where(exp.Not(this=without), copy=False)
        create(self.connection, self.name, tree, kind="VIEW")

    def free(self) -> None:
        """Free the files that were loaded into memory."""
        drop(self.connection, self.name, kind="VIEW")
        for name in self.loaded:
            drop(self.connection, name, kind="TABLE")

    def _part(self, index: int) -> str:
        """A name that DuckDB also takes where it wants a plain identifier."""
        return f"{re.sub(r'[^A-Za-z0-9]', '_', self.name)}_{index}"

    def _create(self, name: str, source: exp.Expr, *, kind: str) -> FileProblem | None:
        try:
            create(self.connection, name, source, kind=kind)
        except duckdb.Error as error:
            return FileProblem("file-unreadable", f"cannot be read: {words(error)}")
        if kind == "TABLE":
            self.loaded.append(name)
        return None


def connect() -> Connection:
    """A new database in memory that keeps the order of rows and fetches nothing from anywhere."""
    settings: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET enable_progress_bar = false")  # it would be drawn into pipes; no setting of `connect`
    return connection


def create(connection: Connection, name: str, source: exp.Expr, *, kind: str) -> None:
    """Create a temporary table or view."""
    tree = exp.Create(
        this=table(name), kind=kind, expression=source, properties=exp.Properties(expressions=[exp.TemporaryProperty()])
    )
    connection.execute(sql(tree))


def drop(connection: Connection, name: str, *, kind: str) -> None:
    connection.execute(sql(exp.Drop(kind=kind, tables=[table(name)])))


def rows(connection: Connection, query: exp.Expr) -> list[tuple[Any, ...]]:
    return connection.execute(sql(query)).fetchall()


def words(error: Exception) -> str:
    """The first line of a DuckDB message, as the end of a sentence."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else "unknown reason"
    head, _, rest = first.partition(": ")
    return rest if head.endswith("Error") and rest else first


def parquet_columns(connection: Connection, path: Path) -> list[tuple[str, str]] | FileProblem:
    """Header and native type (see `Raw`) of every column of a Parquet file."""
    everything = exp.Select(expressions=[exp.Star()]).from_(exp.Table(this=call("read_parquet", str(path))))
    try:
        relation = connection.sql(sql(everything))
        return [(name, _native(str(kind))) for name, kind in zip(relation.columns, relation.types, strict=True)]
    except duckdb.Error as error:
        return FileProblem("file-unreadable", words(error))


def parquet_rows(connection: Connection, path: Path) -> int | FileProblem:
    count = exp.Select(expressions=[call("count")]).from_(exp.Table(this=call("read_parquet", str(path))))
    try:
        return int(rows(connection, count)[0][0])
    except duckdb.Error as error:
        return FileProblem("file-unreadable", words(error))


_NATIVE = {
    "TINYINT": "int", "SMALLINT": "int", "INTEGER": "int", "BIGINT": "int",
    "UTINYINT": "int", "USMALLINT": "int", "UINTEGER": "int", "UBIGINT": "wide", "HUGEINT": "wide", "UHUGEINT": "wide",
    "FLOAT": "single", "DOUBLE": "float", "BOOLEAN": "flag", "DATE": "date",
    "TIMESTAMP": "time", "TIMESTAMP_S": "time", "TIMESTAMP_MS": "time", "TIMESTAMP_NS": "time",
    "VARCHAR": "string", "UUID": "string",
}  # fmt: skip


def _native(kind: str) -> str:
    if kind.startswith("DECIMAL("):
        return "decimal:" + kind.removeprefix("DECIMAL(").removesuffix(")").replace(" ", "")
    return "string" if kind.startswith("ENUM(") else _NATIVE.get(kind, "other")


def _plain(header: str, native: str) -> exp.Expr:
    cell = column(header)
    if native in {"text", "string"}:
        return exp.Cast(this=cell, to=exp.DataType.build("VARCHAR"))
    if native == "time":
        return exp.Cast(this=cell, to=exp.DataType.build("TIMESTAMP", dialect="duckdb"))
    return cell


def _row_number(counter: str) -> exp.Expr:
    """The row number from 1, out of a counter from 0."""
    return named(exp.Add(this=exp.Column(this=exp.to_identifier(counter)), expression=number(1)), "r")


def _option(name: str) -> exp.Expr:
    return exp.Column(this=exp.to_identifier(name))


def _read_csv(path: Path, layout: Csv, rejects: str) -> exp.Table:
    kinds = [exp.PropertyEQ(this=exp.to_identifier(f"p{i}"), expression=text("VARCHAR")) for i in range(layout.columns)]
    options: dict[str, exp.Expr] = {
        "auto_detect": exp.false(),
        "columns": exp.Struct(expressions=kinds),
        "header": exp.true() if layout.header else exp.false(),
        "delim": text(layout.delimiter),
        "quote": text('"'),
        "escape": text('"'),
        "nullstr": text("\x00none"),  # no cell is NULL: blank cells are ''
        "compression": text("none"),
        "strict_mode": exp.true(),
        "store_rejects": exp.true(),
        "rejects_table": text(rejects),
        "rejects_scan": text(f"{rejects}_scan"),
    }
    pairs = [exp.EQ(this=_option(name), expression=value) for name, value in options.items()]
    return exp.Table(this=call("read_csv", str(path), *pairs))


def _ragged(connection: Connection, rejects: str, layout: Csv) -> FileProblem | None:
    """What the CSV reader had to leave out: any such row makes the file unreadable."""
    query = select([column("line"), column("error_type"), column("error_message")], rejects)
    found = rows(connection, query.order_by(column("line"), column("column_idx"), copy=False))
    lines: dict[int, str] = {}
    for line, kind, message in found:
        lines.setdefault(line, _reject(str(kind), str(message), layout))
    if not lines:
        return None
    notes = [f"line {line}: {reason}" for line, reason in list(lines.items())[:SHOWN]]
    if len(lines) > SHOWN:
        notes.append(f"and {len(lines) - SHOWN:,} more")
    many = "1 row that does" if len(lines) == 1 else f"{len(lines):,} rows that do"
    return FileProblem(
        "file-unreadable",
        f"has {many} not fit the header of {layout.columns} columns",
        tuple(notes),
        "quote cells that hold the delimiter, or mend the rows",
    )


SHOWN = 5
"""How many examples of a problem are shown; the total is always stated."""


def _reject(kind: str, message: str, layout: Csv) -> str:
    if "COLUMNS" in kind and (found := message.rpartition("Found: ")[2].strip()).isdigit():
        return f"{found} cells where the header has {layout.columns}"
    if kind == "UNQUOTED VALUE":
        return "a quoted cell does not end, or text follows its closing quote"
    return (message.splitlines() or [kind.lower()])[0].rstrip(".")
