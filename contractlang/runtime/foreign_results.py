"""Files of results as tables of another contract: how they are read, and whether the right contract made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.runtime.binding import Source, TableBinding
from contractlang.semantics.model import TableSchema
from contractlang.semantics.types import Kind

DESCRIPTION = "run.json"
"""The file beside the results that says which contract made them."""


def as_written(schema: TableSchema, binding: TableBinding) -> TableBinding:
    """The binding of a table of results: a run writes them always in the same way, so that nothing has to be said."""
    keys = {key.name: Source(binding.span, column=key.name) for key in schema.keys}
    columns = {
        c.name: Source(binding.span, column=c.name, form="fraction" if c.type.kind is Kind.PERCENT else None)
        for c in schema.columns
    }
    return replace(binding, keys={**keys, **binding.keys}, columns={**columns, **binding.columns})


def check_origin(schema: TableSchema, paths: Sequence[tuple[Path, str]], sink: Sink) -> None:
    """Report every file that another contract, another version or another text of it has made, or a trial."""
    assert schema.results is not None  # noqa: S101 - asked of results only
    wanted = schema.results
    for path, shown in paths:
        found = _identity(path)
        reason = ""
        if found is None:
            reason = f"does not say which contract made it: `{DESCRIPTION}` of the run must lie beside it"
        elif (found.get("contract"), found.get("version")) != (wanted.contract, wanted.version):
            reason = f"has results of `{found.get('contract')}` version `{found.get('version')}`"
        elif found.get("not_the_contract"):
            reason = "has results of a trial with other terms"
        elif strange := [m for m in _meanings(found) if m not in wanted.meanings]:
            reason = f"was settled by another text of `{wanted.contract}` (meaning {strange[0][:12]} …)"
        if reason:
            sink.report(
                Diagnostic(
                    "results-mismatch",
                    f"`{schema.name}`: `{shown}` {reason}",
                    schema.span,
                    help=f"bind a file that `vbc run` wrote for `{wanted.contract}` version `{wanted.version}` as it is now",
                )
            )


def _meanings(found: Mapping[str, Any]) -> list[str]:
    texts = found.get("texts")
    return [str(t.get("meaning")) for t in texts if isinstance(t, dict)] if isinstance(texts, list) and texts else [""]


def _identity(path: Path) -> Mapping[str, Any] | None:
    """What a file of results says about itself: in its own metadata, or in the description beside it."""
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        if parquet:
            metadata = pq.read_metadata(path).metadata or {}
            found = json.loads(metadata[b"vbc"]) if b"vbc" in metadata else None
        else:
            found = json.loads((path.parent / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
