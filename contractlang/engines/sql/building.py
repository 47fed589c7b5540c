"""Small builders of SQLGlot nodes for DuckDB.

Nodes may be shared between trees, because trees are built once and only rendered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlglot import exp

E = exp.Expr


def column(name: str) -> E:
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def table(name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def text(value: str) -> E:
    return exp.Literal.string(value)


def number(value: int | str) -> E:
    literal = exp.Literal.number(str(value).removeprefix("-"))
    return exp.Neg(this=literal) if str(value).startswith("-") else literal


def call(name: str, *arguments: E | str | int) -> E:
    """A DuckDB function; Python texts and integers become literals."""
    return exp.Anonymous(this=name, expressions=[_lift(a) for a in arguments])


def cast(value: E, kind: str, *, attempt: bool = False) -> E:
    return (exp.TryCast if attempt else exp.Cast)(this=value, to=exp.DataType.build(kind, dialect="duckdb"))


def when(*cases: tuple[E, E], otherwise: E | None = None) -> E:
    ifs = [exp.If(this=condition, true=value) for condition, value in cases]
    return exp.Case(ifs=ifs, default=otherwise if otherwise is not None else exp.null())


def binary(kind: type[exp.Binary], left: E, right: E | int) -> E:
    return kind(this=_wrapped(left), expression=_wrapped(_lift(right)))


def both(*conditions: E) -> E:
    return exp.and_(*conditions, copy=False)


def either(*conditions: E) -> E:
    return exp.or_(*conditions, copy=False)


def no(condition: E) -> E:
    return exp.Not(this=_wrapped(condition))


def negative(value: E) -> E:
    return exp.Neg(this=_wrapped(value))


def is_null(value: E) -> E:
    return exp.Is(this=_wrapped(value), expression=exp.null())


def among(value: E, texts: Collection[str]) -> E:
    return exp.In(this=value, expressions=[text(t) for t in texts]) if texts else exp.false()


def named(value: E, name: str) -> E:
    return exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))


def select(columns: Iterable[E], source: str) -> exp.Select:
    return exp.Select(expressions=list(columns)).from_(table(source), copy=False)


def sql(tree: exp.Expr) -> str:
    return tree.sql(dialect="duckdb")


def _lift(value: E | str | int) -> E:
    if isinstance(value, str):
        return text(value)
    return number(value) if isinstance(value, int) else value


def _wrapped(value: E) -> E:
    return exp.Paren(this=value) if isinstance(value, exp.Binary | exp.Not | exp.Connector) else value


def staged(stages: Sequence[tuple[str, exp.Select]], last: exp.Select) -> exp.Select:
    """The last query with the stages before it as named queries."""
    for name, query in stages:
        last = last.with_(name, as_=query, copy=False)
    return last
