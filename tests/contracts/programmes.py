"""Writes the table of programmes in `contracts/README.md`: `python -m tests.contracts.programmes`.

Everything in it is found in the contracts and their cases: titles, terms, where the sources stand, what is assumed, and the
amounts that the first group of a case is paid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime.cases import Case, read_case
from contractlang.syntax import ast

CONTRACTS = contracts_folder()
PAGE = CONTRACTS / "README.md"
FAMILIES = ("bcbsm", "bcbsma", "bcbst", "cms", "colorado", "excellus", "public")
BEGIN, END = "<!-- programmes: written by python -m tests.contracts.programmes -->\n", "<!-- end of programmes -->\n"
MOST_NAMES = 12

HEAD = """
| contract | programme | term | sources | assumed | case | paid to the first group of the case |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Programme:
    """A contract of a programme and its cases, by path."""

    path: Path
    compiled: Compiled
    cases: tuple[tuple[Path, Case], ...]

    @property
    def document(self) -> ast.Document:
        return self.compiled.editions[-1].document

    @property
    def name(self) -> str:
        return self.path.relative_to(CONTRACTS).as_posix()


@cache
def programmes() -> tuple[Programme, ...]:
    """All contracts of the families, in the order of their paths. Raises AssertionError for one that does not check."""
    return tuple(
        _programme(path)
        for name in FAMILIES
        for path in sorted((CONTRACTS / name).rglob("*.vbc"))
        if _is_contract(path)
    )


def _is_contract(path: Path) -> bool:
    return re.search(r"^contract ", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _programme(path: Path) -> Programme:
    sink = Sink()
    compiled = compile_file(path, sink)
    assert compiled is not None, report(sink)
    assert not sink.failed, report(sink)
    cases = tuple((p, case) for p, case in _cases() if case.contract.resolve() == path.resolve())
    return Programme(path, compiled, cases)


@cache
def _cases() -> tuple[tuple[Path, Case], ...]:
    found = []
    for name in FAMILIES:
        for path in sorted((CONTRACTS / name).rglob("case.toml")):
            sink = Sink()
            case = read_case(path, sink)
            assert case is not None, report(sink)
            found.append((path, case))
    return tuple(found)


# The table -----------------------------------------------------------------------------------------------------------


def table() -> str:
    return HEAD + "".join(line(programme) for programme in programmes()) + "\n"


def line(programme: Programme) -> str:
    header = programme.document.header
    assert header.term is not None
    first, last = (day.value.year for day in header.term)
    cells = (
        f"[`{programme.name}`]({programme.name})",
        header.title or "",
        f"{first}–{last}" if first != last else str(first),
        sources(programme) or "in the text",
        _assumed(programme),
        "<br>".join(f"[`{p.parent.name}`]({p.relative_to(CONTRACTS).as_posix()})" for p, _ in programme.cases) or "—",
        "<br>".join(_paid(programme, case) for _, case in programme.cases) or "—",
    )
    return f"| {' | '.join(cells)} |\n"


def sources(programme: Programme) -> str:
    """Where the sources stand in the text, and how many clauses name one; "" where no line of the head begins with them."""
    text = programme.path.read_text(encoding="utf-8")
    place = re.search(r"^## .*?\b(Sources?:|Published|42 CFR)", text, re.MULTILINE)
    clauses = len(re.findall(r'\bsource "', text))
    if place is None:
        extended = re.search(r"^contract \S+ extends (\S+)", text, re.MULTILINE)
        return f"those of `{extended[1]}`" if extended else ""
    number = text.count("\n", 0, place.start()) + 1
    told = f", {clauses} clause{'s' if clauses != 1 else ''}" if clauses else ""
    return f"[head]({programme.name}#L{number}){told}"


def _assumed(programme: Programme) -> str:
    names = list(dict.fromkeys(a.name for plan in programme.compiled.plans for a in plan.assumptions))
    shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMES])
    return (f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown) or "nothing"


def _paid(programme: Programme, case: Case) -> str:
    """`East, 2019: quality_payment $25,500,000.00`: the first expected row that has a payment."""
    payments = {name.removesuffix(".total") for plan in programme.compiled.plans for name in plan.payments}
    if not payments:
        return "reports only"
    for expected in case.expected:
        paid = [
            f"{name} {text.replace('_', ',')}"
            for name, text in expected.values.items()
            if name.removesuffix(".total") in payments
        ]
        if paid:
            return f"{expected.group}, {expected.period}: {', '.join(paid)}"
    return "—"


def page(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def write() -> Path:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return PAGE


if __name__ == "__main__":
    write()
