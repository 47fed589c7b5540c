"""Tables at settlement grain (exhibits, supplied measures, results, finance, ledgers): one row per combination of keys,
columns drawn by name and kind around what the member rows add up to."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contractlang.sample.arrow import decimals
from contractlang.sample.drawing import within_bounds
from contractlang.sample.fitting import ALIASES, CODED, toml
from contractlang.sample.measures import make_measures
from contractlang.sample.population import World
from contractlang.sample.rows import CODES
from contractlang.sample.streams import stream
from contractlang.sample.truth import Truth
from contractlang.semantics.model import ColumnSchema, KeyColumn, TableSchema
from contractlang.semantics.types import MEMBER, PMPM, USD, Kind

ACTUAL = (
    "expenditure",
    "expenditures",
    "spending",
    "cost",
    "total_cost",
    "amount",
    "actual",
    "allowed",
    "medical_expense",
)
TARGETS = ("benchmark", "budget", "target", "updated_benchmark", "base")
RATES = ("rate", "quality", "score", "performance", "result")
MEMBER_MONTHS = ("member_months", "person_months", "months")
MET = ("met", "numerator", "passed")
CASES = ("cases", "denominator", "n", "eligible")
PEOPLE_WORKING = {"physicians": 90, "primary_care": 55, "providers": 110}
"""Numbers of people who work for a group, as a mean: some groups lie above what contracts ask for and some below."""
MEMBERS = ("members", "beneficiaries", "person_years", "lives", "attributed")


@dataclass(frozen=True, slots=True)
class Around:
    """What the member rows of one row of a table add up to: cents, member-months, and years that it covers."""

    cents: int
    member_months: int
    years: int


@dataclass(frozen=True, slots=True)
class Made:
    """A table with the lines of its binding, and for the truth file the true rates of supplied measures."""

    table: pa.Table
    keys: Mapping[str, str]
    columns: Mapping[str, str]
    truth: Mapping[str, Any] | None


def why_not(world: World, schema: TableSchema) -> str | None:
    """Why a table cannot be made; None if it can."""
    lacking = [key.name for key in schema.keys if _values(world, key, schema) is None]
    return f"key `{lacking[0]}` is none that a sample has values for" if lacking else None


def settled_table(world: World, truth: Truth, schema: TableSchema) -> Made:
    """Make a table whose keys all have values (see `why_not`)."""
    choices = [_values(world, key, schema) or [] for key in schema.keys]
    sums = _Sums(world, truth, schema.keys)
    near = _Areas(world, schema.keys)
    listed = schema.kind == "exhibit"
    rows = [row for row in itertools.product(*choices) if near.has(row) and (listed or sums.there(row))]
    rows = [row for row in rows if _on_its_day(schema, row)]
    drawn = _Columns(world, schema, [sums.around(row) for row in rows], rows)
    arrays: dict[str, pa.Array] = {}
    keys: dict[str, str] = {}
    for place, key in enumerate(schema.keys):
        values = [row[place] for row in rows]
        arrays[key.name] = pa.array(values)
        keys[key.name] = toml(key.name)
    columns = {}
    for column in schema.columns:
        arrays[column.name] = drawn.draw(column)
        fraction = column.type.kind is Kind.PERCENT
        columns[column.name] = f'{{ column = {toml(column.name)}, as = "fraction" }}' if fraction else toml(column.name)
    return Made(pa.table(arrays), keys, columns, drawn.truth)


def _values(world: World, key: KeyColumn, schema: TableSchema) -> list[Any] | None:
    first, last = world.size.years
    years = range(first, last + 1)
    match key.role:
        case "unit":
            return list(world.groups)
        case "category":
            return list(key.labels or ())
        case "period":
            parts: dict[str, Callable[[int], Iterator[str]]] = {
                "year": lambda year: iter((str(year),)),
                "half": lambda year: (f"{year}-H{n}" for n in (1, 2)),
                "half_year": lambda year: (f"{year}-H{n}" for n in (1, 2)),
                "quarter": lambda year: (f"{year}-Q{n}" for n in (1, 2, 3, 4)),
                "month": lambda year: (f"{year}-{n:02d}" for n in range(1, 13)),
            }
            return [label for year in years for label in parts[key.name](year)] if key.name in parts else None
        case _:
            if key.name in {"practice", "tin"}:
                return list(world.practices)
            if key.name in {"zip", "zip_code", "residence_zip"}:
                return list(world.zips)
            if key.name in CODED:
                return list(CODES)
            if key.name == "date":
                return [dt.date(year, 12, 31) for year in years]
            return ["settlement"] if key.name == "payment" and schema.name == "ledger" else None


class _Areas:
    """Which places lie in the area of which group: five each, and the last of them in the area of the next group, too."""

    def __init__(self, world: World, keys: tuple[KeyColumn, ...]) -> None:
        self._groups = {group: place for place, group in enumerate(world.groups)}
        self._zips = {code: place for place, code in enumerate(world.zips)}
        unit = next((n for n, key in enumerate(keys) if key.role == "unit"), None)
        place = next((n for n, key in enumerate(keys) if key.role == "open" and key.name in ALIASES["zip"]), None)
        self._at = None if unit is None or place is None else (unit, place)

    def has(self, row: tuple[Any, ...]) -> bool:
        """Whether a row is of a group and a place of its area; rows without the two always are."""
        if self._at is None:
            return True
        group, zip_ = self._groups[row[self._at[0]]], self._zips[row[self._at[1]]]
        return zip_ // 5 == group or (zip_ % 5 == 4 and (zip_ // 5 + 1) % len(self._groups) == group)


def _on_its_day(schema: TableSchema, row: tuple[Any, ...]) -> bool:
    """Whether the day of a payment lies in the year that it was paid for."""
    named = {key.role: label for key, label in zip(schema.keys, row, strict=True)}
    return "date" not in named or "period" not in named or str(named["period"]).startswith(str(named["date"].year))


def _places(column: ColumnSchema) -> int:
    """Decimals of a share: those of a percentage of two decimals, where the contract does not declare fewer."""
    return 4 if column.decimals is None else min(4, column.decimals + 2)


class _Sums:
    """Sums of the truth by the keys of a table: group, year and product where it has them, else over all of them."""

    def __init__(self, world: World, truth: Truth, keys: tuple[KeyColumn, ...]) -> None:
        products = world.traits["product"].labels
        panel = [place for place, label in enumerate(products) if label in world.programme.panel] or list(
            range(len(products))
        )
        self._cents = truth.totals["medical_allowed"] + truth.totals["pharmacy_allowed"]
        self._months = truth.totals["member_months"]
        self._panel = panel
        self._at = {key.role if key.role != "category" else key.name: place for place, key in enumerate(keys)}
        self._category = next(
            (
                place
                for place, key in enumerate(keys)
                if key.role == "category" and set(key.labels or ()) <= set(products)
            ),
            None,
        )
        self._groups = {group: place for place, group in enumerate(world.groups)}
        self._products = {label: place for place, label in enumerate(products)}
        self._first, self._years = world.size.years[0], world.size.year_count

    def _slice(self, row: tuple[Any, ...]) -> tuple[Any, Any, Any]:
        group = self._groups[row[self._at["unit"]]] if "unit" in self._at else slice(0, len(self._groups))
        year = int(str(row[self._at["period"]])[:4]) - self._first if "period" in self._at else slice(None)
        product = self._panel if self._category is None else self._products[row[self._category]]
        return group, year, product

    def _sum(self, of: Any, row: tuple[Any, ...]) -> int:
        group, year, product = self._slice(row)
        return int(of[group][..., year, :][..., product].sum())

    def there(self, row: tuple[Any, ...]) -> bool:
        return "unit" not in self._at or self._sum(self._months, row) > 0

    def around(self, row: tuple[Any, ...]) -> Around:
        return Around(
            self._sum(self._cents, row), self._sum(self._months, row), 1 if "period" in self._at else self._years
        )


class _Columns:
    """Draws the columns of a table, each from a stream of its own."""

    def __init__(self, world: World, schema: TableSchema, around: list[Around], rows: list[tuple[Any, ...]]) -> None:
        self._world, self._schema, self._rows = world, schema, rows
        self._cents = np.array([a.cents for a in around], dtype=np.int64)
        self._months = np.array([a.member_months for a in around], dtype=np.int64)
        self._years = np.array([a.years for a in around], dtype=np.int64)
        self._cases = stream(world.size.seed, f"{schema.name} cases").integers(12, 420, len(rows))
        self.truth: dict[str, Any] | None = None

    def draw(self, column: ColumnSchema) -> pa.Array:
        rng = stream(self._world.size.seed, f"{self._schema.name}.{column.name}")
        n = len(self._rows)
        match column.type.kind:
            case Kind.MONEY if column.type.unit == USD:
                return decimals(within_bounds(self._dollars(column, rng), column, 2), 2)
            case Kind.MONEY:
                return self._per_unit(column, rng)
            case Kind.PERCENT:
                return self._percent(column, rng)
            case Kind.COUNT:
                return self._count(column, rng)
            case Kind.NUMBER if (spread := self._spread(column, rng)) is not None:
                return spread
            case Kind.NUMBER:
                places = 3 if column.decimals is None else min(column.decimals, 9)
                return decimals(within_bounds(rng.normal(1, 0.08, n) * 10**places, column, places), places)
            case Kind.FLAG:
                return pa.array(rng.random(n) < 0.85)
            case Kind.CATEGORY:
                labels = column.labels or ()
                return pa.array([labels[i] for i in rng.integers(0, len(labels), n)], pa.string())
            case Kind.DATE | Kind.PERIOD:
                return pa.array([dt.date(self._world.size.years[0], 1, 1)] * n)
            case _:
                return pa.array([f"{column.name} {i % 5 + 1}" for i in range(n)])

    def _spread(self, column: ColumnSchema, rng: np.random.Generator) -> pa.Array | None:
        """A number whose bounds say what is usual: anywhere between them; people who work for a group around a mean."""
        places = 0 if column.decimals is None else min(column.decimals, 9)
        n = len(self._rows)
        if column.name in PEOPLE_WORKING:
            return decimals(
                within_bounds(rng.poisson(PEOPLE_WORKING[column.name], n) * 10**places, column, places), places
            )
        if column.low is None or column.high is None or column.high - column.low <= 1:
            return None
        low, high = (float(bound / column.factor) * 10**places for bound in (column.low, column.high))
        return decimals(within_bounds(np.floor(rng.uniform(low, high + 1, n)), column, places), places)

    def _dollars(self, column: ColumnSchema, rng: np.random.Generator) -> npt.NDArray[Any]:
        n = len(self._rows)
        if column.name in ACTUAL:
            return self._cents // np.maximum(self._years, 1)
        if column.name in TARGETS:
            return np.round(self._cents / self._years * np.exp(rng.normal(0.01, 0.035, n)))
        return np.round(self._cents / self._years * 0.02 * rng.uniform(0.5, 1.5, n))

    def _per_unit(self, column: ColumnSchema, rng: np.random.Generator) -> pa.Array:
        per = self._cents / np.maximum(self._months, 1)
        if column.type.unit != PMPM:
            per = per * 12
        factor = np.exp(rng.normal(0, 0.03, len(self._rows)))
        small = any(word in column.name for word in ("fee", "adjust", "equity", "collection", "ccf"))
        return decimals(within_bounds(per / float(column.factor) * factor * (0.01 if small else 1), column, 2), 2)

    def _percent(self, column: ColumnSchema, rng: np.random.Generator) -> pa.Array:
        """A rate near the true one for supplied measures and scores, else a multiple of five percent."""
        measure = next((p for p, key in enumerate(self._schema.keys) if "measure" in key.name), None)
        low = Fraction(0) if column.low is None else column.low
        high = Fraction(1) if column.high is None else column.high
        if measure is not None and column.name in RATES:
            return self._supplied(column, rng, measure)
        if column.name in RATES:
            places = _places(column)
            return decimals(within_bounds(rng.beta(9, 2, len(self._rows)) * 10**places, column, places), places)
        grid = [step for step in range(21) if low <= Fraction(step, 20) <= high] or [int(low * 20)]
        return decimals(rng.choice(np.array(grid, dtype=np.int64), len(self._rows)) * 5, 2)

    def _supplied(self, column: ColumnSchema, rng: np.random.Generator, measure: int) -> pa.Array:
        met = self._met(rng, measure)
        places = _places(column)
        rate = (met * 10**places * 2 + self._cases) // (2 * self._cases)
        return decimals(within_bounds(rate, column, places), places)

    def _met(self, rng: np.random.Generator, measure: int) -> npt.NDArray[np.int64]:
        """Cases that met a measure, drawn from the true rates, which go into the truth file."""
        labels = self._schema.keys[measure].labels or ()
        known = make_measures(self._world, labels)
        groups = {group: place for place, group in enumerate(self._world.groups)}
        unit = next((p for p, key in enumerate(self._schema.keys) if key.role == "unit"), None)
        period = next((p for p, key in enumerate(self._schema.keys) if key.role == "period"), None)
        first = self._world.size.years[0]
        at = np.array([-1 if unit is None else groups[row[unit]] for row in self._rows], dtype=np.int16)
        year = np.array(
            [0 if period is None else int(str(row[period])[:4]) - first for row in self._rows], dtype=np.int64
        )
        which = np.array([labels.index(row[measure]) for row in self._rows], dtype=np.int64)
        true = known.rates(at, year, which, np.zeros(len(at), dtype=np.int64))
        met: npt.NDArray[np.int64] = rng.binomial(self._cases, true)
        self.truth = {
            "words": "supplied measures: true_rate is what was drawn from",
            "columns": [*(key.name for key in self._schema.keys), "cases", "numerator", "true_rate"],
            "rows": [
                [*map(str, row), int(c), int(m), t]
                for row, c, m, t in zip(self._rows, self._cases, met, true.tolist(), strict=True)
            ],
        }
        return met

    def _count(self, column: ColumnSchema, rng: np.random.Generator) -> pa.Array:
        if column.name in MEMBER_MONTHS:
            counts = self._months
        elif column.name in MEMBERS:
            counts = -(-self._months // (12 * self._years))
        elif column.name in CASES:
            counts = self._cases
        elif column.name in MET:
            measure = next((p for p, key in enumerate(self._schema.keys) if "measure" in key.name), None)
            counts = rng.binomial(self._cases, 0.75) if measure is None else self._met(rng, measure)
        elif column.type.unit == MEMBER:
            counts = rng.binomial(-(-self._months // (12 * self._years)), rng.uniform(0.05, 0.4, len(self._rows)))
        else:
            counts = rng.poisson(20, len(self._rows))
        return pa.array(within_bounds(counts, column, 0))
