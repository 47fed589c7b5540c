"""The lock file `vbc.lock`: what the used documents meant when somebody last looked at them.

It lies beside the contract, or in a folder above it up to the project, and lists name, version and meaning hash of every
used document. A library that keeps its version and changes what it says is then a warning, not a surprise in an amount.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.library.edition import Loaded, Locked
from contractlang.library.search import PROJECT_MARKERS, shown
from contractlang.source import Span

NAME = "vbc.lock"


def lock_text(contracts: Iterable[Loaded]) -> str:
    """The text of a lock file for the documents that some contracts use."""
    used = {(one.name, one.version or ""): one for loaded in contracts for one in loaded.used}
    blocks = ["# What the used documents mean. A document that changes without a new version is reported.\n"]
    for _, one in sorted(used.items()):
        lines = ["[[document]]", f"name = {json.dumps(one.name)}"]
        lines += [] if one.version is None else [f"version = {json.dumps(one.version)}"]
        blocks.append("\n".join([*lines, f"meaning = {json.dumps(one.meaning)}\n"]))
    return "\n".join(blocks)


def check_lock(loaded: Loaded, folder: Path, sink: Sink) -> None:
    """Warn of every used document that means something else than the lock file in reach says."""
    path = _find(folder)
    if path is None or not loaded.used:
        return
    kept = read_lock(path, sink)
    for one in loaded.used:
        meaning = kept.get((one.name, one.version))
        if meaning is not None and meaning != one.meaning:
            sink.report(
                Diagnostic(
                    "lock-differs",
                    f"`{one.name}` no longer means what `{shown(path)}` says",
                    _place(loaded, one),
                    notes=(f"locked: {meaning}", f"found: {one.meaning}"),
                    help="give the changed document another version, or write the lock file anew if the change is meant",
                    severity=Severity.WARNING,
                )
            )


def read_lock(path: Path, sink: Sink) -> Mapping[tuple[str, str | None], str]:
    """The meaning hashes of a lock file by name and version; reports one that cannot be read."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("document", [])
        return {(entry["name"], entry.get("version")): entry["meaning"] for entry in entries}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        sink.report(
            Diagnostic(
                "lock-unreadable",
                f"`{shown(path)}` cannot be read as a lock file",
                help="write it anew, or delete it",
                severity=Severity.WARNING,
            )
        )
        return {}


def _find(folder: Path) -> Path | None:
    own = Path(os.path.abspath(folder))  # noqa: PTH100 - `resolve` would follow links out of the project
    for above in (own, *own.parents):
        if (above / NAME).is_file():
            return above / NAME
        if any((above / marker).exists() for marker in PROJECT_MARKERS):
            return None
    return None


def _place(loaded: Loaded, one: Locked) -> Span | None:
    for edition in loaded.editions:
        for use, document in edition.uses:
            if (document.name.text, document.header.version) == (one.name, one.version):
                return use.span
    return None
