"""What operations see: counters, times and log lines. Nothing here ever holds a name of a group, a value or a text."""

from __future__ import annotations

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The numbers of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("vbc_requests_total", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "vbc_request_seconds", "Time until a request was answered.", ("method", "route"), buckets=BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.in_flight = Gauge("vbc_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.refused = Counter(
            "vbc_refused_total", "Requests refused before a handler.", ("why",), registry=self.registry
        )
        self.runs = Gauge("vbc_runs", "Runs by state.", ("state",), registry=self.registry)


def configure_logs(*, as_json: bool, level: str = "INFO") -> None:
    """One line per event on standard error: JSON, or plain text for a person who tries the service out."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
