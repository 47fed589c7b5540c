"""The forms of a diagnostic for machines."""

import json

from contractlang.diagnostics.interchange import as_json, as_sarif, dumps
from tests.diagnostics.samples import COMMA, DATA, UNITS


def test_json_names_its_format_and_every_place() -> None:
    document = as_json([COMMA, DATA])
    assert document["format"] == "vbc-diagnostics/1"
    assert (document["errors"], document["warnings"]) == (1, 1)
    comma, data = document["diagnostics"]
    place = {"file": "demo.vbc", "line": 3, "column": 15, "end_line": 3, "end_column": 23, "start": 53, "end": 61}
    assert comma == {
        "code": "thousands-comma",
        "severity": "error",
        "message": "a number takes no thousands comma",
        "place": place,
        "under": "",
        "labels": [],
        "notes": [],
        "help": "write `$250_000`",
        "fixes": [{"title": "write `$250_000`", "edits": [{"place": place, "text": "$250_000"}]}],
    }
    assert data["place"] is None
    assert json.loads(dumps(document)) == document


def test_sarif_log() -> None:
    (run,) = as_sarif([UNITS, COMMA, DATA], "0.1.0")["runs"]
    assert run["tool"]["driver"]["name"] == "vbc"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "missing-value",
        "thousands-comma",
        "unit-mismatch",
    ]
    units, comma, data = run["results"]
    assert units["ruleIndex"] == 2
    assert units["message"]["text"].endswith("help: multiply by `member_months`\n`pmpm` is per member and month")
    assert units["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "demo.vbc"},
        "region": {"startLine": 4, "startColumn": 15, "endLine": 4, "endColumn": 25},
    }
    assert [r["message"]["text"] for r in units["relatedLocations"]] == ["USD pmpm", "USD pmpm"]
    (change,) = comma["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "$250_000"}
    assert data["level"] == "warning"
    assert "locations" not in data
