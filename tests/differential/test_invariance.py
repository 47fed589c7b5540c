"""What must not matter does not: the order of rows, the number of threads, the memory, other groups in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Severity, Sink
from contractlang.diagnostics.render import report
from contractlang.runtime.export import export
from contractlang.runtime.result import Result
from contractlang.runtime.runs import open_run, settle
from contractlang.values import Value
from tests.member_strategies import GROUPS, Drawn, Form, Row, contracts, rows, write
from tests.sample.sampling import make

Values = Mapping[tuple[str, str], Mapping[str, Value]]
seeds = st.integers(0, 2**32)
examples = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=4,
    phases=(Phase.explicit, Phase.generate),  # making a contract smaller takes minutes and helps little
)


@dataclass(frozen=True)
class Settled:
    """A settlement: every exported CSV file, the accounts, and every value by group and period."""

    files: Mapping[str, bytes]
    accounts: Sequence[object]
    values: Values


def settled(
    folder: Path,
    *,
    contract: Path | None = None,
    threads: int | None = None,
    memory: str | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Settled:
    """The contract of a folder, settled. Nobody may be there to settle: then all is empty."""
    sink = Sink()
    path = folder / "contract.vbc" if contract is None else contract
    opened = open_run(path, folder / "binding.toml", sink, memory=memory, overrides=overrides)
    assert opened is not None, report(sink)
    try:
        if threads is not None:
            opened.dataset.connection.execute(f"SET threads = {threads}")
        result = settle(opened, sink)
        if result is None:
            assert [d.code for d in sink if d.severity is Severity.ERROR] == ["nothing-to-settle"], report(sink)
            return Settled({}, [], {})
        written = export(result, opened.heading, folder / "out")
        files = {path.name: path.read_bytes() for path in written if path.suffix == ".csv"}
        return Settled(files, list(result.accounts.values()), values(result))
    finally:
        opened.dataset.close()


def values(result: Result) -> Values:
    names = [name.name for name in result.of_grain()]
    return {
        (result.group(row), result.period(row)): {name: result.value(name, row) for name in names}
        for row in result.rows.tolist()
    }


def in_folder(drawn: Drawn, tables: Mapping[str, Sequence[Row]], **how: object) -> Settled:
    with TemporaryDirectory() as folder:
        write(Path(folder), drawn, tables, Form())
        return settled(Path(folder), **how)  # type: ignore[arg-type]


def same(one: Settled, other: Settled) -> None:
    assert one.files == other.files
    assert one.accounts == other.accounts


def together(one: Mapping[str, list[Row]], other: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows of two sets of members, beside the norms of the first."""
    return {name: found + (other[name] if name != "norms" else []) for name, found in one.items()}


@examples
@given(drawn=contracts(), seed=seeds)
def test_the_order_of_rows_does_not_matter(drawn: Drawn, seed: int) -> None:
    tables = rows(seed, 5)
    shuffled = {name: Random(seed + 1).sample(found, len(found)) for name, found in tables.items()}
    same(in_folder(drawn, tables), in_folder(drawn, shuffled))


@examples
@given(drawn=contracts(), seed=seeds, threads=st.integers(1, 5), memory=st.sampled_from((None, "64MB", "1GB")))
def test_threads_and_memory_do_not_matter(drawn: Drawn, seed: int, threads: int, memory: str | None) -> None:
    tables = rows(seed, 5)
    same(in_folder(drawn, tables), in_folder(drawn, tables, threads=threads, memory=memory))


@examples
@given(drawn=contracts(), seed=seeds)
def test_members_of_other_groups_do_not_matter(drawn: Drawn, seed: int) -> None:
    """Members who stay on one side of the cut: whatever their rows say of each other, nothing crosses it."""
    one, other = rows(seed, 4, groups=GROUPS[:2]), rows(seed + 1, 4, groups=GROUPS[2:], first=100)
    apart = [in_folder(drawn, tables) for tables in (one, {**other, "norms": one["norms"]})]
    assert {**apart[0].values, **apart[1].values} == in_folder(drawn, together(one, other)).values


@examples
@given(drawn=contracts(alone=True), seed=seeds)
def test_groups_settle_apart_as_they_do_together(drawn: Drawn, seed: int) -> None:
    """The member file cut by group, through members who move from one side to the other."""
    tables = rows(seed, 5)
    found: dict[tuple[str, str], Mapping[str, Value]] = {}
    for side in (GROUPS[:2], GROUPS[2:]):
        part = [row for row in tables["member_month"] if row["provider_group"] in side]
        if part:
            found |= in_folder(drawn, {**tables, "member_month": part}).values
    assert found == in_folder(drawn, tables).values


# A programme with all of its blocks ------------------------------------------------------------------------------------

AQC = Path(__file__).parents[2] / "contracts/bcbsma/aqc_2009.vbc"


def test_a_sampled_programme_shuffled(tmp_path: Path) -> None:
    """Attribution, budgets beside the network, measures, quality and payments: the order of rows is no part of them."""
    folder = tmp_path / "data"
    make(folder, "aqc", AQC, members=600, groups=2)
    small = {"minimum_panel": "1 members"}
    plain = settled(folder, contract=AQC, overrides=small)
    for number, path in enumerate(sorted(folder.glob("*.parquet"))):
        table = pq.read_table(path)
        order = list(range(len(table)))
        Random(number).shuffle(order)
        pq.write_table(table.take(order), path, row_group_size=500)
    same(plain, settled(folder, contract=AQC, overrides=small, threads=3))
    assert any(isinstance(row["settlement"], Fraction) and row["settlement"] for row in plain.values.values())


# The example of the repository, as files -------------------------------------------------------------------------------

EXAMPLE = Path(__file__).parents[2] / "examples/02_member_months"


def example(folder: Path, change: Callable[[list[str]], list[str]]) -> Settled:
    """The example with other member rows."""
    folder.mkdir()
    for path in EXAMPLE.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    header, *lines = (folder / "members.csv").read_text(encoding="utf-8").splitlines()
    (folder / "members.csv").write_text("\n".join([header, *change(lines)]) + "\n", encoding="utf-8")
    return settled(folder)


def test_the_example_shuffled(tmp_path: Path) -> None:
    plain = example(tmp_path / "plain", list)
    shuffled = example(tmp_path / "shuffled", lambda lines: Random(1).sample(lines, len(lines)))
    assert plain.values == shuffled.values
    assert plain.files["results.csv"] == shuffled.files["results.csv"]


@pytest.mark.parametrize("group", ["North Shore", "South Valley"])
def test_the_example_group_by_group(tmp_path: Path, group: str) -> None:
    whole = example(tmp_path / "whole", list)
    alone = example(tmp_path / "alone", lambda lines: [line for line in lines if line.split(",")[2] == group])
    own = {key: row for key, row in whole.values.items() if key[0] == group}
    assert own
    assert own == {key: row for key, row in alone.values.items() if key[0] == group}
