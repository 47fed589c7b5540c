"""The lock file."""

import pytest

from contractlang.diagnostics.diagnostic import Severity
from contractlang.library.lock import lock_text
from tests.library.shelves import HEAD, Shelf

MAIN = HEAD.format(name="payer.main", version="1") + "use tst.a\n"
A = 'library tst.a\nversion "1"\n\nuse tst.b\n'
B = "library tst.b\n\nconstant x = 1\n"


def locked(shelf: Shelf) -> Shelf:
    loaded = shelf.write(main=MAIN, a=A, b=B).sound()
    (shelf.folder / "vbc.lock").write_text(lock_text([loaded]))
    shelf.sound()
    return shelf


def test_the_lock_lists_every_used_document(shelf: Shelf) -> None:
    loaded = shelf.write(main=MAIN, a=A, b=B).sound()
    assert [(one.name, one.version) for one in loaded.used] == [("tst.a", "1"), ("tst.b", None)]
    assert lock_text([loaded, loaded]).count("[[document]]") == 2


def test_another_meaning_of_the_same_version_is_a_warning(shelf: Shelf) -> None:
    locked(shelf).write(b=B.replace("= 1", "= 2"))
    shelf.load()
    assert [(d.code, d.severity) for d in shelf.findings] == [("lock-differs", Severity.WARNING)] * 2
    assert [d.span.place.rpartition("/")[2] for d in shelf.findings if d.span] == ["a.vbc:4", "main.vbc:6"]


def test_another_layout_is_none(shelf: Shelf) -> None:
    locked(shelf).write(b=B.replace("constant", "# remark\nconstant  ")).sound()


def test_another_version_is_none(shelf: Shelf) -> None:
    locked(shelf).write(b=B.replace("= 1", "= 2").replace("tst.b\n", 'tst.b\nversion "2"\n'))
    shelf.load()
    assert [d.span.text for d in shelf.findings if d.span] == ["use tst.a"], "only what uses it means something else"


@pytest.mark.parametrize(
    "text", ["[[document", "document = 1", "[[document]]\nname = 1", '[[document]]\nmeaning = "x"']
)
def test_a_broken_lock_is_a_warning(shelf: Shelf, text: str) -> None:
    locked(shelf)
    (shelf.folder / "vbc.lock").write_text(text)
    assert shelf.finding("lock-unreadable").severity is Severity.WARNING
