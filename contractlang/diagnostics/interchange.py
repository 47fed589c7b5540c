"""Diagnostics for machines: JSON in the project's own versioned form, and SARIF 2.1.0 for code-review tools."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from contractlang.diagnostics.catalogue import CATALOGUE
from contractlang.diagnostics.diagnostic import Diagnostic, Fix, Severity
from contractlang.source import Span

FORMAT = "vbc-diagnostics/1"
"""Name and version of the JSON form; the number rises when a reader of the old form would misread the new one."""


def as_json(diagnostics: Iterable[Diagnostic]) -> dict[str, Any]:
    """`{"format", "errors", "warnings", "diagnostics": [...]}`; lines and columns count from 1, offsets from 0."""
    found = list(diagnostics)
    errors = sum(d.severity is Severity.ERROR for d in found)
    return {
        "format": FORMAT,
        "errors": errors,
        "warnings": len(found) - errors,
        "diagnostics": [diagnostic_json(d) for d in found],
    }


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "place": _place(diagnostic.span),
        "under": diagnostic.under,
        "labels": [{"place": _place(label.span), "text": label.text} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fixes": [_fix(fix) for fix in diagnostic.fixes],
    }


def as_sarif(diagnostics: Iterable[Diagnostic], version: str) -> dict[str, Any]:
    """A SARIF log with one run; `version` is that of the language."""
    found = list(diagnostics)
    codes = sorted({d.code for d in found})
    rules = [_rule(code) for code in codes]
    results = [_result(d, codes.index(d.code)) for d in found]
    driver = {"name": "vbc", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def dumps(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    return {
        "file": span.file.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "start": span.start,
        "end": span.end,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {"title": fix.title, "edits": [{"place": _place(edit.span), "text": edit.text} for edit in fix.edits]}


def _rule(code: str) -> dict[str, Any]:
    entry = CATALOGUE.get(code)
    rule: dict[str, Any] = {"id": code}
    if entry is not None:
        rule["shortDescription"] = {"text": entry.summary}
        rule["fullDescription"] = {"text": entry.explanation}
    return rule


def _result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    text = diagnostic.message
    if diagnostic.help:
        text += f"\nhelp: {diagnostic.help}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity.value,
        "message": {"text": "\n".join([text, *diagnostic.notes])},
    }
    if diagnostic.span is not None:
        result["locations"] = [_location(diagnostic.span)]
    if diagnostic.labels:
        related = [{**_location(label.span), "message": {"text": label.text}} for label in diagnostic.labels]
        result["relatedLocations"] = related
    if diagnostic.fixes:
        result["fixes"] = [_sarif_fix(fix) for fix in diagnostic.fixes]
    return result


def _location(span: Span) -> dict[str, Any]:
    return {
        "physicalLocation": {"artifactLocation": {"uri": quote(span.file.name, safe="/:")}, "region": _region(span)}
    }


def _region(span: Span) -> dict[str, Any]:
    line, column = span.file.position(span.start)
    end_line, end_column = span.file.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _sarif_fix(fix: Fix) -> dict[str, Any]:
    changes = []
    for file in dict.fromkeys(edit.span.file.name for edit in fix.edits):
        replacements = [
            {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
            for edit in fix.edits
            if edit.span.file.name == file
        ]
        changes.append({"artifactLocation": {"uri": quote(file, safe="/:")}, "replacements": replacements})
    return {"description": {"text": fix.title}, "artifactChanges": changes}
