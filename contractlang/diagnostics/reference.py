"""The reference page of the diagnostics, written from the catalogue."""

from __future__ import annotations

import sys
from pathlib import Path

from contractlang.diagnostics.catalogue import SECTIONS

_OPENING = """\
# Diagnostics

Every finding has a stable code. It stands in brackets behind `error` or `warning`, in all forms of output
(`vbc check FILE --format terminal|concise|json|sarif`). One run reports everything it finds, not the first mistake only.
Errors stop a contract from being settled; warnings do not.

This page is written from `contractlang/diagnostics/catalogue.py`.
"""


def reference_page() -> str:
    """The page `grammar/reference/diagnostics.md`."""
    parts = [_OPENING]
    for title, entries in SECTIONS:
        parts.append(f"\n## {title}\n")
        parts.extend(f"\n### `{entry.code}`\n\n{_sentence(entry.summary)} {entry.explanation}\n" for entry in entries)
    return "".join(parts)


def _sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."


if __name__ == "__main__":
    page = Path(__file__).parents[2] / "grammar" / "reference" / "diagnostics.md"
    page.write_text(reference_page(), encoding="utf-8")
    sys.stdout.write(f"{page}\n")
