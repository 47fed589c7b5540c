"""Compiled versions, the latest used kept in memory: a version never changes, so a compiled one never goes stale."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

import contractlang
from contractlang import ContractError
from server.errors import Problem, not_found
from server.models import Version
from server.services.contracts import sources_of
from server.services.texts import laid_out, without_folder_json

KEPT = 64
"""Compiled versions that are kept."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled version; `folder` is where its files lay, which nobody wants to read."""

    contract: contractlang.Contract
    folder: str


class Compiling:
    """Compiles each version once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Compiled] = OrderedDict()
        self._lock = Lock()

    def of(self, version: Version) -> Compiled:
        """Raises a problem when a version does not compile any more, or means something else under this engine."""
        with self._lock:
            if version.id in self._kept:
                self._kept.move_to_end(version.id)
                return self._kept[version.id]
        sources = sources_of(version)
        with laid_out(sources) as path:
            try:
                contract = contractlang.compile(path)
            except ContractError as error:
                raise Problem(409, "not-reproducible", "the version does not compile with this engine") from error
            made = Compiled(contract, str(path.parents[sources.main.count("/")]))
        with self._lock:
            found = self._kept.setdefault(version.id, made)
            self._kept.move_to_end(version.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found

    def model(self, version: Version) -> dict[str, Any]:
        """The resolved contract as data."""
        found = self.of(version)
        document: dict[str, Any] = without_folder_json(found.contract.to_json(), found.folder)
        return document

    def text(self, version: Version, day: dt.date | None) -> str:
        """The consolidated text in force on a day; the latest without one."""
        found = self.of(version)
        text = found.contract.texts[-1] if day is None else found.contract.text_on(day)
        if text is None:
            raise not_found(f"text: no text is in force on {day}")
        return text.consolidated.replace(f"{found.folder}/", "")
