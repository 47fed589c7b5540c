"""The input `results` of the Shared Savings Program contract, built by hand."""

from __future__ import annotations

from fractions import Fraction

from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import MEMBER, MEMBER_MONTH, PMPM, USD, Kind, Type
from contractlang.values import Absent, State, Value

TRACKS = ("T1", "T1_PLUS", "T2", "T3", "BASIC_A", "BASIC_B", "BASIC_C", "BASIC_D", "BASIC_E", "ENHANCED")
MONEY = Type(Kind.MONEY, USD)
PERCENT = Type(Kind.PERCENT)
FLAG = Type(Kind.FLAG)


def column(name: str, type_: Type, missing: Value | None = None, **more: object) -> ColumnSchema:
    return ColumnSchema(name, type_, missing=missing, **more)  # type: ignore[arg-type]


def not_applicable(reason: str = "") -> Absent:
    return Absent(State.NOT_APPLICABLE, reason)


RESULTS = TableSchema(
    "results",
    "input",
    (KeyColumn("aco", "unit"), KeyColumn("year", "period")),
    (
        column("track", Type(Kind.CATEGORY, scheme="track"), labels=TRACKS),
        column("benchmark", MONEY, decimals=2),
        column("expenditure", MONEY, decimals=2),
        column("difference", MONEY, decimals=2),
        column("beneficiaries", Type(Kind.COUNT, MEMBER)),
        column("person_years", Type(Kind.COUNT, MEMBER_MONTH), factor=Fraction(12)),
        column("updated_benchmark", Type(Kind.MONEY, PMPM), not_applicable(), factor=Fraction(1, 12)),
        column("elected_msr", PERCENT),
        column("elected_msr_step", PERCENT),
        column("quality", PERCENT, not_applicable("paid for reporting")),
        column("met_standard", FLAG, not_applicable("not printed before 2016")),
        column("met_alternative", FLAG, missing=False),
        column("printed_rate", PERCENT, not_applicable()),
        column("disaster", MONEY, Fraction(0), decimals=2),
        column("advance", MONEY, Fraction(0), decimals=2),
        column("revenue", MONEY, not_applicable("participant revenue is not published"), decimals=2),
        column("revenue_class", Type(Kind.CATEGORY, scheme="revenue_class"), not_applicable(), labels=("low", "high")),
        column("agreement_start", Type(Kind.DATE), not_applicable()),
        column("guardrail", FLAG, missing=False),
    ),
)
