"""Statements and explanations of a finished run: its result, opened again from what the run kept, without the data."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from threading import Lock
from typing import Any

import contractlang
from contractlang import ContractError
from server.errors import Problem, not_found
from server.models import Run, Version
from server.services.contracts import sources_of
from server.services.folders import BINDING, kept_folder
from server.services.texts import laid_out, without_folder_json
from server.settings import Settings

OPEN = 16
"""Results that stay open between requests."""


class Answers:
    """Opened results, the latest used kept. One question at a time is put to a result: its values are filled in as asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: OrderedDict[str, tuple[contractlang.Settled, Lock, str]] = OrderedDict()
        self._lock = Lock()

    def statement(self, run: Run, version: Version, group: str, period: str) -> dict[str, Any]:
        """The statement of a group and period as data. Raises a problem when there is none."""
        settled, lock, folder = self._opened(run, version)
        with lock:
            _known(settled, group, period)
            return _clean(settled.statement_json(group, period), folder)

    def statement_text(self, run: Run, version: Version, group: str, period: str) -> str:
        settled, lock, folder = self._opened(run, version)
        with lock:
            _known(settled, group, period)
            return settled.statement(group, period).replace(f"{folder}/", "")

    def explanation(
        self, run: Run, version: Version, value: str, group: str, period: str, depth: int | None
    ) -> dict[str, Any]:
        """Why a value is what it is, down to the counts of member rows. Raises a problem for an unknown value."""
        settled, lock, folder = self._opened(run, version)
        with lock:
            _known(settled, group, period)
            try:
                found = contractlang.explain(settled, value, group, period, depth=depth)
            except KeyError as error:
                raise Problem(404, "value-unknown", str(error.args[0])) from None
            return _clean(found.to_json(), folder) | {"text": found.text().replace(f"{folder}/", "")}

    def _opened(self, run: Run, version: Version) -> tuple[contractlang.Settled, Lock, str]:
        with self._lock:
            if run.id in self._open:
                self._open.move_to_end(run.id)
                return self._open[run.id]
        made = self._open_again(run, version)
        with self._lock:
            found = self._open.setdefault(run.id, made)
            self._open.move_to_end(run.id)
            while len(self._open) > OPEN:
                self._open.popitem(last=False)
            return found

    def _open_again(self, run: Run, version: Version) -> tuple[contractlang.Settled, Lock, str]:
        sources = sources_of(version)
        parameters = run.parameters
        with laid_out(sources) as path:
            folder = str(path.parents[sources.main.count("/")])
            try:
                settled = contractlang.reopen(
                    path,
                    BINDING,
                    kept_folder(self._settings, run),
                    periods=parameters["periods"],
                    groups=parameters["groups"],
                    overrides=parameters["overrides"],
                    engine=parameters["engine"],
                    known_on=None if parameters["known_on"] is None else dt.date.fromisoformat(parameters["known_on"]),
                )
            except ContractError as error:
                raise Problem(409, "not-reproducible", "the version does not compile any more as it did") from error
        if settled is None:
            raise Problem(
                409,
                "not-reproducible",
                "what the run kept is not there any more, or was made by another engine version",
            )
        return settled, Lock(), folder


def _known(settled: contractlang.Settled, group: str, period: str) -> None:
    try:
        settled.row(group, period)
    except KeyError:
        raise not_found("group and period in this result") from None


def _clean(document: dict[str, Any], folder: str) -> dict[str, Any]:
    found = without_folder_json(document, folder)
    assert isinstance(found, dict)  # noqa: S101 - the same shape
    return found
