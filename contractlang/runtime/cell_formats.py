"""How the cells of a key or column are written: from the lines of a binding to a `Reading`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.engines.periods import WORDS
from contractlang.engines.reading import MOST_PLACES, Form, Raw, Reading
from contractlang.runtime.binding import Scalar, Source, TableBinding
from contractlang.runtime.files import Columns
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import USD, Kind
from contractlang.source import Span

NUMBER_FORMS = {
    "number": 0, "fraction": 0, "percent": 2, "per_mille": 3, "basis_points": 4,
    "cents": 2, "millionths": 6, "thousands": -3, "millions": -6,
}  # fmt: skip
"""How a number may be written (`as`), and the power of ten by which the written number is divided."""

_DAY_FORMS = ("date", "yyyymm")
_OPTIONS: dict[Form, frozenset[str]] = {
    "int": frozenset({"as", "absent", "strip", "default", "round"}),
    "flag": frozenset({"absent", "default", "yes", "no"}),
    "code": frozenset({"absent", "default", "map"}),
    "text": frozenset({"absent", "default", "map"}),
    "date": frozenset({"absent", "default", "as", "format"}),
    "period": frozenset({"absent", "as", "format"}),
}
_FORM_WORDS = {
    "int": "a number", "flag": "a flag", "code": "a category", "text": "text", "date": "a date", "period": "a period",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Want:
    """A key or column of a table with its line in the binding; `path` is `("columns", "quality")`."""

    name: str
    form: Form
    source: Source
    path: tuple[str, str]
    key: KeyColumn | None = None
    column: ColumnSchema | None = None

    @property
    def labels(self) -> tuple[str, ...] | None:
        if self.key is not None:
            return self.key.labels if self.key.role == "category" else None
        return self.column.labels if self.column is not None else None


@dataclass(slots=True)
class Formats:
    """Makes readings for one table and reports lines that do not fit."""

    schema: TableSchema
    binding: TableBinding
    columns: Columns
    sink: Sink
    failed: bool = False

    def reading(self, want: Want) -> Reading | None:
        """The reading of a line (also of a constant, which is then read as if it stood in a cell)."""
        source, labels = want.source, want.labels
        if not self._options_fit(want) or (raws := self._raws(want)) is None:
            return None
        marks = tuple(dict.fromkeys(("", *self.binding.absent, *source.absent)))
        reading = Reading(want.name, want.form, raws, marks, labels=labels, translate=source.map)
        if source.yes or source.no:
            reading = replace(reading, yes=source.yes or reading.yes, no=source.no or reading.no)
        if source.one_hot:
            reading = replace(reading, labels_of_sources=tuple(label for label, _ in source.one_hot))
        targets = [label for _, label in source.map] + [label for label, _ in source.one_hot]
        if labels is not None and (wrong := [t for t in targets if t not in labels]):
            near = get_close_matches(wrong[0], labels, n=1)
            self._report(
                "unknown-category",
                f"`{self.dotted(want.path)}`: `{wrong[0]}` is not a value of the category",
                source.span,
                help_=f"did you mean `{near[0]}`?" if near else f"the category has {listed(labels)}",
            )
            return None
        match want.form:
            case "int":
                return self._number(reading, want)
            case "date" | "period":
                return self._dates(reading, want)
            case _:
                return self._no_float(reading, want)

    def _options_fit(self, want: Want) -> bool:
        form, source, path = want.form, want.source, want.path
        given = {
            "as": source.form is not None, "format": bool(source.formats), "absent": bool(source.absent),
            "strip": bool(source.strip), "default": source.default is not None, "round": source.round is not False,
            "map": bool(source.map), "yes": bool(source.yes), "no": bool(source.no),
        }  # fmt: skip
        allowed = _OPTIONS[form] | ({"yes", "no"} if source.one_hot else set())
        if path[0] == "keys":
            allowed = allowed - {"default"}
        if source.one_hot:
            given["one_hot"] = form not in {"code", "text"}
        for option, is_given in given.items():
            if is_given and option not in allowed:
                fitting = listed(sorted(_OPTIONS[form]))
                self._report(
                    "binding-syntax",
                    f"`{self.dotted(path)}`: `{option}` means nothing for {_FORM_WORDS[form]}",
                    source.span,
                    help_=f"it may have {fitting}",
                )
                return False
        return True

    def _raws(self, want: Want) -> tuple[Raw, ...] | None:
        source = want.source
        if source.value is not None:
            return (Raw("", self.dotted(want.path)),)
        if source.position is not None:
            found = [self.columns.by_position(source.position, source.span)]
        else:
            headers = [h for _, h in source.one_hot] if source.one_hot else [source.column or ""]
            found = [self.columns.by_header(header, source.span) for header in headers]
        raws = tuple(raw for raw in found if raw is not None)
        if len(raws) < len(found):
            return None
        for raw in raws:
            if raw.native == "other":
                self._report(
                    "cell-unreadable",
                    f"`{self.dotted(want.path)}`: column `{raw.header}` holds nested or unknown values",
                    source.span,
                    help_="bind a column of numbers, text, flags or dates",
                )
                return None
        return raws

    def _number(self, reading: Reading, want: Want) -> Reading | None:
        column, form = want.column, want.source.form
        if column is None:
            raise TypeError("keys are no numbers")
        if form is not None and form not in NUMBER_FORMS:
            self._bad_form(form, tuple(NUMBER_FORMS), want)
            return None
        percent = column.type.kind is Kind.PERCENT
        shift = NUMBER_FORMS[form] if form else 2 if percent else 0
        sign = "may" if form == "percent" else "must" if percent and form is None else "no"
        reading = replace(
            reading,
            strip=want.source.strip,
            percent_sign=sign,
            shift=shift,
            currency=any(base == "USD" for base, _ in column.type.unit.powers),
            low=None if column.low is None else column.low / column.factor,
            high=None if column.high is None else column.high / column.factor,
        )
        return self._scaled(reading, want, column)

    def _scaled(self, reading: Reading, want: Want, column: ColumnSchema) -> Reading | None:
        """Settle how many decimals the written number has."""
        source, path = want.source, want.path
        declared = column.decimals
        if declared is None and (column.type.unit == USD or self.schema.member_level):
            declared = 2 if column.type.unit == USD else 0
        scale = None if declared is None else declared + (2 if column.type.kind is Kind.PERCENT else 0)
        if source.round is not False and source.round is not True:
            places: int | None = source.round
        elif scale is None:
            places = None
        else:
            places = scale - reading.shift
        unknown = places is None or (column.decimals is None and declared == 0)
        if unknown and (source.round is True or (reading.floating and source.round is False)):
            what = "is floating" if reading.floating else "is rounded"
            self._report(
                "float-without-scale",
                f"`{self.dotted(path)}`: column `{reading.header}` {what}, and nothing says to how many decimals",
                source.span,
                help_=f'write `{{ column = "{reading.header}", round = 4 }}` in the binding, or `4 decimals` in the contract',
            )
            return None
        if places is not None and (places < 0 or (scale is not None and places + reading.shift > scale)):
            self._report(
                "binding-syntax",
                f"`{self.dotted(path)}`: the contract keeps fewer decimals of `{column.name}` than this needs",
                source.span,
                notes=(f"the contract keeps {declared} decimals",),
                help_="declare more decimals in the contract, or round to fewer in the binding",
            )
            return None
        if places is not None and places > MOST_PLACES:
            self._report("binding-syntax", f"`{self.dotted(path)}`: more than {MOST_PLACES} decimals", source.span)
            return None
        return replace(reading, places=places, rounds=source.round is not False or reading.floating)

    def _dates(self, reading: Reading, want: Want) -> Reading | None:
        source, key = want.source, want.key
        if source.form is not None and source.form not in _DAY_FORMS:
            self._bad_form(source.form, _DAY_FORMS, want)
            return None
        native = reading.sources[0].native
        word = key.name if key is not None and key.name in WORDS else "year"
        style = source.form or "date"
        if reading.form == "period" and source.form is None and not source.formats and native not in {"date", "time"}:
            style = "label"
        formats = source.formats or reading.formats
        bad = [form for form in formats if not _usable_format(form)]
        if bad or (style == "yyyymm" and source.formats):
            what = f"`{bad[0]}` is no format of a date" if bad else "`format` has no meaning with `yyyymm`"
            help_ = "for example `%m/%d/%Y` or `%Y-%m-%d`"
            self._report("binding-syntax", f"`{self.dotted(want.path)}`: {what}", source.span, help_=help_)
            return None
        if style != "label" and reading.form == "period" and word != "month" and self.schema.year_starts != 1:
            self._report(
                "unsupported",
                f"`{self.dotted(want.path)}`: a {word} that does not start in January is not read from a date",
                source.span,
                help_=f"give the {word} by its label: `2024` for the year that starts in 2024",
            )
            return None
        # The row operations `period` and `year` of the reduce stage read months.
        reading = replace(reading, style=style, formats=formats, word=word, by_month=self.schema.member_level)
        return self._no_float(reading, want)

    def _no_float(self, reading: Reading, want: Want) -> Reading | None:
        if reading.floating:
            self._report(
                "cell-unreadable",
                f"`{self.dotted(want.path)}`: column `{reading.header}` is floating, {_FORM_WORDS[reading.form]} is needed",
                want.source.span,
                help_="store the column as text or as an integer",
            )
            return None
        return reading

    def _bad_form(self, form: str, known: Sequence[str], want: Want) -> None:
        near = get_close_matches(form, known, n=1)
        help_ = f"did you mean `{near[0]}`?" if near else f"it may be {listed(known)}"
        message = f"`{self.dotted(want.path)}`: `as` cannot be `{form}`"
        self._report("binding-syntax", message, want.source.span, help_=help_)

    def dotted(self, path: Sequence[str]) -> str:
        return ".".join((self.schema.name, *path))

    def _report(
        self, code: str, message: str, span: Span | None, *, notes: tuple[str, ...] = (), help_: str = ""
    ) -> None:
        self.failed = True
        self.sink.report(Diagnostic(code, message, span, notes=notes, help=help_))


def text_of_scalar(value: Scalar) -> str:
    """A TOML value as it would stand in a cell."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case dt.date():
            return value.isoformat()
        case _:
            return str(value)


def _usable_format(form: str) -> bool:
    """Whether a format names a whole calendar day, in directives that Python and DuckDB read alike."""
    directives = {form[i + 1] for i in range(len(form) - 1) if form[i] == "%"}
    day = {"d", "m"} <= directives or {"d", "b"} <= directives or {"d", "B"} <= directives
    return day and bool(directives & {"Y", "y"}) and directives <= set("YymdbBHIMSp%")


def listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
