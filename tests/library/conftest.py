from pathlib import Path

import pytest

from contractlang.library import imports
from tests.library.shelves import Shelf


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A folder of its own, with no shipped library beside it: the documents of a test are all there is."""
    monkeypatch.setattr(imports, "contracts_folder", lambda: tmp_path / "nothing shipped")
    return Shelf(tmp_path)
