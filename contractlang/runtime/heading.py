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
    """`overrides` maps what `--set` replaced to the words of the new value; empty for a run of the contract itself.

    `known_on` is the day on which data and amendments were looked at ("": now), `unknown` the amendments not published then.
    `paid_in` gives the first and the last day on which each period is paid, where the contract says so.
    """

    contract: str
    version: str
    title: str
    payer: str
    texts: tuple[Text, ...]
    overrides: Mapping[str, str] = field(default_factory=dict)
    data: str = ""
    known_on: str = ""
    unknown: tuple[str, ...] = ()
    paid_in: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def as_known(self) -> str:
        """`as known on 2024-06-30, without amendment x.a2`, or ""."""
        if not self.known_on:
            return ""
        names = ", ".join(self.unknown)
        late = f", without amendment{'' if len(self.unknown) == 1 else 's'} {names}" if names else ""
        return f"as known on {self.known_on}{late}"

    @property
    def warning(self) -> str:
        """`not the contract: cap = 8% of benchmark`, or "" for the contract itself."""
        if not self.overrides:
            return ""
        return f"{NOT_THE_CONTRACT}: " + "; ".join(f"{name} = {words}" for name, words in self.overrides.items())

    def of(self, periods: Iterable[str]) -> Heading:
        """The heading with the texts that govern the given periods only."""
        wanted = set(periods)
        paid = {period: days for period, days in self.paid_in.items() if period in wanted}
        return replace(self, texts=tuple(text for text in self.texts if wanted & set(text.periods)), paid_in=paid)

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
            **({"paid_in": {period: list(days) for period, days in self.paid_in.items()}} if self.paid_in else {}),
            **({"as_known_on": self.known_on, "not_known_yet": list(self.unknown)} if self.known_on else {}),
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
    known = "" if compiled.known_on is None else compiled.known_on.isoformat()
    unknown = compiled.loaded.unknown
    paid = {
        period.label: (days[0].isoformat(), days[1].isoformat())
        for period in compiled.periods()
        if (days := compiled.paid_in(period)) is not None
    }
    return Heading(
        plan.contract, plan.version, plan.title, plan.payer, texts, compiled.overrides, data, known, unknown, paid
    )


def language_version() -> str:
    """The version of this package."""
    try:
        return version("contractlang")
    except PackageNotFoundError:
        return "unknown"
