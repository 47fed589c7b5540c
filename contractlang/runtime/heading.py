"""What every output says about itself: which contract, which texts, which overrides, which data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from contractlang.plan.compiler import Compiled

NOT_THE_CONTRACT = "not the contract"
ILLUSTRATIVE = "illustrative terms"


@dataclass(frozen=True, slots=True)
class Text:
    """One edition of the contract: when it is in force, the periods it governs, its amendments and its two hashes."""

    start: str
    end: str
    periods: tuple[str, ...]
    amendments: tuple[str, ...]
    byte_hash: str
    meaning_hash: str


@dataclass(frozen=True, slots=True)
class Heading:
    """`overrides` maps what `--set` replaced to the words of the new value; empty for a run of the contract itself."""

    contract: str
    version: str
    title: str
    payer: str
    texts: tuple[Text, ...]
    overrides: Mapping[str, str] = field(default_factory=dict)
    data: str = ""

    @property
    def warning(self) -> str:
        """`not the contract: cap = 8% of benchmark`, or "" for the contract itself."""
        if not self.overrides:
            return ""
        return f"{NOT_THE_CONTRACT}: " + "; ".join(f"{name} = {words}" for name, words in self.overrides.items())

    def of(self, periods: Iterable[str]) -> Heading:
        """The heading with the texts that govern the given periods only."""
        wanted = set(periods)
        return replace(self, texts=tuple(text for text in self.texts if wanted & set(text.periods)))

    def identity(self) -> dict[str, Any]:
        """What identifies a result: nothing in it changes when an amendment for a later day is added."""
        found = self.as_json()
        return found | {"texts": [{k: v for k, v in text.items() if k != "in_force"} for text in found["texts"]]}

    def as_json(self) -> dict[str, Any]:
        return {
            "contract": self.contract,
            "version": self.version,
            "title": self.title,
            "payer": self.payer,
            "texts": [
                {
                    "in_force": [text.start, text.end],
                    "amendments": list(text.amendments),
                    "bytes": text.byte_hash,
                    "meaning": text.meaning_hash,
                }
                for text in self.texts
            ],
            "not_the_contract": bool(self.overrides),
            "overrides": dict(self.overrides),
            "data": self.data,
            "language": language_version(),
        }


def heading(compiled: Compiled, data: str = "") -> Heading:
    """The heading of a compiled contract; `data` is the name of the binding as the user wrote it."""
    plan = compiled.plans[-1]
    governed: dict[int, list[str]] = {}
    for period in compiled.periods():
        governed.setdefault(id(compiled.edition_for(period.label)), []).append(period.label)
    texts = tuple(
        Text(
            edition.start.isoformat(),
            edition.end.isoformat(),
            tuple(governed.get(id(edition), ())),
            edition.amendments,
            edition.byte_hash,
            edition.meaning_hash,
        )
        for edition in compiled.editions
    )
    return Heading(plan.contract, plan.version, plan.title, plan.payer, texts, compiled.overrides, data)


def language_version() -> str:
    """The version of this package."""
    try:
        return version("contractlang")
    except PackageNotFoundError:
        return "unknown"
