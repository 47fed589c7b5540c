"""Builds items: tables, schedules, scales, blocks, examples. Each method is the action of a grammar rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from contractlang.diagnostics.diagnostic import Diagnostic, Label, Sink
from contractlang.source import SourceFile, Span
from contractlang.syntax import ast
from contractlang.syntax.build_equity import EquityBuilder
from contractlang.syntax.build_expressions import ExpressionBuilder, Kids, unquoted
from contractlang.syntax.build_measures import MeasureParts
from contractlang.syntax.parts import Clause, Interval, Note, Part, Setting, Side, Words
from contractlang.syntax.parts import Label as StepLabel
from contractlang.syntax.tokens import Token

MAX_ROWS = 10_000
MAX_COLUMNS = 200

T = TypeVar("T")


def those(kind: type[T], kids: Kids) -> tuple[T, ...]:
    return tuple(kid for kid in kids if isinstance(kid, kind))


class ItemBuilder(MeasureParts, EquityBuilder):
    """`docs` are the `##` comments on lines of their own, by line number."""

    def __init__(self, source: SourceFile, docs: dict[int, str], sink: Sink) -> None:
        super().__init__(source, sink)
        self.docs = docs

    def notes(self, kids: Kids, start: int) -> ast.Notes:
        """The notes among the parts, and the doc comment above the line of `start`."""
        found: dict[str, Note] = {}
        for note in those(Note, kids):
            if note.key in found:
                self._twice(f"`{note.key}`", note.span, found[note.key].span)
            found.setdefault(note.key, note)
        source, assumed = found.get("source"), found.get("assumed")
        return ast.Notes(source and source.text, assumed and assumed.text, self.doc_above(start))

    def doc_above(self, start: int) -> str | None:
        """The `##` lines directly above the line of a position."""
        lines: list[str] = []
        line = self.source.position(start)[0] - 1
        while line in self.docs:
            lines.insert(0, self.docs[line])
            line -= 1
        return "\n".join(lines) if lines else None

    def _twice(self, what: str, again: Span, first: Span) -> None:
        self.failed = True
        self.sink.report(
            Diagnostic(
                "duplicate-clause",
                f"{what} stands twice",
                again,
                labels=(Label(first, "the first one"),),
                help="keep one of the two",
            )
        )

    def _limit(self, what: str, number: int, most: int, span: Span) -> None:
        if number > most:
            helps = "bind a large table from a data file with `input`"
            self.wrong(span, f"{number:_} {what}; the limit is {most:_}", helps, "table-too-large")

    # Notes and parts of headers and clauses

    def note_source(self, kids: list[Token], start: int, end: int) -> Note:
        return Note("source", unquoted(kids[0]), self.span(start, end))

    def note_assumed(self, kids: list[Token], start: int, end: int) -> Note:
        return Note("assumed", unquoted(kids[0]), self.span(start, end))

    def part_net(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("net", kids[0])

    def part_per(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("per", tuple(kids))

    def part_of(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("of", kids[0])

    def part_from(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("from", kids[0])

    def part_like(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("like", kids[0])

    def part_to(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("to", kids[0])

    def part_by(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("by", kids[0])

    def part_when(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("when", kids[0])

    def part_unless(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("unless", kids[0])

    def part_since(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("since", kids[0])

    def part_plurality(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("plurality", kids[0])

    def part_look_back(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("over", kids[0])

    def part_through(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("through", kids[0])

    def part_payee(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("by", kids[0])

    def part_trended(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("trended", kids[0])

    def part_relative(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("relative", kids[0])

    def part_normalised(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("normalised", kids[0])

    def part_low(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("low", kids[0])

    def part_high(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("high", kids[0])

    def part_rest(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("rest", kids[0])

    def part_earned(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("earned", kids[0])

    def part_pooling(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("pooling", kids[0])

    def part_below(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("below", kids[0])

    def part_over(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("over", kids[0])

    def part_funded(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("funded", ast.Text(kids[0].text, span=kids[0].span))

    def part_carry(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part("carry", kids[0])

    def part_return(self, _kids: Kids, start: int, end: int) -> Part:
        return Part("return", ast.Text("payer", span=self.span(start, end)))

    def points_mode(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("mode", ast.Text(kids[0].text, span=self.span(start, end)))

    def domain(self, kids: Kids, _start: int, _end: int) -> Part:
        return Part(kids[0].text, kids[1])

    def reason(self, kids: list[Token], start: int, end: int) -> Part:
        return Part("reason", ast.Text(unquoted(kids[0]), span=self.span(start, end)))

    def part_mode(self, kids: list[Words], _start: int, _end: int) -> Part:
        return Part("mode", ast.Text(kids[0].text, span=kids[0].span))

    def compounded(self, kids: list[Token], start: int, end: int) -> Part:
        return self.part_mode([self.words(kids, start, end)], start, end)

    prorated = sharing_mode = roster_day = compounded

    def direction(self, kids: list[Token], start: int, end: int) -> ast.Name:
        return ast.Name((kids[0].text,), span=self.span(start, end))

    cadence = style = moves = absence = funding = ExpressionBuilder.words

    # Categories, inputs, tables of terms

    def category(self, kids: Kids, start: int, end: int) -> ast.Category:
        values = those(str, kids)
        self._limit("values in a category", len(values), MAX_ROWS, self.span(start, end))
        return ast.Category(kids[0].text, values, self.notes(kids, start), span=self.span(start, end))

    def category_value(self, kids: list[Token], _start: int, _end: int) -> str:
        return unquoted(kids[0]) if kids[0].kind == "TEXT" else kids[0].text

    def input(self, kids: Kids, start: int, end: int, kind: str = "input") -> ast.Input:
        columns = those(ast.Column, kids)
        self._limit("columns in a table", len(columns), MAX_COLUMNS, self.span(start, end))
        return ast.Input(
            kind, kids[0].text, kids[1].value, columns, self.notes(kids, start), span=self.span(start, end)
        )

    def exhibit(self, kids: Kids, start: int, end: int) -> ast.Input:
        return self.input(kids, start, end, "exhibit")

    def typed_table(self, kids: Kids, start: int, end: int) -> ast.Input:
        return self.input(kids, start, end, "table")

    def column(self, kids: Kids, start: int, end: int) -> ast.Column:
        settings: dict[str, Any] = dict(those(Setting, kids))
        bounds: Interval = settings.get("within", Interval(None, None))
        return ast.Column(
            kids[0].text,
            kids[1],
            settings.get("missing"),
            settings.get("reason"),
            bounds.low,
            bounds.high,
            settings.get("decimals"),
            self.notes(kids, start),
            span=self.span(start, end),
        )

    def type_unit(self, kids: list[ast.Unit], start: int, end: int) -> ast.Type:
        return ast.Type(kids[0], span=self.span(start, end))

    def type_category(self, kids: list[ast.Name], start: int, end: int) -> ast.Type:
        return ast.Type(None, kids[0], span=self.span(start, end))

    def decimals(self, kids: list[Token], start: int, _end: int) -> Setting:
        return Setting("decimals", self.whole(self.number([kids[0]], start, kids[0].end)))

    def bounds(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("within", Interval(kids[0], kids[1]))

    def default(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("missing", kids[0])

    def inapplicable(self, _kids: Kids, start: int, end: int) -> Setting:
        return Setting("missing", ast.NotApplicable(span=self.span(start, end)))

    def column_reason(self, kids: list[Token], _start: int, _end: int) -> Setting:
        return Setting("reason", unquoted(kids[0]))

    def terms(self, kids: Kids, start: int, end: int) -> ast.Terms:
        span = self.span(start, end)
        first, *rows = those(ast.Row, kids)
        header = tuple(self._header_word(cell) for cell in first.cells)
        self._rows(len(header), rows, span)
        return ast.Terms(kids[0].text, kids[1].value, header, tuple(rows), self.notes(kids, start), span=span)

    def _header_word(self, cell: ast.Expr | ast.Range) -> str:
        if isinstance(cell, ast.Name) and len(cell.parts) == 1 and cell.text != "otherwise":
            return cell.text
        self.wrong(cell.span, f"found `{cell.span.text}` in the header of a table", "the first row names the columns")
        return ""

    def _rows(self, width: int, rows: list[ast.Row], table: Span) -> None:
        self._limit("rows in a table", len(rows), MAX_ROWS, table)
        self._limit("columns in a table", width, MAX_COLUMNS, table)
        if not rows:
            self.wrong(table, "the table has a header but no rows", "write one row for each key under the header")
        for row in rows:
            if len(row.cells) != width:
                helps = "write one cell for each column; `-` stands for not applicable"
                self.wrong(row.span, f"the row has {len(row.cells)} cells, the header {width}", helps)

    def row(self, kids: Kids, start: int, end: int) -> ast.Row:
        return ast.Row(tuple(kids), span=self.span(start, end))

    def cell_numbered(self, kids: list[Token], start: int, end: int) -> ast.Name:
        return ast.Name((f"{kids[0].text}_{kids[1].text}",), span=self.span(start, end))

    def set_table(self, kids: Kids, start: int, end: int) -> ast.Terms:
        return self.terms([Token("NAME", "", start, start), Part("per", ()), *kids], start, end)

    def control(self, kids: Kids, start: int, end: int) -> ast.Control:
        parts = [kid for kid in kids[1:] if not isinstance(kid, Note)]
        tolerance = parts[2] if len(parts) > 2 else None
        return ast.Control(
            kids[0].text, parts[0], parts[1], tolerance, self.notes(kids, start), span=self.span(start, end)
        )

    def cell_absent(self, _kids: Kids, start: int, end: int) -> ast.NotApplicable:
        return ast.NotApplicable(span=self.span(start, end))

    def cell_otherwise(self, _kids: Kids, start: int, end: int) -> ast.Name:
        return ast.Name(("otherwise",), span=self.span(start, end))

    # Schedules, baselines, scales, constants, definitions

    def schedule(self, kids: Kids, start: int, end: int) -> ast.Schedule:
        entries = those(ast.Entry, kids)
        self._limit("entries in a schedule", len(entries), MAX_ROWS, self.span(start, end))
        return ast.Schedule(kids[0].text, kids[1], entries, self.notes(kids, start), span=self.span(start, end))

    def baseline(self, kids: Kids, start: int, end: int) -> ast.Baseline:
        entries = those(ast.Entry, kids)
        self._limit("entries in a baseline", len(entries), MAX_ROWS, self.span(start, end))
        return ast.Baseline(kids[0].text, entries, self.notes(kids, start), span=self.span(start, end))

    def moment_at(self, kids: Kids, _start: int, _end: int) -> Interval:
        return Interval(kids[0], kids[0])

    def entry(self, kids: Kids, start: int, end: int) -> ast.Entry:
        return ast.Entry(kids[0].low, kids[0].high, kids[1], span=self.span(start, end))

    def base_entry(self, kids: Kids, start: int, end: int) -> ast.Entry:
        return ast.Entry(kids[0], kids[0], kids[1], span=self.span(start, end))

    def scale(self, kids: Kids, start: int, end: int) -> ast.Scale:
        name, parameter, style, *rest = kids
        settings = {setting.key for setting in those(Setting, rest)}
        bands = those(ast.Band, rest)
        self._limit("bands in a scale", len(bands), MAX_ROWS, self.span(start, end))
        return ast.Scale(
            name.text,
            parameter.text,
            style.text,
            "symmetric" in settings,
            "flat" in settings,
            bands,
            self.notes(rest, start),
            span=self.span(start, end),
        )

    def inline_scale(self, kids: Kids, start: int, end: int) -> ast.Scale:
        """A scale inside a block; the block gives it its name."""
        return self.scale([Token("NAME", "", start, start), *kids], start, end)

    def symmetric(self, _kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("symmetric", value=True)

    def flat_outside(self, _kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("flat", value=True)

    def band(self, kids: Kids, start: int, end: int) -> ast.Band:
        edge, values = kids
        value_high = values[1] if len(values) > 1 else None
        return ast.Band(edge.low, edge.high, values[0], value_high, span=self.span(start, end))

    def band_value(self, kids: Kids, _start: int, _end: int) -> tuple[ast.Expr, ...]:
        return tuple(kids)

    def edge_at(self, kids: Kids, _start: int, _end: int) -> Interval:
        return Interval(kids[0], kids[0])

    def edge_between(self, kids: Kids, _start: int, _end: int) -> Interval:
        return Interval(kids[0], kids[1])

    def edge_below(self, kids: Kids, _start: int, _end: int) -> Interval:
        return Interval(None, kids[0])

    def edge_above(self, kids: Kids, _start: int, _end: int) -> Interval:
        return Interval(kids[0], None)

    def constant(self, kids: Kids, start: int, end: int) -> ast.Constant:
        return ast.Constant(kids[0].text, kids[1], self.notes(kids[2:], start), span=self.span(start, end))

    def define(self, kids: Kids, start: int, end: int) -> ast.Define:
        name, *rest = kids
        cadence = rest.pop(0).text if isinstance(rest[0], Words) else None
        body = next(kid for kid in rest if not isinstance(kid, Note))
        return ast.Define(name.text, body, self.notes(rest, start), cadence=cadence, span=self.span(start, end))

    def cases(self, kids: Kids, start: int, end: int) -> ast.Cases:
        return ast.Cases(tuple(kids), span=self.span(start, end))

    def case_when(self, kids: Kids, start: int, end: int) -> ast.Case:
        return ast.Case(kids[0], kids[1], span=self.span(start, end))

    def case_otherwise(self, kids: Kids, start: int, end: int) -> ast.Case:
        return ast.Case(None, kids[0], span=self.span(start, end))

    # Blocks and clauses

    def block(self, kind: str, kids: Kids, start: int, end: int) -> ast.Block:
        parts: dict[str, Any] = dict(those(Part, kids))
        table = [
            replace(t, name=kids[0].text, keys=(ast.Name((t.header[0],), span=t.span),)) for t in those(ast.Terms, kids)
        ]
        return ast.Block(
            kind,
            kids[0].text,
            those(ast.Step, kids),
            parts.get("from"),
            parts.get("of"),
            parts.get("like"),
            parts.get("per", ()),
            self.notes(kids, start),
            table=table[0] if table else None,
            issued=parts.get("issued"),
            span=self.span(start, end),
        )

    def clause(self, word: str, kids: Kids, _start: int, _end: int) -> Clause:
        argument = next((kid for kid in kids if not isinstance(kid, Part)), None)
        return Clause(word, argument, those(Part, kids))

    def overlap(self, kids: list[Token], _start: int, _end: int) -> Clause:
        return Clause(kids[0].text, ast.Name((kids[1].text,), span=self.span(kids[1].start, kids[1].end)), ())

    def rebuild(self, kids: list[Token], _start: int, _end: int) -> Clause:
        return Clause("rebuild", ast.Name((kids[1].text,), span=self.span(kids[1].start, kids[1].end)), ())

    def levels(self, kids: list[ast.Name], _start: int, _end: int) -> Clause:
        return Clause("levels", None, (Part("levels", tuple(kids)),))

    def as_of(self, kids: list[Part], _start: int, _end: int) -> Clause:
        return Clause("as", None, tuple(kids))

    def see(self, _kids: Kids, _start: int, _end: int) -> Clause:
        return Clause("see", None, ())

    def refusal(self, kids: Kids, _start: int, _end: int) -> Clause:
        return Clause("refuse", None, tuple(kids))

    def side(self, kids: list[Token], _start: int, _end: int) -> Side:
        return Side(kids[0].text)

    def label(self, kids: list[Token], _start: int, _end: int) -> StepLabel:
        return StepLabel(kids[0].text)

    def step(self, kids: Kids, start: int, end: int) -> ast.Step:
        side = kids.pop(0).word if isinstance(kids[0], Side) else None
        clause, *ending = kids
        label = those(StepLabel, ending)
        more = clause.more + those(Part, ending)
        span = self.span(start, end)
        if sum(part.key == "when" for part in more) > 1:
            self.wrong(span, "the clause has two conditions", "join them: `when a and b`", "duplicate-clause")
        notes = self.notes(ending, start)
        name = label[0].name if label else None
        return ast.Step(clause.word, clause.argument, side, more, name, notes, clause.scale, span=span)

    # Payments, guarantees, examples

    def payment(self, kids: Kids, start: int, end: int) -> ast.Payment:
        name, payee, *rest = kids
        through = rest.pop(0).value if isinstance(rest[0], Part) else None
        cadence = rest.pop(0).text if isinstance(rest[0], Words) else None
        uplift = rest.pop(0) if isinstance(rest[0], ast.Uplift) else None
        body = next(kid for kid in rest if not isinstance(kid, Note))
        net = tuple(part.value for part in those(Part, rest) if isinstance(part.value, ast.Name))
        notes = self.notes([kid for kid in rest if not isinstance(kid, Part)], start)
        return ast.Payment(name.text, payee, cadence, body, uplift, through, notes, net=net, span=self.span(start, end))

    def uplift(self, kids: Kids, start: int, end: int) -> ast.Uplift:
        parts: dict[str, Any] = dict(those(Setting, kids))
        step, mode = parts.get("round", (None, ""))
        return ast.Uplift(
            kids[0],
            parts.get("where"),
            parts.get("from"),
            parts.get("paid"),
            step,
            mode,
            span=self.span(start, end),
        )

    def part_listed(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("where", kids[0])

    def part_in_force(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("from", (kids[0], kids[1]))

    def part_paid_in(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("paid", kids[0])

    def part_rounded(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("round", (kids[0], kids[1].text))

    def guarantee_always(self, kids: Kids, start: int, end: int) -> ast.Guarantee:
        notes, span = self.notes([], start), self.span(start, end)
        return ast.Guarantee(unquoted(kids[0]), "always", kids[1], notes=notes, span=span)

    def guarantee_never(self, kids: Kids, start: int, end: int) -> ast.Guarantee:
        title, condition, moves, over = kids
        notes, span = self.notes([], start), self.span(start, end)
        return ast.Guarantee(unquoted(title), f"never {moves.text}", condition, over, notes=notes, span=span)

    def guarantee_jumps(self, kids: Kids, start: int, end: int) -> ast.Guarantee:
        title, condition, limit, over = kids
        notes, span = self.notes([], start), self.span(start, end)
        return ast.Guarantee(unquoted(title), "jumps at most", condition, over, limit, notes, span=span)

    def example(self, kids: Kids, start: int, end: int) -> ast.Example:
        title, *lines = kids
        given = tuple(entry for line in lines if line.key == "given" for entry in line.value)
        expect = tuple(entry for line in lines if line.key == "expect" for entry in line.value)
        span = self.span(start, end)
        if not expect:
            self.wrong(span, "the example expects nothing", "add a line `expect NAME = VALUE`")
        return ast.Example(unquoted(title), given, expect, self.notes([], start), span=span)

    def given(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("given", tuple(kids))

    def expect(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("expect", tuple(kids))

    def binding(self, kids: Kids, start: int, end: int) -> ast.Binding:
        name, value, *tolerance = kids
        within = tolerance[0].value if tolerance else None
        return ast.Binding(name, value, within, span=self.span(start, end))

    def binding_absent(self, kids: Kids, start: int, end: int) -> ast.Binding:
        name, absence = kids
        negation, _, state = absence.text.rpartition(" ")
        span = self.span(start, end)
        return ast.Binding(name, ast.StateTest(name, state, negated=negation == "not", span=span), span=span)

    def tolerance(self, kids: Kids, _start: int, _end: int) -> Setting:
        return Setting("within", kids[0])

    def example_table(self, kids: Kids, start: int, end: int) -> ast.ExampleTable:
        first, *rows = kids
        header = tuple(cell for cell in first.cells if isinstance(cell, ast.Name))
        for cell in first.cells:
            if not isinstance(cell, ast.Name):
                helps = "the first row names inputs and values"
                self.wrong(cell.span, f"found `{cell.span.text}` in the header of a table", helps)
        self._rows(len(first.cells), rows, self.span(start, end))
        return ast.ExampleTable(header, tuple(rows), span=self.span(start, end))
