"""What this engine leaves to the reference engine, by name. It still gives the right values, row by row and slowly."""

from __future__ import annotations

from contractlang.engines.vector.emitter import LARGEST_POWER
from contractlang.engines.vector.folding import FOLDED
from contractlang.engines.vector.others import DONE
from contractlang.engines.vector.shape import over_network
from contractlang.plan.nodes import Aggregate, Later, Limit, Node, Plan, Power, Previous, Root, Split


def unsupported(plan: Plan) -> list[str]:
    """The operations of a plan that this engine does not do in arrays, each once, in order; empty when it does all."""
    if plan.levels:
        return [f"values for each {level}" for level, _ in plan.levels]
    found = (_why(plan, node) for node in plan.nodes if plan.unit in node.type.grain)
    return list(dict.fromkeys(why for why in found if why is not None))


def _why(plan: Plan, node: Node) -> str | None:
    varies = any(plan.unit in plan.nodes[arg].type.grain for arg in node.args)
    match node.op:
        case Previous(rebuilt=True):
            return "base years on the current roster"
        case Root(function) if function != "sqrt" and varies:
            return "fractional powers of values that vary by unit"
        case Later() if varies:
            return "months added to dates that vary by unit"
        case Limit(distribution) if varies:
            return f"exact intervals ({distribution}) of values that vary by unit"
        case Power(exponent) if abs(exponent) > LARGEST_POWER and varies:
            return f"powers beyond {LARGEST_POWER}"
        case Aggregate(function, over, except_own=True) if function not in DONE or len(over) > 1:
            return f"`{function}` over the network `except own`"
        case Aggregate(function) if varies and function not in FOLDED and not over_network(plan, node.op):
            return f"`{function}` over categories"
        case Split(over) if over_network(plan, node.op) and len(over) > 1:
            return "a split over units and categories together"
        case Split(over) if not over_network(plan, node.op):
            return "a split over categories"
        case Aggregate("rank" | "percentile_rank" as function, over) if len(over) > 1:
            return f"`{function}` over units and categories together"
        case _:
            return None
