"""What is answered when a request is refused: problems of RFC 9457, with the findings of the language as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from contractlang import Finding

MEDIA_TYPE = "application/problem+json"
UNPROCESSABLE = 422
TITLES = {UNPROCESSABLE: "Unprocessable Content", 413: "Content Too Large"}  # later words than those of Python 3.11


class Problem(Exception):  # noqa: N818 - the word of the standard
    """A refusal. `kind` names the problem (the last part of its `type`), `more` are further members of the document."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = int(status)
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": f"urn:vbc:problem:{self.kind}",
            "title": TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


def not_found(what: str) -> Problem:
    """Said of what does not exist and of what belongs to others, so that nobody learns which."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no such {what}")


def conflict(kind: str, detail: str, **more: Any) -> Problem:
    return Problem(HTTPStatus.CONFLICT, kind, detail, **more)


def invalid(detail: str, **more: Any) -> Problem:
    return Problem(UNPROCESSABLE, "invalid", detail, **more)


def forbidden(detail: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", detail)


def overloaded(detail: str, seconds: int = 1) -> Problem:
    """Said of what may work a moment later."""
    return Problem(503, "overloaded", detail, headers={"Retry-After": str(seconds)})


def too_large(limit: int) -> Problem:
    detail = f"the body of this request has at most {limit:,} bytes"
    return Problem(413, "too-large", detail, headers={"Connection": "close"})


def findings_problem(detail: str, findings: Sequence[Finding]) -> Problem:
    """A contract, a binding or data that cannot be used."""
    return Problem(UNPROCESSABLE, "findings", detail, findings=[finding_json(f) for f in findings])


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain data."""
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "help": finding.help,
        "notes": list(finding.notes),
        "frame": finding.frame,
    }
