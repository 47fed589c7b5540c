"""Reading a file as text, once and safely: whatever is wrong with it is reported where it was named."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.library.search import shown
from contractlang.source import SourceFile, Span

MAX_BYTES = 8_000_000  # the parser refuses less; this only keeps a mistaken path from filling the memory


def read_file(path: Path, sink: Sink, span: Span | None = None) -> tuple[SourceFile, str] | None:
    """A file as text, and the SHA-256 of its bytes. None for a file that cannot be read, reported at `span`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            sort = "is a folder" if stat.S_ISDIR(status.st_mode) else "is no regular file"
            sink.report(Diagnostic("file-unreadable", f"`{shown(path)}` {sort}", span, help="name a `.vbc` file"))
            return None
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1_000_000:.0f} MB"
            remedy = "bind large tables from data files"
            sink.report(Diagnostic("file-too-large", f"`{shown(path)}` has {size}", span, help=remedy))
            return None
        content = path.read_bytes()
    except FileNotFoundError:
        sink.report(Diagnostic("file-not-found", f"there is no file `{path}`", span, help="check the path"))
        return None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        remedy = "check the path and its permissions"
        sink.report(Diagnostic("file-unreadable", f"`{path}` cannot be read: {reason}", span, help=remedy))
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start + 1}, on line {line}, is none"
        remedy = "save it as plain text in UTF-8"
        sink.report(Diagnostic("not-text", f"`{shown(path)}` is not UTF-8 text: {place}", span, help=remedy))
        return None
    return SourceFile(str(path), text.replace("\r\n", "\n")), hashlib.sha256(content).hexdigest()
