"""The description of the interface has an example for every operation, and every example has the shape it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from server import schemas
from server.app import create_app
from server.examples import SCHEMAS
from server.settings import Settings


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return create_app(Settings(data_dir=tmp_path_factory.mktemp("description"))).openapi()


def test_every_operation_has_examples_and_words(description: dict[str, Any]) -> None:
    count = 0
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            count += 1
            where = f"{method} {path}"
            assert operation["description"], where
            body = operation.get("requestBody", {}).get("content", {})
            assert all("example" in part for kind, part in body.items() if kind == "application/json"), where
            assert "application/problem+json" in operation["responses"]["default"]["content"], where
            for status, response in operation["responses"].items():
                for kind, part in response.get("content", {}).items():
                    assert kind != "application/json" or "example" in part, f"{where} {status}"
            for parameter in operation.get("parameters", []):
                assert parameter["in"] != "path" or "example" in parameter, f"{where} {parameter['name']}"
    assert count > 50


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_example_has_the_shape_of_its_schema(name: str) -> None:
    model = getattr(schemas, name)
    assert issubclass(model, BaseModel)
    found = model.model_validate(SCHEMAS[name])
    assert set(SCHEMAS[name]) <= set(model.model_fields)
    assert found.model_dump()


def test_every_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    for name, setting in Settings.model_fields.items():
        assert f"`VBC_SERVER_{name.upper()}`" in page, name
        assert setting.description
        assert setting.description in page, name
