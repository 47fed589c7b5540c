"""The pages on traces and cases say what the program does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from contractlang.diagnostics.diagnostic import Sink
from contractlang.runtime import explanation
from contractlang.runtime.cases import read_case
from contractlang.runtime.heading import heading
from contractlang.runtime.trace import trace
from tests.runtime.settling import compiled, settled

PAGES = Path(__file__).parents[2] / "grammar" / "reference"


def named(page: str, section: str) -> set[str]:
    """The words in the first column of a section's table."""
    text = (PAGES / page).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for inner in node["inputs"] for below in nodes(inner))]


def test_every_field_and_kind_of_a_trace_is_on_its_page(tmp_path: Path) -> None:
    result, _ = settled(tmp_path)
    found = trace(result, "settlement", 0)
    assert found is not None
    document = explanation.as_json(result, heading(compiled(tmp_path)), found, 0)
    assert set(document) == named("trace.md", "The document")
    assert set(document["trace"]) == named("trace.md", "A node")
    assert {node["kind"] for node in nodes(document["trace"])} <= named("trace.md", "Kinds")


def test_the_case_on_its_page_can_be_read(tmp_path: Path) -> None:
    text = (PAGES / "cases.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "case.toml").write_text(block, encoding="utf-8")
    sink = Sink()
    case = read_case(tmp_path / "case.toml", sink)
    assert not list(sink)
    assert case is not None
    assert case.overrides == {"fee_cap": "$500_000.00"}
    assert [(e.group, e.period, e.status) for e in case.expected] == [
        ("Lakeside", "2021", "settled"),
        ("Hillside", "2021", None),
    ]
