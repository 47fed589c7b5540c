"""The heartbeat of a claimed run, in a thread of its own, so that nothing that takes long lets the lease run out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from server.database import Database
from server.jobs import claims
from server.jobs.claims import Claim

Found = TypeVar("Found")


@dataclass(slots=True)
class Progress:
    """What the computing process has said so far."""

    stage: str = "starting"
    done: int = 0
    to_do: int = 0
    ended: str = ""
    problem: dict[str, Any] | None = None

    def hear(self, line: str) -> None:
        """Take in a line of the process; a line of anything else says nothing."""
        try:
            said = json.loads(line)
        except ValueError:
            return
        if isinstance(said, dict):
            for name in ("stage", "done", "to_do", "ended", "problem"):
                if name in said:
                    setattr(self, name, said[name])


@dataclass(slots=True)
class Keeper:
    """Keeps a claim alive while it is open. `word` becomes `cancel` or `lost` when the run shall end."""

    database: Database
    claim: Claim
    lease: float
    progress: Progress
    word: str = ""
    _done: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _beat(self) -> None:
        last = time.monotonic()
        while not self._done.wait(min(self.lease / 4, 1.0)):
            said = self.progress
            try:
                beat = claims.heartbeat(self.database, self.claim, self.lease, said.stage, said.done, said.to_do)
            except (OperationalError, InterfaceError):  # the database may come back before the lease is over
                if time.monotonic() - last > self.lease:
                    self.word = "lost"
                    return
                continue
            last = time.monotonic()
            if not beat.held or beat.cancel:
                self.word = "cancel" if beat.held else "lost"
                return


def patiently(call: Callable[[], Found], seconds: float) -> Found:
    """Call again while the database does not answer, for a while. Raises what the last call raised."""
    until = time.monotonic() + seconds
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
