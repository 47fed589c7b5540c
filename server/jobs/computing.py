"""The process of one run: `python -m server.jobs.computing` in the folder of a claim.

It has no access to the database. It reads `job.json`, writes `out/`, and tells its progress as lines of JSON on standard
output; the last line says how it ended.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import contractlang
from contractlang import ContractError
from server.errors import finding_json
from server.jobs.processes import end_with_parent


def main() -> int:
    """Run the job in the working folder."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    _limit(job)
    end_with_parent(lambda: os._exit(1))
    try:
        say({"ended": MODES[job["mode"]](job)})
    except ContractError as error:
        say({"ended": "failed", "problem": {
            "kind": "findings",
            "detail": "the contract cannot be settled on these data",
            "findings": [finding_json(finding) for finding in error.findings],
        }})  # fmt: skip
    except KeyError as error:
        say({"ended": "failed", "problem": {"kind": "not-found", "detail": str(error.args[0])}})
    except MemoryError:
        say({"ended": "failed", "problem": {"kind": "memory", "detail": "the run needs more memory than it may have"}})
    except OSError as error:
        reason = error.strerror or type(error).__name__
        say(
            {"ended": "failed", "problem": {"kind": "storage", "detail": f"a file cannot be read or written: {reason}"}}
        )
    return 0


def compute(job: dict[str, Any]) -> str:
    """Settle, and write the result; how it ended."""
    parameters = job["parameters"]
    asked: dict[str, Any] = {
        "periods": parameters["periods"],
        "groups": parameters["groups"],
        "overrides": parameters["overrides"],
        "engine": parameters["engine"],
        "known_on": _day(parameters["known_on"]),
        "progress": lambda stage, done, to_do: say({"stage": stage, "done": done, "to_do": to_do}),
    }
    settled = contractlang.reopen(job["contract"], job["binding"], job["kept"], **asked)
    if settled is None:  # the reduce stage was not finished before
        settled = contractlang.evaluate(
            job["contract"], job["binding"], tables=job["tables"], memory=job["memory"], keep=job["kept"], **asked
        )
    say({"stage": "writing", "done": 0, "to_do": 1})
    settled.write("out")
    findings = [finding_json(finding) for finding in settled.findings]
    (Path("out") / "findings.json").write_text(json.dumps(findings, ensure_ascii=False), encoding="utf-8")
    if parameters["reconcile"] is not None:
        _reconcile(job, parameters)
    return "succeeded"


def look(job: dict[str, Any]) -> str:
    """Write the member rows of a group and period into `out/rows.json`; how it ended."""
    asked, parameters = job["asked"], job["parameters"]
    rows = contractlang.member_rows(
        job["contract"],
        job["binding"],
        asked["group"],
        asked["period"],
        limit=asked["limit"],
        tables=job["tables"],
        overrides=parameters["overrides"],
        memory=job["memory"],
        known_on=_day(parameters["known_on"]),
    )
    Path("out").mkdir()
    (Path("out") / "rows.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return "succeeded"


def validate(job: dict[str, Any]) -> str:
    """Write into `out/validated.json` whether the data fit the tables of the contract; how it ended."""
    found = contractlang.validate(job["contract"], job["binding"], tables=job["tables"], memory=job["memory"])
    document = {"findings": [finding_json(f) for f in found.findings], "report": dict(found.report), "ok": found.ok}
    Path("out").mkdir()
    (Path("out") / "validated.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return "succeeded"


MODES = {"run": compute, "look": look, "validate": validate}


def _day(written: str | None) -> dt.date | None:
    return None if written is None else dt.date.fromisoformat(written)


def _reconcile(job: dict[str, Any], parameters: dict[str, Any]) -> None:
    say({"stage": "reconciling", "done": 0, "to_do": 1})
    asked = parameters["reconcile"]
    found = contractlang.reconcile(
        job["contract"],
        job["binding"],
        asked["against"],
        value=asked["value"],
        tolerance=asked["tolerance"],
        uncertain=asked["uncertain"],
        tables=job["tables"],
        known_on=_day(parameters["known_on"]),
        periods=parameters["periods"],
        overrides=parameters["overrides"],
        engine=parameters["engine"],
    )
    text = json.dumps(found.to_json(), ensure_ascii=False)
    (Path("out") / "reconciliation.json").write_text(text, encoding="utf-8")


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _limit(job: dict[str, Any]) -> None:
    if job["address_space"]:
        resource.setrlimit(resource.RLIMIT_AS, (job["address_space"], job["address_space"]))
    seconds = int(job["seconds"] * 4) + 60  # several threads: processor time is a second line behind the worker's clock
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main())
