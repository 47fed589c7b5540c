"""What `use` and `extends` find, and what they report."""

from pathlib import Path

import pytest

from contractlang.diagnostics.diagnostic import Severity, Sink
from contractlang.library import imports
from contractlang.library.imports import load
from contractlang.library.search import read_heading
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse
from tests.library.shelves import HEAD, Shelf

MAIN = HEAD.format(name="payer.main", version="1")


def library(name: str, version: str = "1", *lines: str) -> str:
    return "\n".join([f"library {name}", f'version "{version}"', "", *lines, ""])


def used(shelf: Shelf, name: str = "main") -> list[str]:
    return [document.name.text for _, document in shelf.edition(name).uses]


def test_a_library_lies_where_its_name_says(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", tst__rates=library("tst.rates", "1", "constant base = $1"))
    assert used(shelf) == ["tst.rates"]


def test_a_library_is_found_by_its_header_whatever_its_file(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", anything=library("tst.rates"))
    assert used(shelf) == ["tst.rates"]


def test_folders_above_are_searched_up_to_the_project(shelf: Shelf) -> None:
    shelf.write(
        project__payer__contract=MAIN + "use tst.near\nuse tst.deep\n",
        project__near=library("tst.near"),
        project__contracts__some__folder__deep=library("tst.deep"),
    )
    assert used(shelf, "project__payer__contract") == ["tst.near", "tst.deep"]


def test_nothing_above_the_project_is_searched(shelf: Shelf) -> None:
    shelf.write(project__contracts__main=MAIN + "use tst.rates\n", rates=library("tst.rates"))
    assert shelf.finding("import-not-found", "project__contracts__main").span is not None


def test_without_a_project_only_the_own_folder_is_searched(shelf: Shelf) -> None:
    shelf.write(inner__main=MAIN + "use tst.rates\n", rates=library("tst.rates"))
    shelf.finding("import-not-found", "inner__main")


def test_given_roots_are_searched_with_their_folders(shelf: Shelf) -> None:
    shelf.write(here__main=MAIN + "use tst.rates\n", elsewhere__deep__rates=library("tst.rates"))
    loaded = shelf.sound("here__main", roots=(shelf.folder / "elsewhere",))
    assert [document.name.text for _, document in loaded.editions[0].uses] == ["tst.rates"]


def test_the_shipped_library_is_searched(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write(here__main=MAIN + "use tst.rates\n", shipped__tst__rates=library("tst.rates"))
    monkeypatch.setattr(imports, "contracts_folder", lambda: shelf.folder / "shipped")
    assert used(shelf, "here__main") == ["tst.rates"]


def test_a_missing_library_names_the_nearest_and_the_fix_mends_it(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rate\n", tst__rates=library("tst.rates"))
    found = shelf.finding("import-not-found")
    assert found.message == "there is no library `tst.rate`"
    assert found.span is not None
    assert found.span.place.endswith("main.vbc:6")
    assert found.span.text == "tst.rate"
    assert "`tst.rates`" in found.help
    shelf.fixed().sound()


def test_a_missing_library_says_where_to_put_it(shelf: Shelf) -> None:
    found = shelf.write(main=MAIN + "use tst.quality\n").finding("import-not-found")
    assert "tst/quality.vbc" in found.help
    assert any(str(shelf.folder) in note for note in found.notes)


def test_the_header_must_agree_with_the_path(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", tst__rates=library("other.thing"))
    found = shelf.finding("import-not-found")
    assert any("says `library other.thing`" in note for note in found.notes)


def test_versions_stand_side_by_side(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + 'use tst.rates version "2"\n',
        rates_1=library("tst.rates", "1"),
        rates_2=library("tst.rates", "2"),
    )
    edition = shelf.edition()
    assert [document.header.version for _, document in edition.uses] == ["2"]


def test_several_versions_need_one_to_be_named(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", a=library("tst.rates", "1"), b=library("tst.rates", "2"))
    found = shelf.finding("import-ambiguous")
    assert found.message == "there are several versions of `tst.rates`"
    assert [fix.title for fix in found.fixes] == ['name version "2"', 'name version "1"']
    shelf.fixed().sound()


def test_a_version_that_does_not_exist(shelf: Shelf) -> None:
    shelf.write(main=MAIN + 'use tst.rates version "3" as r\n', a=library("tst.rates", "1"))
    found = shelf.finding("version-conflict")
    assert found.message == 'there is no version "3" of `tst.rates`'
    assert any('is version "1"' in note for note in found.notes)
    shelf.fixed()
    assert 'use tst.rates version "1" as r' in (shelf.folder / "main.vbc").read_text()
    shelf.sound()


def test_two_files_of_one_name_and_version(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + "use tst.rates\n",
        a=library("tst.rates", "1", "constant x = 1"),
        b=library("tst.rates", "1", "constant x = 2"),
    )
    found = shelf.finding("import-ambiguous")
    assert "differ" in found.message
    assert len(found.notes) == 2


def test_a_copy_of_the_same_bytes_is_no_ambiguity(shelf: Shelf) -> None:
    text = library("tst.rates", "1", "constant x = 1")
    shelf.write(main=MAIN + "use tst.rates\n", tst__rates=text, rates=text)
    assert used(shelf) == ["tst.rates"]


def test_uses_of_used_libraries_are_resolved(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + "use tst.a\nuse tst.c\n",
        a=library("tst.a", "1", "use tst.b"),
        b=library("tst.b", "1", "use tst.c as sea"),
        c=library("tst.c"),
    )
    edition = shelf.edition()
    assert [(use.name.text, use.alias) for use, _ in edition.uses] == [
        ("tst.a", None), ("tst.c", None), ("tst.b", None), ("tst.c", "sea"),
    ]  # fmt: skip
    assert [Path(file.name).stem for file in edition.files] == ["main", "a", "c", "b"]


def test_a_ladder_of_uses_is_not_exponential(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    rungs = 30
    texts = {
        f"l{i}": library(f"tst.l{i}", "1", f"use tst.l{i + 1} as a", f"use tst.l{i + 1} as b") for i in range(rungs)
    }
    shelf.write(main=MAIN + "use tst.l0\n", **texts, **{f"l{rungs}": library(f"tst.l{rungs}")})
    parsed: list[str] = []

    def counted(file: SourceFile, sink: Sink) -> ast.Document | None:
        parsed.append(file.name)
        return parse(file, sink)

    monkeypatch.setattr(imports, "parse", counted)
    assert len(shelf.edition().uses) == 2 * rungs + 1
    assert len(parsed) == len(set(parsed)) == rungs + 2


def test_a_circle_is_shown(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + "use tst.a\n",
        a=library("tst.a", "1", "use tst.b"),
        b=library("tst.b", "1", "use tst.c"),
        c=library("tst.c", "1", "use tst.a"),
    )
    found = shelf.finding("import-cycle")
    assert found.message == "documents use one another in a circle: `tst.a` → `tst.b` → `tst.c` → `tst.a`"
    assert found.span is not None
    assert found.span.place.endswith("c.vbc:4")
    assert len(found.labels) == 2


def test_a_library_that_uses_itself(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.a\n", a=library("tst.a", "1", "use tst.a"))
    assert "`tst.a` → `tst.a`" in shelf.finding("import-cycle").message


def test_contracts_that_extend_one_another(shelf: Shelf) -> None:
    shelf.write(
        main='contract p.a extends p.b version "1"\nversion "1"\n',
        b='contract p.b extends p.a version "1"\nversion "1"\n',
    )
    found = shelf.finding("import-cycle")
    assert found.message == "documents extend one another in a circle: `p.a` → `p.b` → `p.a`"


def test_a_long_chain_is_refused(shelf: Shelf) -> None:
    count = imports.MAX_CHAIN + 5
    texts = {f"l{i}": library(f"tst.l{i}", "1", f"use tst.l{i + 1}") for i in range(count)}
    shelf.write(main=MAIN + "use tst.l0\n", **texts, **{f"l{count}": library(f"tst.l{count}")})
    shelf.finding("import-limit")


def test_many_documents_are_refused(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_DOCUMENTS", 3)
    texts = {f"l{i}": library(f"tst.l{i}") for i in range(4)}
    shelf.write(main=MAIN + "".join(f"use tst.l{i}\n" for i in range(4)), **texts)
    assert set(shelf.codes()) == {"import-limit"}


def test_one_contract_uses_one_version_of_a_library(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + 'use tst.rates version "1"\nuse tst.a\n',
        a=library("tst.a", "1", 'use tst.rates version "2"'),
        r1=library("tst.rates", "1"),
        r2=library("tst.rates", "2"),
    )
    found = shelf.finding("version-conflict")
    assert found.message == "`tst.rates` is used in two versions"
    assert found.labels[0].span.file.name.endswith("main.vbc")


def test_results_of_a_contract_stand_by_themselves(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + 'use tst.rates version "1"\nuse payer.other version "7" results as other\n',
        other=HEAD.format(name="payer.other", version="7") + 'use tst.rates version "2"\n',
        r1=library("tst.rates", "1"),
        r2=library("tst.rates", "2"),
    )
    edition = shelf.edition()
    assert [(d.name.text, d.header.version) for _, d in edition.uses] == [
        ("tst.rates", "1"), ("payer.other", "7"), ("tst.rates", "2"),
    ]  # fmt: skip


def test_a_contract_is_no_library(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use payer.other as other\n", other=HEAD.format(name="payer.other", version="7"))
    found = shelf.finding("import-kind")
    assert "`payer.other` is a contract, not a library" in found.message
    shelf.fixed()
    assert "use payer.other results as other" in (shelf.folder / "main.vbc").read_text()
    shelf.sound()


@pytest.mark.parametrize("line", ["use tst.rates results", None])
def test_a_library_is_no_contract(shelf: Shelf, line: str | None) -> None:
    main = MAIN + f"{line}\n" if line else 'contract payer.main extends tst.rates version "1"\nversion "1"\n'
    shelf.write(main=main, rates=library("tst.rates"))
    assert shelf.finding("import-kind").help == "name a contract; a library is used with `use`"


def test_all_problems_are_reported_in_one_run(shelf: Shelf) -> None:
    shelf.write(
        main=MAIN + 'use tst.none\nuse tst.a version "9"\nuse tst.b\n',
        a=library("tst.a"),
        b=library("tst.b", "1", "use tst.gone"),
    )
    assert shelf.codes() == ["import-not-found", "import-not-found", "version-conflict"]


def test_a_library_loads_by_itself_and_has_no_end(shelf: Shelf) -> None:
    shelf.write(main=library("tst.rates", "1", "constant x = 1"))
    (edition,) = shelf.sound().editions
    assert edition.covers(edition.start)
    assert edition.end.year == 9999


def test_a_contract_needs_version_unit_and_term(shelf: Shelf) -> None:
    shelf.write(main='contract payer.main\ntitle "x"\n\nconstant y = 1\n')
    assert (
        shelf.finding("missing-header").message
        == "contract `payer.main` does not state `version`, `settles` and `term`"
    )


def test_unreadable_files(shelf: Shelf) -> None:
    (shelf.folder / "main.vbc").mkdir()
    assert shelf.finding("file-unreadable").help == "name a `.vbc` file"
    assert shelf.finding("file-not-found", "absent").message.endswith("absent.vbc`")
    (shelf.folder / "bytes.vbc").write_bytes(b"contract a\n\xff\xfe\n")
    assert "byte 12, on line 2" in shelf.finding("not-text", "bytes").message
    (shelf.folder / "empty.vbc").write_bytes(b"")
    assert shelf.load("empty") is None
    assert [d.code for d in shelf.findings] == ["missing-header"]


def test_a_huge_file_is_not_read(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contractlang.library.reading.MAX_BYTES", 10)
    shelf.write(main=MAIN)
    shelf.finding("file-too-large")


def test_an_import_that_cannot_be_read_is_reported_where_it_is_named(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n")
    (shelf.folder / "rates.vbc").write_bytes(b"library tst.rates\n## \xff\n")
    found = shelf.finding("not-text")
    assert found.span is not None
    assert found.span.text == "use tst.rates"


def test_a_broken_library_is_reported_in_its_own_file(shelf: Shelf) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", rates=library("tst.rates", "1", "constant = 1"))
    found = shelf.finding("syntax")
    assert found.span is not None
    assert found.span.file.name.endswith("rates.vbc")


def test_a_second_contract_of_the_same_name_and_version_is_a_warning(shelf: Shelf) -> None:
    shelf.write(main=MAIN, copy=MAIN + "constant x = 1\n")
    assert shelf.finding("duplicate-document").severity is Severity.WARNING


def test_files_are_named_as_the_user_wrote_them(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write(main=MAIN + "use tst.rates\n", tst__rates=library("tst.rates"))
    monkeypatch.chdir(shelf.folder)
    sink = Sink()
    loaded = load(Path("main.vbc"), sink)
    assert loaded is not None
    assert [file.name for file in loaded.files] == ["main.vbc", "tst/rates.vbc"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('library a.b\nversion "1"\n', ("library", "a.b", "1", None, None)),
        (
            '# note\n\n## doc\ncontract a\ntitle "t"\nsettles g per year\nversion "x \\"y\\""\n',
            ("contract", "a", 'x "y"', None, None),
        ),
        ('contract a extends b.c version "2"\n', ("contract", "a", "2", "b.c", "2")),
        ('contract a extends b.c version "2"\nversion "3"\n', ("contract", "a", "3", "b.c", "2")),
        ('amendment a.1 to a version "2"\neffective 2013-01-01\n', ("amendment", "a.1", None, "a", "2")),
        ('library a\nconstant x = 1\nversion "1"\n', ("library", "a", None, None, None)),
        ("amendment ???\n", ("amendment", "", None, None, None)),
        ("constant x = 1\nlibrary a\n", ("", "", None, None, None)),
        ("", ("", "", None, None, None)),
    ],
)
def test_headers_are_read_from_the_first_lines(tmp_path: Path, text: str, expected: tuple[str | None, ...]) -> None:
    path = tmp_path / "x.vbc"
    path.write_text(text)
    heading = read_heading(path)
    assert (heading.kind, heading.name, heading.version, heading.target, heading.target_version) == expected


def test_copies_of_a_contract_are_one_warning_and_their_mistakes_are_their_own(shelf: Shelf) -> None:
    shelf.write(main=MAIN, copy=MAIN + "constant = 1\n", older=MAIN + "constant x = 2\n")
    assert shelf.codes() == ["duplicate-document"]
    assert shelf.finding("duplicate-document").message.startswith("3 files claim")
