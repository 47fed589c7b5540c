"""Laying one document over another: a contract over the one it extends, an amendment over the contract so far.

Only named things are overridden. Every name that a document replaces, sets, removes or inserts after must stand exactly
once in the text so far. Whatever stays keeps its place and its span; whatever is new carries the span of its own file.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Sink
from contractlang.library.addresses import Key, item_key, item_text, item_word, step_name
from contractlang.library.edition import Consolidated, Read, Setting
from contractlang.library.search import nearest
from contractlang.source import Span
from contractlang.syntax import ast

_Item = TypeVar("_Item", bound=ast.Item)


def flat(read: Read, sink: Sink) -> Consolidated:
    """A document that stands by itself. Nothing in it can be replaced, so `replace` is an error."""
    document = read.document
    for item in document.items:
        if _replaces(item):
            sink.report(
                Diagnostic(
                    "replace-unneeded",
                    f"`replace` stands before `{item_text(item)}`, but `{document.name.text}` overrides no other document",
                    _first_line(item.span),
                    help="leave `replace` out, or say what the contract extends",
                    fixes=_without_replace(item),
                )
            )
    return Consolidated(dataclasses.replace(document, items=tuple(_bare(item) for item in document.items)), (read,))


def extend(base: Consolidated, read: Read, sink: Sink) -> Consolidated:
    """A contract laid over the one it extends: own header clauses win, others are inherited; examples are not.

    An example shows what the text it stands in pays, so it is not carried into a text with other terms.
    """
    own, old = read.document, base.document
    header = dataclasses.replace(old.header, effective=None, published=None)
    given = {f.name: getattr(own.header, f.name) for f in dataclasses.fields(own.header)}
    header = dataclasses.replace(header, **{name: value for name, value in given.items() if value is not None})
    laid = _Overlay(base, read.document, sink).result()
    document = dataclasses.replace(
        own, header=header, items=laid.document.items, changes=(), base=None, broken=laid.document.broken
    )
    return dataclasses.replace(laid, document=document, reads=(read, *base.reads))


def amend(base: Consolidated, read: Read, sink: Sink) -> Consolidated:
    """The contract after an amendment; header and documentation stay the contract's. Examples are the amendment's own."""
    return dataclasses.replace(_Overlay(base, read.document, sink).result(), reads=(*base.reads, read))


class _Overlay:
    def __init__(self, base: Consolidated, over: ast.Document, sink: Sink) -> None:
        self.base = base
        self.over = over
        self.sink = sink
        self.broken = dict.fromkeys((*base.document.broken, *self.over.broken))
        self.settings = list(base.settings)
        self.items: list[ast.Item] = [item for item in base.document.items if not isinstance(item, ast.Example)]
        self.where: dict[Key, list[int]] = {}
        for index, item in enumerate(self.items):
            self.where.setdefault(item_key(item), []).append(index)

    def result(self) -> Consolidated:
        written: dict[Key, ast.Item] = {}
        for item in self.over.items:
            if (first := written.setdefault(item_key(item), item)) is not item:
                self._report_twice(first, item)
            else:
                self._lay(item)
        for change in self.over.changes:
            match change:
                case ast.Set():
                    self._set(change)
                case ast.Insert():
                    self._insert(change)
                case ast.Remove():
                    self._remove(change)
        items = tuple(self.items[i] for i in sorted(chain.from_iterable(self.where.values())))
        document = dataclasses.replace(self.base.document, items=items, broken=tuple(self.broken))
        return dataclasses.replace(self.base, document=document, settings=tuple(self.settings))

    def _certain(self, name: str) -> bool:
        """Whether a name that is not there is really not there, and not only unreadable."""
        return self.base.sound and name not in self.broken

    # Items ----------------------------------------------------------------------------------------------------------

    def _lay(self, item: ast.Item) -> None:
        key = item_key(item)
        places = self.where.get(key, [])
        if not places:
            if _replaces(item) and self._certain(key[1]):
                self._report_nothing(item)
            self.where[key] = [len(self.items)]
            self.items.append(_bare(item))
            return
        old = self.items[places[0]]
        if isinstance(item, ast.Use) and isinstance(old, ast.Use) and _same_use(item, old):
            return
        if not _replaces(item):
            self._report_unmarked(old, item)
        elif len(places) > 1:
            self._report_several(f"`{item_text(item)}`", [self.items[i].span for i in places], item.span)
        self.items[places[0]] = _bare(item)

    def _report_twice(self, first: ast.Item, second: ast.Item) -> None:
        self.sink.report(
            Diagnostic(
                "duplicate-name",
                f"`{item_text(second)}` stands twice in `{self.over.name.text}`",
                _first_line(second.span),
                labels=(Label(_first_line(first.span), "first here"),),
                help="keep one of the two",
            )
        )

    def _report_nothing(self, item: ast.Item) -> None:
        kind, name = item_key(item)
        near = nearest(name, (n for k, n in self.where if k == kind))
        self.sink.report(
            Diagnostic(
                "override-of-nothing",
                f"there is no `{name}` in {self._base_text()} to replace",
                _first_line(item.span),
                help=_meant(near) or "leave `replace` out to add it",
                fixes=_without_replace(item),
            )
        )

    def _report_unmarked(self, old: ast.Item, item: ast.Item) -> None:
        text = item_text(item)
        self.sink.report(
            Diagnostic(
                "replace-missing",
                f"`{text}` has the name of an item of {self._base_text()}",
                _first_line(item.span),
                labels=(Label(_first_line(old.span), f"{item_word(old)} of the same name"),),
                help=f"write `replace {text}` to override it, or choose another name",
                fixes=(
                    Fix("write `replace`", (Edit(Span(item.span.file, item.span.start, item.span.start), "replace "),)),
                ),
            )
        )

    # Changes --------------------------------------------------------------------------------------------------------

    def _set(self, change: ast.Set) -> None:
        if len(change.path.parts) == 1:
            self._set_constant(change)
        elif place := self._step(change.path):
            index, position = place
            block = self._block(index)
            step = block.steps[position]
            if step.argument is None or _fixed(step):
                self._report_unsettable(change, step.span, f"the step `{change.path.text}` has no value of its own")
                return
            if _takes_name(step) and not isinstance(change.value, ast.Name):
                self._report_unsettable(change, step.span, f"the step `{change.path.text}` takes a name, not a value")
                return
            argument, more = _new_argument(step, change.value)
            pieces = [(step.argument.span, argument.span)]
            if (old := step.get("of")) is not None and (new := dict(more).get("of")) is not old:
                assert isinstance(new, ast.Expr)  # noqa: S101 - taken from the new value
                pieces.append((old.span, new.span))
            self._record(change, step.span, pieces)
            notes = ast.Notes(doc=step.notes.doc)
            laid = dataclasses.replace(step, argument=argument, more=more, notes=notes, span=change.span)
            self._put_steps(index, (*block.steps[:position], laid, *block.steps[position + 1 :]))

    def _set_constant(self, change: ast.Set) -> None:
        index = self._item(change.path)
        if index is None:
            return
        item = self.items[index]
        if not isinstance(item, ast.Constant):
            message = f"`{change.path.text}` is a {item_word(item)}, not a constant"
            self._report_unsettable(change, item.span, message, _replaced(change, item))
            return
        self._record(change, item.span, [(item.value.span, change.value.span)])
        notes = ast.Notes(doc=item.notes.doc)
        self.items[index] = dataclasses.replace(item, value=change.value, notes=notes, span=change.span)

    def _record(self, change: ast.Set, changed: Span, pieces: Sequence[tuple[Span, Span]]) -> None:
        """Remember the words around the new values; for a clause that was set before, those of its first text."""
        earlier = next((s for s in self.settings if s.change == changed), None)
        if earlier is not None:
            changed = earlier.changed
            first = {new: old for old, new in earlier.pieces}
            later = {first.get(old, old): new for old, new in pieces}
            pieces = tuple((dict(earlier.pieces) | later).items())
        self.settings.append(Setting(change.span, changed, tuple(pieces)))

    def _insert(self, change: ast.Insert) -> None:
        if len(change.after.parts) == 1:
            word = "before" if change.before else "after"
            self.sink.report(
                Diagnostic(
                    "override-of-nothing",
                    f"`{change.after.text}` names no step",
                    change.after.span,
                    help=f"write the block and its step: `{word} BLOCK.STEP`",
                )
            )
        elif place := self._step(change.after):
            index, position = place
            steps = self._block(index).steps
            at = position if change.before else position + 1
            self._put_steps(index, (*steps[:at], change.step, *steps[at:]))

    def _remove(self, change: ast.Remove) -> None:
        if len(change.path.parts) == 1:
            index = self._item(change.path)
            if index is not None:
                del self.where[item_key(self.items[index])]
        elif place := self._step(change.path):
            index, position = place
            steps = self._block(index).steps
            self._put_steps(index, (*steps[:position], *steps[position + 1 :]))

    # Targets --------------------------------------------------------------------------------------------------------

    def _item(self, path: ast.Name) -> int | None:
        name = path.parts[0]
        places = self.where.get(("item", name), [])
        if len(places) == 1:
            return places[0]
        if places:
            self._report_several(f"`{name}`", [self.items[i].span for i in places], path.span)
        elif self._certain(name):
            names = nearest(name, (n for k, n in self.where if k == "item"))
            near = [".".join((n, *path.parts[1:])) for n in names]
            self._report_no_target(path, f"there is no `{name}` in {self._base_text()}", near)
        return None

    def _step(self, path: ast.Name) -> tuple[int, int] | None:
        """The item and the position of the step that a path names; reports a path that names none or several."""
        index = self._item(path)
        if index is None:
            return None
        block = self.items[index]
        if not isinstance(block, ast.Block):
            sort = item_word(block)
            self.sink.report(
                Diagnostic(
                    "override-of-nothing",
                    f"`{path.parts[0]}` is a {sort} and has no steps",
                    path.span,
                    labels=(Label(_first_line(block.span), f"the {sort}"),),
                    help=f"write the whole {sort} anew: `replace {item_text(block)} …`",
                )
            )
            return None
        name = ".".join(path.parts[1:])
        found = [i for i, step in enumerate(block.steps) if step_name(step) == name]
        if len(found) == 1:
            return index, found[0]
        if found:
            spans = [block.steps[i].span for i in found]
            self._report_several(f"step `{path.text}`", spans, path.span, f"replace {item_text(block)}")
        else:
            names = [step_name(step) for step in block.steps]
            tail = [n for n in names if n.rpartition(".")[2] == name.rpartition(".")[2]]
            near = [f"{block.name}.{n}" for n in dict.fromkeys(tail or nearest(name, names))]
            self._report_no_target(path, f"`{item_text(block)}` has no step `{name}`", near, names)
        return None

    def _block(self, index: int) -> ast.Block:
        block = self.items[index]
        assert isinstance(block, ast.Block)  # noqa: S101 - asked of places that `_step` found
        return block

    def _put_steps(self, index: int, steps: tuple[ast.Step, ...]) -> None:
        self.items[index] = dataclasses.replace(self._block(index), steps=steps)

    def _base_text(self) -> str:
        return f"`{self.base.document.name.text}`"

    def _report_no_target(self, path: ast.Name, message: str, near: list[str], steps: Iterable[str] = ()) -> None:
        known = ", ".join(f"`{name}`" for name in dict.fromkeys(steps))
        self.sink.report(
            Diagnostic(
                "override-of-nothing",
                message,
                path.span,
                help=_meant(near) or (f"its steps are {known}" if known else "name an item of the contract"),
                fixes=(Fix(f"write `{near[0]}`", (Edit(path.span, near[0]),)),) if near else (),
            )
        )

    def _report_several(self, text: str, spans: Iterable[Span], span: Span, instead: str = "") -> None:
        self.sink.report(
            Diagnostic(
                "override-ambiguous",
                f"{text} stands more than once in {self._base_text()}",
                _first_line(span),
                labels=tuple(Label(_first_line(s), "one of them") for s in spans),
                help=f"write the whole block anew with a label for each: `{instead} {{ … }}`"
                if instead
                else "rename one of the two in the base",
            )
        )

    def _report_unsettable(self, change: ast.Set, span: Span, message: str, fixes: tuple[Fix, ...] = ()) -> None:
        self.sink.report(
            Diagnostic(
                "not-settable",
                message,
                change.path.span,
                labels=(Label(_first_line(span), "declared here"),),
                help="`set` gives a constant or a step another value; write anything else anew with `replace`, "
                "or `remove` the step and `insert` another",
                fixes=fixes,
            )
        )


def _replaced(change: ast.Set, item: ast.Item) -> tuple[Fix, ...]:
    """The item written anew with the value that was to be set."""
    if not isinstance(item, ast.Define | ast.Payment) or isinstance(item.body, ast.Cases):
        return ()
    head = item.span.text.partition("=")[0].rstrip()
    return (edits.instead(change.span, f"replace {head} = {change.value.span.text}"),)


def _new_argument(
    step: ast.Step, value: ast.Expr
) -> tuple[ast.Expr, tuple[tuple[str, ast.Expr | tuple[ast.Name, ...]], ...]]:
    """The new argument, and the further parts: `minimum 2% of benchmark` keeps what is behind `of` as a part of its own."""
    if step.get("of") is None or not isinstance(value, ast.Binary) or value.op != "of":
        return value, step.more
    return value.left, tuple((word, value.right if word == "of" else part) for word, part in step.more)


def _fixed(step: ast.Step) -> bool:
    """Whether what stands behind the word is a word of the language: `refuse overlap`."""
    return step.word in ("refuse", "allow")


def _takes_name(step: ast.Step) -> bool:
    """Whether the grammar admits a name only: a scale, a schedule, a column, a direction, a step of rounding."""
    return step.word in ("bands", "net", "member", "better") or step.get("since") is not None


def _same_use(one: ast.Use, other: ast.Use) -> bool:
    return (one.name, one.version, one.results) == (other.name, other.version, other.results)


def _replaces(item: ast.Item) -> bool:
    return not isinstance(item, ast.Example) and item.replace


def _bare(item: _Item) -> _Item:
    if isinstance(item, ast.Example) or not item.replace:
        return item
    return dataclasses.replace(item, replace=False)


def _without_replace(item: ast.Item) -> tuple[Fix, ...]:
    """The fix that deletes the word with which the item begins."""
    word = re.match(r"replace\s+", item.span.text)
    if word is None:
        return ()
    start = item.span.start
    return (Fix("leave `replace` out", (Edit(Span(item.span.file, start, start + word.end()), ""),)),)


def _first_line(span: Span) -> Span:
    """The part of a span on its first line: a block is named by its header."""
    first = span.text.split("\n", 1)[0].rstrip()
    return Span(span.file, span.start, span.start + len(first))


def _meant(names: list[str]) -> str:
    return f"did you mean {' or '.join(f'`{name}`' for name in names)}?" if names else ""
