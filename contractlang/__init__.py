"""A language for value-based care contracts: write, check, settle, explain.

This is the whole public interface; everything below it may change. Importing it is cheap: what a function needs is loaded
when it is called.

    from contractlang import check, evaluate, explain

    for finding in check("contract.vbc"):
        print(finding)
    result = evaluate("contract.vbc", "binding.toml", periods=["2021"])
    print(result.value("settlement", "Lakeside", "2021"))
    print(explain(result, "settlement", "Lakeside", "2021"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contractlang.runtime.api import (
        check,
        compile,  # noqa: A004 - the verb of the language
        evaluate,
        evaluate_given,
        explain,
        format,  # noqa: A004
        identify,
        member_rows,
        reconcile,
        reopen,
        validate,
    )
    from contractlang.runtime.public_types import (
        Checked,
        Contract,
        ContractError,
        Explanation,
        Finding,
        Identity,
        Reconciled,
        Settled,
        Text,
        Validated,
        ValueInfo,
    )

__version__: str

__all__ = [
    "Checked",
    "Contract",
    "ContractError",
    "Explanation",
    "Finding",
    "Identity",
    "Reconciled",
    "Settled",
    "Text",
    "Validated",
    "ValueInfo",
    "check",
    "compile",
    "evaluate",
    "evaluate_given",
    "explain",
    "format",
    "identify",
    "member_rows",
    "reconcile",
    "reopen",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from contractlang.runtime.heading import language_version

        return language_version()
    if name in __all__:
        from contractlang.runtime import api, public_types

        return getattr(public_types if name[0].isupper() else api, name)
    raise AttributeError(f"module `contractlang` has no attribute `{name}`")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
