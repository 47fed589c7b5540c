"""`--set NAME=VALUE`: an edition with some parameters changed for a trial run. Never the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.edition import Consolidated, Edition, Read
from contractlang.library.overrides import amend
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast


def override(edition: Edition, values: Mapping[str, ast.Expr], sink: Sink) -> Edition:
    """The edition with each named constant or `block.step` argument set; what cannot be set is reported.

    The hashes stay those of the contract that the trial departs from.
    """
    changes = []
    for name, value in values.items():
        file = SourceFile(f"--set {name}", f"{name} = {value.span.text}")
        named, whole = Span(file, 0, len(name)), Span(file, 0, len(file.text))
        changes.append(ast.Set(ast.Name(tuple(name.split(".")), span=named), value, span=whole))
    if not changes:
        return edition
    at = changes[0].span
    document = ast.Document("amendment", ast.Name(("trial",), span=at), ast.Header(), (), tuple(changes), span=at)
    read = Read(Path("--set"), at.file, "", document)
    base = Consolidated(edition.document, (), edition.settings)
    laid = amend(base, read, sink)
    return replace(edition, document=laid.document, settings=laid.settings)
