"""Numbers that a caller gives as text: few cells are read like many."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contractlang.runtime.given_columns import Unfit, _decimals, _few, _unscaled

CELLS = st.one_of(
    st.none(),
    st.from_regex(r"[ ]?[+-]?[0-9]{1,18}(\.[0-9]{1,12})?%{0,2}[ ]?", fullmatch=True),
    st.sampled_from(["", "1e3", "1,000", "$5", ".5", "5.", "-", "%", "0x10", "1_0", "\u0661"]),
)


@given(st.lists(CELLS, max_size=6))
def test_few_cells_are_read_like_many(texts: list[str | None]) -> None:
    array = pa.array(texts, pa.string())
    try:
        decimals = _decimals(array)
    except Unfit as problem:
        with pytest.raises(Unfit, match=f"^{re.escape(str(problem))}$"):
            _few(texts)
        return
    values, places = _few(texts)
    scale = max(places, decimals.type.scale)
    many = [int(v) * 10 ** (scale - decimals.type.scale) for v in _unscaled(decimals)]
    assert [int(v) * 10 ** (scale - places) for v in values] == many
