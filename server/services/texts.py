"""Contract texts as files: what callers send is checked, laid out in a folder of its own, and compiled there.

Such a folder has a `contracts` folder inside, which ends the language's search for names: nothing outside the folder and
the shipped library is ever read, whatever the text says.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import contractlang
from contractlang import ContractError, Finding
from server.errors import findings_problem, invalid
from server.settings import Settings

LIBRARIES = "contracts"
_PATH = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}/){0,3}[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\.vbc")


@dataclass(frozen=True, slots=True)
class Sources:
    """A contract as texts: files by their path in the folder, and which of them is the contract."""

    main: str
    files: Mapping[str, str]

    @property
    def byte_hash(self) -> str:
        """SHA-256 over names and bytes of all files."""
        whole = hashlib.sha256()
        for name in sorted(self.files):
            for part in (name.encode(), self.files[name].encode()):
                whole.update(f"{len(part)}:".encode())
                whole.update(part)
        return whole.hexdigest()


def checked(sources: Sources, settings: Settings) -> Sources:
    """Raises a problem for paths that are no plain names of contract files, and for too many or too large files."""
    if sources.main not in sources.files:
        raise invalid(f"`main` names `{sources.main[:80]}`, which is not among the files")
    if len(sources.files) > settings.max_contract_files:
        raise invalid(f"a contract has at most {settings.max_contract_files:,} files")
    for name in sources.files:
        if not _PATH.fullmatch(name) or ".." in name:
            raise invalid(
                f"`{name[:80]}` is no name of a contract file: write letters, digits, `_`, `-` and `.`, at most three "
                "folders, and the ending `.vbc`"
            )
    if len({name.lower() for name in sources.files}) < len(sources.files):
        raise invalid("two files differ only in capital letters")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in sources.files.values())
    if size > settings.max_contract_bytes:
        raise invalid(f"the files have {size:,} bytes; at most {settings.max_contract_bytes:,} are allowed")
    for name, text in sources.files.items():
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise invalid(f"`{name}` is not text")
    return sources


def lay_out(sources: Sources, folder: Path, libraries: Mapping[str, str] | None = None) -> Path:
    """Write the files into a new folder; the path of the contract."""
    (folder / LIBRARIES).mkdir(parents=True, exist_ok=True)
    for name, text in {**{f"{LIBRARIES}/{n}": t for n, t in (libraries or {}).items()}, **sources.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder / sources.main


@contextmanager
def laid_out(sources: Sources, libraries: Mapping[str, str] | None = None) -> Iterator[Path]:
    """The contract's path in a temporary folder."""
    folder = Path(mkdtemp(prefix="vbc-text-"))
    try:
        yield lay_out(sources, folder, libraries)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compiled(sources: Sources, libraries: Mapping[str, str] | None = None) -> tuple[contractlang.Contract, Sources]:
    """The compiled contract, and its sources with the libraries that it uses. Raises a problem with all findings."""
    with laid_out(sources, libraries) as path:
        folder = path.parents[sources.main.count("/")]
        try:
            contract = contractlang.compile(path)
        except ContractError as error:
            raise findings_problem(
                "the contract does not check", [without_folder(f, folder) for f in error.findings]
            ) from None
        used = {name.removeprefix(f"{folder}/") for text in contract.texts for name in text.files}
    pinned = {f"{LIBRARIES}/{name}": text for name, text in (libraries or {}).items() if f"{LIBRARIES}/{name}" in used}
    return contract, Sources(sources.main, {**sources.files, **pinned})


def check(sources: Sources, libraries: Mapping[str, str] | None = None) -> tuple[bool, list[Finding], dict[str, Any]]:
    """Whether the text checks, its findings, and the language's own document of them."""
    with laid_out(sources, libraries) as path:
        folder = path.parents[sources.main.count("/")]
        found = contractlang.check(path)
        return found.ok, [without_folder(f, folder) for f in found], without_folder_json(found.to_json(), folder)


def formatted(text: str) -> str:
    """The text in its one layout. Raises a problem when it does not parse."""
    try:
        return contractlang.format(text, name="contract.vbc")
    except ContractError as error:
        raise findings_problem("the text does not parse", error.findings) from None


def meaning_of(contract: contractlang.Contract) -> str:
    """One hash for what all texts of the term mean, with the days on which they come into force."""
    texts = contract.texts
    if len(texts) == 1:
        return texts[0].meaning_hash
    return hashlib.sha256("\n".join(f"{t.start} {t.meaning_hash}" for t in texts).encode()).hexdigest()


def label_of(contract: contractlang.Contract) -> str:
    """The version with the amendments that are laid over it: `2024.1+first_amendment`."""
    parts = [contract.version, *(name.rpartition(".")[2] for name in contract.texts[-1].amendments)]
    return "+".join(parts)


def without_folder(finding: Finding, folder: Path) -> Finding:
    """The finding with names of files as the caller knows them."""
    return Finding(
        finding.code,
        finding.severity,
        _shorten(finding.message, folder),
        _shorten(finding.file, folder),
        finding.line,
        finding.column,
        _shorten(finding.help, folder),
        tuple(_shorten(note, folder) for note in finding.notes),
        _shorten(finding.frame, folder),
    )


def without_folder_json(value: Any, folder: Path | str) -> Any:
    """The same for a document."""
    match value:
        case str():
            return _shorten(value, folder)
        case dict():
            return {key: without_folder_json(part, folder) for key, part in value.items()}
        case list():
            return [without_folder_json(part, folder) for part in value]
        case _:
            return value


def _shorten(text: str, folder: Path | str) -> str:
    return text.replace(f"{folder}/", "")
