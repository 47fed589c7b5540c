"""One mistake gives one error: what a broken item would have declared is not unknown."""

from __future__ import annotations

from pathlib import Path

from contractlang.locations import contracts_folder
from tests.language.checking import check


def test_what_reads_a_broken_population_is_silent(tmp_path: Path) -> None:
    text = (contracts_folder() / "bcbsma" / "aqc_2009.vbc").read_text("utf-8")
    broken = text.replace("attribute  to group by pcp_group", "attribute  to group by plurality of seen from visits")
    assert broken != text
    found = check(broken, tmp_path)
    assert found.errors == ["unknown-name"], found.frames
