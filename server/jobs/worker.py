"""A worker: claims one run after the other and watches over the process that computes it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from server.database import Database, now
from server.jobs import claims
from server.jobs.claims import Claim
from server.jobs.keeping import Keeper, Progress, patiently
from server.jobs.processes import BESIDE, COMMAND, end_with_parent, environment
from server.jobs.tidying import tidy
from server.models import Run, RunResult
from server.observing import configure_logs
from server.services.datasets import hash_file
from server.services.folders import OUT, Work, changed_file, claim_folder, prepare, result_folder, work_of
from server.services.runs import CANCELLED, FAILED
from server.settings import Settings

log = structlog.get_logger("worker")
TICK = 0.05
"""Seconds between two looks at a computing process."""
TIDY = 60.0
"""Seconds between two times of tidying up."""


@dataclass(slots=True)
class Worker:
    """`stop` ends the worker after it has given back its run."""

    settings: Settings
    database: Database
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{now().timestamp():.6f}")
    stop: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> None:
        """Work until `stop` is set."""
        tidied = -TIDY
        while not self.stop.is_set():
            try:
                if time.monotonic() - tidied > TIDY:
                    tidied = time.monotonic()
                    tidy(self.settings, self.database)
                found = self.once()
            except (OperationalError, InterfaceError) as error:  # it comes back, or an operator sees this line
                log.warning("database unavailable", kind=type(error).__name__)
                found = False
            if not found:
                self.stop.wait(self.settings.poll_seconds)

    def once(self) -> bool:
        """Compute one run, if there is one."""
        found = claims.claim(self.database, self.name, self.settings.lease_seconds, self.settings.attempts)
        if found is None:
            return False
        with self.database.read() as session:
            run = session.get_one(Run, found.run_id)
            work = work_of(session, found.run_id)
        log.info("run claimed", run=found.run_id, attempt=found.attempt)
        folder = claim_folder(self.settings, run, found.attempt)
        try:
            self._compute(found, run, work, folder)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._end(found, FAILED, {"kind": "storage", "detail": f"a file cannot be read or written: {reason}"})
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _compute(self, claim: Claim, run: Run, work: Work, folder: Path) -> None:
        progress = Progress(stage="checking data")
        with Keeper(self.database, claim, self.settings.lease_seconds, progress) as keeper:
            if changed := changed_file(work):
                detail = f"the file of table `{changed}` is not what was registered"
                self._end(claim, FAILED, {"kind": "data-changed", "detail": detail})
                return
            prepare(self.settings, work, folder)
            match self._watch(keeper, folder, progress):
                case "ended" if progress.ended == "succeeded":
                    self._publish(claim, run, folder)
                case "ended":
                    self._end(claim, FAILED, progress.problem or _CRASHED)
                case "cancel":
                    self._end(claim, CANCELLED, None)
                case "late":
                    detail = f"the run took longer than {self.settings.run_seconds:g} seconds"
                    self._end(claim, FAILED, {"kind": "time", "detail": detail})
                case "stop":
                    claims.give_back(self.database, claim)
                case _:
                    log.warning("claim lost", run=claim.run_id, attempt=claim.attempt)

    def _watch(self, keeper: Keeper, folder: Path, progress: Progress) -> str:
        """Run the computing process to its end; `ended`, `cancel`, `late`, `stop` or `lost`."""
        with (folder / "log").open("wb") as errors:
            process = subprocess.Popen(
                COMMAND,
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        listener = threading.Thread(target=_listen, args=(process, progress.hear), daemon=True)
        listener.start()
        began = time.monotonic()
        try:
            while process.poll() is None:
                if self.stop.is_set():
                    return "stop"
                if keeper.word:
                    return keeper.word
                if time.monotonic() - began > self.settings.run_seconds:
                    return "late"
                time.sleep(TICK)
            listener.join(5)
            return "ended"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                listener.join(5)
                process.stdout.close()

    def _publish(self, claim: Claim, run: Run, folder: Path) -> None:
        """Put the files in their place, then say so in the database: a result is there as a whole or not at all."""
        place = result_folder(self.settings, run, claim.attempt)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        for file in (folder / OUT).iterdir():
            _to_disk(file)
        (folder / OUT).rename(place)
        _to_disk(place.parent)
        files = {}
        for file in sorted(place.iterdir()):
            sha256, size = hash_file(file)
            files[file.name] = {"sha256": sha256, "size": size}
        summary = json.loads((place / "run.json").read_text(encoding="utf-8"))
        result = RunResult(
            run_id=claim.run_id,
            organisation_id=run.organisation_id,
            folder=str(place.relative_to(self.settings.data_dir.resolve())),
            files=files,
            summary=summary,
        )
        if patiently(lambda: claims.finish(self.database, claim, result), self.settings.lease_seconds):
            log.info("run succeeded", run=claim.run_id, attempt=claim.attempt)
        else:
            shutil.rmtree(place, ignore_errors=True)
            log.warning("claim lost", run=claim.run_id, attempt=claim.attempt)

    def _end(self, claim: Claim, state: str, problem: dict[str, Any] | None) -> None:
        held = patiently(lambda: claims.end(self.database, claim, state, problem), self.settings.lease_seconds)
        log.info("run ended", run=claim.run_id, state=state, kind=(problem or {}).get("kind", ""), held=held)


_CRASHED = {
    "kind": "crashed",
    "detail": "the computing process ended without a word; it may have needed too much memory",
}


def _listen(process: subprocess.Popen[str], hear: Callable[[str], None]) -> None:
    if process.stdout is not None:
        for line in process.stdout:
            hear(line)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main() -> None:
    """A worker process, until it is told to end."""
    settings = Settings()
    configure_logs(as_json=settings.json_logs, level=settings.log_level)
    database = Database(settings.url, 2)
    worker = Worker(settings, database)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop.set())
    if os.environ.get(BESIDE):
        end_with_parent(worker.stop.set)
    worker.serve()
    database.close()


if __name__ == "__main__":
    main()
