"""The canonical layout: nothing but blanks and line ends changes, and formatting twice changes nothing."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contractlang.diagnostics.diagnostic import Sink
from contractlang.locations import contracts_folder
from contractlang.source import SourceFile
from contractlang.syntax.formatter import format_source
from contractlang.syntax.parser import parse
from contractlang.syntax.tokens import scan

HERE = Path(__file__).parent
EVERYTHING = (HERE / "everything.vbc").read_text(encoding="utf-8")
FORMATTED = (HERE / "everything.formatted.vbc").read_text(encoding="utf-8")


def formatted(text: str) -> str:
    sink = Sink()
    found = format_source(SourceFile("x", text), sink)
    assert list(sink) == []
    assert found is not None
    return found


def comments(text: str) -> list[str]:
    found = scan(SourceFile("x", text), Sink())
    assert found is not None
    return [comment.text for comment in found.comments]


def words(text: str) -> list[str]:
    """Tokens without separators, which a list may write as comma or as line end."""
    found = scan(SourceFile("x", text), Sink())
    assert found is not None
    return [token.text for statement in found.statements for token in statement.tokens if token.text not in {"", ","}]


def check(text: str) -> str:
    before = parse(SourceFile("x", text), Sink())
    result = formatted(text)
    assert parse(SourceFile("x", result), Sink()) == before
    assert formatted(result) == result
    assert sorted(comments(result)) == sorted(comments(text))
    assert not any(line != line.rstrip() for line in result.splitlines())
    return result


def test_everything() -> None:
    assert check(EVERYTHING) == FORMATTED


def test_order_of_words_and_comments_stays() -> None:
    result = formatted(EVERYTHING)
    assert [" ".join(word.split()) for word in words(EVERYTHING)] == words(result)


@pytest.mark.parametrize(
    "path", sorted(contracts_folder().rglob("*.vbc")), ids=lambda path: str(path.relative_to(contracts_folder()))
)
def test_contracts_of_the_library(path: Path) -> None:
    check(path.read_text(encoding="utf-8"))


def test_a_text_with_mistakes_is_reported_and_left_alone() -> None:
    sink = Sink()
    assert format_source(SourceFile("x", "contract a\ndefine b =\n"), sink) is None
    assert [found.code for found in sink] == ["syntax"]


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("define x=a+b*- c^2", "define x = a + b * -c ^ 2\n"),
        ("define x = ( a ) of f ( b , c ) [0]"[:-4], "define x = (a) of f(b, c)\n"),
        ("define x = t [ k ] . col", "define x = t[k].col\n"),
        ("define x = not ( a in[B , 1 .. 2,.. 3] )", "define x = not (a in [B, 1..2, ..3])\n"),
        ("define x = a -  -1 + (-1) - sum( -b over k )", "define x = a - -1 + (-1) - sum(-b over k)\n"),
        (
            "schedule s per year{..2018:2%,2019 .. 2020:0%,2021..:2%,}",
            "schedule s per year { ..2018: 2%, 2019..2020: 0%, 2021..: 2% }\n",
        ),
        ("scale s ( x ) step{1:2,below 3:- 4}", "scale s(x) step { 1: 2, below 3: -4 }\n"),
        ('guarantee   "g"   always   a', 'guarantee "g" always a\n'),
        (
            "spending s of p {truncate at (a) per  member per year}",
            "spending s of p {\n  truncate  at (a) per member per year\n}\n",
        ),
        (
            "define x\n when a:\n\n 1\n when bb is c : 22\n otherwise: 3",
            "define x\n  when a:        1\n  when bb is c:  22\n  otherwise:     3\n",
        ),
        (
            "table t per k { | k | v | w |\n | A | 1 | x |\n| BBB | -10% | - | }",
            "table t per k {\n  | k   |    v | w |\n  | A   |    1 | x |\n  | BBB | -10% | - |\n}\n",
        ),
        (
            "input t per k {a USD\n bbb USD pmpm within $0 to $5\nc percent when missing 0%}",
            "input t per k {\n  a    USD\n  bbb  USD pmpm  within $0 to $5\n  c    percent   when missing 0%\n}\n",
        ),
        (
            "scale s(x) linear {\n1 to 999: 12.2% to 8.7%\n1_000 to 2_999: 8.7% to 5%\n3_000 and more: 5%\n}",
            (
                "scale s(x) linear {\n      1 to   999: 12.2% to 8.7%\n  1_000 to 2_999:  8.7% to 5%\n"
                "  3_000 and more:    5%\n}\n"
            ),
        ),
    ],
)
def test_layout(text: str, result: str) -> None:
    assert check(f"contract c\n\n{text}") == f"contract c\n\n{result}"


def test_short_items_stay_together_and_tall_ones_apart() -> None:
    text = (
        "contract c\nversion '1'\nconstant a = 1\nconstant b = 2\n\n\n\nconstant d = 3\n# about e\ndefine e\n"
        "  otherwise: 1\ndefine f = 1\n"
    ).replace("'", '"')
    assert check(text) == (
        "contract c\nversion  '1'\n\nconstant a = 1\nconstant b = 2\n\nconstant d = 3\n\n# about e\ndefine e\n"
        "  otherwise:  1\n\ndefine f = 1\n"
    ).replace("'", '"')


def test_a_comment_behind_a_brace_stays_there() -> None:
    text = "contract c\n\ncategory v {  # before\n  A         # first\n  B_LONGER  # second\n}  # behind\n"
    assert check(text) == text


def test_neighbours_of_one_kind_share_a_column() -> None:
    text = (
        "contract c\n\ncategory a { X }\ncategory long_name { Y }  # why\n\ncategory b { Z }\n"
        'guarantee "g" always a\nguarantee "longer" always b\n'
    )
    assert check(text) == (
        "contract c\n\ncategory a         { X }\ncategory long_name { Y }  # why\n\ncategory b { Z }\n"
        'guarantee "g"      always a\nguarantee "longer" always b\n'
    )


def test_lines_that_are_too_long_for_their_values_break_after_the_colon() -> None:
    condition = " and ".join(f"condition_{number}" for number in range(4))
    text = f"contract c\n\ndefine x\n  when {condition}: {'a + ' * 15}a\n  otherwise: b\n"
    assert f"  when {condition}:\n              a + a" in check(text)


def test_a_list_that_does_not_fit_is_written_in_lines() -> None:
    values = ", ".join(f"VALUE_{number}" for number in range(12))
    assert check(f"contract c\ncategory v {{ {values} }}\n").splitlines()[2:5] == [
        "category v {",
        "  VALUE_0",
        "  VALUE_1",
    ]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_comments_and_line_breaks_anywhere(data: st.DataObject) -> None:
    """A comment or an empty line is put wherever the grammar allows a line end."""
    text = EVERYTHING
    found = scan(SourceFile("x", text), Sink())
    assert found is not None
    ends = [token.end for statement in found.statements for token in statement.tokens]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(ends))
        added = data.draw(st.sampled_from(["\n\n\n  ", " # behind\n    ", "\n  # between\n  ", "\n\n# apart\n\n  "]))
        changed = text[:place] + added + text[place:]
        sink = Sink()
        parse(SourceFile("x", changed), sink)
        if not sink.failed:
            text = changed
            ends = [end + len(added) * (end > place) for end in ends]
    check(text)


def test_a_scale_inside_a_clause_keeps_its_lines() -> None:
    text = (
        "contract a.b\n\nequity parity of panel {\n"
        "  gap     range\n"
        "  reward  scale improvement linear, flat outside {\n"
        "          0%: $0.00 pmpm\n"
        "          10%: $0.75 pmpm\n"
        "          }\n"
        "}\n"
    )
    assert format_source(SourceFile("scale.vbc", text), Sink()) == text
