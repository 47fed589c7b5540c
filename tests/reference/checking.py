"""Blocks of the reference, compiled: what they report, and whether their examples and expressions hold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Severity, Sink
from contractlang.engines.base import Frame, Inputs, Programme
from contractlang.engines.reference.evaluator import Evaluator
from contractlang.plan.compiler import Compiled, compile_file
from contractlang.plan.nodes import Named, Plan
from contractlang.runtime.examples import Outcome, run_examples
from contractlang.semantics import literals
from contractlang.semantics.types import Type
from contractlang.source import SourceFile
from contractlang.syntax import ast
from contractlang.syntax.parser import parse, parse_expression
from contractlang.values import Absent, Value
from tests.reference.pages import Block

UNUSED = "## Shown on this page."
"""A doc comment keeps the checker from calling a value of a fragment unused."""


@dataclass(frozen=True)
class Checked:
    """The findings of a text, and the compiled contract where there is one."""

    findings: tuple[Diagnostic, ...]
    compiled: Compiled | None

    @property
    def errors(self) -> list[str]:
        return sorted(d.code for d in self.findings if d.severity is Severity.ERROR)

    def warnings(self, ignored: Collection[str] = ()) -> list[str]:
        return sorted(d.code for d in self.findings if d.severity is Severity.WARNING and d.code not in ignored)


def check(path: Path) -> Checked:
    sink = Sink()
    compiled = compile_file(path, sink)
    return Checked(tuple(sink), compiled)


def page_folder(folder: Path, blocks: Iterable[Block], under_test: Block, text: str) -> Path:
    """Write the good documents of a page and the text under test, which replaces the one it stands on; its path."""
    for block in blocks:
        replaced = block is under_test or (under_test.base != "" and block.name == under_test.base)
        if block.form == "document" and not block.codes and not replaced:
            (folder / f"line_{block.line}.vbc").write_text(block.text, encoding="utf-8")
    path = folder / "contract.vbc"
    path.write_text(text, encoding="utf-8")
    return path


def complete(block: Block, bases: Mapping[str, Block]) -> str:
    """The text of a block as a whole document."""
    match block.form:
        case "fragment":
            return laid_over(bases[block.base].text, block.text)
        case "expressions":
            lines = enumerate(expressions(block))
            added = "".join(f"\n{UNUSED}\ndefine line_{i} = {text}\n" for i, (text, _) in lines)
            return laid_over(bases[block.base].text, added)
        case _:
            return block.text


def laid_over(base: str, fragment: str) -> str:
    """The base without the items that the fragment declares anew, without its examples, and the fragment."""
    own = _items(fragment)
    names = {item.name for item in own if not isinstance(item, ast.Example | ast.Guarantee | ast.Use)}
    kept = base
    for item in reversed(_items(base)):
        replaced = isinstance(item, ast.Example) or (
            not isinstance(item, ast.Guarantee | ast.Use) and item.name in names
        )
        if replaced:
            kept = kept[: item.span.start] + kept[item.span.end :]
    kept = re.sub(r"(^##[^\n]*\n)+(?=\n|\Z)", "", kept, flags=re.MULTILINE)
    return f"{kept.rstrip()}\n\n{fragment}"


def _items(text: str) -> Sequence[ast.Item]:
    """The items of a text that may be a bare fragment; those that cannot be read are left out."""
    headed = text if re.search(r"^(contract|library|amendment)\b", text, re.MULTILINE) else None
    header = (
        "" if headed else 'contract reading\nversion "1"\nsettles group per year\nterm 2024-01-01 to 2024-12-31\n\n'
    )
    document = parse(SourceFile("items", header + text), Sink())
    return () if document is None else document.items


def example_problems(compiled: Compiled, path: Path) -> list[str]:
    """What does not come out as the examples of a file say, and examples that were not run."""
    sink = Sink()
    outcomes = list(run_examples(compiled, sink))
    document = parse(SourceFile.read(path), Sink())
    written = [item.title for item in (document.items if document else ()) if isinstance(item, ast.Example)]
    run = {outcome.title for outcome in outcomes}
    return [
        *(problem for outcome in outcomes for problem in _outcome_problems(outcome)),
        *(f"example `{title}` was not run" for title in written if title not in run),
    ]


def _outcome_problems(outcome: Outcome) -> list[str]:
    if outcome.broken:
        return [f"example `{outcome.title}`: {outcome.broken}"]
    return [
        f"example `{outcome.title}`: `{c.name}` is {c.got}, expected {c.expected}"
        for c in outcome.checks
        if not c.passed
    ]


# Expressions ---------------------------------------------------------------------------------------------------------


def expressions(block: Block) -> list[tuple[str, str]]:
    """Each line as the expression and what its comment promises."""
    found = []
    for line in block.text.splitlines():
        text, _, promise = line.partition("#")
        if text.strip():
            found.append((text.strip(), promise.strip()))
    return found


def broken_promises(block: Block, compiled: Compiled) -> list[str]:
    """The lines of an `expressions` block whose type or value is not what the comment says."""
    plan = compiled.plans[-1]
    problems = []
    for position, (text, promise) in enumerate(expressions(block)):
        named = plan.named(f"line_{position}")
        if named is None:
            problems.append(f"{text}: has no value")
            continue
        found = _kept(plan, named, promise)
        if found:
            problems.append(f"{text}: promised {promise}, is {found}")
    return problems


def _kept(plan: Plan, named: Named, promise: str) -> str:
    """What was found instead of the promise; nothing when it is kept."""
    type_ = plan.nodes[named.node].type
    if not promise:
        return f"without a promise ({shown(type_)})"
    if promise.startswith("= "):
        value = _value(plan, named)
        wanted = _literal(promise.removeprefix("= "))
        return "" if value == wanted and isinstance(value, bool) == isinstance(wanted, bool) else str(value)
    if promise.startswith("is "):
        value = _value(plan, named)
        words = value.state.words if isinstance(value, Absent) else "a value"
        return "" if promise == f"is {words}" else words
    words, _, keys = promise.partition(", for each ")
    grain = set(re.split(r", | and ", keys)) if keys else None
    if words != shown(type_):
        return shown(type_)
    return "" if grain is None or grain == type_.grain else f"for each {' and '.join(sorted(type_.grain))}"


def shown(type_: Type) -> str:
    """A type as the pages write it."""
    if type_.shown is not None:
        return type_.shown[1]
    words = str(type_).replace("member month", "member_months").replace("`", "")
    return words if words != "no unit" else type_.kind.value


def _value(plan: Plan, named: Named) -> Value:
    evaluator = Evaluator(Programme({"2024": plan}), Inputs(Frame(["a group"], ["2024"]), {}))
    return evaluator.value(plan, named.node, {plan.unit: "a group", plan.period: "2024"})


def _literal(text: str) -> Value:
    match parse_expression(SourceFile("promise", text), Sink()):
        case ast.Number() as number:
            return _number(number)
        case ast.Unary(op="-", operand=ast.Number() as number):
            value = _number(number)
            assert isinstance(value, Fraction)
            return -value
        case ast.Flag(value=flag):
            return flag
        case ast.Name(parts=(word,)):
            return word
        case ast.Date(value=day):
            return day
        case _:
            raise ValueError(f"no literal: {text}")


def _number(number: ast.Number) -> Value:
    found = literals.number(number)
    assert not isinstance(found, str), f"no unit `{found}`"
    return found[0]


# The whole check -----------------------------------------------------------------------------------------------------


def problems(block: Block, page: Sequence[Block], bases: Mapping[str, Block], folder: Path) -> list[str]:
    """Everything in which a block does not do what it promises."""
    if block.form == "expressions" and block.bad:
        return [p for line in _alone(block) for p in _line_problems(line, page, bases, folder)]
    return _line_problems(block, page, bases, folder)


def _alone(block: Block) -> list[Block]:
    """A block for each line of expressions."""
    return [
        Block(block.page, block.line, text, "expressions", block.codes, block.warns, base=block.base)
        for text, _ in expressions(block)
    ]


def _line_problems(block: Block, page: Sequence[Block], bases: Mapping[str, Block], folder: Path) -> list[str]:
    path = page_folder(folder, page, block, complete(block, bases))
    checked = check(path)
    errors, warnings = (sorted(block.codes), []) if block.bad else ([], sorted(block.codes))
    ignored = () if block.form != "expressions" else ("unreachable-band",)  # a scale is shown at single points
    found = [f"{d.severity} {d.code}: {d.message}" for d in checked.findings]
    if checked.errors != errors or (not block.bad and checked.warnings(ignored) != warnings):
        return [f"{block.text.strip()!r}: promised {', '.join(block.codes) or 'no finding'}; found {found or 'none'}"]
    if block.bad or checked.compiled is None:
        return [] if block.bad else ["nothing was compiled"]
    wrong = example_problems(checked.compiled, path)
    if block.form == "expressions":
        wrong += broken_promises(block, checked.compiled)
    return wrong
