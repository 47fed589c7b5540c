"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A run of the suite is the same every time (`make test` also fixes the order of sets); `make search` looks for new cases.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("SEARCH", "repeatable"))

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
