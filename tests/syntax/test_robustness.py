"""Any text is either read or reported, and what the grammar can say is read."""

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Sink
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.formatter import format_source
from contractlang.syntax.parser import parse, parse_expression
from contractlang.syntax.tokens import scan
from tests.syntax.sentences import joined, sentences

EVERYTHING = (Path(__file__).parent / "everything.vbc").read_text(encoding="utf-8")
TOKENS = [
    EVERYTHING[token.start : token.end]
    for statement in scan(SourceFile("x", EVERYTHING), Sink()).statements  # type: ignore[union-attr]
    for token in statement.tokens
]

# What the builder itself refuses although the grammar allows it.
BUILT = (
    "another document",
    "cell",
    "header",
    "no rows",
    "nothing",
    "takes no",
    "over rows",
    "has a unit",
    "`round`",
    "decimals",
    "both an",
)


def check(text: str) -> None:
    sink = Sink()
    found = parse(SourceFile("x", text), sink)
    assert found is None or isinstance(found, ast.Document)
    assert found is not None or sink.failed
    for diagnostic in sink:
        span = diagnostic.span
        assert span is not None
        assert 0 <= span.start <= span.end <= len(text)
        assert diagnostic.message
        assert not diagnostic.message.endswith(".")


@settings(deadline=None)
@given(st.text())
@example("define\n=")
@example('"\\')
@example("contract a\n|")
@example("}")
@example("~")
@example("contract a\ndefine x\n")
def test_any_text(text: str) -> None:
    check(text)
    parse_expression(SourceFile("x", text), Sink())


@settings(deadline=None)
@given(st.lists(st.sampled_from([*TOKENS, "\n", "\n  ", "#", '"', "5,000", "–"]), max_size=40))
def test_any_words_of_the_language(words: list[str]) -> None:
    check("contract a\n" + " ".join(words))


@settings(deadline=None)
@given(st.data())
def test_a_spoilt_contract(data: st.DataObject) -> None:
    text = EVERYTHING
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = (
            text[:start]
            + data.draw(st.sampled_from(["", "(", "}", "|", '"', "\n", " ", "$", "0", "when"]))
            + text[end:]
        )
    check(text)


@settings(deadline=None)
@given(sentences())
def test_whatever_the_grammar_says_is_read_and_formatted(words: list[str]) -> None:
    source = SourceFile("x", f"contract x\n{joined(words)}\n")
    sink = Sink()
    found = parse(source, sink)
    for diagnostic in sink:
        expected = diagnostic.code == "duplicate-clause" or any(part in diagnostic.message for part in BUILT)
        assert expected, diagnostic
    if sink.failed:
        return
    formatted = format_source(source, Sink())
    assert formatted is not None
    again = SourceFile("y", formatted)
    assert parse(again, Sink()) == found
    assert format_source(again, Sink()) == formatted


@settings(deadline=None)
@given(sentences("expression"))
def test_expressions_of_the_grammar(words: list[str]) -> None:
    sink = Sink()
    found = parse_expression(SourceFile("x", joined(words)), sink)
    assert found is not None or all(any(part in d.message for part in BUILT) for d in sink)
