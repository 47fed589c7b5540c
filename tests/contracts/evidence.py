"""What stands behind a row of `contracts/FEATURES.md`: grammar, reference, a clause, and two amounts that were run.

A row of `rows.toml` only says where to look. Everything else is found: the contract `NN_name.vbc` and the one that gets the
row wrong, `NN_name_misdone.vbc`; the line of the clause, and that the grammar reads that very text by the rule named; the
heading in the reference; and for both contracts an amount that an `example`, or a case with data, expects and gets from
the same givens.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from contractlang.diagnostics.diagnostic import Sink
from contractlang.diagnostics.render import report
from contractlang.locations import contracts_folder, grammar_folder
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.runtime.cases import Case, read_case, run_case
from contractlang.runtime.examples import Outcome, run_examples
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.automaton import run
from contractlang.syntax.parser import parse
from contractlang.syntax.tables import load_tables
from contractlang.syntax.tokens import scan

CONTRACTS = contracts_folder()
FOLDER = CONTRACTS / "features"
REFERENCE = grammar_folder() / "reference"
ROWS = Path(__file__).with_name("rows.toml")
NUMBERS = (*range(1, 67), 68, 69, 70)
"""Rows of the list of features that contracts need; the others belong to later parts of the language."""

Amounts = Mapping[tuple[str, ...], str]
"""Expected amounts as written, by payment, or by group, period and payment."""


class EvidenceError(AssertionError):
    """A row lacks a part; the message says which."""


@dataclass(frozen=True, slots=True)
class Row:
    """What `rows.toml` says about a feature. `page` and `heading` are of the reference, `clause` is a text of the contract."""

    number: int
    feature: str
    rule: str
    page: str
    heading: str
    clause: str
    misdone: str


@dataclass(frozen=True, slots=True)
class Amount:
    """One payment for the same givens under both contracts, and where each is expected."""

    name: str
    right: str
    wrong: str
    right_place: str
    wrong_place: str


@dataclass(frozen=True, slots=True)
class Found:
    """All parts of a row. Places are `file:line` in the folder of contracts."""

    row: Row
    clause_place: str
    amounts: tuple[Amount, ...]


@cache
def rows() -> tuple[Row, ...]:
    content = tomllib.loads(ROWS.read_text(encoding="utf-8"))
    return tuple(Row(int(number), **part) for number, part in content["row"].items())


@cache
def not_yet() -> Mapping[int, str]:
    """What the language lacks, by row that it cannot say."""
    return {int(n): text for n, text in tomllib.loads(ROWS.read_text(encoding="utf-8"))["not_yet"].items()}


@cache
def not_described() -> frozenset[int]:
    """Rows whose section does not show their clause yet."""
    return frozenset(tomllib.loads(ROWS.read_text(encoding="utf-8"))["not_described"])


@cache
def evidence(row: Row) -> Found:
    """All parts of a row. Raises EvidenceError when one is missing."""
    right, wrong = contracts(row.number)
    path, line = clause_place(row)
    check_reference(row)
    if based_on(wrong) != parsed(right).name.text:
        raise EvidenceError(f"{wrong.name} does not extend {right.name}")
    amounts = tuple(case_amounts(right, wrong) if case_path(right).exists() else example_amounts(right, wrong))
    differing = tuple(a for a in amounts if dollars(a.right) != dollars(a.wrong))
    if not differing:
        raise EvidenceError(f"{wrong.name} pays what {right.name} pays")
    return Found(row, f"{path.relative_to(CONTRACTS)}:{line}", differing)


def dollars(text: str) -> Fraction:
    """An amount as it is written: `-$4_550_000.00`."""
    return Fraction(text.replace("$", "").replace("_", ""))


# Contract, clause, grammar, reference ---------------------------------------------------------------------------------


def files(number: int) -> list[Path]:
    return sorted(FOLDER.glob(f"{number:02}_*.vbc"))


def contracts(number: int) -> tuple[Path, Path]:
    """The contract of a row and the one that gets it wrong."""
    right = [path for path in files(number) if not path.stem.endswith(("_misdone", "_amended"))]
    if len(right) != 1:
        raise EvidenceError(f"there are {len(right)} contracts {number:02}_….vbc")
    wrong = right[0].with_name(f"{right[0].stem}_misdone.vbc")
    if not wrong.is_file():
        raise EvidenceError(f"{wrong.name} does not exist")
    return right[0], wrong


def clause_place(row: Row) -> tuple[Path, int]:
    """File and line of the row's clause (blanks apart), which the grammar must read by the row's rule."""
    if row.rule not in grammar_rules():
        raise EvidenceError(f"the grammar has no rule `{row.rule}`")
    words = r"\s+".join(map(re.escape, row.clause.split()))
    for path in (path for path in files(row.number) if path != contracts(row.number)[1]):
        source = SourceFile.read(path)
        place = re.search(words, source.text)
        if place is not None:
            start, end = place.span()
            if not any(s < end and start < e for rule, s, e in reductions(source) if rule == row.rule):
                raise EvidenceError(f"`{row.clause}` in {path.name} is not read by the rule `{row.rule}`")
            return path, source.position(start)[0]
    raise EvidenceError(f"no contract {row.number:02} has `{row.clause}`")


@cache
def grammar_rules() -> frozenset[str]:
    """Names of rules and of their alternatives."""
    text = (grammar_folder() / "contract.lark").read_text(encoding="utf-8")
    pairs = re.findall(r"^[?!]*([a-z]\w*):|-> (\w+)", text, re.MULTILINE)
    return frozenset(rule or alternative for rule, alternative in pairs)


def reductions(source: SourceFile) -> list[tuple[str, int, int]]:
    """Every rule by which the grammar reads a part of the text, with the part."""
    found: list[tuple[str, int, int]] = []

    class Recording(dict[str, Callable[[list[Any], int, int], Any]]):
        def __missing__(self, name: str) -> Callable[[list[Any], int, int], Any]:
            return lambda _parts, start, end: found.append((name, start, end))

    scanned = scan(source, Sink())
    assert scanned is not None
    for statement in scanned.statements:
        run(load_tables(), Recording(), "statement", statement.tokens, [])
    return found


def check_reference(row: Row) -> None:
    """The section must be there and, unless the row is listed as not described, show the words of the rule that the clause has."""
    path = REFERENCE / row.page
    if not path.is_file():
        raise EvidenceError(f"the reference has no page {row.page}")
    sections = dict(_sections(path.read_text(encoding="utf-8")))
    if row.heading not in sections:
        raise EvidenceError(f"{row.page} has no heading `{row.heading}`")
    words = rule_words(row.rule) & frozenset(re.findall(r"[a-z]+", row.clause))
    lacking = sorted(words - frozenset(re.findall(r"[a-z]+", sections[row.heading])))
    if lacking and row.number not in not_described():
        raise EvidenceError(f"`{row.heading}` in {row.page} does not show {', '.join(lacking)}")


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading with what follows it up to the next one of its rank. (What stands in a block of code is no heading.)"""
    plain = re.sub(
        r"^```.*?^```", lambda m: re.sub(r"^#", " ", m[0], flags=re.MULTILINE), text, flags=re.MULTILINE | re.DOTALL
    )
    found = list(re.finditer(r"^(#+) (.+)$", plain, re.MULTILINE))
    for heading in found:
        end = next(
            (h.start() for h in found if h.start() > heading.start() and len(h[1]) <= len(heading[1])), len(text)
        )
        yield heading[2], plain[heading.end() : end]


@cache
def rule_words(rule: str) -> frozenset[str]:
    """The words that a rule, or an alternative of one, consists of."""
    text = re.sub(r"//[^\n]*", "", (grammar_folder() / "contract.lark").read_text(encoding="utf-8"))
    body = re.search(rf"^[?!]*{rule}:(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = body[1] if body else "".join(re.findall(rf"^.*-> {rule}$", text, re.MULTILINE))
    return frozenset(re.findall(r'"([a-z]+)"', lines))


@cache
def parsed(path: Path) -> ast.Document:
    sink = Sink()
    document = parse(SourceFile.read(path), sink)
    if document is None or sink.failed:
        raise EvidenceError(report(sink))
    return document


def based_on(path: Path) -> str | None:
    base = parsed(path).base
    return None if base is None else base.name.text


# Amounts of examples --------------------------------------------------------------------------------------------------


def example_amounts(right: Path, wrong: Path) -> Iterator[Amount]:
    """The payments that the first examples of both contracts expect, from the same givens. No payment is $0.00."""
    good, bad = first_example(right), first_example(wrong)
    _same_numbers(right, good, bad)
    reports = not paid_by(without_findings(right))
    here: Amounts = {} if reports else payments(right, good)
    there = payments(wrong, bad)
    if reports:
        here = unpaid(right, there)
    for name in sorted(here.keys() & there.keys()):
        yield Amount(" of ".join(name), here[name], there[name], _place(right, good), _place(wrong, bad))


def _place(path: Path, example: ast.Example) -> str:
    return f"{path.relative_to(CONTRACTS)}:{example.span.line}"


def first_example(path: Path) -> ast.Example:
    found = next((item for item in parsed(path).items if isinstance(item, ast.Example)), None)
    if found is None:
        raise EvidenceError(f"{path.name} has no example")
    return found


def _same_numbers(path: Path, good: ast.Example, bad: ast.Example) -> None:
    """What both are given is the same. An example may not be given what nothing reads, so each may be given further data."""
    here, there = givens(good), givens(bad)
    if differing := sorted(name for name in here.keys() & there.keys() if here[name] != there[name]):
        raise EvidenceError(f"{good.title!r} and {bad.title!r} are given different {', '.join(differing)}")
    data = {"year"}
    for item in parsed(path).items:
        if isinstance(item, ast.Input):
            data |= {item.name, *(column.name for column in item.columns)}
    if computed := sorted(name for name in here.keys() ^ there.keys() if name.partition(".")[0] not in data):
        raise EvidenceError(f"only one of {good.title!r} and {bad.title!r} is given {', '.join(computed)}")
    if not here.keys() & there.keys():
        raise EvidenceError(f"{good.title!r} and {bad.title!r} have no number in common")


def givens(example: ast.Example) -> dict[str, frozenset[tuple[str, ...]]]:
    """What an example is given, as written, by name; in tables one value per row, with the first cell as its key."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for part in example.given:
        match part:
            case ast.Binding(name=name, value=value):
                found.setdefault(name.text, set()).add((value.span.text,))
            case ast.ExampleTable(header=header, rows=lines):
                for line in lines:
                    cells = [cell.span.text for cell in line.cells]
                    for name, cell in zip(header[1:], cells[1:], strict=True):
                        found.setdefault(name.text, set()).add((cells[0], cell))
    return {name: frozenset(values) for name, values in found.items()}


def payments(path: Path, example: ast.Example) -> Amounts:
    """The payments that an example expects, once all examples of the contract have been run and have come out as stated."""
    compiled = without_findings(path)
    for outcome in run_examples(compiled, Sink()):
        _must_pass(outcome)
    written: dict[tuple[str, ...], str] = {}
    for part in example.expect:
        match part:
            case ast.Binding(name=name, value=value, within=None):
                written[name.text,] = value.span.text
            case ast.ExampleTable(header=header, rows=lines):
                for line in lines:
                    label, *cells = [cell.span.text for cell in line.cells]
                    written |= {(name.text, label): cell for name, cell in zip(header[1:], cells, strict=True)}
            case _:
                continue  # an amount within a tolerance proves too little
    found: Amounts = {key: text for key, text in written.items() if key[0] in paid_by(compiled)}
    if not found:
        raise EvidenceError(f"{example.title!r} in {path.name} expects no payment")
    return found


def unpaid(path: Path, like: Amounts) -> Amounts:
    """What a contract without payment pays, once all its examples have come out as stated."""
    for outcome in run_examples(without_findings(path), Sink()):
        _must_pass(outcome)
    return dict.fromkeys(like, "$0.00")


def without_findings(path: Path) -> Compiled:
    sink = Sink()
    compiled = compile_file(path, sink)
    if compiled is None or list(sink):
        raise EvidenceError(report(sink))
    return compiled


def paid_by(compiled: Compiled) -> frozenset[str]:
    items = (item for part in compiled.lowered for item in part.lowering.scope.items.values())
    return frozenset(item.name for item in items if isinstance(item, ast.Payment))


def _must_pass(outcome: Outcome | None) -> None:
    if outcome is None or not outcome.passed:
        raise EvidenceError(f"does not come out as stated: {outcome}")


# Amounts of cases -----------------------------------------------------------------------------------------------------


def case_path(contract: Path) -> Path:
    return contract.parent / "cases" / contract.stem / "case.toml"


def case_amounts(right: Path, wrong: Path) -> Iterator[Amount]:
    """The payments that the cases of both contracts expect, from the same data."""
    good, bad = case_of(right), case_of(wrong)
    if (good.data.resolve(), good.tables, good.overrides) != (bad.data.resolve(), bad.tables, bad.overrides):
        raise EvidenceError(f"the cases of {right.name} and {wrong.name} have different data")
    here, there = case_payments(right, good), case_payments(wrong, bad)
    for key in sorted(here.keys() & there.keys()):
        group, period, name = key
        places = (str(case.path.relative_to(CONTRACTS)) for case in (good, bad))
        yield Amount(f"{name} of {group}, {period}", here[key], there[key], *places)


def case_of(contract: Path) -> Case:
    sink = Sink()
    path = case_path(contract)
    case = read_case(path, sink)
    if case is None or sink.failed:
        raise EvidenceError(report(sink))
    if case.contract.resolve() != contract.resolve():
        raise EvidenceError(f"{path} is no case of {contract.name}")
    return case


def case_payments(contract: Path, case: Case) -> Amounts:
    """The payments that a case expects, once it has been run and has come out as stated."""
    _must_pass(run_case(case.path, Sink()))
    paid = paid_by(without_findings(contract))
    return {
        (expected.group, expected.period, name): text
        for expected in case.expected
        for name, text in expected.values.items()
        if name in paid and " within " not in text
    }
