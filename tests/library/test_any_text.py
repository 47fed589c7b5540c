"""Whatever stands in the files: findings, never an exception; and a sound result can be shown and read again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Sink
from contractlang.library.imports import load
from contractlang.library.show import assumptions, origins, show
from contractlang.source import SourceFile
from contractlang.syntax.parser import parse
from tests.library.rich import RATES, RICH

AMENDMENT = """\
amendment tst.a1 to tst.rich version "2024.1"
effective 2022-07-01

set attachment = $300_000
set risk.hard_cap = 12% of target
set risk.surplus.minimum = 3% of expense
insert surplus less $5 as extra before risk.hard_cap
remove risk.net
replace schedule trend per year { 2021..: 2% }
replace scale upside(points) linear, flat outside { 1: 25%, 5: 85% }
constant added = 1
use tst.rates as again
"""
CHILD = 'contract p.child extends tst.rich version "2024.1"\n\nreplace constant attachment = $1\n'
FILES = {"main": RICH, "a1": AMENDMENT, "rates": RATES, "child": CHILD}


def mutated(text: str, changes: list[tuple[int, int, str]]) -> str:
    lines = text.splitlines(keepends=True)
    for where, sort, noise in changes:
        if not lines:
            break
        at = where % len(lines)
        match sort:
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[where // 7 % len(lines)])
            case 2:
                lines[at] = noise + lines[at]
            case _:
                words = lines[at].split(" ")
                words[where // 3 % len(words)] = noise
                lines[at] = " ".join(words)
    return "".join(lines)


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 3),
        st.sampled_from(["risk", "x", "{", "}", '"', "1", "-", "tst.rich", "\0"]),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(FILES, CHANGES)), st.sampled_from(["main", "a1", "child"]))
def test_mutated_documents(changes: dict[str, list[tuple[int, int, str]]], entry: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / f"{name}.vbc").write_text(mutated(text, changes[name]), encoding="utf-8")
        sink = Sink()
        loaded = load(Path(folder) / f"{entry}.vbc", sink)
    assert loaded is not None or sink.failed
    for edition in loaded.editions if loaded else ():
        assert edition.start < edition.end
        origins(edition)
        assumptions(edition)
        text = show(edition)
        if not sink.failed:
            again = Sink()
            assert parse(SourceFile("shown", text), again) == edition.document, text
            assert not len(again)


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(FILES)))
def test_bytes_in_place_of_a_document(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for other, text in FILES.items():
            (Path(folder) / f"{other}.vbc").write_text(text, encoding="utf-8")
        (Path(folder) / f"{name}.vbc").write_bytes(content)
        for entry in ("main", "a1", "child"):
            sink = Sink()
            assert load(Path(folder) / f"{entry}.vbc", sink) is not None or sink.failed
