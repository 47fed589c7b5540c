"""Names: one flat namespace of items, columns and period words, in which nothing shadows anything."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.semantics.aliases import under_alias
from contractlang.semantics.fiscal import first_month
from contractlang.source import Span
from contractlang.syntax import ast

PERIODS = {"year": 12, "half": 6, "quarter": 3, "month": 1}
"""Period words and their length in months."""

CADENCES = {"monthly": "month", "quarterly": "quarter", "half_yearly": "half", "yearly": "year"}
"""How often something is paid or computed, by the word that says so."""

KEY_WORDS = (*PERIODS, "contract_year")

LEDGER = "ledger"
"""The reserved input with what was paid before; a contract that declares an item of this name has none."""

FUNCTIONS = ("min", "max", "clamp", "abs", "sqrt", "power", "year", "month", "day", "points", "round")


@dataclass(frozen=True, slots=True)
class ItemRef:
    """A declared item and the parts of the name that follow it."""

    name: str
    item: ast.Item
    rest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column of an input that is visible bare."""

    table: ast.Input
    column: ast.Column


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A period word (`year`, `contract_year` …), the settlement unit, or a category as the key of what varies by it."""

    word: str


Resolution = ItemRef | ColumnRef | KeyRef


class Scope:
    """The items of a contract and its libraries by the name under which they are visible."""

    def __init__(self, document: ast.Document, uses: Sequence[tuple[ast.Use, ast.Document]], sink: Sink) -> None:
        self.sink = sink
        settles = document.header.settles
        self.unit = settles[0].text if settles else "group"
        self.period = settles[1].text if settles else "year"
        term = document.header.term
        self.term = (term[0].value, term[1].value) if term else None
        self.pays = document.header.pays
        self.first_month = first_month(document.header)
        self.evaluated: str | None = None  # the shorter period whose columns may be written bare
        self.items: dict[str, ast.Item] = {}
        self.unread = {*document.broken, *(name for _, library in uses for name in library.broken)}
        self._not_found(document, uses)
        self.period_words = self._period_words([document, *(library for _, library in uses)])
        self._collect(document.items, "")
        self.titled = [item for item in document.items if isinstance(item, ast.Guarantee | ast.Example)]
        merged: set[tuple[str, str | None]] = set()
        for use, library in uses:
            if use.results or (library.name.text, use.alias) in merged:
                continue
            merged.add((library.name.text, use.alias))
            items = under_alias(library.items, use.alias) if use.alias else library.items
            self._collect(items, f"{use.alias}." if use.alias else "")
        self.categories = {name: item for name, item in self.items.items() if isinstance(item, ast.Category)}
        self.levels = self._levels()
        self.columns: dict[str, list[ColumnRef]] = {}
        self.finer: dict[str, list[ColumnRef]] = {}
        for item in self.items.values():
            if isinstance(item, ast.Input):
                settled = all(k.text == self.unit or self.contains(k.text) for k in item.keys)
                known = self.columns if settled else self.finer
                for column in item.columns:
                    if all(ref.table is not item for ref in known.setdefault(column.name, [])):
                        known[column.name].append(ColumnRef(item, column))

    def add_results(self, name: str, use: ast.Use, keys: Sequence[str]) -> bool:
        """Make the results of another contract visible under a name; False after a report that it is taken."""
        names = tuple(ast.Name((key,), span=use.span) for key in keys)
        item = ast.Input("results", name, names, (), span=use.span)
        if (earlier := self.items.get(name)) is not None:
            self._twice(name, item, earlier)
            return False
        self.items[name] = item
        self.unread.discard(name)
        return True

    def _levels(self) -> dict[str, str]:
        """The levels below the settled unit, each with the roster that leads from it to the unit."""
        found: dict[str, str] = {}
        for name, item in self.items.items():
            if isinstance(item, ast.Block) and item.kind == "roster":
                words = [level.text for step in item.steps for level in step.names("levels")]
                for word in words[: words.index(self.unit)] if self.unit in words else ():
                    found.setdefault(word, name)
        return found

    def level_key(self, table: ast.Input, word: str) -> bool:
        """Whether a key of a table is a level below the settled unit; in the roster itself it is what its rows are about."""
        if word not in self.levels:
            return False
        rosters = [i for i in self.items.values() if isinstance(i, ast.Block) and i.kind == "roster"]
        return all(r.source is None or r.source.text != table.name for r in rosters)

    def _period_words(self, texts: Sequence[ast.Document]) -> frozenset[str]:
        """The period words that mean something here: those that contain a settled period, and keys of inputs."""
        items = [item for text in texts for item in text.items]
        keys = {k.text for item in items if isinstance(item, ast.Input) for k in item.keys}
        keys |= {CADENCES[i.cadence] for i in items if isinstance(i, ast.Payment | ast.Define) and i.cadence}
        longer = {word for word in PERIODS if self.contains(word) and PERIODS[word] <= PERIODS["year"]}
        return frozenset({"year", "contract_year", self.period, *longer, *(keys & PERIODS.keys())})

    def _not_found(self, document: ast.Document, uses: Sequence[tuple[ast.Use, ast.Document]]) -> None:
        """Names of documents that could not be loaded (which was reported) are not reported again as unknown."""
        loaded = {use.span for use, _ in uses}
        lost = [
            item
            for text in (document, *(library for _, library in uses))
            for item in text.items
            if isinstance(item, ast.Use) and item.span not in loaded
        ]
        self.blind = any(use.alias is None for use in lost)
        self.unread |= {use.alias for use in lost if use.alias is not None}

    def category(self, name: ast.Name) -> str | None:
        """The category that a name means."""
        return name.text if name.text in self.categories else None

    def contains(self, word: str) -> bool:
        """Whether a key is a period at least as long as the settlement period, so that its values broadcast."""
        return word in PERIODS and PERIODS[word] >= PERIODS.get(self.period, 0)

    def inside(self, word: str) -> bool:
        """Whether a key is a period shorter than the settlement period."""
        return word in PERIODS and not self.contains(word)

    def _evaluated(self, table: ast.Input) -> bool:
        """Whether a table has one row per settled unit and shorter period that is evaluated."""
        return all(k.text in (self.unit, self.evaluated) or self.contains(k.text) for k in table.keys)

    def _collect(self, items: Sequence[ast.Item], prefix: str) -> None:
        for item in items:
            match item:
                case ast.Guarantee() | ast.Example() | ast.Use():
                    pass
                case _:
                    name = prefix + item.name  # an alias stands in front: `hedis.bp_control`
                    if (earlier := self.items.get(name)) is not None:
                        self._twice(name, item, earlier)
                    elif (word := self._taken(name, item)) is not None:
                        self._clash(name, item, word)
                    else:
                        self.items[name] = item

    def _taken(self, name: str, item: ast.Item) -> str | None:
        """What a name means already, if it is a key or (for what is called like one) a function."""
        if name in self.period_words:
            return "a word for the period"
        if name == self.unit:
            return "what the contract settles"
        return "a function" if isinstance(item, ast.Scale) and name in FUNCTIONS else None

    def _twice(self, name: str, item: ast.Item, earlier: ast.Item) -> None:
        place = edits.word_in(item.span, name.rpartition(".")[2])
        other = self._free(name)
        self.sink.report(
            Diagnostic(
                "duplicate-name",
                f"`{name}` is declared twice",
                item.span,
                labels=(Label(earlier.span, "declared here first"),),
                help="give one of them another name, or write `replace` in front of the one that overrides",
                fixes=(edits.instead(place, other, f"call the second one `{other}`"),),
            )
        )

    def _clash(self, name: str, item: ast.Item, meaning: str) -> None:
        place = edits.word_in(item.span, name.rpartition(".")[2])
        other = self._free(name)
        self.sink.report(
            Diagnostic(
                "duplicate-name",
                f"`{name}` is {meaning} and cannot name an item",
                place,
                help="choose another name",
                fixes=(edits.instead(place, other),),
            )
        )

    def _free(self, name: str) -> str:
        """A name near this one that nothing has."""
        bare, number = name.rpartition(".")[2], 2
        while f"{bare}_{number}" in self.items:
            number += 1
        return f"{bare}_{number}"

    def resolve(self, name: ast.Name) -> Resolution | None:
        """What a name means in an expression; reports an unknown or ambiguous name and gives None."""
        found = self.candidates(name)
        if len(found) == 1:
            return found[0]
        if not found:
            if len(name.parts) == 1 and name.text in self.finer:
                self._too_fine(name)
            else:
                self.unknown(name, self.visible())
            return None
        spellings = ", ".join(f"`{self.qualified(f)}`" for f in found)
        self.sink.report(
            Diagnostic(
                "ambiguous-name",
                f"`{name.text}` could mean {len(found)} things",
                name.span,
                help=f"write one of {spellings}" + ("" if self._all_qualified(found) else ", or rename one of the two"),
                fixes=tuple(edits.instead(name.span, self.qualified(f)) for f in found if isinstance(f, ColumnRef)),
            )
        )
        return None

    @staticmethod
    def _all_qualified(found: Sequence[Resolution]) -> bool:
        return all(isinstance(f, ColumnRef) for f in found)

    def _too_fine(self, name: ast.Name) -> None:
        """A bare column of a table that is finer than the settlement."""
        table = self.finer[name.text][0].table
        extra = [k.text for k in table.keys if k.text != self.unit and not self.contains(k.text)]
        fixes: tuple[Fix, ...] = ()
        if all(k in self.categories or k in PERIODS or k in self.levels for k in extra):
            total = f"sum({table.name}.{name.text} over {', '.join(extra)})"
            help_, fixes = f"write `{total}`", (edits.instead(name.span, total, "add it up"),)
        else:
            help_ = f"add it up in a block over `{table.name}`: `population`, `spending` or `measure`"
        self.sink.report(
            Diagnostic(
                "grain-mismatch",
                f"`{name.text}` varies by {' and '.join(extra)}, this place by {self.unit} and {self.period}",
                name.span,
                labels=(Label(table.span, f"`{name.text}` is a column of `{table.name}`"),),
                help=help_,
                fixes=fixes,
            )
        )

    def candidates(self, name: ast.Name) -> list[Resolution]:
        """All meanings of a name."""
        found: list[Resolution] = []
        for length in (1, 2):
            head = ".".join(name.parts[:length])
            if len(name.parts) >= length and head in self.items:
                item = self.items[head]
                if not isinstance(item, ast.Category):
                    found.append(ItemRef(head, item, name.parts[length:]))
        if len(name.parts) > 1 and name.parts[0] == LEDGER and LEDGER not in self.items:
            found.append(ItemRef(LEDGER, ast.Input(LEDGER, LEDGER, (), (), span=name.span), name.parts[1:]))
        if len(name.parts) == 1:
            word = name.parts[0]
            found.extend(self.columns.get(word, ()))
            if self.evaluated is not None:
                found.extend(ref for ref in self.finer.get(word, ()) if self._evaluated(ref.table))
            if word in self.period_words or word == self.unit:
                found.append(KeyRef(word))
        if not found and (category := self.category(name)) is not None:
            found.append(KeyRef(category))
        return found

    @staticmethod
    def qualified(found: Resolution) -> str:
        match found:
            case ColumnRef(table, column):
                return f"{table.name}.{column.name}"
            case ItemRef(name, _, rest):
                return ".".join((name, *rest))
            case KeyRef(word):
                return word

    def visible(self) -> list[str]:
        """All names that an expression may start with, for suggestions."""
        return [
            *(n for n, i in self.items.items() if not isinstance(i, ast.Category)),
            *self.columns,
            *sorted(self.period_words),
        ]

    def unknown(self, name: ast.Name, known: Sequence[str], what: str = "name") -> None:
        """Report an unknown name with the nearest known one as a fix, unless its declaration could not be read."""
        if self.blind or name.parts[0] in self.unread:
            return
        head, rest = name.parts[0], ".".join(name.parts[1:])
        heads = [k.partition(".")[0] for k in known]
        if rest and head not in heads and (near := difflib.get_close_matches(head, heads, 1, 0.6)):
            known = [*known, f"{near[0]}.{rest}"]
        self.sink.report(unknown(name.text, name.span, known, what))

    def scheme_of(self, word: str) -> list[str]:
        """The categories that have this word as a value."""
        return [name for name, category in self.categories.items() if word in category.values]


_DECLARING = {
    "baseline": "declare `baseline history { 2023: 40%, 2024: 60% }`",
    "category": "declare `category track { ONE_SIDED, TWO_SIDED }`",
    "population": "declare `population panel from TABLE { … }`",
    "input": "declare `table member_month per member, month { … }`",
    "scale": "declare `scale bands(share) marginal { … }`",
    "table": "declare `table terms per KEY { … }`",
    "step": "name a step of the block, or give it a label with `as`",
}


def _alike(text: str, known: Sequence[str]) -> Sequence[str]:
    """Of very many names those that are worth a comparison."""
    if len(known) <= MANY_NAMES:
        return known
    ends = (text[:1], text[-1:])
    return [k for k in known if abs(len(k) - len(text)) <= 2 and (k[:1], k[-1:]) == ends][:MANY_NAMES]


MANY_NAMES = 300


def unknown(text: str, span: Span, known: Sequence[str], what: str = "name") -> Diagnostic:
    """A name that means nothing here, with the nearest known one as a fix. `what` says what is looked for."""
    near = difflib.get_close_matches(text, _alike(text, known), 1, 0.6)
    listed = ", ".join(f"`{k}`" for k in list(known)[:8])
    help_ = f"known here: {listed}" if listed else _DECLARING.get(what, "declare it first")
    return Diagnostic(
        "unknown-name",
        f"`{text}` is no {what}" if "`" in what else f"unknown {what} `{text}`",
        span,
        help=f"did you mean `{near[0]}`" if near else help_,
        fixes=(Fix(f"write `{near[0]}`", (Edit(span, near[0]),)),) if near else (),
    )


def described_item(item: ast.Item) -> str:
    """An item's kind in the words of the language."""
    match item:
        case ast.Input(kind=kind) | ast.Block(kind=kind):
            return kind
        case ast.Terms():
            return "table"
        case _:
            return type(item).__name__.lower()
