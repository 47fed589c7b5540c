"""The table of programmes is what the generator writes, and every programme has sources and a case or a binding."""

from __future__ import annotations

import pytest

from tests.contracts.programmes import PAGE, Programme, page, programmes, sources

WITHOUT_CASE = {
    "bcbsma/aqc_members.vbc": "public synthetic member rows, settled by a test of their own",
    "cms/mssp.vbc": "bound to the results file of each year",
    "colorado/common.vbc": "settled by the contracts that extend it",
    "colorado/aetna.vbc": "a few lines that extend the common contract",
    "colorado/anthem.vbc": "a few lines that extend the common contract",
    "colorado/humana.vbc": "a few lines that extend the common contract",
    "colorado/united.vbc": "a few lines that extend the common contract",
}


def test_the_page_is_what_the_generator_writes() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `python -m tests.contracts.programmes`"


@pytest.mark.parametrize("programme", programmes(), ids=lambda p: p.name)
def test_a_programme_has_sources_and_a_case(programme: Programme) -> None:
    assert sources(programme)
    assert bool(programme.cases) != (programme.name in WITHOUT_CASE)
