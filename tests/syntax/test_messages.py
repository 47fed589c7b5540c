"""Messages for common mistakes. The snapshots are read by people: each must say what is wrong and what to write."""

import pytest
from syrupy.assertion import SnapshotAssertion

from contractlang.diagnostics.catalogue import CATALOGUE
from contractlang.diagnostics.diagnostic import Diagnostic
from tests.syntax.reading import complaints

MISTAKES = {
    "unfinished expression": "define x = a +",
    "open parenthesis": "define x = (a + b\ndefine y = 2",
    "open parenthesis in a block": "sharing s {\n  compare a to (b\n  surplus share 5%\n}",
    "closed too often": "define x = a) + 3",
    "reserved word as a name": "define scale = 3",
    "reserved word as a column": "input r per a {\n  when USD\n}",
    "double equals": "define x = a == b",
    "unequal": "define x = a != b",
    "equals for comparison": "define x = a and b = c",
    "chained comparison": "define x = a < b < c",
    "thousands comma in money": "define x = $250,000 * 2",
    "thousands comma in a list": "define x = min(5,000, 3)",
    "digits in wrong groups": "define x = 250_00",
    "number and word": "define x = 5members",
    "no digit before the point": "define x = .5",
    "percent apart": "define x = 10 % of b",
    "percent with a unit": "define x = 3% pmpm",
    "leading zero": "define x = 007",
    "short date": "effective 2021-1-5",
    "impossible date": "effective 2021-02-30",
    "open text": 'title "abc',
    "text without quotes": "title Hello",
    "typographic quotes": "title “Hello”",
    "typographic dash": "define x = a – b",
    "operator on the next line": "define x = a\n  + b",
    "item not in the first column": "define x = 1\n  define y = 2",
    "clause that belongs to nothing": "define x = 1\n  share 5%",
    "unknown item": "populaton p from m {\n  where x\n}",
    "unknown item, nothing near": "foobar p",
    "item of a later version": "report q {\n}",
    "clause misspelled": "sharing s {\n  surplus shar 5%\n}",
    "earlier word misspelled": 'guarantee "x" alway a < b',
    "column word misspelled": "input r per aco {\n  c USD withn $1 to $3\n}",
    "block not closed": "sharing s {\n  share 5%\ndefine y = 3",
    "block not opened": "sharing s\n  share 5%",
    "column without a type": "input r per aco {\n  b\n}",
    "category without in": "input r per aco {\n  d category track\n}",
    "row without its end": "table t per k {\n  | k | a |\n  | C | 5%\n}",
    "row too long": "table t per k {\n  | k | a |\n  | A | 1 | 2 |\n}",
    "empty cell": "table t per k {\n  | k | a |\n  | C |  |\n}",
    "expression in a cell": "table t per k {\n  | k | a |\n  | C | 1 + 1 |\n}",
    "scale style misspelled": "scale s(x) liner { 1: 2 }",
    "band without a colon": "scale s(x) step { 1 to 2 3%, 4: 5% }",
    "case without a colon": "define x\n  when a 3\n  otherwise: 4",
    "payment without a payee": "payment p = 3",
    "settles with the wrong word": "settles aco by year",
    "exclude without a reason": "spending s of p {\n  exclude age < 18\n  amount a\n}",
    "truncate without a period": "spending s of p {\n  truncate at $250_000 per member\n  amount a\n}",
    "unit as a period": "constant c = 5 USD per member per year",
    "minimum without its kind": "sharing s {\n  surplus minimum 2% of b\n}",
    "two values": "payment p to group = a b",
    "membership without a list": "define x = a in b",
    "if then else": "define x = if a then b else c",
    "round without a mode": "define x = round(y)",
    "foreign function with to": "define x = floor(y to cents, up)",
    "exclamation mark": "define x = !a",
    "dollar without a number": "define x = $ 5",
    "amount and percentage": "define x = $5%",
    "number with letters": "define x = 5_0a",
    "percentile of one value": "define x = percentile(a over b)",
    "number too long": "define x = 0." + "1" * 41,
    "decimals that are no number": "define x = sqrt(a, 1.5 decimals)",
    "header of a table with a number": "table t per k {\n  | k | 5 |\n  | A | 1 |\n}",
    "header of an example table with a number": 'example "e" {\n  given | k | 5 |\n        | A | 1 |\n  expect a = 1\n}',
    "table without rows": "table t per k {\n  | k | v |\n}",
    "two operands of sum": "define x = sum(a, b over c)",
    "given after expect": 'example "e" {\n  given a = 1 b = 2\n  expect c = 3\n}',
    "nothing expected": 'example "e" {\n  given a = 1\n}',
    "two conditions": 'sharing s {\n  refuse when a, "r" when b\n}',
    "two sources": 'constant c = 1 source "a" source "b"',
}


def written(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    assert span is not None
    lines = [f"{span.line - 1}:{span.column} [{diagnostic.code}] {diagnostic.message}"]
    lines += [f"  | {label.span.line - 1}:{label.span.column} {label.text}" for label in diagnostic.labels]
    if diagnostic.help:
        lines.append(f"  = {diagnostic.help}")
    return "\n".join(lines)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_message(mistake: str, snapshot: SnapshotAssertion) -> None:
    found = complaints("contract test\n" + MISTAKES[mistake])
    assert found
    text = "\n".join([*MISTAKES[mistake].splitlines(), "---", *map(written, found)])
    assert snapshot == text


def test_codes_are_in_the_catalogue() -> None:
    codes = {found.code for text in MISTAKES.values() for found in complaints("contract test\n" + text)}
    assert codes <= CATALOGUE.keys()


@pytest.mark.parametrize(
    "mistake",
    [
        "double equals",
        "equals for comparison",
        "thousands comma in money",
        "digits in wrong groups",
        "number and word",
        "no digit before the point",
        "short date",
        "text without quotes",
        "typographic quotes",
        "typographic dash",
        "item not in the first column",
        "clause misspelled",
        "earlier word misspelled",
        "column word misspelled",
        "category without in",
        "scale style misspelled",
        "settles with the wrong word",
        "unit as a period",
    ],
)
def test_the_first_fix_mends_the_text(mistake: str) -> None:
    text = "contract test\n" + MISTAKES[mistake]
    for _ in range(3):
        found = complaints(text)
        if not found:
            return
        for edit in found[0].fixes[0].edits:
            text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    assert complaints(text) == []
