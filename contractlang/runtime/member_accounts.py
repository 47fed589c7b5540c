"""What the populations of a run counted and left out, over all groups: nobody is dropped silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from contractlang.diagnostics.diagnostic import Diagnostic, Sink
from contractlang.plan.nodes import Plan
from contractlang.runtime.formatting import dollars
from contractlang.runtime.result import Result

Account = Mapping[str, object]

EXCLUDED = ".exclude"
"""What the account of the rows that a spending block leaves out is called, behind the name of the block."""


def account_lines(result: Result) -> Iterator[str]:
    """`panel: 63 rows counted; left out: 6 not lob in [commercial], 2 not attributed`, per population and measure.

    Spending that leaves out rows says how many dollars were on them.
    """
    for block, accounts in _blocks(result):
        counted = sum(_rows(account) for account in accounts if account.get("reason") is None)
        left: dict[str, tuple[int, Fraction | None]] = {}
        for account in accounts:
            reason, amount = account.get("reason"), account.get("amount")
            if isinstance(reason, str):
                rows, before = left.get(reason, (0, Fraction(0)))
                known = before is not None and isinstance(amount, Fraction)
                left[reason] = (rows + _rows(account), before + amount if known else None)  # type: ignore[operator]
        out = ", ".join(
            f"{rows:,} {reason}" + ("" if amount is None else f" ({dollars(amount)})")
            for reason, (rows, amount) in sorted(left.items())
        )
        yield f"{block.removesuffix(EXCLUDED)}: {counted:,} rows counted" + (f"; left out: {out}" if out else "")


def report_unplaced(result: Result, sink: Sink) -> None:
    """Rows that count but have no group or no period would add to nobody's money."""
    for plan in result.plans:
        for block, accounts in _of_plan(result, plan):
            for key in (plan.unit, plan.period):
                lost = sum(_rows(a) for a in accounts if a.get("reason") is None and a.get(key, "") is None)
                if lost:
                    sink.report(
                        Diagnostic(
                            "rows-unplaced",
                            f"`{block}` counts {lost:,} rows that belong to no {key}",
                            help=f"check how the binding reads the {key} of these rows, or exclude them with a reason",
                        )
                    )


def _blocks(result: Result) -> Iterator[tuple[str, list[Account]]]:
    """Accounts by block, each period from the plan that governs it."""
    found: dict[str, list[Account]] = {}
    for plan in result.plans:
        for block, accounts in _of_plan(result, plan):
            for account in accounts:
                label = account.get(plan.period)
                governing = result.programme.plans.get(str(label)) if label is not None else result.plan
                if governing is plan and (label is None or label in result.periods):
                    found.setdefault(block, []).append(account)
    yield from found.items()


def _of_plan(result: Result, plan: Plan) -> Iterator[tuple[str, Sequence[Account]]]:
    for block, accounts in result.accounts.get(id(plan), {}).items():
        if "." not in block.removesuffix(EXCLUDED):
            yield block, accounts


def _rows(account: Account) -> int:
    rows = account.get("rows")
    return rows if isinstance(rows, int) else 0
