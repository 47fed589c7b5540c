"""The pages of the language reference as tests: their fenced blocks, and what each block promises.

A block says what it is behind the fence:

    vbc                             a complete document
    vbc as NAME                     a complete contract that fragments of any page can stand on
    vbc fragment of NAME            items that are added to the contract NAME; an item of the same name is replaced
    vbc expressions of NAME         one expression in each line; a comment behind it gives its type or its value
    vbc bad CODE, CODE …            the same, but the check must report exactly these errors (each line alone, for
                                    expressions): `vbc bad unit-mismatch fragment of demo`
    vbc warns CODE …                the same, but the check must report exactly these warnings and no error
    text report                     what the terminal shows for the block above

The complete documents of a page lie in one folder, so that they can use, extend and amend one another. Everything in
`vbc` blocks must also be laid out as the formatter does it, unless a block is `bad`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contractlang.locations import grammar_folder

FOLDER = grammar_folder() / "reference"
OTHERS = ("bad-data.md", "bindings.md", "cases.md", "command-line.md", "diagnostics.md", "trace.md")
"""Pages that are tested where their subject is."""

_FENCE = re.compile(r"^```(\w*)(?: +(.*))?$")
_INFO = re.compile(
    r"(?:(?P<finding>bad|warns) +(?P<codes>[a-z0-9-]+(?:, *[a-z0-9-]+)*) *)?"
    r"(?:as +(?P<name>\w+)|(?P<form>fragment|expressions) +of +(?P<base>\w+))?"
)


class PageError(ValueError):
    """A page that is not written as pages are."""


@dataclass(frozen=True)
class Block:
    """A fenced block. `base` is the contract that a fragment or an expression stands on."""

    page: str
    line: int
    text: str
    form: str = "document"  # document, fragment, expressions, report
    codes: tuple[str, ...] = ()
    warns: bool = False
    name: str = ""
    base: str = ""

    @property
    def bad(self) -> bool:
        return bool(self.codes) and not self.warns

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"


def paths(folder: Path = FOLDER) -> list[Path]:
    return sorted(path for path in folder.glob("*.md") if path.name not in OTHERS)


def blocks(path: Path) -> list[Block]:
    """All `vbc` blocks and reports of a page; other fences (`toml`, `console`, plain) are left alone."""
    found: list[Block] = []
    for line, language, info, text in _fences(path):
        if language == "vbc":
            found.append(_block(path.name, line, info, text))
        elif (language, info) == ("text", "report"):
            if not found or not found[-1].codes or found[-1].form != "document":
                raise PageError(f"{path.name}:{line}: a report stands below a bad document")
            found.append(Block(path.name, line, text, "report"))
    return found


def _fences(path: Path) -> Iterator[tuple[int, str, str, str]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    start: int | None = None
    head: re.Match[str] | None = None
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if start is None:
            start, head = number, _FENCE.match(line)
            if head is None:
                raise PageError(f"{path.name}:{number}: not a fence: {line}")
        else:
            assert head is not None
            yield start, head[1], (head[2] or "").strip(), "\n".join([*lines[start : number - 1], ""])
            start = None
    if start is not None:
        raise PageError(f"{path.name}:{start}: a fence without end")


def _block(page: str, line: int, info: str, text: str) -> Block:
    found = _INFO.fullmatch(info)
    if found is None:
        raise PageError(f"{page}:{line}: not known: vbc {info}")
    codes = tuple(re.split(", *", found["codes"])) if found["codes"] else ()
    return Block(
        page,
        line,
        text,
        found["form"] or "document",
        codes,
        found["finding"] == "warns",
        found["name"] or "",
        found["base"] or "",
    )


def preambles(all_blocks: Sequence[Block]) -> dict[str, Block]:
    """The contracts that fragments stand on, by name."""
    found: dict[str, Block] = {}
    for block in all_blocks:
        if block.name:
            if block.name in found:
                raise PageError(f"{block.id}: `{block.name}` stands at {found[block.name].id} too")
            found[block.name] = block
    for block in all_blocks:
        if block.base and block.base not in found:
            raise PageError(f"{block.id}: no block is `vbc as {block.base}`")
    return found
