"""Examples of the interface: one per schema and per parameter, told as one story, the shared savings of Lakeland."""

from __future__ import annotations

from typing import Any

MOMENT = "2026-01-15T09:30:00Z"
HASH = "9e785f81f5ec2f6823f1f72e3545373d08bc66cef3ef022ca8932dbd2c7612e5"
MEANING = "d2aba91d9bd1beb0317f76ce36f023dfc67c5833a6896e89d673f56c5427042d"
GROUP = "Harbor Primary Care"
_TEXT = 'contract example.shared_savings\ntitle "Shared savings"\n…\n'
_BINDING = '[tables.results]\nfile = "results.csv"\n…\n'
_FILES = {"contract.vbc": _TEXT}


def _id(prefix: str) -> str:
    return f"{prefix}_01a2029679eade123c2172d010ee"


_FINDING = {
    "code": "unknown-name",
    "severity": "error",
    "message": "there is no scale or function `group_shar`",
    "file": "contract.vbc",
    "line": 24,
    "column": 18,
    "help": "did you mean `group_share`?",
    "notes": [],
    "frame": "",
}
_FILE = {
    "table_name": "results",
    "format": "csv",
    "origin": "upload",
    "sha256": HASH,
    "size": 418,
    "created_at": MOMENT,
}
_RUN = {
    "id": _id("run"),
    "key": HASH,
    "version_id": _id("ver"),
    "dataset_id": _id("dat"),
    "binding_id": _id("bnd"),
    "parameters": {"periods": [], "groups": [], "overrides": {}},
    "state": "running",
    "stage": "reducing",
    "done": 0,
    "to_do": 1,
    "attempt": 1,
    "cancel_wanted": False,
    "problem": None,
    "created_by": _id("usr"),
    "created_at": MOMENT,
    "started_at": MOMENT,
    "finished_at": None,
}
_KEY = {
    "id": _id("key"),
    "user_id": _id("usr"),
    "name": "nightly settlement",
    "scopes": ["runs:start", "results:read"],
    "created_at": MOMENT,
    "expires_at": "2026-04-15T09:30:00Z",
    "revoked_at": None,
}
_PAYMENT = {
    "payment": "settlement",
    "period": "2024",
    "settled": 5,
    "held": 0,
    "not_settled": 0,
    "paid": "512340.10",
    "owed": "0.00",
    "net": "512340.10",
}

SCHEMAS: dict[str, Any] = {
    "SourcesIn": {"main": "contract.vbc", "files": _FILES},
    "DraftIn": {"name": "Shared savings 2024", "main": "contract.vbc", "files": _FILES},
    "DraftOut": {
        "id": _id("dft"),
        "name": "Shared savings 2024",
        "main": "contract.vbc",
        "files": _FILES,
        "revision": 1,
        "authors": [_id("usr")],
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    "CheckedOut": {"ok": False, "findings": [_FINDING], "document": {"format": "vbc-findings/1"}},
    "FormatIn": {"text": _TEXT},
    "FormatOut": {"text": _TEXT},
    "VersionOut": {
        "id": _id("ver"),
        "name": "example.shared_savings",
        "version": "2024.1",
        "title": "Shared savings for primary care groups",
        "byte_hash": HASH,
        "meaning_hash": MEANING,
        "language": "0.1.0",
        "written_by": [_id("usr")],
        "published_by": _id("usr"),
        "published_at": MOMENT,
    },
    "ContractOut": {
        "id": _id("con"),
        "name": "example.shared_savings",
        "title": "Shared savings for primary care groups",
        "created_at": MOMENT,
    },
    "SourcesOut": {"main": "contract.vbc", "files": _FILES, "byte_hash": HASH},
    "LibraryIn": {"draft": _id("dft")},
    "LibraryOut": {
        "id": _id("lib"),
        "name": "house.rates",
        "version": "1",
        "text": 'library house.rates\nversion "1"\n…\n',
        "byte_hash": HASH,
        "published_by": _id("usr"),
        "published_at": MOMENT,
    },
    "DatasetIn": {"name": "results of 2024"},
    "DatasetOut": {
        "id": _id("dat"),
        "name": "results of 2024",
        "sealed": True,
        "created_by": _id("usr"),
        "created_at": MOMENT,
        "files": [_FILE],
    },
    "DataFileOut": _FILE,
    "PathIn": {"path": "/data/lakeland/results.parquet", "format": "parquet"},
    "TableIn": {"source": "warehouse", "table": "public.results"},
    "ValidateIn": {"contract": "example.shared_savings", "version": "latest", "binding": _id("bnd")},
    "ValidatedOut": {"ok": True, "findings": [], "report": {"version": 1, "binding": "binding.toml", "tables": []}},
    "BindingIn": {"name": "results as exported", "text": _BINDING},
    "BindingOut": {
        "id": _id("bnd"),
        "name": "results as exported",
        "text": _BINDING,
        "sha256": HASH,
        "created_by": _id("usr"),
        "created_at": MOMENT,
    },
    "RunIn": {
        "contract": "example.shared_savings",
        "version": "2024.1",
        "dataset": _id("dat"),
        "binding": _id("bnd"),
        "periods": ["2024"],
    },
    "RunOut": _RUN,
    "ResultOut": {
        "run_id": _id("run"),
        "files": {"results.parquet": {"sha256": HASH, "size": 10240}},
        "summary": {"format": "vbc-results/1", "contract": "example.shared_savings", "payments": [_PAYMENT]},
        "created_at": MOMENT,
        "approved_by": None,
        "approved_at": None,
    },
    "EvaluateIn": {
        "tables": {
            "results": {
                "group": [GROUP],
                "year": ["2024"],
                "target": ["412.50"],
                "cost": ["24180310.55"],
                "member_months": [60120],
                "quality": ["78.4%"],
            }
        },
        "values": {"settlement": None},
    },
    "EvaluatedOut": {
        "contract": "example.shared_savings",
        "version": "2024.1",
        "byte_hash": HASH,
        "meaning_hash": MEANING,
        "rows": 1,
        "columns": {"group": [GROUP], "year": ["2024"], "status": ["settled"], "settlement": ["254381.20"]},
        "findings": [],
    },
    "CallerOut": {
        "organisation_id": _id("org"),
        "user_id": _id("usr"),
        "subject": "analyst@lakeland.example",
        "permissions": ["results:read", "runs:start"],
        "groups": [],
    },
    "OrganisationIn": {"two_person_publish": True},
    "OrganisationOut": {
        "id": _id("org"),
        "name": "Lakeland",
        "two_person_publish": True,
        "two_person_approve": True,
        "created_at": MOMENT,
    },
    "UserIn": {"subject": "reader@harbor.example", "name": "Harbor", "roles": ["reader"], "groups": [GROUP]},
    "UserChange": {"active": False},
    "UserOut": {
        "id": _id("usr"),
        "subject": "reader@harbor.example",
        "name": "Harbor",
        "roles": ["reader"],
        "groups": [GROUP],
        "active": True,
        "created_at": MOMENT,
    },
    "KeyIn": {"name": "nightly settlement", "scopes": ["runs:start", "results:read"], "days": 90},
    "KeyOut": _KEY,
    "KeyMadeOut": {**_KEY, "secret": "vbc_…"},
    "AuditEventOut": {
        "number": 17,
        "at": MOMENT,
        "actor": _id("usr"),
        "action": "contract.published",
        "subject": _id("ver"),
        "detail": {"name": "example.shared_savings", "version": "2024.1"},
        "previous": HASH,
        "hash": MEANING,
    },
    "AuditSealOut": {"first": 1, "last": 17, "head": MEANING, "previous": "0" * 64, "seal": HASH, "sealed_at": MOMENT},
    "VerifiedOut": {"whole": True, "events": 17, "seals": 1, "faults": []},
    "MemberRowsIn": {"group": GROUP, "period": "2024", "purpose": "question 1182 of the group: who is counted"},
    "MemberRowsOut": {
        "populations": [
            {
                "block": "panel",
                "table": "member_month",
                "rows": [{"member": "M1", "month": "202401", "lob": "commercial", "left_out": None}],
                "more": True,
            }
        ]
    },
}
"""By the name of the schema. A page of a list is made of the example of its entries."""

OPERATIONS: dict[str, Any] = {
    "get_model": {"format": "vbc-model/1", "contract": "example.shared_savings", "version": "2024.1"},
    "get_file": "the bytes of the file",
    "get_reconciliation": {"format": "vbc-reconciliation/1", "value": "settlement", "rows": 5, "within": 5},
    "get_rows": {
        "items": [{"group": GROUP, "year": "2024", "status": "settled", "settlement": "254381.20"}],
        "next": None,
    },
    "get_statement": {"format": "vbc-statement/1", "unit": {"name": "group", "label": GROUP}, "period": "2024"},
    "get_explanation": {
        "format": "vbc-trace/1",
        "trace": {"kind": "value", "name": "settlement", "value": "254381.20"},
    },
    "healthz": {"status": "ok"},
    "readyz": {"status": "ok"},
}
"""Answers without a schema of their own, by the name of the handler."""

PARAMETERS: dict[str, Any] = {
    "draft_id": _id("dft"),
    "dataset_id": _id("dat"),
    "binding_id": _id("bnd"),
    "library_id": _id("lib"),
    "run_id": _id("run"),
    "user_id": _id("usr"),
    "key_id": _id("key"),
    "name": "example.shared_savings",
    "version": "2024.1",
    "table": "results",
    "file": "results.parquet",
    "group": GROUP,
    "period": "2024",
    "value": "settlement",
    "on": "2024-06-30",
}
"""By the name of the parameter."""
