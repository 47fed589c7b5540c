"""Random contracts over random member rows: DuckDB gives what the reference engine gives, to the last account."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.engines import reference
from contractlang.engines.duckdb.reduce import reduce
from contractlang.runtime.runs import open_run
from tests.differential.test_reduce import contents
from tests.member_strategies import Drawn, Form, contracts, rows, write

forms = st.builds(Form, st.booleans(), st.booleans())
seeds = st.integers(0, 2**32)
drawing = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),  # making a contract smaller takes minutes and helps little
)


def check(drawn: Drawn, seed: int, members: int, form: Form) -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder), drawn, rows(seed, members), form)
        sink = Sink()
        opened = open_run(Path(folder) / "contract.vbc", Path(folder) / "binding.toml", sink)
        assert opened is not None, f"{drawn.text}\n{report(sink)}"
        try:
            plan = opened.compiled.plans[-1]
            members_ = opened.dataset.members
            assert contents(reduce(plan, members_)) == contents(reference.reduce(plan, members_))
        finally:
            opened.dataset.close()


@settings(drawing, max_examples=12)
@given(drawn=contracts(), seed=seeds, members=st.integers(1, 6), form=forms)
def test_reference_and_duckdb_agree(drawn: Drawn, seed: int, members: int, form: Form) -> None:
    check(drawn, seed, members, form)


@pytest.mark.slow
@settings(drawing, max_examples=400)
@given(drawn=contracts(), seed=seeds, members=st.integers(1, 25), form=forms)
def test_reference_and_duckdb_agree_at_length(drawn: Drawn, seed: int, members: int, form: Form) -> None:
    check(drawn, seed, members, form)
