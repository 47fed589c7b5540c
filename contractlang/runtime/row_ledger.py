"""The rows behind the totals of one group and period: what counts, what truncation removed, what is left out and why.

Asked for by `vbc explain --rows`. Rows are named by their number in the file; members only on request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from contractlang.engines.base import MemberTable
from contractlang.engines.duckdb.listing import Listed, Wanted, listed
from contractlang.engines.duckdb.reading import PLACE_COLUMN
from contractlang.engines.sql.questions import PLACE
from contractlang.plan.lowering.reduction import MEMBER_KEY, MONTHS, PERIOD, REASON, UNIT
from contractlang.plan.nodes import Plan
from contractlang.plan.relations import Derive, Filter, Group, Join, Measure, Relation, RowExpr, Scan, Step
from contractlang.plan.rewrites.columns import available, read
from contractlang.runtime.formatting import dollars, scaled


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or the rows of one truncated member.

    `place` is `file, row N` (of a member the first row), `moment` the month YYYYMM, `amount` in dollars, `removed` what
    truncation took off, `member` the key of the member where it may be shown.
    """

    place: str
    moment: str = ""
    amount: Fraction | None = None
    removed: Fraction | None = None
    rows: int = 1
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows with one fate: `kind` is `counted`, `truncated` (members), `left out` or `left out of all groups`."""

    kind: str
    reason: str
    rows: int
    months: Fraction | None
    amount: Fraction | None
    largest: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class RowLedger:
    """The rows behind one population or spending block, for one group and period."""

    block: str
    parts: tuple[Part, ...]


def row_ledgers(
    plan: Plan,
    members: Mapping[str, MemberTable],
    key: tuple[str, str],
    most: int,
    *,
    identifiers: bool = False,
) -> list[RowLedger]:
    """The rows behind every population and spending block of a plan for a unit and period, the `most` largest each."""
    maker = _Maker(plan, members, key, most, identifiers)
    return [*maker.populations(), *maker.spendings()]


@dataclass(slots=True)
class _Maker:
    plan: Plan
    members: Mapping[str, MemberTable]
    key: tuple[str, str]
    most: int
    identifiers: bool

    @property
    def relations(self) -> dict[str, Relation]:
        return {step.name: step.relation for step in self.plan.reduction.steps}

    def populations(self) -> Iterator[RowLedger]:
        for account in self.plan.reduction.accounts:
            block = account.block
            if self.plan.named(f"{block}.member_months") is not None and f"{block}.marked" in self.relations:
                yield RowLedger(block, tuple(self._population(block, None)))

    def spendings(self) -> Iterator[RowLedger]:
        for named in self.plan.names:
            block = named.block
            if block is not None and named.name == f"{block}.amount" and f"{block}.rows" in self.relations:
                yield RowLedger(block, tuple(self._spending(block)))

    # Parts

    def _population(self, block: str, amount: RowExpr | None) -> Iterator[Part]:
        """Rows of a population by reason; with the amount that a spending block would have added up."""
        marked = f"{block}.marked"
        out = RowExpr("not", (_missing(REASON),), kind="flag")
        if amount is None:
            yield from self._parts("counted", marked, [*self._own(), _missing(REASON)], None)
        yield from self._parts("left out", marked, [*self._own(), out], amount, by=REASON)
        nobody = [_missing(UNIT), _is(PERIOD, self.key[1]), out]
        yield from self._parts("left out of all groups", marked, nobody, amount, by=REASON)

    def _spending(self, block: str) -> Iterator[Part]:
        relations = self.relations
        derived = relations[f"{block}.rows"]
        assert isinstance(derived, Derive)  # noqa: S101 - so it is lowered
        amount = dict(derived.columns)["amount"]
        # Rows of another table are no member-months: several of them may lie in one.
        yield from self._parts("counted", f"{block}.rows", self._own(), _column("amount", amount.scale))
        if f"{block}.cut" in relations:
            yield from self._truncated(block)
        if f"{block}.exclude.marked" in relations:
            out = [*self._own(), RowExpr("not", (_missing(REASON),), kind="flag")]
            yield from self._parts("left out", f"{block}.exclude.marked", out, amount, by=REASON)
        if f"{block}.exclude.dated" in relations:
            nobody = [_missing(UNIT), _is(PERIOD, self.key[1]), RowExpr("not", (_missing(REASON),), kind="flag")]
            yield from self._parts("left out of all groups", f"{block}.exclude.dated", nobody, amount, by=REASON)
        population = self._population_of(block)
        columns = available(self.plan.reduction).get(f"{population}.marked", ())
        if population is not None and set(read(amount)) <= set(columns):
            yield from self._population(population, amount)

    def _population_of(self, block: str) -> str | None:
        """The population on whose own rows a spending block stands; None where its rows come from another table."""
        step = f"{block}.rows"
        while True:
            match self.relations[step]:
                case Derive(source) | Filter(source):
                    step = source
                case Join(left):
                    step = left
                case _:
                    return None
            if step.endswith(".counted") and self.plan.named(f"{step.removesuffix('.counted')}.member_months"):
                return step.removesuffix(".counted")

    def _truncated(self, block: str) -> Iterator[Part]:
        """Members whose total is above the limit."""
        derived = self.relations[f"{block}.cut"]
        assert isinstance(derived, Derive)  # noqa: S101 - so it is lowered
        kept = dict(derived.columns)["truncate"]
        cost = kept.args[0]
        amount = next((arg for arg in cost.args if arg.op == "column"), cost) if cost.op == "*" else cost
        prorated = 12 if cost.op == "*" else 1
        removed = RowExpr("-", (cost, kept), scale=kept.scale)
        over = RowExpr(">", (removed, RowExpr("const", value=0, scale=kept.scale)), kind="flag")
        first = Measure("first row", "min", _column(PLACE_COLUMN))
        places = Group(f"{block}.rows", (UNIT, PERIOD, MEMBER_KEY), (first, Measure("rows", "count")))
        on = tuple((k, k) for k in (UNIT, PERIOD, MEMBER_KEY))
        steps = self._steps(
            Filter(f"{block}.cut", _all([*self._own(), over])),
            Derive("asked 1", (("removed", removed),)),
            places,
            Join("asked 2", "asked 3", on, (("first row", "first row"), ("rows", "rows of member"))),
        )
        wanted = Wanted("asked 4", (MEMBER_KEY, "first row", "rows of member", "amount"), ("removed",), "removed")
        for found in listed(self.plan, self.members, steps, wanted, self.most):
            rows = tuple(
                Row(
                    self._place(f"{block}.rows", row["first row"]),
                    amount=Fraction(row["amount"], 10**amount.scale),
                    removed=Fraction(row["removed"], prorated * 10**kept.scale),
                    rows=row["rows of member"],
                    member=self._member(row),
                )
                for row in found.largest
            )
            total = found.sums["removed"]
            whole = None if total is None else Fraction(total, prorated * 10**kept.scale)
            yield Part("truncated", "", found.rows, None, whole, rows)

    def _parts(
        self, kind: str, source: str, conditions: list[RowExpr], amount: RowExpr | None, *, by: str | None = None
    ) -> Iterator[Part]:
        """The rows of a step that meet the conditions, by reason."""
        worth = amount or RowExpr("const", value=0)
        months = self._months(source)
        steps = self._steps(
            Filter(source, _all(conditions)),
            Derive("asked 1", (("worth", worth), ("stands for", months))),
        )
        moment = self._moment(source)
        shown = (PLACE_COLUMN, MEMBER_KEY, *([moment] if moment else []))
        wanted = Wanted("asked 2", shown, ("worth", "stands for"), "worth", by)
        for found in listed(self.plan, self.members, steps, wanted, self.most):
            yield self._part(kind, source, found, None if amount is None else amount.scale, months.scale)

    def _part(self, kind: str, source: str, found: Listed, scale: int | None, months_scale: int) -> Part:
        moment = self._moment(source)
        rows = tuple(
            Row(
                self._place(source, row[PLACE_COLUMN]),
                str(row[moment] or "") if moment else "",
                None if scale is None or row["worth"] is None else Fraction(row["worth"], 10**scale),
                member=self._member(row),
            )
            for row in found.largest
        )
        worth, months = found.sums["worth"], found.sums["stands for"]
        return Part(
            kind,
            found.by or "",
            found.rows,
            None if months is None or not self._stands_for_months(source) else Fraction(months, 10**months_scale),
            None if scale is None or worth is None else Fraction(worth, 10**scale),
            rows,
        )

    # Steps

    def _steps(self, *relations: Relation) -> list[Step]:
        origin = self.plan.reduction.steps[0].origin
        return [Step(f"asked {number}", relation, origin) for number, relation in enumerate(relations, start=1)]

    def _own(self) -> list[RowExpr]:
        return [_is(UNIT, self.key[0]), _is(PERIOD, self.key[1])]

    def _months(self, source: str) -> RowExpr:
        """The member-months of a row at their scale, from the step that places it."""
        step = source
        while True:
            match self.relations[step]:
                case Derive(before, columns):
                    found = dict(columns).get(MONTHS)
                    if found is not None:
                        return _column(MONTHS, found.scale)
                    step = before
                case Filter(before) | Group(before):
                    step = before
                case Join(left, right, _, columns):
                    step = right if any(new == MONTHS for _, new in columns) else left
                case _:
                    return RowExpr("const", value=1)

    def _scanned(self, source: str) -> str:
        """The table whose rows a step has."""
        step = source
        while True:
            match self.relations[step]:
                case Scan(table):
                    return table
                case Derive(before) | Filter(before) | Group(before):
                    step = before
                case Join(left):
                    step = left
                case union:
                    step = union.inputs[0]

    def _stands_for_months(self, source: str) -> bool:
        """Whether each row is one of a population, and not of a table beside its member-months."""
        block = source.removesuffix(".rows").partition(".exclude")[0]
        return (source.endswith(".marked") and ".exclude" not in source) or self._population_of(block) is not None

    def _moment(self, source: str) -> str | None:
        """The key of the table that places a row in time."""
        table = self._scanned(source)
        schema = next(t for t in self.plan.tables if t.name == table)
        return next((key.name for key in schema.keys if key.role == "period"), None)

    def _place(self, source: str, place: int) -> str:
        file, row = divmod(place, PLACE)
        files = self.members[self._scanned(source)].file.split(", ")
        return f"{files[file] if file < len(files) else files[0]}, row {row}"

    def _member(self, row: Mapping[str, Any]) -> str | None:
        return str(row[MEMBER_KEY]) if self.identifiers else None


def _column(name: str, scale: int = 0) -> RowExpr:
    return RowExpr("column", value=name, scale=scale)


def _missing(name: str) -> RowExpr:
    return RowExpr("missing", (RowExpr("column", value=name, kind="text"),), kind="flag")


def _is(name: str, label: str) -> RowExpr:
    column = RowExpr("column", value=name, kind="text")
    return RowExpr("is", (column, RowExpr("const", value=label, kind="text")), kind="flag")


def _all(conditions: Sequence[RowExpr]) -> RowExpr:
    return RowExpr("and", tuple(conditions), kind="flag")


# Forms ---------------------------------------------------------------------------------------------------------------


def as_lines(found: Sequence[RowLedger], key: tuple[str, str]) -> Iterator[str]:
    """The ledgers as lines of text, with an empty one behind each."""
    for ledger in found:
        yield f"rows behind {ledger.block}: {key[0]}, {key[1]}"
        for part in ledger.parts:
            reason = f": {part.reason}" if part.reason else ""
            yield f"  {part.kind}{reason}: {_sums(part)}"
            for row in part.largest:
                yield f"    {_row(row)}"
        yield ""


def _sums(part: Part) -> str:
    if part.kind == "truncated":
        many = f"{part.rows:,} member{'' if part.rows == 1 else 's'}"
        return many if part.amount is None else f"{many}, {dollars(part.amount)} removed"
    parts = [f"{part.rows:,} row{'' if part.rows == 1 else 's'}"]
    if part.months is not None:
        parts.append(f"{_plain(part.months)} member-month{'' if part.months == 1 else 's'}")
    return ", ".join(parts + ([] if part.amount is None else [dollars(part.amount)]))


def _row(row: Row) -> str:
    many = f"{row.rows:,} row{'' if row.rows == 1 else 's'}"
    parts = [row.place if row.removed is None else f"a member with {many}, the first is {row.place}"]
    parts += [f"month {row.moment}"] if row.moment else []
    parts += [] if row.amount is None else [dollars(row.amount)]
    parts += [] if row.removed is None else [f"{dollars(row.removed)} removed"]
    return ", ".join(parts + ([f"member {row.member}"] if row.member is not None else []))


def as_json(found: Sequence[RowLedger]) -> list[dict[str, Any]]:
    """The ledgers as plain data; amounts are decimal text."""
    return [
        {
            "block": ledger.block,
            "parts": [
                {
                    "kind": part.kind,
                    "reason": part.reason,
                    "rows": part.rows,
                    "member_months": None if part.months is None else _plain(part.months),
                    "amount": None if part.amount is None else _plain(part.amount),
                    "largest": [_row_json(row) for row in part.largest],
                }
                for part in ledger.parts
            ],
        }
        for ledger in found
    ]


def _row_json(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"place": row.place, "month": row.moment, "rows": row.rows}
    found["amount"] = None if row.amount is None else _plain(row.amount)
    if row.removed is not None:
        found["removed"] = _plain(row.removed)
    return found | ({} if row.member is None else {"member": row.member})


def _plain(value: Fraction) -> str:
    places = next((n for n in range(31) if (value * 10**n).denominator == 1), None)
    return str(value) if places is None else scaled(int(value * 10**places), places)
