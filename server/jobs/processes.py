"""The process that computes: how it is started."""

from __future__ import annotations

import os
import sys

COMMAND = (sys.executable, "-P", "-m", "server.jobs.computing")
"""`-P`: nothing in the working folder, which holds what users sent, is ever imported."""


def environment() -> dict[str, str]:
    """What the computing process needs, and none of the service's secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "COVERAGE_PROCESS_START")
    return {name: os.environ[name] for name in kept if name in os.environ}
