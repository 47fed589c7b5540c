"""Rate limits, per key and per address, in the memory of a process."""

from __future__ import annotations

import time

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from server.errors import Problem
from server.settings import Settings


class RateLimits:
    """How much callers may ask, and how often somebody may be wrong about who they are."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = parse(settings.rate_limit)
        self._failures = parse(settings.rate_limit_failures)

    def count(self, caller: str) -> None:
        """One request. Raises the problem of too many."""
        if not self._limiter.hit(self._requests, "caller", caller):
            raise self._refusal(self._limiter.get_window_stats(self._requests, "caller", caller).reset_time)

    def may_try(self, address: str) -> None:
        """Raises the problem of an address that was wrong too often."""
        if not self._limiter.test(self._failures, "address", address):
            raise self._refusal(self._limiter.get_window_stats(self._failures, "address", address).reset_time)

    def failed(self, address: str) -> None:
        self._limiter.hit(self._failures, "address", address)

    @staticmethod
    def _refusal(reset: float) -> Problem:
        wait = max(1, round(reset - time.time()))
        detail = f"too many requests; the next one may come in {wait} seconds"
        return Problem(429, "too-many-requests", detail, headers={"Retry-After": str(wait)})
