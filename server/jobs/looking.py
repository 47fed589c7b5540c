"""Questions about data that are answered at once, by a process with the limits of a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from server.errors import Problem
from server.jobs.keeping import Progress
from server.jobs.processes import COMMAND, environment
from server.services.folders import OUT, Work, changed_file, prepare
from server.settings import Settings


def member_rows(settings: Settings, work: Work, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The member rows of a group and period in the data of a run. Raises a problem when they cannot be had."""
    if changed := changed_file(work):
        raise Problem(409, "data-changed", f"the file of table `{changed}` is not what was registered")
    found: list[dict[str, Any]] = _answer(settings, work, "look", "rows.json", asked)
    return found


def validate(settings: Settings, work: Work) -> dict[str, Any]:
    """Whether data fit the tables of a contract: `ok`, `findings`, `report`."""
    found: dict[str, Any] = _answer(settings, work, "validate", "validated.json")
    return found


def _answer(settings: Settings, work: Work, mode: str, file: str, asked: dict[str, Any] | None = None) -> Any:
    folder = Path(mkdtemp(prefix="vbc-look-"))
    try:
        prepare(settings, work, folder, mode, asked)
        progress = _computed(settings, folder)
        if progress.ended != "succeeded":
            problem = progress.problem or {"kind": "crashed", "detail": "the computing process ended without a word"}
            more = {name: value for name, value in problem.items() if name not in {"kind", "detail"}}
            raise Problem(422, str(problem["kind"]), str(problem["detail"]), **more)
        return json.loads((folder / OUT / file).read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _computed(settings: Settings, folder: Path) -> Progress:
    process = subprocess.Popen(
        COMMAND,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=settings.look_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Problem(422, "time", f"the look took longer than {settings.look_seconds:g} seconds") from None
    progress = Progress()
    for line in said.splitlines():
        progress.hear(line)
    return progress
