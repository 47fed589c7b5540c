"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

PUBLISHED = (
    'CMS publishes the files at data.cms.gov, "Medicare Shared Savings Program, '
    'Performance Year Financial and Quality Results"'
)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the checkout: data that is used by tests and not kept in the repository."""
    folder = Path(__file__).parents[2] / "shared"
    if folder.is_dir():
        return folder
    message = f"no folder `shared` beside the checkout; {PUBLISHED}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
