"""The process that computes: how it is started."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

BESIDE = "VBC_WORKER_BESIDE_SERVER"
"""The variable that tells a worker that a server started it, and that it ends with it."""

COMMAND = (sys.executable, "-P", "-m", "server.jobs.computing")
"""`-P`: nothing in the working folder, which holds what users sent, is ever imported."""


def environment() -> dict[str, str]:
    """What the computing process needs, and none of the service's secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in kept if name in os.environ}


def end_with_parent(end: Callable[[], None], every: float = 1.0) -> None:
    """Call `end` when the process that started this one is gone: nobody would watch over it any more."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(every)
        end()

    threading.Thread(target=watch, daemon=True).start()
