"""The page on bindings: every block does what the page says of it.

`csv NAME` blocks are files. `toml` blocks are whole bindings; `toml table|keys|columns` are lines that are put into the first
one, where they replace lines of the same name; `toml exhibit|stated` are sections that are added to it. `bad CODE` blocks
report exactly that code. `text report` is what the run says for the first binding.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.locations import grammar_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime import binding as binding_module
from contractlang.runtime.binding import parse_binding
from contractlang.runtime.cell_formats import NUMBER_FORMS
from contractlang.runtime.dataset import Dataset, bind
from contractlang.runtime.stated import read_stated
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import Kind, Type
from contractlang.source import SourceFile

PAGE = (grammar_folder() / "reference" / "bindings.md").read_text(encoding="utf-8")
TERMS = TableSchema(
    "terms", "exhibit", (KeyColumn("group", "unit"),), (ColumnSchema("share", Type(Kind.PERCENT)),), dated=True
)


@dataclass(frozen=True)
class Block:
    line: int
    language: str
    info: str
    text: str


def _blocks() -> list[Block]:
    found = re.finditer(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [Block(PAGE.count("\n", 0, m.start()) + 1, m[1], m[2], m[3]) for m in found]


BLOCKS = _blocks()
TOML = [block for block in BLOCKS if block.language == "toml"]
FIRST = TOML[0].text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for block in BLOCKS:
        if block.language == "csv":
            (tmp_path / block.info).write_text(block.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compiled(folder: Path) -> Compiled:
    [contract] = [block for block in BLOCKS if block.language == "vbc"]
    path = folder / "contract.vbc"
    path.write_text(contract.text, encoding="utf-8")
    sink = Sink()
    found = compile_file(path, sink)
    assert [d.message for d in sink] == []
    assert found is not None
    return found


def whole(block: Block) -> str:
    """The binding that a block stands for."""
    place = re.sub(r"bad \S+ ?", "", block.info)
    if place in {"", "exhibit", "stated"}:
        return FIRST + block.text if place else block.text
    header = "[tables.results]" if place == "table" else f"[tables.results.{place}]"
    before, _, after = FIRST.partition(f"{header}\n")
    section, gap, rest = after.partition("\n\n")
    names = {re.match(r"[\w]+", line)[0] for line in block.text.splitlines()}  # type: ignore[index]
    kept = [line for line in section.splitlines() if re.match(r"[\w]+", line)[0] not in names]  # type: ignore[index]
    return before + header + "\n" + "\n".join(kept) + "\n" + block.text + gap + rest


def run(folder: Path, text: str, tables: tuple[TableSchema, ...]) -> tuple[Dataset | None, list[Diagnostic]]:
    sink = Sink()
    parsed = parse_binding(SourceFile("binding.toml", text), Path(os.curdir), sink)
    if parsed is None:
        return None, list(sink)
    return bind(tables, parsed, {}, sink, unit="group", period="year"), list(sink)


@pytest.mark.parametrize("block", TOML, ids=lambda b: f"{b.line}")
def test_block(block: Block, folder: Path) -> None:
    tables = compiled(folder).tables
    text = whole(block)
    if block.info == "table" and "delimiter" in block.text:
        source = (folder / "results.csv").read_text(encoding="utf-8")
        quoted = re.sub(r'"[^"]*"', lambda m: m[0].replace(",", "\0"), source)
        (folder / "results.csv").write_text(quoted.replace(",", ";").replace("\0", ","), encoding="utf-8")
    if block.info == "exhibit":
        tables = (*tables, TERMS)
    dataset, found = run(folder, text, tables)
    if code := re.match(r"bad (\S+)", block.info):
        assert dataset is None
        assert {d.code for d in found if d.severity is Severity.ERROR} <= {code[1], "unbound-column"}
        assert code[1] in {d.code for d in found}
        return
    assert [(d.message, d.notes) for d in found] == []
    assert dataset is not None
    if block.info == "exhibit":
        assert len(dataset.tables["terms"]) == 3


def test_the_report_is_what_the_run_says(folder: Path) -> None:
    [report] = [block.text for block in BLOCKS if (block.language, block.info) == ("text", "report")]
    dataset, _ = run(folder, FIRST, compiled(folder).tables)
    assert dataset is not None
    assert "\n".join(dataset.report.lines()) + "\n" == report


def test_stated_amounts(folder: Path) -> None:
    [stated] = [block for block in TOML if block.info == "stated"]
    sink = Sink()
    parsed = parse_binding(SourceFile("binding.toml", whole(stated)), Path(os.curdir), sink)
    assert parsed is not None
    schema = compiled(folder).tables[0]
    found = {name: read_stated(schema, parsed, {}, name, sink) for name in ("paid", "rate", "Benchmark ($)")}
    assert list(sink) == []
    paid, rate, benchmark = (list((column or {}).values()) for column in found.values())
    assert paid == [-1000, 24_000, 500_000]  # East, North, South
    assert rate[1:] == [Fraction("0.784"), Fraction("0.9")]
    assert benchmark == [2_100_000, 1_250_000, 980_000]


def test_every_key_and_form_stands_on_the_page() -> None:
    keys = {*binding_module._TABLE_KEYS, *binding_module._SOURCE_KEYS, "less", *NUMBER_FORMS, "yyyymm"}
    assert {key for key in keys if f"`{key}`" not in PAGE and f'"{key}"' not in PAGE} == set()
