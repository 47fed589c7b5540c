"""The grammar has no conflicts, and the shipped tables are the tables of the grammar."""

import subprocess
import sys
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import GrammarError

from contractlang.locations import contracts_folder, grammar_folder
from contractlang.syntax import tables
from contractlang.syntax.build_documents import DocumentBuilder
from contractlang.syntax.tokens import LATER_ITEMS, RESERVED, opening_words

GRAMMAR = (grammar_folder() / "contract.lark").read_text(encoding="utf-8")
SHIPPED = Path(tables.__file__).with_name("tables.json")


def test_terminals_do_not_collide() -> None:
    """Lark's own contextual lexer in strict mode checks every pair of patterns that can meet."""
    Lark(GRAMMAR, parser="lalr", lexer="contextual", strict=True, start=list(tables.STARTS))


def test_conflicts_are_errors() -> None:
    ambiguous = 'statement: a "x" | b "x"\na: "y"\nb: "y"\nexpression: "z"\n'
    with pytest.raises(GrammarError):
        tables.build_tables(ambiguous)
    dangling = 'statement: "if" statement | "if" statement "else" statement | "x"\nexpression: "z"\n'
    with pytest.raises(GrammarError):
        tables.build_tables(dangling)


def test_tables_of_another_grammar_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    changed = GRAMMAR.replace('"library" name', '"library" "of" name')
    assert changed != GRAMMAR
    (tmp_path / "contract.lark").write_text(changed, encoding="utf-8")
    monkeypatch.setattr(tables, "grammar_folder", lambda: tmp_path)
    fresh = tables.load_tables.__wrapped__()
    assert fresh.states != tables.load_tables().states


def test_missing_or_spoilt_tables_are_built_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for content in (None, "[]"):
        path = tmp_path / "tables.json"
        if content is not None:
            path.write_text(content, encoding="utf-8")
        monkeypatch.setattr(tables, "_SHIPPED", path)
        assert tables.load_tables.__wrapped__() == tables.load_tables()


def test_shipped_tables_are_those_of_the_grammar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this fails, run `python -m contractlang.syntax.generate`."""
    monkeypatch.setattr(tables, "_SHIPPED", tmp_path / "tables.json")
    assert tables.write_tables().read_bytes() == SHIPPED.read_bytes()


def test_every_rule_has_its_builder() -> None:
    actions = {rule.action for rule in tables.load_tables().rules} - {"", "*"}
    missing = {
        action
        for action in actions
        if not action.startswith(("step_", "block_")) and not hasattr(DocumentBuilder, action)
    }
    assert missing == set()


def test_no_rule_is_empty() -> None:
    assert all(rule.size for rule in tables.load_tables().rules)


def test_words_that_open_statements() -> None:
    assert {"contract", "title", "year", "define", "payment", "set", "replace", "rate"} <= opening_words()
    assert not opening_words() & LATER_ITEMS
    assert opening_words() & RESERVED == {"scale", "no"}


def test_parsing_needs_no_lark() -> None:
    """Loading Lark takes longer than parsing a contract."""
    program = (
        "import sys; from contractlang.source import SourceFile; from contractlang.diagnostics.diagnostic import Sink;"
        "from contractlang.syntax.parser import parse; parse(SourceFile('x', 'contract x'), Sink());"
        "sys.exit('lark' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_folders() -> None:
    assert (grammar_folder() / "contract.lark").is_file()
    assert contracts_folder().is_dir()
