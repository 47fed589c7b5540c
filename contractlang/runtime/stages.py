"""The finished reduce stage as files: everything that the settle stage reads, so that it can start again without the data.

A folder holds one Arrow file per table, one for the settled rows, and `stage.json`, which is written last: a folder without
it is not finished. Values are what they are in memory, scaled integers and text, so that nothing is rounded on the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from contractlang.engines.base import Column, Frame, Inputs, MemberTable, Table
from contractlang.runtime.executor import Accounts
from contractlang.runtime.set_aside import SetAside

FORMAT = "vbc-stage/1"
_WIDE = "wide"  # integers beyond 64 bits travel as text


@dataclass(frozen=True)
class Stage:
    """What the reduce stage left: the inputs with all reduced tables, and the accounts of each distinct plan.

    `report` is the report of the binding and `findings` what was found so far, both as plain data. `listed` says that the
    data list the units, so that names of others were reported before. `set_aside` are the rows that a lenient run did
    without.
    """

    inputs: Inputs
    accounts: Sequence[Accounts | None]
    report: Mapping[str, object]
    findings: Sequence[Mapping[str, Any]] = ()
    listed: bool = True
    set_aside: Sequence[SetAside] = ()


def save(stage: Stage, folder: Path, identity: str) -> None:
    """Write a stage; `identity` says of what. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stage.json").unlink(missing_ok=True)
    tables = {}
    for number, table in enumerate(stage.inputs.tables.values()):
        tables[table.name] = _write_table(table, folder / f"table-{number}.arrow") | {"path": f"table-{number}.arrow"}
    frame = stage.inputs.frame
    units = pa.table(
        {"unit": pa.array(list(frame.units), pa.string()), "period": pa.array(list(frame.periods), pa.string())}
    )
    _write(units, folder / "frame.arrow")
    text = json.dumps(
        {
            "format": FORMAT,
            "identity": identity,
            "tables": tables,
            "members": {name: member.file for name, member in stage.inputs.members.items()},
            "accounts": [None if a is None else {b: [_packed(row) for row in rows] for b, rows in a.items()} for a in stage.accounts],
            "report": stage.report,
            "findings": list(stage.findings),
            "listed": stage.listed,
            "known_on": stage.inputs.known_on,
            "set_aside": [_aside_packed(part) for part in stage.set_aside],
        },
        ensure_ascii=False,
    )  # fmt: skip
    partial = folder / "stage.json.partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / "stage.json")


def load(folder: Path, identity: str) -> Stage | None:
    """Read a stage; None when the folder has no finished stage of this identity. Raises OSError."""
    try:
        said = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if (said["format"], said["identity"]) != (FORMAT, identity):
        return None
    frame = _read(folder / "frame.arrow")
    tables = {name: _read_table(name, about, folder / about["path"]) for name, about in said["tables"].items()}
    members = {name: MemberTable(name, None, "", {}, file) for name, file in said["members"].items()}
    accounts = [
        None if a is None else {b: [_unpacked(row) for row in rows] for b, rows in a.items()} for a in said["accounts"]
    ]
    rows = Frame(frame.column("unit").to_pylist(), frame.column("period").to_pylist())
    aside = [_aside_unpacked(part) for part in said.get("set_aside", ())]
    inputs = Inputs(rows, tables, members, said.get("known_on", ""))
    return Stage(inputs, accounts, said["report"], said["findings"], said["listed"], aside)


# Tables --------------------------------------------------------------------------------------------------------------


def _write_table(table: Table, path: Path) -> dict[str, Any]:
    """Write the columns; what is not in them."""
    arrays: dict[str, pa.Array] = {}
    about: dict[str, dict[str, Any]] = {"keys": {}, "columns": {}}
    for part, columns in (("keys", table.keys), ("columns", table.columns)):
        for name, column in columns.items():
            at = len(arrays)
            values, wide = _array(column)
            arrays[str(at)] = values
            if column.states is not None:
                arrays[f"{at} states"] = pa.array(column.states, pa.uint8())
            about[part][name] = {
                "at": at,
                "form": column.form,
                "scale": column.scale,
                "labels": list(column.labels),
                "states": column.states is not None,
                "reasons": {str(state): reason for state, reason in column.reasons.items()},
                _WIDE: wide,
            }
    if len(table.row_numbers):
        arrays["rows"] = pa.array(list(table.row_numbers), pa.int64())
    if len(table.row_files):
        arrays["files"] = pa.array(list(table.row_files), pa.string())
    _write(pa.table(arrays), path)
    return {**about, "file": table.file, "source_columns": dict(table.source_columns)}


def _read_table(name: str, about: Mapping[str, Any], path: Path) -> Table:
    found = _read(path)
    parts: dict[str, dict[str, Column]] = {
        part: {column: _column(said, found) for column, said in about[part].items()} for part in ("keys", "columns")
    }
    rows = found.column("rows").to_pylist() if "rows" in found.column_names else ()
    files = found.column("files").to_pylist() if "files" in found.column_names else ()
    return Table(name, parts["keys"], parts["columns"], about["file"], rows, about["source_columns"], files)


def _array(column: Column) -> tuple[pa.Array, bool]:
    if column.values.dtype != object:
        return pa.array(column.values.astype(np.int64, copy=False), pa.int64()), False
    if column.form == "text":
        return pa.array(column.values.tolist(), pa.string()), False
    return pa.array([str(value) for value in column.values.tolist()], pa.string()), True


def _column(said: Mapping[str, Any], found: pa.Table) -> Column:
    array = found.column(str(said["at"])).combine_chunks()
    values: npt.NDArray[Any]
    if pa.types.is_string(array.type):
        listed = array.to_pylist()
        values = np.array([*(map(int, listed) if said[_WIDE] else listed), ""], dtype=object)[:-1]
    else:
        values = array.to_numpy(zero_copy_only=False)
    states = found.column(f"{said['at']} states").to_numpy() if said["states"] else None
    reasons = {int(state): reason for state, reason in said["reasons"].items()}
    return Column(said["form"], values, said["scale"], tuple(said["labels"]), states, reasons)


def _write(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()


def _packed(row: Mapping[str, object]) -> dict[str, Any]:
    return {k: [v.numerator, v.denominator] if isinstance(v, Fraction) else v for k, v in row.items()}


def _unpacked(row: Mapping[str, Any]) -> dict[str, object]:
    return {k: Fraction(*v) if isinstance(v, list) else v for k, v in row.items()}


def _aside_packed(part: SetAside) -> dict[str, Any]:
    months = None if part.months is None else str(part.months)
    return asdict(part) | {"money": {name: str(amount) for name, amount in part.money.items()}, "months": months}


def _aside_unpacked(said: Mapping[str, Any]) -> SetAside:
    months = None if said["months"] is None else Fraction(said["months"])
    money = {name: Fraction(amount) for name, amount in said["money"].items()}
    return SetAside(**{**said, "examples": tuple(said["examples"]), "money": money, "months": months})
