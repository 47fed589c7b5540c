"""What the columns of a file of member rows mean, by their headers: names of the common layouts and of this project."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contractlang.runtime.binding import Source
from contractlang.sample.fitting import ALIASES, MEMBER_MONTHS, RESULTS
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import EVENT, USD, Kind, Type
from contractlang.values import Absent, State

KEYS: Mapping[str, tuple[str, ...]] = {
    "member": ("member", "member_id", "person_id", "patient_id", "enrollee_id", "bene_mbi_id", "subscriber_id"),
    "month": ("month", "year_month", "member_month", "month_start", "coverage_month"),
    "year": ("year", "measurement_year", "performance_year", "yr"),
    "measure": ("measure", "measure_id"),
}  # fmt: skip
FURTHER: Mapping[str, tuple[str, ...]] = {
    "group": ("payer_attributed_provider_organization", "custom_attributed_provider_organization", "group_id"),
    "practice": ("payer_attributed_provider_practice", "custom_attributed_provider_practice"),
}
MONEY = (
    "medical_allowed",
    "pharmacy_allowed",
    "medical_paid",
    "pharmacy_paid",
    "allowed",
    "paid",
    "fee",
    "total_allowed",
)
COUNTS = ("age", "ed_visits", "inpatient_admissions", "visits", "units")
FLAGS = ("numerator", "denominator", "excluded")
DECIMALS = {"risk_score": 4, "weight": 2}
FACTS = {
    MEMBER_MONTHS: (
        "group", "practice", "product", "zip", "age", "age_band", "sex", "race", "race_source", "language", "risk_score",
        "weight", "medical_allowed", "pharmacy_allowed", "ed_visits", "inpatient_admissions",
    ),
    RESULTS: ("group", "practice", "product", "sex", "race", "numerator", "denominator", "excluded"),
}  # fmt: skip
OWN_NAMES = frozenset({"amount", "line", "plan", "area", "unit", "units", "months", "cost", "drugs", "stratum"})
"""Names that may serve a column of a contract, but say too little in a file of unknown make."""

IDENTIFIERS = frozenset(
    {
        "name", "first_name", "last_name", "member_name", "patient_name", "ssn", "social_security_number", "address",
        "street", "street_address", "phone", "telephone", "fax", "email", "mbi", "bene_mbi_id", "hic", "hicn", "mrn",
        "birth_date", "date_of_birth", "dob", "bene_dob", "death_date", "passport", "license", "drivers_license",
    }
)  # fmt: skip
"""Headers of direct identifiers: left out unless they are the key of the member."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says about the columns: headers and decimals by name."""

    columns: Mapping[str, str]
    decimals: Mapping[str, int]
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file as a table: keys and columns with their sources, and the columns that are left out, with the reason."""

    schema: TableSchema
    keys: Mapping[str, Source]
    columns: Mapping[str, Source]
    left_out: Mapping[str, str]


def recognise(headers: Sequence[tuple[str, str]], first: Mapping[str, object], wanted: Wanted) -> Recognised | str:
    """Name the columns of a file (header and native type of each) with its first row; words that say what lacks, if so."""
    named = {name: header for header, _ in headers if (name := _key(header)) is not None}
    named = {name: next(h for h, _ in headers if _key(h) == name) for name in named} | dict(wanted.columns)
    role = wanted.role or (RESULTS if "measure" in named else MEMBER_MONTHS)
    needed = ("member", "year", "measure") if role == RESULTS else ("member", "month")
    lacking = [name for name in needed if name not in named]
    if lacking:
        return lacking[0]
    sources: dict[str, Source] = {}
    for name in needed:
        found = _moment(named[name], name, dict(headers)[named[name]], first.get(named[name]))
        if found is None:
            return name
        sources[name] = found
    columns, lines, left_out = _columns(headers, {named[name] for name in needed}, role, wanted)
    keys = tuple(KeyColumn(n, "period" if n in {"month", "year"} else "open") for n in needed)
    return Recognised(TableSchema(role, "input", keys, tuple(columns), member_level=True), sources, lines, left_out)


def _columns(
    headers: Sequence[tuple[str, str]], used: set[str], role: str, wanted: Wanted
) -> tuple[list[ColumnSchema], dict[str, Source], dict[str, str]]:
    columns: list[ColumnSchema] = []
    lines: dict[str, Source] = {}
    left_out: dict[str, str] = {}
    given = {header: name for name, header in wanted.columns.items()}
    for header, native in headers:
        if header in used:
            continue
        name = given.get(header) or _fact(header, role) or normal(header)
        if name in lines or name in KEYS:
            name = normal(header)
        if header not in given and normal(header) in IDENTIFIERS:
            left_out[header] = "identifies a person"
        elif native == "other":
            left_out[header] = "holds nested or unknown values"
        elif name in lines or not name:
            left_out[header] = "has the name of another column"
        elif (column := _column(name, native, wanted.decimals.get(name))) is None:
            left_out[header] = f"is floating, and nothing says to how many decimals: --decimals {name}=N"
        else:
            columns.append(column)
            lines[name] = Source(
                column=header, form="cents" if name.endswith("_cents") and native in {"int", "text"} else None
            )
    return columns, lines, left_out


def normal(header: str) -> str:
    """A header as a name: small letters, digits and single underscores."""
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")


def _key(header: str) -> str | None:
    return next((name for name, known in KEYS.items() if normal(header) in known), None)


def _fact(header: str, role: str) -> str | None:
    name = normal(header)
    return next(
        (
            fact
            for fact in FACTS[role]
            if name == fact
            or (name in ALIASES.get(fact, ()) and name not in OWN_NAMES and not name.endswith("_paid"))
            or name in FURTHER.get(fact, ())
        ),
        None,
    )


def _column(name: str, native: str, decimals: int | None) -> ColumnSchema | None:
    """A column by its name, else by the type that the file gives it; None for floating numbers of unknown precision."""
    missing = Absent(State.NOT_APPLICABLE, "no value")
    if decimals is None:
        decimals = DECIMALS.get(name)
    if name in MONEY or name.endswith(("_allowed", "_paid", "_amount", "_cents", "_cost")):
        return ColumnSchema(name, Type(Kind.MONEY, USD), decimals=2 if decimals is None else decimals, missing=missing)
    if decimals is not None:
        return ColumnSchema(name, Type(Kind.NUMBER), decimals=decimals, missing=missing)
    if name in COUNTS:
        return ColumnSchema(name, Type(Kind.COUNT, EVENT), decimals=0, missing=missing)
    if name in FLAGS or native == "flag":
        return ColumnSchema(name, Type(Kind.FLAG), missing=missing)
    match native.partition(":")[0]:
        case "int":
            return ColumnSchema(name, Type(Kind.NUMBER), decimals=0, missing=missing)
        case "decimal":
            return ColumnSchema(name, Type(Kind.NUMBER), decimals=int(native.rpartition(",")[2]), missing=missing)
        case "float" | "single":
            return None
        case "date":
            return ColumnSchema(name, Type(Kind.DATE), missing=missing)
        case _:
            return ColumnSchema(name, Type(Kind.TEXT), missing=missing)


def _moment(header: str, name: str, native: str, first: object) -> Source | None:
    """How a month or year is written, seen from the first row; None where it is written in no known way."""
    if name not in {"month", "year"}:
        return Source(column=header)
    if native in {"date", "time"} or isinstance(first, dt.date):
        return Source(column=header, form="date")
    text = str(first).strip()
    if re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", text):
        return Source(column=header, form="yyyymm")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return Source(column=header, form="date")
    if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", text):
        return Source(column=header, form="date", formats=("%m/%d/%Y",))
    fits = r"\d{4}-\d{2}" if name == "month" else r"\d{4}"
    return Source(column=header) if re.fullmatch(fits, text) else None
