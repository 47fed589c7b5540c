"""The description of the interface (OpenAPI): examples for every operation, the problems it may answer, how to sign in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from server.errors import MEDIA_TYPE
from server.examples import OPERATIONS, PARAMETERS, SCHEMAS

_PAGE = "Page_"
_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "description": "A problem of RFC 9457; `findings` are those of the language.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "findings": {"type": "array", "items": {"$ref": "#/components/schemas/FindingOut"}},
    },
}
_EXAMPLE = {
    "type": "urn:vbc:problem:forbidden",
    "title": "Forbidden",
    "status": 403,
    "detail": "this needs the permission `runs:start`",
}


def describe(app: FastAPI) -> None:
    """Give the application its description, which is made when it is first asked for."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, routes=app.routes, description=app.description)
    parts = found.setdefault("components", {})
    parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key or a token."}}
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, operation in _operations(found):
        _complete(path, operation)
    return found


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete(path: str, operation: dict[str, Any]) -> None:
    problem = {
        "description": "A problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _EXAMPLE}},
    }
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = problem
    if path not in _OPEN:
        operation["security"] = [{"key": []}]
    for parameter in operation.get("parameters", []):
        if parameter["name"] in PARAMETERS and "example" not in parameter:
            example = PARAMETERS[parameter["name"]]
            listed = "array" in str(parameter.get("schema", {}))
            parameter["example"] = [example] if listed else example
    _example(operation.get("requestBody", {}).get("content", {}), "")
    handler = operation["operationId"].partition("_v1_")[0]
    handler = handler.removesuffix(f"_{path.removeprefix('/')}_get")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            _example(response.get("content", {}), handler)


def _example(content: dict[str, Any], handler: str) -> None:
    for media, body in content.items():
        if not media.startswith("application/json") or "example" in body:
            continue
        name = str(body.get("schema", {}).get("$ref", "")).rpartition("/")[2]
        if handler in OPERATIONS:
            body["example"] = OPERATIONS[handler]
        elif name.startswith(_PAGE):
            body["example"] = {"items": [SCHEMAS[name.removeprefix(_PAGE).rstrip("_")]], "next": None}
        elif name in SCHEMAS:
            body["example"] = SCHEMAS[name]
