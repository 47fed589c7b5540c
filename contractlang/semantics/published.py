"""What a run publishes of a contract: the values that others may read, and with how many decimals they are written."""

from __future__ import annotations

from dataclasses import dataclass

from contractlang.semantics.types import Kind, Type

_DECIMALS = {Kind.MONEY: 6, Kind.COUNT: 6, Kind.PERCENT: 9, Kind.NUMBER: 9}

PRINCIPAL = ("total", "amount", "score", "rate", "improvement")
"""Names of the value that a block's bare name stands for."""


@dataclass(frozen=True, slots=True)
class Published:
    """A contract whose results another one reads: its name, version, settlement keys and values by name.

    `meanings` are the hashes of its texts, one of which the results must have been settled by.
    """

    contract: str
    version: str
    meanings: tuple[str, ...]
    unit: str
    period: str
    values: tuple[tuple[str, Type], ...]


def places(type_: Type) -> int:
    """Decimals with which values of a type are written: all that they can have, within the limit of their kind."""
    most = _DECIMALS.get(type_.kind, 9)
    least = 2 if type_.kind is Kind.MONEY else 0
    if type_.step:
        exact = (p for p in range(least, most) if (type_.step * 10**p).denominator == 1)
        return next(exact, most)
    return most
