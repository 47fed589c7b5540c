"""Building fixes: replacing, inserting, wrapping and removing words of a source."""

from __future__ import annotations

from contractlang.diagnostics.diagnostic import Edit, Fix
from contractlang.source import Span


def instead(span: Span, text: str, title: str = "") -> Fix:
    """Write other words in place of these."""
    return Fix(title or f"write `{' '.join(text.split())}`", (Edit(span, text),))


def before(span: Span, text: str) -> Edit:
    return Edit(Span(span.file, span.start, span.start), text)


def after(span: Span, text: str) -> Edit:
    return Edit(Span(span.file, span.end, span.end), text)


def around(span: Span, head: str, tail: str, title: str) -> Fix:
    """Put words before and behind these."""
    return Fix(title, (before(span, head), after(span, tail)))


def without(span: Span, title: str) -> Fix:
    """Remove these words; with them their line, where nothing else stands on it, or the comma that separates them."""
    return Fix(title, (Edit(_removed(span), ""),))


def _removed(span: Span) -> Span:
    text = span.file.text
    start, end = span.start, span.end
    line = text.rfind("\n", 0, start) + 1
    rest = text.find("\n", end)
    rest = len(text) if rest < 0 else rest
    head, tail = text[line:start].strip(), text[end:rest].split("#")[0].strip()
    if not head and tail in ("", ","):
        return Span(span.file, line, min(rest + 1, len(text)))
    if tail.startswith(","):
        end = text.index(",", end) + 1
        while text[end : end + 1] == " ":
            end += 1
        return Span(span.file, start, end)
    if head.endswith(","):
        return Span(span.file, text.rindex(",", 0, start), end)
    return span


def word_in(span: Span, word: str, *, last: bool = False) -> Span:
    """The place of a word inside a piece of source; the whole piece where it does not stand there."""
    at = span.text.rfind(word) if last else span.text.find(word)
    return span if at < 0 else Span(span.file, span.start + at, span.start + at + len(word))


def one_line(span: Span) -> str:
    """The words of a piece of source, on one line."""
    return " ".join(span.text.split())
