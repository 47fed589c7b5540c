"""`import`: a file of member rows in any common layout, checked and written in the fast one, with a report of it all.

The fast layout is Parquet, sorted by member and month, texts as dictionary codes, decimals as scaled integers; measure
results long, wide (two flags per measure) or as bit masks.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines.duckdb.files import Connection, FileProblem, Parts, connect, words
from contractlang.engines.duckdb.layout import DatabaseError, Refused, Sorted, bounded
from contractlang.engines.duckdb.reading import CellTable, Counts
from contractlang.engines.reading import Reading, scale
from contractlang.runtime.asked import Asked
from contractlang.runtime.binding import TableBinding
from contractlang.runtime.cell_findings import Findings
from contractlang.runtime.cell_formats import listed
from contractlang.runtime.cells import Slot, slots_of
from contractlang.runtime.export import Writing
from contractlang.runtime.files import Columns, OpenFile, open_file
from contractlang.runtime.formatting import scaled
from contractlang.sample.arrow import decimals
from contractlang.sample.fitting import RESULTS, toml
from contractlang.sample.import_report import Imported, reasons, seen
from contractlang.sample.recognising import Recognised, Wanted, recognise
from contractlang.sample.writing import Parquet
from contractlang.semantics.types import Kind

MOST_BITS = 62
MOST_HELD = 2_000_000
"""Rows that are read once and held in memory; more are read from the file whenever they are asked for."""

REPORT, SET_ASIDE, BINDING = "import.json", "set_aside.csv", "binding.toml"


@dataclass(frozen=True, slots=True)
class Order:
    """What to import and how: `measures` is `long`, `wide` or `bits`; `lenient` sets rows aside instead of refusing the
    file; `absent` are texts that mean "no value"."""

    paths: tuple[Path, ...]
    wanted: Wanted
    measures: str = "long"
    lenient: bool = False
    absent: tuple[str, ...] = ()
    memory_limit: str = "4GB"


def convert(order: Order, folder: Path, sink: Sink) -> Imported | None:
    """Import the files as one table into a folder; None, with every reason in the sink, when nothing is written.

    Raises OSError when the folder cannot be written.
    """
    connection = connect()
    spill = tempfile.TemporaryDirectory(prefix="vbc-")
    try:
        bounded(connection, order.memory_limit, Path(spill.name))
        opened = _open(connection, order, sink)
        return None if opened is None else _convert(opened, order, folder, sink)
    except DatabaseError as error:
        sink.report(Diagnostic("file-unreadable", f"the files cannot be read: {words(error)}"))
        return None
    finally:
        connection.close()
        spill.cleanup()


@dataclass(frozen=True)
class _Opened:
    recognised: Recognised
    cells: CellTable
    slots: Sequence[Slot]
    files: Sequence[str]

    def index(self, name: str) -> int:
        return next(i for i, reading in enumerate(self.cells.readings) if reading.name == name)


def _open(connection: Connection, order: Order, sink: Sink) -> _Opened | None:
    """Open the files, recognise their columns and read their cells."""
    files: list[OpenFile] = []
    for path in order.paths:
        found = open_file(connection, path, str(path), TableBinding("import"))
        if isinstance(found, FileProblem):
            _problem(found, str(path), sink)
        else:
            files.append(found)
    if len(files) < len(order.paths):
        return None
    if _unknown_headers(order.wanted, files[0], sink):
        return None
    recognised = recognise(files[0].headers, _first_row(files[0]), order.wanted)
    if isinstance(recognised, str):
        _lacking(recognised, files[0], sink)
        return None
    if _unknown_decimals(order.wanted, recognised, sink):
        return None
    binding = TableBinding(
        recognised.schema.name, absent=order.absent, keys=recognised.keys, columns=recognised.columns
    )
    columns = Columns(recognised.schema.name, files, False, sink)  # noqa: FBT003 - headers are matched letter by letter
    slots = slots_of(recognised.schema, binding, columns, sink)
    if slots is None or columns.failed:
        return None
    parts = Parts(connection, f"raw {recognised.schema.name}")
    for number, file in enumerate(files):
        used = [(positions[number], raw) for positions, raw in columns.used.items()]
        if file.layout is not None:
            problem = parts.add_csv(file.path, file.layout, [(raw.name, position) for position, raw in used])
        else:
            headers = [(raw.name, file.headers[position][0], raw.native) for position, raw in used]
            problem = parts.add_parquet(file.path, headers, held=False)
        if problem is not None:
            _problem(problem, file.shown, sink)
            return None
    parts.finish()
    readings = [slot.reading for slot in slots if slot.reading is not None]
    held = any(file.layout is not None for file in files) or _rows_of(files) <= MOST_HELD
    cells = CellTable.of(connection, recognised.schema.name, readings, [], member_level=True, held=held)
    return _Opened(recognised, cells, slots, [file.shown for file in files])


def _rows_of(files: Sequence[OpenFile]) -> int:
    """The rows of Parquet files."""
    return sum(pq.read_metadata(file.path).num_rows for file in files if file.layout is None)


def _first_row(file: OpenFile) -> dict[str, object]:
    """The cells of the first row, by header: how months are written."""
    if file.layout is None:
        batch = next(pq.ParquetFile(file.path).iter_batches(1))
        return {str(name): value for name, (value, *_) in batch.to_pydict().items()}
    with file.path.open(encoding="utf-8-sig", newline="") as handle:
        records = csv.reader(handle, delimiter=file.layout.delimiter)
        next(records, None)
        return dict(zip((name for name, _ in file.headers), next(records, []), strict=False))


def _problem(problem: FileProblem, shown: str, sink: Sink) -> None:
    sink.report(Diagnostic(problem.code, f"file `{shown}` {problem.reason}", notes=problem.notes, help=problem.help))


def _unknown_headers(wanted: Wanted, file: OpenFile, sink: Sink) -> bool:
    """Report headers that the user names and the file does not have."""
    headers = [header for header, _ in file.headers]
    unknown = {name: header for name, header in wanted.columns.items() if header not in headers}
    for name, header in unknown.items():
        near = get_close_matches(header, headers, n=1)
        help_ = f"did you mean `{near[0]}`?" if near else f"the file has {listed(headers[:12])}"
        message = f"`--column {name}={header}`: `{file.shown}` has no column `{header}`"
        sink.report(Diagnostic("column-not-found", message, help=help_))
    return bool(unknown)


def _unknown_decimals(wanted: Wanted, recognised: Recognised, sink: Sink) -> bool:
    """Report decimals of columns that there are not."""
    names = [column.name for column in recognised.schema.columns]
    unknown = [name for name in wanted.decimals if name not in names]
    for name in unknown:
        near = get_close_matches(name, names, n=1)
        help_ = f"did you mean `{near[0]}`?" if near else f"the columns are {listed(names)}"
        sink.report(Diagnostic("column-not-found", f"`--decimals {name}`: there is no column `{name}`", help=help_))
    return bool(unknown)


def _lacking(name: str, file: OpenFile, sink: Sink) -> None:
    headers = ", ".join(f"`{header}`" for header, _ in file.headers[:12])
    sink.report(
        Diagnostic(
            "column-not-found",
            f"`{file.shown}` has no column that is known to hold the {name}, or it is written in no known way",
            notes=(f"headers of the file: {headers}{' …' if len(file.headers) > 12 else ''}",),
            help=f"name it: --column {name}=HEADER; a month is written 202103, 2021-03 or as a date",
        )
    )


def _convert(opened: _Opened, order: Order, folder: Path, sink: Sink) -> Imported | None:
    cells = opened.cells
    keys = [opened.index(key.name) for key in opened.recognised.schema.keys]
    used, counts = cells.counts()
    kept = Sorted.of(cells, keys)
    bad = used - kept.sums([], kept=True)[0]
    if bad:
        _findings(opened, counts, used, order, sink)
        if not order.lenient:
            return None
    refused = list(kept.refused()) if bad else []
    integers = [keys[0]] if kept.whole_numbers(keys[0]) else []
    money = [i for i, r in enumerate(cells.readings) if _is_money(opened, r)]
    if used == bad:
        sink.report(Diagnostic("file-empty", "no row of the files can be used"))
        return None
    lost = kept.sums(money, kept=False)[1:]
    measures: list[str] = []
    if opened.recognised.schema.name == RESULTS:
        measures = kept.texts(opened.index("measure"))
    if (problem := _unfit_measures(opened, order, measures)) is not None:
        sink.report(problem)
        return None
    report = Imported(
        opened.recognised.schema.name,
        used,
        used - bad,
        0,
        [seen(cells, slot, counts, integers) for slot in opened.slots],
        opened.recognised.left_out,
        reasons(refused, cells),
        {cells.readings[i].name: scaled(value, scale(cells.readings[i])) for i, value in zip(money, lost, strict=True)}
        if refused
        else {},
        opened.files,
        measures,
    )
    rows = _Rows(opened, order, kept, integers, measures)
    return _write(rows, folder, refused, report)


def _unfit_measures(opened: _Opened, order: Order, measures: Sequence[str]) -> Diagnostic | None:
    """Why measures cannot stand side by side, if so."""
    if order.measures == "long":
        return None
    if opened.recognised.schema.name != RESULTS:
        message = f"`--measures {order.measures}` needs measure results, the files hold member-months"
        return Diagnostic("unsupported", message, help="leave `--measures` out")
    names = {reading.name for reading in opened.cells.readings}
    if not {"numerator", "denominator"} & names:
        message = "the files have no column for the numerator or the denominator"
        return Diagnostic("column-not-found", message, help="name them: --column numerator=HEADER")
    if order.measures == "bits" and len(measures) > MOST_BITS:
        message = f"{len(measures)} measures do not fit into one mask of {MOST_BITS} bits"
        return Diagnostic("unsupported", message, help="write `--measures wide`")
    return None


def _write(source: _Rows, folder: Path, refused: Sequence[Refused], report: Imported) -> Imported:
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    opened = source.opened
    written: list[int] = []
    try:
        with Writing(folder) as writing:
            writing.add(f"{report.table}.parquet", lambda path: written.append(source.write(path)))
            report = replace(report, written=written[0])
            text = json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n"
            writing.add(REPORT, lambda path: path.write_text(text, encoding="utf-8"))
            writing.add(BINDING, lambda path: path.write_text(_binding(opened, source.order), encoding="utf-8"))
            if refused:
                writing.add(SET_ASIDE, lambda path: _list(path, refused, opened))
    finally:
        if created and not any(folder.iterdir()):
            folder.rmdir()
    return report


@dataclass(frozen=True)
class _Rows:
    """The rows that are written; `integers` are the texts that are stored as integers, `measures` the labels."""

    opened: _Opened
    order: Order
    kept: Sorted
    integers: Sequence[int]
    measures: Sequence[str]

    def write(self, path: Path) -> int:
        """Write the rows; how many there are."""
        with Parquet(path) as file:
            readings = {reading.name: reading for reading in self.opened.cells.readings}
            for batch in self._batches():
                columns = zip(batch.schema.names, batch.columns, strict=True)
                file.add({name: _stored(column, readings.get(name)) for name, column in columns})
            return file.rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self.order.measures == "long" or self.opened.recognised.schema.name != RESULTS:
            return self.kept.batches(integers=self.integers)
        return self.kept.wide(
            self.opened.index("measure"),
            _wide_flags(self.opened),
            self.measures,
            integers=self.integers,
            bits=self.order.measures == "bits",
        )


def _wide_flags(opened: _Opened) -> list[tuple[str, list[int]]]:
    """Denominator and numerator of a member; excluded members are in neither."""
    names = {reading.name: i for i, reading in enumerate(opened.cells.readings)}
    without = [~names["excluded"]] if "excluded" in names else []
    denominator = [names["denominator"]] if "denominator" in names else []
    numerator = [names["numerator"]] if "numerator" in names else []
    return [("denominator", [*denominator, *without]), ("numerator", [*numerator, *denominator, *without])]


def _stored(column: pa.Array, reading: Reading | None) -> pa.Array:
    """A column of typed cells as the new file stores it."""
    if reading is None:
        return column
    if reading.form == "period":
        months = pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False)
        if reading.word == "year":
            return pa.array((months // 100).astype(np.int32))
        since = (months // 100 - 1970) * 12 + months % 100 - 1
        return pa.array(since.astype("datetime64[M]").astype("datetime64[D]"))
    if reading.form == "int" and scale(reading):
        absent = column.is_null().to_numpy(zero_copy_only=False)
        return decimals(column.fill_null(0).to_numpy(zero_copy_only=False), scale(reading), absent)
    return column


def _findings(opened: _Opened, counts: Sequence[Counts], used: int, order: Order, sink: Sink) -> None:
    """Report what is wrong with rows: errors, or warnings where they are only set aside."""
    own = Sink()
    findings = Findings(opened.recognised.schema, opened.cells, opened.files, used, None, own, Asked(own))
    for slot in opened.slots:
        index = opened.index(slot.name)
        findings.cells(slot, index, counts[index])
    findings.duplicates([(key.name, opened.index(key.name)) for key in opened.recognised.schema.keys])
    for found in own:
        help_ = _HELP.get(found.code, "mend the file; `--lenient` sets such rows aside and lists them")
        severity = Severity.WARNING if order.lenient else found.severity
        sink.report(replace(found, severity=severity, help="" if order.lenient else help_))


_HELP = {
    "cell-unreadable": "mend the file, or say which texts mean no value: --absent TEXT; `--lenient` sets such rows aside",
}


def _is_money(opened: _Opened, reading: Reading) -> bool:
    column = opened.recognised.schema.column(reading.name)
    return column is not None and column.type.kind is Kind.MONEY


def _list(path: Path, refused: Sequence[Refused], opened: _Opened) -> None:
    """Every row that is set aside, by its place; no cell of it."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["file", "row", "reason"])
        for row in refused:
            headers = "; ".join(opened.cells.readings[i].header for i in row.readings)
            out.writerow(
                [
                    opened.files[row.file],
                    row.row,
                    "key names several rows" if row.doubled else f"cannot be used: {headers}",
                ]
            )


def _binding(opened: _Opened, order: Order) -> str:
    """The section of the new file: columns have the names under which they were recognised."""
    name = opened.recognised.schema.name
    lines = [f"[tables.{name}]", f"file = {toml(f'{name}.parquet')}", "same_names = true", "", f"[tables.{name}.keys]"]
    wide = order.measures != "long" and name == RESULTS
    for key in opened.recognised.schema.keys:
        if key.name == "month":
            lines.append('month = { column = "month", as = "date" }')
        elif not (wide and key.name == "measure"):
            lines.append(f"{key.name} = {toml(key.name)}")
    return "\n".join(lines) + "\n"
