"""Which amendments a contract has: the files in its folder, and in `amendments/` beside it, whose header names it.

An amendment that seems to be meant and does not fit is reported, because passing it over would pay by the old text.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Severity, Sink
from contractlang.library.edition import Read
from contractlang.library.findings import claimed_twice, version_fixes, version_text
from contractlang.library.search import AMENDMENTS, Heading, Shelf, nearest
from contractlang.source import Span

MOST_TWINS = 3
"""Files of one name that are listed; further ones are counted."""

Reader = Callable[[Path, Span | None], Read | None]


def amendments_of(read: Read, version: str | None, shelf: Shelf, reader: Reader, sink: Sink) -> list[Read]:
    """The amendments of a contract, each once, in no particular order. `version` is the contract's, own or inherited."""
    name = read.document.name.text
    folder = read.path.parent
    beside = shelf.headings(folder)
    contracts = [h for h in beside if h.kind == "contract"]
    versions = {h.version for h in contracts if h.name == name} | {version}
    found: list[Read] = []
    for heading in (*beside, *shelf.headings(folder / AMENDMENTS)):
        if heading.kind != "amendment" and not (heading.kind == "" and heading.path.parent != folder):
            continue  # in `amendments/`, a file without a readable first line is a broken amendment
        if heading.target == name and heading.target_version == version and version is not None:
            found += [amendment] if (amendment := reader(heading.path, None)) else []
        elif heading.target is None or (heading.target == name and heading.target_version not in versions):
            _report_unfit(reader(heading.path, None), versions, sink)
        elif not any(h.name == heading.target for h in contracts) and nearest(heading.target, [name]):
            _report_misspelt(reader(heading.path, None), name, sink)
    named: dict[str, Read] = {}
    for amendment in found:
        first = named.setdefault(amendment.document.name.text, amendment)
        if first is not amendment:
            sink.report(claimed_twice(first, amendment))
    return list(named.values())


def report_twins(read: Read, version: str | None, shelf: Shelf, sink: Sink) -> None:
    """Warn of other contracts in the same folder that claim the same name and version: amendments hit all of them.

    They are not parsed: a mistake in a copy is no mistake of this contract.
    """
    name = read.document.name
    claims = [h.path for h in shelf.headings(read.path.parent) if _claims(h, name.text, version)]
    twins = [path for path in claims if path.resolve() != read.path.resolve() and not same_bytes(path, read.digest)]
    if not twins:
        return
    listed = ", ".join(f"`{path}`" for path in twins[:MOST_TWINS])
    more = f" and {len(twins) - MOST_TWINS} more" if len(twins) > MOST_TWINS else ""
    count = "two" if len(twins) == 1 else str(len(twins) + 1)
    sink.report(
        Diagnostic(
            "duplicate-document",
            f"{count} files claim to be contract `{name.text}`",
            name.span,
            notes=(f"also: {listed}{more}",),
            help="delete the others, or give each its own name or version; an amendment would hit all of them",
            severity=Severity.WARNING,
        )
    )


def _claims(heading: Heading, name: str, version: str | None) -> bool:
    return (heading.kind, heading.name, heading.version) == ("contract", name, version)


def same_bytes(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _report_unfit(read: Read | None, versions: set[str | None], sink: Sink) -> None:
    if read is None or read.document.base is None:
        return
    base = read.document.base
    known = ", ".join(sorted(f'"{v}"' for v in versions if v is not None)) or "none"
    sink.report(
        Diagnostic(
            "version-conflict",
            f"amendment `{read.document.name.text}` amends a {version_text(base.version)} of `{base.name.text}`"
            if base.version is not None
            else f"amendment `{read.document.name.text}` does not say which version of `{base.name.text}` it amends",
            base.span,
            notes=(f"versions in this folder: {known}",),
            help='name the version that is amended: `version "…"`',
            fixes=version_fixes(base.span, base.name.span, versions),
        )
    )


def _report_misspelt(read: Read | None, name: str, sink: Sink) -> None:
    if read is None or read.document.base is None:
        return
    base = read.document.base
    finding = Diagnostic(
        "import-not-found",
        f"amendment `{read.document.name.text}` names `{base.name.text}`, which is no contract in this folder",
        base.name.span,
        help=f"did you mean `{name}`?",
        fixes=(Fix(f"write `{name}`", (Edit(base.name.span, name),)),),
    )
    sink.report(_warning(finding))


def _warning(finding: Diagnostic) -> Diagnostic:
    return dataclasses.replace(finding, severity=Severity.WARNING)
