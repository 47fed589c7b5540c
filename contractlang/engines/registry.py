"""Engines by name, imported on first use."""

from __future__ import annotations

from contractlang.engines.base import Reduce, Settle

SETTLE = ("vector", "reference")
"""Settle engines; the first is the default."""

REDUCE = ("duckdb", "reference")
"""Reduce engines; the first is the default."""


def settle_engine(name: str = SETTLE[0]) -> Settle:
    """The settle engine of that name. Raises KeyError for an unknown one."""
    match name:
        case "vector":
            from contractlang.engines import vector

            return vector.settle
        case "reference":
            from contractlang.engines import reference

            return reference.settle
        case _:
            raise KeyError(f"no settle engine `{name}`: there are {', '.join(SETTLE)}")


def reduce_engine(name: str = REDUCE[0]) -> Reduce:
    """The reduce engine of that name. Raises KeyError for an unknown one."""
    match name:
        case "duckdb":
            from contractlang.engines.duckdb.reduce import reduce

            return reduce
        case "reference":
            from contractlang.engines import reference

            return reference.reduce
        case _:
            raise KeyError(f"no reduce engine `{name}`: there are {', '.join(REDUCE)}")
