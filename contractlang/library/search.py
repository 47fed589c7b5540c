"""Where documents are found: folders, and the headers of the files in them.

A document is found by its header, not by its file name: `library std.membership` may stand in `std/membership.vbc` or in
any other `.vbc` file of a searched folder. Headers are read without parsing the file.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".vbc"
MAX_FOLDERS = 2_000  # below one root; contract libraries are small, a home folder given by mistake is not
HEADER_BYTES = 65_536
PROJECT_MARKERS = ("contracts", "vbc.lock", ".git")
AMENDMENTS = "amendments"
"""The folder beside a contract that holds its amendments."""

_HEADING = re.compile(
    r"(contract|library|amendment)[ \t]+([A-Za-z_][\w.]*)"
    r'(?:[ \t]+(?:extends|to)[ \t]+([A-Za-z_][\w.]*)(?:[ \t]+version[ \t]+"([^"\n]*)")?)?'
)
_VERSION = re.compile(r'version[ \t]+"((?:[^"\\\n]|\\["\\])*)"')
_HEADER_WORDS = ("title", "version", "payer", "settles", "term", "pays", "effective", "published", "year")


@dataclass(frozen=True, slots=True)
class Heading:
    """What the first lines of a file say. `kind` is "" when they do not open a document.

    `target` and `target_version` are what the document extends or amends.
    """

    path: Path
    kind: str
    name: str = ""
    version: str | None = None
    target: str | None = None
    target_version: str | None = None


@dataclass(frozen=True, slots=True)
class Root:
    """A folder to search. A `deep` one is searched with all folders below it; another one only by its own files and by
    the path that a name spells (`std.membership` in `std/`)."""

    folder: Path
    deep: bool = False


def roots_of(contract: Path, given: Sequence[Path], shipped: Path | None) -> tuple[Root, ...]:
    """The folders to search for what a contract names, nearest first.

    The contract's own folder, the folders above it up to the project (the first that holds `contracts/`, a lock file or
    a repository; without one, only the folder that holds an `amendments/`), the project's `contracts/`, the given roots,
    the shipped library.
    """
    own = contract.parent
    roots = [Root(own)]
    above = list(Path(os.path.abspath(own)).parents)  # noqa: PTH100 - `resolve` would follow links out of the project
    here = [Path(os.path.abspath(own)), *above]  # noqa: PTH100
    project = next((i for i, folder in enumerate(here) if any((folder / m).exists() for m in PROJECT_MARKERS)), None)
    if project is not None:
        roots += [Root(shown(folder)) for folder in here[1 : project + 1]]
        if (here[project] / "contracts").is_dir():
            roots.append(Root(shown(here[project] / "contracts"), deep=True))
    elif here[0].name == AMENDMENTS:
        roots.append(Root(shown(here[1])))
    roots += [Root(folder, deep=True) for folder in given]
    if shipped is not None:
        roots.append(Root(shown(shipped), deep=True))
    return tuple(roots)


def shown(path: Path) -> Path:
    """A path as people read it: relative to the working folder where it lies below it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


class Shelf:
    """The documents of a list of roots, by header. Folders are listed when they are first asked for, and once."""

    def __init__(self, roots: Iterable[Root]) -> None:
        self.roots = tuple(roots)
        self._headings: dict[Path, tuple[Heading, ...]] = {}
        self._below: dict[Path, tuple[Path, ...]] = {}

    def claims(self, name: str) -> list[Heading]:
        """The files whose header says this name, nearest root first, each file once."""
        return list(self._in_reach(name, lambda heading: heading.name == name))

    def misnamed(self, name: str) -> Heading | None:
        """A file that lies where the name says, with a header that says something else."""
        parts = name.split(".")
        spelled = Path(*parts).with_name(parts[-1] + SUFFIX)
        return next((h for root in self.roots for h in self.headings(root.folder / spelled.parent)
                     if h.path.name == spelled.name and h.name != name), None)  # fmt: skip

    def names(self, name: str) -> list[str]:
        """The names in reach of a name that another document may build on, for suggestions."""
        return sorted({h.name for h in self._in_reach(name, lambda h: bool(h.name) and h.kind != "amendment")})

    def headings(self, folder: Path) -> tuple[Heading, ...]:
        """The headers of the `.vbc` files of one folder, in order of file name."""
        if folder not in self._headings:
            try:
                names = sorted(e.name for e in os.scandir(folder) if e.name.endswith(SUFFIX) and e.is_file())
            except OSError:
                names = []
            self._headings[folder] = tuple(read_heading(folder / name) for name in names)
        return self._headings[folder]

    def _in_reach(self, name: str, wanted: Callable[[Heading], bool]) -> Iterator[Heading]:
        seen: set[Path] = set()
        spelled = Path(*name.split(".")).parent
        for root in self.roots:
            folders = self._all_below(root.folder) if root.deep else (root.folder, root.folder / spelled)
            for folder in folders:
                for heading in filter(wanted, self.headings(folder)):
                    real = heading.path.resolve()
                    if real not in seen:
                        seen.add(real)
                        yield heading

    def _all_below(self, top: Path) -> tuple[Path, ...]:
        if top not in self._below:
            folders: list[Path] = []
            for folder, inner, _ in os.walk(top):
                inner[:] = sorted(name for name in inner if not name.startswith((".", "__")) and name != "node_modules")
                folders.append(Path(folder))
                if len(folders) == MAX_FOLDERS:
                    break
            self._below[top] = tuple(folders)
        return self._below[top]


def read_heading(path: Path) -> Heading:
    """The header of a file, by its first lines; a file that cannot be read has none."""
    try:
        with path.open("rb") as stream:
            text = stream.read(HEADER_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return Heading(path, "")
    opening: re.Match[str] | None = None
    version: str | None = None
    for line in text.splitlines():
        if not line or line[0] in " \t#":
            continue
        if opening is None:
            opening = _HEADING.match(line)
            if opening is None:
                return Heading(path, "amendment" if line.startswith("amendment ") else "")
        elif found := _VERSION.match(line):
            version = found[1].replace('\\"', '"').replace("\\\\", "\\")
        elif line.split(maxsplit=1)[0] not in _HEADER_WORDS:
            break
    if opening is None:
        return Heading(path, "")
    kind, name, target, target_version = opening.groups()
    if kind != "amendment":
        version = version if version is not None else target_version  # inherited from the base
    return Heading(path, kind, name, version, target, target_version)


def nearest(word: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known words that look most like a word, best first."""
    return difflib.get_close_matches(word, sorted(set(known)), count, 0.6)
