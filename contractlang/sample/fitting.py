"""Which generated column serves which column of a contract, by name and by kind; what has none is drawn by its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import Kind

MEMBER_MONTHS, RESULTS, VISITS, SERVICES, SETTLED = "member_month", "measure_result", "visit", "service_line", "settled"
MEMBERS, IMPUTED, ROSTER = "member", "imputed", "roster"

ALIASES: Mapping[str, tuple[str, ...]] = {
    "group": ("group", "provider_group", "pcp_group", "attributed_group", "organization", "aco", "participant_alignment"),
    "practice": ("practice", "practice_id", "attributed_practice_id", "tin", "pcp", "seen", "physician"),
    "product": ("product", "lob", "line", "line_of_business", "plan", "enrollment"),
    "zip": ("zip", "zip_code", "residence_zip", "residence", "area"),
    "age": ("age",),
    "age_band": ("age_band", "age_group"),
    "sex": ("sex", "gender"),
    "race": ("race", "race_ethnicity", "stratum"),
    "race_source": ("race_source", "race_ethnicity_source"),
    "language": ("language", "preferred_language"),
    "risk_score": ("risk_score", "risk", "raf"),
    "weight": ("weight", "months", "member_months", "unit", "units"),
    "medical_allowed": ("medical_allowed", "medical", "allowed", "cost", "amount", "medical_paid", "total_allowed"),
    "pharmacy_allowed": ("pharmacy_allowed", "pharmacy", "rx", "drugs", "pharmacy_paid"),
    "ed_visits": ("ed_visits",),
    "inpatient_admissions": ("inpatient_admissions", "admissions"),
    "numerator": ("numerator", "met", "numerator_flag", "performance"),
    "denominator": ("denominator", "eligible", "denominator_flag"),
    "excluded": ("excluded", "exclusion", "exclusion_flag", "hospice"),
    "source": ("source", "numerator_source"),
    "visits": ("visits", "count"),
    "specialty": ("specialty",),
    "site": ("site", "place", "place_of_service"),
    "code": ("code", "procedure", "service", "cpt"),
    "fee": ("fee", "price"),
    "units": ("units", "quantity"),
    "allowed": ("allowed", "amount", "medical_allowed", "paid", "cost"),
    "date": ("date", "service_date", "visit_date"),
    "line": ("line", "line_number", "claim_line", "claim"),
}  # fmt: skip

HELD: Mapping[str, tuple[str, ...]] = {
    MEMBER_MONTHS: (
        "group", "practice", "product", "zip", "age", "age_band", "sex", "race", "race_source", "language", "risk_score",
        "weight", "medical_allowed", "pharmacy_allowed", "ed_visits", "inpatient_admissions",
    ),
    RESULTS: ("group", "numerator", "denominator", "excluded", "source", "measure"),
    VISITS: ("group", "practice", "visits", "specialty", "site", "date"),
    SERVICES: ("group", "practice", "code", "units", "fee", "allowed", "specialty", "site", "line"),
    MEMBERS: ("race", "race_source", "language", "sex", "age_band", "zip"),
    IMPUTED: (),
    ROSTER: ("practice", "group", "from", "until"),
}  # fmt: skip
"""The generated columns of each member-level table, beside member and month or year."""

TRAITS = ("product", "age_band", "sex", "race", "language")
"""Columns whose labels are those of the contract, where it has a category for them."""

CODED = ("code", "procedure", "cpt")
"""Keys for which a table of settled units has a row for each code of a service."""

PEOPLE = ("member", "person", "patient", "enrollee", "beneficiary", "bene", "subscriber")
"""How the key that names a member begins."""

_TEXTUAL = frozenset(
    {*TRAITS, "group", "practice", "zip", "race_source", "source", "specialty", "site", "code", "measure"}
)
_FLAGS = frozenset({"numerator", "denominator", "excluded"})


@dataclass(frozen=True, slots=True)
class Fit:
    """A table of the contract beside the generated table that serves it.

    `keys` and `columns` are lines of the binding by name; `served` names the generated column of each; `drawn` are the
    columns that nothing serves: they are drawn by kind and stand in the file under their own name.
    """

    schema: TableSchema
    role: str
    keys: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    served: Mapping[str, str] = field(default_factory=dict)
    drawn: tuple[ColumnSchema, ...] = ()


def role_of(schema: TableSchema) -> str:
    """What kind of rows a table has."""
    if not schema.member_level or _of_units(schema):
        return SETTLED
    if any(key.role == "from" for key in schema.keys):
        return ROSTER
    if len(schema.keys) == 1:
        return IMPUTED if all(column.type.kind is Kind.PERCENT for column in schema.columns) else MEMBERS
    names = {key.name for key in schema.keys} | {column.name for column in schema.columns}
    words = schema.name.lower()
    if (
        any(key.role == "category" and "measure" in key.name for key in schema.keys)
        or {"numerator", "denominator"} <= names
    ):
        return RESULTS
    if "visit" in words or "encounter" in words:
        return VISITS
    if any(word in words for word in ("service", "claim", "line")):
        return SERVICES
    return MEMBER_MONTHS


def _of_units(schema: TableSchema) -> bool:
    """Whether a table is about units and their places or services, and has no rows of single members."""
    others = [key.name for key in schema.keys if key.role == "open"]
    known = (*ALIASES["zip"], *CODED)
    return any(key.role == "unit" for key in schema.keys) and all(name in known for name in others)


def fit(schema: TableSchema, unit: str, *, second: bool = False) -> Fit | str:
    """The lines of the binding for a member-level table; words that say why it cannot be made, if so.

    `second`: another table is served by the same file, so that columns drawn for this one are named after it.
    """
    role = role_of(schema)
    keys: dict[str, str] = {}
    for key in schema.keys:
        line = _key(key, role, unit)
        if line is None:
            return f"key `{key.name}` is none that member rows of this kind have"
        keys[key.name] = line
    columns, served, drawn = {}, {}, []
    for column in schema.columns:
        found = _serving(column, role, unit)
        if found is None:
            own = replace(column, name=f"{schema.name}_{column.name}") if second else column
            drawn.append(own)
            columns[column.name] = toml(own.name)
        else:
            served[column.name] = found
            columns[column.name] = _line(column, found)
    if role == ROSTER and drawn:
        return f"column `{drawn[0].name}` is none that a roster has"
    return Fit(schema, role, keys, columns, served, tuple(drawn))


def _key(key: KeyColumn, role: str, unit: str) -> str | None:
    match key.role:
        case "period" if key.name == "month" and role != RESULTS:
            return '{ column = "month", as = "date" }'
        case "period" if key.name == "year" and role == RESULTS:
            return toml("year")
        case "category" if role == RESULTS:
            return toml("measure")
        case "unit":
            return toml("group")
        case "from":
            return toml("from")
        case "open":
            found = _named(key.name, HELD[role], unit)
            return toml(found) if found else toml("member") if key.name.startswith(PEOPLE) else None
        case _:
            return None


def _serving(column: ColumnSchema, role: str, unit: str) -> str | None:
    found = _named(column.name, HELD[role], unit)
    if found is None and role == MEMBER_MONTHS and column.name.startswith("probability_"):
        return column.name
    if role == IMPUTED:
        return f"probability of {column.name}"
    if role == MEMBERS and found == "race_source":
        return found
    if found is None:
        return None
    kind = column.type.kind
    fits = (
        kind in {Kind.CATEGORY, Kind.TEXT}
        if found in _TEXTUAL
        else kind is Kind.FLAG
        if found in _FLAGS
        else kind is Kind.DATE
        if found in ("date", "until")
        else kind in {Kind.MONEY, Kind.NUMBER, Kind.COUNT, Kind.PERCENT}
    )
    if kind is Kind.CATEGORY and found not in TRAITS:
        return None
    return found if fits else None


def _named(name: str, held: tuple[str, ...], unit: str) -> str | None:
    if name == unit and "group" in held:
        return "group"
    if name in held:
        return name
    found = next((fact for fact in held if name in ALIASES.get(fact, ())), None)
    if found is None and "group" in held and (name == unit or name.endswith((f"_{unit}", "_group"))):
        return "group"
    return found


def _line(column: ColumnSchema, found: str) -> str:
    if column.type.kind is Kind.PERCENT:
        rounded = f", round = {(column.decimals or 0) + 2}" if (column.decimals or 0) < 2 else ""
        return f'{{ column = {toml(found)}, as = "fraction"{rounded} }}'
    if found in {"risk_score", "weight"} and (column.decimals or 0) < {"risk_score": 4, "weight": 2}[found]:
        return f"{{ column = {toml(found)}, round = {column.decimals or 0} }}"
    return toml(found)


def toml(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)
