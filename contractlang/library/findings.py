"""The findings of a search for documents: what is missing, ambiguous, of another version or kind, or circular."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from contractlang.library.edition import Read
from contractlang.library.search import Heading, Shelf, nearest
from contractlang.source import Span
from contractlang.syntax import ast

Step = tuple[Read, Span | None]  # a document, and the place that names it


def missing(name: ast.Name, kind: str, shelf: Shelf) -> Diagnostic:
    near = nearest(name.text, shelf.names(name.text))
    folders = (f"searched: {root.folder}{' and all folders below' if root.deep else ''}" for root in shelf.roots)
    misnamed = shelf.misnamed(name.text)
    said = (f"{misnamed.path} says `{misnamed.kind} {misnamed.name}`",) if misnamed and misnamed.name else ()
    place = f"{name.text.replace('.', '/')}.vbc"
    return Diagnostic(
        "import-not-found",
        f"there is no {kind} `{name.text}`",
        name.span,
        notes=(*said, *folders),
        help=f"did you mean {' or '.join(f'`{n}`' for n in near)}?"
        if near
        else f"put it into {place} beside the contract, or name the folder that holds it",
        fixes=tuple(Fix(f"write `{n}`", (Edit(name.span, n),)) for n in near),
    )


def wrong_version(name: ast.Name, version: str | None, claims: Sequence[Heading], span: Span) -> Diagnostic:
    return Diagnostic(
        "version-conflict",
        f"there is no {version_text(version)} of `{name.text}`",
        span,
        notes=tuple(f"{claim.path} is {version_text(claim.version)}" for claim in claims),
        help="name a version that exists, or add the file of the version that is meant",
        fixes=version_fixes(span, name.span, (claim.version for claim in claims)),
    )


def several_versions(name: ast.Name, claims: Sequence[Heading], span: Span) -> Diagnostic:
    return Diagnostic(
        "import-ambiguous",
        f"there are several versions of `{name.text}`",
        name.span,
        notes=tuple(f"{claim.path} is {version_text(claim.version)}" for claim in claims),
        help='name the version that is meant: `version "…"`',
        fixes=version_fixes(span, name.span, (claim.version for claim in claims)),
    )


def several_files(name: ast.Name, claims: Sequence[Heading]) -> Diagnostic:
    return Diagnostic(
        "import-ambiguous",
        f"several files claim to be `{name.text}`, {version_text(claims[0].version)}, and differ",
        name.span,
        notes=tuple(str(claim.path) for claim in claims),
        help="delete one, rename one, or give it another version",
    )


def two_versions(use: ast.Use, first: ast.Use) -> Diagnostic:
    return Diagnostic(
        "version-conflict",
        f"`{use.name.text}` is used in two versions",
        use.span,
        labels=(Label(first.span, "the other version"),),
        help="a name means one thing in a contract: let both documents use the same version",
    )


def wrong_kind(name: ast.Name, found: Read, kind: str, span: Span) -> Diagnostic:
    actual = found.document.kind
    fixes: tuple[Fix, ...] = ()
    if actual == "contract" and kind == "library":
        remedy = f"write `use {name.text} … results` to read what it pays, or `extends` to build on its text"
        at = name.span.end
        if quoted := re.match(r'[ \t]+version[ \t]+"[^"\n]*"', name.span.file.text[at:]):
            at += quoted.end()
        fixes = (Fix("read its results", (Edit(Span(name.span.file, at, at), " results"),)),)
    elif actual == "library":
        remedy = "name a contract; a library is used with `use`"
        fixes = _used(span)
    else:
        remedy = f"name a {kind}"
    return Diagnostic(
        "import-kind",
        f"`{name.text}` is a {actual}, not a {kind}",
        span,
        labels=(Label(found.document.name.span, f"this {actual}"),),
        help=remedy,
        fixes=fixes,
    )


def _used(base: Span) -> tuple[Fix, ...]:
    """`extends LIBRARY` as `use LIBRARY`, at the end of the file."""
    text = base.file.text
    words = base.text.removeprefix("extends").strip()
    head = text.rfind(" extends", 0, base.start + len(base.text) - len(words))
    if head < 0 or "\n" in text[head : base.start]:
        return ()
    end = Span(base.file, len(text), len(text))
    return (Fix("use it", (Edit(Span(base.file, head, base.end), ""), Edit(end, f"\nuse {words}\n"))),)


def circle(steps: Sequence[Step], word: str) -> Diagnostic:
    """`steps` begin and end with the same document; each holds the place that names it."""
    names = " → ".join(f"`{read.document.name.text}`" for read, _ in steps)
    named = [(read.document.name.text, span) for read, span in steps[1:] if span is not None]
    return Diagnostic(
        "import-cycle",
        f"documents {word} one another in a circle: {names}",
        named[-1][1] if named else steps[0][0].document.name.span,
        labels=tuple(Label(span, f"`{name}` is named here") for name, span in named[:-1]),
        help="move what both need into a library of its own" if word == "use" else "let one of them stand by itself",
    )


def limit(message: str, span: Span | None) -> Diagnostic:
    return Diagnostic("import-limit", message, span, help="join libraries that are always used together")


def claimed_twice(first: Read, second: Read) -> Diagnostic:
    return Diagnostic(
        "duplicate-document",
        f"two files claim to be {second.document.kind} `{second.document.name.text}`",
        second.document.name.span,
        labels=(Label(first.document.name.span, "the other one"),),
        help="delete one of the files, or give one of the documents another name",
    )


def version_text(version: str | None) -> str:
    return f'version "{version}"' if version is not None else "text without a version"


def version_fixes(span: Span, name: Span, versions: Iterable[str | None]) -> tuple[Fix, ...]:
    """A fix per existing version, latest spelling first: the written version is replaced, or one is added."""
    written = re.search(r'version[ \t]+"[^"\n]*"', span.text)
    fixes = []
    for version in sorted({v for v in versions if v is not None}, reverse=True):
        text = f'version "{version}"'
        if written:
            edit = Edit(Span(span.file, span.start + written.start(), span.start + written.end()), text)
        else:
            edit = Edit(Span(name.file, name.end, name.end), f" {text}")
        fixes.append(Fix(f"name {text}", (edit,)))
    return tuple(fixes)
