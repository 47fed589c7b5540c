"""Engines are found by name and imported on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contractlang.engines import reference, registry, vector
from contractlang.engines.duckdb.reduce import reduce


def test_engines_by_name() -> None:
    assert [registry.settle_engine(name) for name in registry.SETTLE] == [vector.settle, reference.settle]
    assert [registry.reduce_engine(name) for name in registry.REDUCE] == [reduce, reference.reduce]
    assert registry.settle_engine() is vector.settle


def test_unknown_engines_are_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(KeyError, match="vector, reference"):
        registry.settle_engine("abacus")
    with pytest.raises(KeyError, match="duckdb, reference"):
        registry.reduce_engine("abacus")


def test_the_registry_itself_imports_no_engine() -> None:
    text = "import sys, contractlang.engines.registry; print({'duckdb', 'sqlglot'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
