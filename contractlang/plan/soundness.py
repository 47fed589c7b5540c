from __future__ import annotations
from contractlang.diagnostics.diagnostic import Sink
from contractlang.plan.lowering.contract import Lowered
def check_soundness(lowered: Lowered, years: tuple[int,int], sink: Sink) -> None:
    pass
