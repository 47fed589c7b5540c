"""The sink."""

from contractlang.diagnostics.diagnostic import Sink
from tests.diagnostics.samples import COMMA, DATA, UNITS


def test_findings_come_in_the_order_of_the_text_and_once() -> None:
    sink = Sink()
    sink.extend([UNITS, COMMA, DATA, COMMA])
    assert list(sink) == [DATA, COMMA, UNITS]
    assert sink.failed


def test_a_warning_is_no_failure() -> None:
    sink = Sink()
    sink.report(DATA)
    assert not sink.failed
