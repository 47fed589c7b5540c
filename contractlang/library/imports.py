"""Loading a contract with everything it names: what it extends, what it uses, what amends it.

Every document is read once, however many others name it. Nothing is guessed: a name that leads nowhere, to several texts,
to another version, or back to itself is reported at the place that names it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Sink
from contractlang.library import findings
from contractlang.library.amendments import Stage, published, stages, term_of
from contractlang.library.discovery import amendments_of, report_twins, same_bytes
from contractlang.library.edition import Consolidated, Edition, Loaded, Locked, Read
from contractlang.library.findings import Step
from contractlang.library.lock import check_lock
from contractlang.library.meaning import meaning_hash
from contractlang.library.overrides import extend, flat
from contractlang.library.reading import read_file
from contractlang.library.search import Shelf, roots_of
from contractlang.locations import contracts_folder
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.syntax.parser import parse

MAX_DOCUMENTS = 200
MAX_CHAIN = 40  # documents that name one another in a row
_DAY = dt.timedelta(days=1)


def load(path: Path, sink: Sink, *, roots: Sequence[Path] = (), known_on: dt.date | None = None) -> Loaded | None:
    """Read a contract, library or amendment, and compute its editions.

    An amendment loads the contract that it amends. `roots` are further folders to search. None when the file itself
    cannot be read or parsed; with other errors (see the sink) the result is the best that could be made. Amendments that
    were published after `known_on` are not laid over the text.
    """
    library = _Library(Shelf(roots_of(path, roots, contracts_folder())), sink, known_on)
    read = library.read(path, None)
    if read is None:
        return None
    base = read.document.base
    if read.document.kind != "amendment" or base is None:
        return library.loaded(read)
    target = library.target(base.name, base.version, "contract", base.span)
    return None if target is None else library.loaded(target, (read,))


_PARSED: dict[tuple[str, str], Read] = {}
"""Documents without a finding, by name and hash of their files: libraries are parsed once in a long-running process."""


def _keep(read: Read | None) -> None:
    if read is not None:
        while len(_PARSED) >= MAX_DOCUMENTS:
            _PARSED.pop(next(iter(_PARSED)), None)
        _PARSED[read.file.name, read.digest] = read


class _Used(NamedTuple):
    use: ast.Use
    read: Read
    text: Consolidated


class _Library:
    """The documents of one run."""

    def __init__(self, shelf: Shelf, sink: Sink, known_on: dt.date | None = None) -> None:
        self.known_on = known_on
        self.shelf = shelf
        self.sink = sink
        self._reads: dict[Path, Read | None] = {}
        self._texts: dict[Path, Consolidated] = {}
        self._extending: list[Step] = []  # documents being consolidated, outermost first
        self._used: dict[Span, _Used | None] = {}
        self._explored: set[Path] = set()
        self._cut: set[Span] = set()  # uses that lead in a circle or too far; reported, and then not followed
        self._meanings: dict[Path, str] = {}

    # Documents ------------------------------------------------------------------------------------------------------

    def read(self, path: Path, span: Span | None) -> Read | None:
        """Read and parse a file, once. `span` is the place that names it."""
        real = path.resolve()
        if real not in self._reads:
            if len(self._reads) == MAX_DOCUMENTS:
                self.sink.report(findings.limit(f"more than {MAX_DOCUMENTS} documents are named", span))
                return None
            self._reads[real] = None
            reported = len(self.sink)
            if found := read_file(path, self.sink, span):
                file, digest = found
                kept = _PARSED.get((file.name, digest))
                document = parse(file, self.sink) if kept is None else kept.document
                if document is not None:
                    self._reads[real] = kept or Read(path, file, digest, document)
                    if len(self.sink) == reported:
                        _keep(self._reads[real])
        return self._reads[real]

    def target(self, name: ast.Name, version: str | None, kind: str, span: Span) -> Read | None:
        """The document that a name and a version mean; reports a name that means none, several or another kind."""
        claims = [claim for claim in self.shelf.claims(name.text) if claim.kind != "amendment"]
        fitting = [claim for claim in claims if version in (None, claim.version)]
        finding: Diagnostic | None = None
        found: Read | None = None
        if not claims:
            finding = findings.missing(name, kind, self.shelf)
        elif not fitting:
            finding = findings.wrong_version(name, version, claims, span)
        elif len({claim.version for claim in fitting}) > 1:
            finding = findings.several_versions(name, fitting, span)
        elif found := self.read(fitting[0].path, span):
            others = [claim for claim in fitting[1:] if not same_bytes(claim.path, found.digest)]
            if others:
                finding = findings.several_files(name, [fitting[0], *others])
            elif found.document.kind != kind:
                finding = findings.wrong_kind(name, found, kind, span)
        if finding is not None:
            self.sink.report(finding)
            return None
        return found

    def consolidated(self, read: Read, span: Span | None) -> Consolidated | None:
        """A document with what it extends; None when that leads back to itself."""
        if read.path in self._texts:
            return self._texts[read.path]
        open_paths = [inner.path for inner, _ in self._extending]
        if read.path in open_paths:
            steps = [*self._extending[open_paths.index(read.path) :], (read, span)]
            self.sink.report(findings.circle(steps, "extend"))
            return None
        if len(open_paths) == MAX_CHAIN:
            self.sink.report(findings.limit(f"more than {MAX_CHAIN} documents extend one another", span))
            return None
        self._extending.append((read, span))
        base = read.document.base if read.document.kind != "amendment" else None
        if base is None:
            text = flat(read, self.sink)
        else:
            target = self.target(base.name, base.version, read.document.kind, base.span)
            under = target and self.consolidated(target, base.span)
            text = extend(under, read, self.sink) if under else _alone(read)
        self._extending.pop()
        self._texts[read.path] = text
        return text

    # Uses -----------------------------------------------------------------------------------------------------------

    def direct(self, text: Consolidated) -> Iterator[_Used]:
        """What a text itself uses, in written order, without what could not be found."""
        for use in text.document.items:
            if isinstance(use, ast.Use) and use.span not in self._cut:
                if use.span not in self._used:
                    self._used[use.span] = self._resolved(use)
                if used := self._used[use.span]:
                    yield used

    def _resolved(self, use: ast.Use) -> _Used | None:
        read = self.target(use.name, use.version, "contract" if use.results else "library", use.span)
        if read is None or (text := self.consolidated(read, use.span)) is None:
            return None
        return _Used(use, read, text)

    def explore(self, text: Consolidated, chain: tuple[Step, ...]) -> None:
        """Follow all uses once, and cut those that close a circle. `chain` leads from the contract to this text."""
        paths = [read.path for read, _ in chain]
        for used in self.direct(text):
            if used.read.path in paths:
                steps = (*chain[paths.index(used.read.path) :], (used.read, used.use.span))
                self.sink.report(findings.circle(steps, "use"))
                self._cut.add(used.use.span)
            elif len(chain) >= MAX_CHAIN:
                self.sink.report(findings.limit(f"more than {MAX_CHAIN} documents use one another", used.use.span))
                self._cut.add(used.use.span)
            elif used.read.path not in self._explored:
                self._explored.add(used.read.path)
                self.explore(used.text, (*chain, *((read, used.use.span) for read in used.text.reads)))

    def closure(self, text: Consolidated) -> tuple[_Used, ...]:
        """All uses of a text and of what it uses, breadth first. Two versions of one library are reported.

        A contract that is used for its results stands by itself: it may build on another version.
        """
        found: dict[Span, _Used] = {}
        seen: set[tuple[Path, bool]] = set()
        versions: dict[str, _Used] = {}
        level = [(text, True)]
        while level:
            following: list[tuple[Consolidated, bool]] = []
            for reader, mine in level:
                for used in self.direct(reader):
                    found[used.use.span] = used
                    shared = mine and not used.use.results
                    first = versions.setdefault(used.use.name.text, used) if shared else used
                    if first.read.path != used.read.path:
                        self.sink.report(findings.two_versions(used.use, first.use))
                    if (used.read.path, shared) not in seen:
                        seen.add((used.read.path, shared))
                        following.append((used.text, shared))
            level = following
        return tuple(found.values())

    def _merged(self, text: Consolidated) -> tuple[_Used, ...]:
        """The uses of a text and of its libraries, without what a contract that is used for its results uses."""
        found: dict[Span, _Used] = {}
        level, seen = [text], set[Path]()
        while level:
            uses = [used for reader in level for used in self.direct(reader)]
            found |= {used.use.span: used for used in uses}
            level = []
            for used in uses:
                if not used.use.results and used.read.path not in seen:
                    seen.add(used.read.path)
                    level.append(used.text)
        return tuple(found.values())

    # Editions -------------------------------------------------------------------------------------------------------

    def loaded(self, read: Read, amendments: Sequence[Read] = ()) -> Loaded | None:
        """A document with its editions; `amendments` are further ones, beside those that lie in its folder."""
        text = self.consolidated(read, None)
        if text is None:
            return None
        parts: tuple[Stage, ...] = (Stage(text, dt.date.min),)
        unknown: list[Read] = []
        if read.document.kind == "contract":
            self._check_header(text)
            version = text.document.header.version
            report_twins(read, version, self.shelf, self.sink)
            found = amendments_of(read, version, self.shelf, self.read, self.sink)
            every = {one.path: one for one in (*found, *amendments)}.values()
            unknown = [one for one in every if not published(one, self.known_on)]
            parts = stages(text, tuple(one for one in every if one not in unknown), self.sink)
        for part in parts:
            self.explore(part.text, tuple((one, None) for one in part.text.reads))
        last = term_of(text.document)[1]
        ends = [*(part.start for part in parts[1:]), last if last == dt.date.max else last + _DAY]
        editions = tuple(self._edition(part, end) for part, end in zip(parts, ends, strict=True))
        used = {used.read.path: used for part in parts for used in self.closure(part.text)}
        locked = (
            Locked(one.text.document.name.text, one.text.document.header.version, self._meanings[path])
            for path, one in used.items()
        )
        loaded = Loaded(
            read.document,
            read.file,
            editions,
            tuple(sorted(locked, key=lambda d: (d.name, d.version or ""))),
            tuple(sorted(one.document.name.text for one in unknown)),
        )
        check_lock(loaded, read.path.parent, self.sink)
        return loaded

    def _edition(self, part: Stage, end: dt.date) -> Edition:
        uses = self.closure(part.text)
        reads = {read.path: read for text in (part.text, *(used.text for used in uses)) for read in text.reads}
        return Edition(
            document=part.text.document,
            start=part.start,
            end=end,
            uses=tuple((used.use, used.text.document) for used in uses),
            merged=tuple((used.use, used.text.document) for used in self._merged(part.text)),
            foreign=tuple((used.use, used.read.path) for used in self._merged(part.text) if used.use.results),
            amendments=part.amendments,
            files=tuple(read.file for read in reads.values()),
            byte_hash=_byte_hash(tuple(reads.values())),
            meaning_hash=self._meaning(part.text),
            settings=part.text.settings,
        )

    def _meaning(self, text: Consolidated) -> str:
        """The hash over a text and the meanings of what it uses; circles are cut before."""
        used: list[tuple[ast.Use, str]] = []
        for use, read, inner in self.direct(text):
            if read.path not in self._meanings:
                self._meanings[read.path] = self._meaning(inner)
            used.append((use, self._meanings[read.path]))
        return meaning_hash(text.document, used)

    def _check_header(self, text: Consolidated) -> None:
        header = text.document.header
        missing = [word for word in ("version", "settles", "term") if getattr(header, word) is None]
        if missing and text.sound and not text.document.broken:
            quoted = [f"`{word}`" for word in missing]
            words = " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
            self.sink.report(
                Diagnostic(
                    "missing-header",
                    f"contract `{text.document.name.text}` does not state {words}",
                    text.document.name.span,
                    help=f"write {words} below the first line",
                    fixes=_stated(text.document, missing),
                )
            )


def _stated(document: ast.Document, missing: Sequence[str]) -> tuple[Fix, ...]:
    """The clauses that a header lacks, with values to start from."""
    examples = {
        "version": 'version "1"',
        "settles": "settles group per year",
        "term": "term 2024-01-01 to 2024-12-31",
    }
    name = document.name.span
    end = name.file.text.find("\n", name.end)
    place = Span(name.file, end, end) if end >= 0 else name
    clauses = [examples[word] for word in missing]
    return (Fix(f"write `{'`, `'.join(clauses)}`", (edits.after(place, "".join(f"\n{c}" for c in clauses)),)),)


def _alone(read: Read) -> Consolidated:
    """An extending contract whose base is not there: what it says itself, so that the rest can still be checked."""
    return dataclasses.replace(flat(read, Sink()), sound=False)


def _byte_hash(reads: Sequence[Read]) -> str:
    """One file: the SHA-256 of its bytes. Several: that of the list of their hashes, kinds, names and versions."""
    if len(reads) == 1:
        return reads[0].digest
    lines = [
        f"{r.digest}  {r.document.kind} {r.document.name.text} {r.document.header.version or '-'}\n" for r in reads
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
