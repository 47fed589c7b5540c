"""What may be done, and the roles that allow it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from server.errors import forbidden


class Permission(StrEnum):
    """One thing that may be allowed; also the scopes of keys and tokens."""

    READ_CONTRACTS = "contracts:read"
    WRITE_DRAFTS = "drafts:write"
    PUBLISH = "contracts:publish"
    READ_DATA = "data:read"
    WRITE_DATA = "data:write"
    EVALUATE = "evaluate"
    START_RUNS = "runs:start"
    APPROVE_RESULTS = "results:approve"
    READ_RESULTS = "results:read"
    READ_OWN_RESULTS = "results:read-own"
    EXPLAIN_ROWS = "results:explain-rows"
    READ_AUDIT = "audit:read"
    ADMINISTER = "admin"


P = Permission

ROLES: dict[str, frozenset[Permission]] = {
    "designer": frozenset({P.READ_CONTRACTS, P.WRITE_DRAFTS, P.EVALUATE}),
    "publisher": frozenset({P.READ_CONTRACTS, P.PUBLISH}),
    "analyst": frozenset(
        {P.READ_CONTRACTS, P.READ_DATA, P.WRITE_DATA, P.EVALUATE, P.START_RUNS, P.READ_RESULTS, P.APPROVE_RESULTS}
    ),
    "row-explainer": frozenset({P.EXPLAIN_ROWS}),
    "reader": frozenset({P.READ_OWN_RESULTS}),
    "auditor": frozenset({P.READ_AUDIT}),
    "administrator": frozenset({P.ADMINISTER, P.READ_AUDIT}),
}
"""`reader` is the provider-group reader: results of its own groups and nothing else."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, after authentication. `groups` are those that a reader may see."""

    organisation_id: str
    user_id: str
    name: str
    permissions: frozenset[Permission]
    groups: frozenset[str] = frozenset()
    key_id: str = ""

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def need(self, *any_of: Permission) -> None:
        """Raises the problem of a caller who has none of the permissions."""
        if not any(p in self.permissions for p in any_of):
            raise forbidden(f"this needs the permission {' or '.join(f'`{p}`' for p in any_of)}")

    @property
    def sees_all_groups(self) -> bool:
        return P.READ_RESULTS in self.permissions


def allowed(roles: Iterable[str], scopes: Iterable[str] | None = None) -> frozenset[Permission]:
    """What the roles allow, narrowed to the scopes of a key or token (None: not narrowed). Unknown words allow nothing."""
    granted = frozenset[Permission]().union(*(ROLES.get(role, frozenset()) for role in roles))
    return granted if scopes is None else granted & {P(s) for s in scopes if s in set(P)}


def see(caller: Caller, group: str) -> None:
    """Raises a problem unless the caller may see results of this group."""
    caller.need(P.READ_RESULTS, P.READ_OWN_RESULTS)
    if not caller.sees_all_groups and group not in caller.groups:
        raise forbidden("a reader sees results of its own groups only")
