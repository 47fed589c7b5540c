"""Scales and tables of terms hold every argument that can reach them; bands that nothing reaches are pointed out."""

from __future__ import annotations

from contractlang.diagnostics import edits
from contractlang.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label, Severity, Sink
from contractlang.plan import nodes
from contractlang.plan.abstract import Abstract, beyond, inside
from contractlang.plan.builder import Ref
from contractlang.plan.checks.places import Place, first
from contractlang.plan.coverage import OTHER
from contractlang.plan.lowering.context import Lowering
from contractlang.plan.ranges import Ranges
from contractlang.semantics.literals import amount
from contractlang.source import Span
from contractlang.syntax import ast
from contractlang.values import Value


def check_lookups(ranges: Ranges, low: Lowering, roots: list[Place], sink: Sink) -> frozenset[str]:
    """Report each scale and each table once; gives their names. Every root must have been evaluated before."""
    outside: set[str] = set()
    for ref, args in sorted(ranges.arguments.items()):
        op = ranges.plan.nodes[ref].op
        if isinstance(op, nodes.Curve) and op.name not in outside and not inside(op, args[0]):
            outside.add(op.name)
            _outside(ranges, low, _place(ranges, low, roots, ref), op, sink)
        elif isinstance(op, nodes.Terms) and op.table not in outside and _complete(low, op.table):
            lacking = ranges.lacking(ranges.plan.nodes[ref], args)
            if lacking is not None:
                outside.add(op.table)
                _row_missing(ranges, low, _place(ranges, low, roots, ref), lacking, sink)
    _bands(ranges, low, roots, outside, sink)
    return frozenset(outside)


def _complete(low: Lowering, table: str) -> bool:
    """Whether a table has not been reported already."""
    declared = low.declared.terms.get(table)
    return declared is None or declared.complete


def _place(ranges: Ranges, low: Lowering, roots: list[Place], ref: Ref) -> Place:
    """Where the lookup is written whose arguments go too far."""
    node = ranges.plan.nodes[ref]
    op = node.op

    def too_far(place: Place) -> bool:
        if place.ref != ref:
            return False
        args = [ranges.of(a, place.facts) for a in node.args]
        if isinstance(op, nodes.Curve):
            return not inside(op, args[0])
        return isinstance(op, nodes.Terms) and ranges.lacking(node, args) is not None

    return first(ranges, low.builder, roots, too_far) or Place(ref, node.origin, {})


# Scales --------------------------------------------------------------------------------------------------------------


def _outside(ranges: Ranges, low: Lowering, place: Place, curve: nodes.Curve, sink: Sink) -> None:
    item = low.scales[curve.name].item
    argument = low.builder.parts(place.ref, place.span)[0]
    type_ = ranges.plan.nodes[ranges.plan.nodes[place.ref].args[0]].type
    borders = low.scales[curve.name].borders
    type_ = type_ if borders.literal else borders
    first_, last = curve.pieces[0].low, curve.pieces[-1].high
    ends = " ".join([
        *([f"from {amount(first_, type_)}"] if first_ is not None else []),
        f"to {amount(last, type_)}" if last is not None else "upwards",
    ])  # fmt: skip
    help_ = "list `below` and `and more`, declare the range of the input with `within`, or guard the call with `when`"
    if curve.marginal:
        limits = [amount(x, type_) for x in (first_, last)]
        if curve.symmetric or None in (first_, last):
            fixes: tuple[Fix, ...] = _open_end(item, curve)
        else:
            clamped = f"clamp({argument.text}, {limits[0]}, {limits[1]})"
            fixes = (edits.instead(argument, clamped, "let nothing beyond the ends count"),)
    else:
        brace = item.span.text.index("{")
        at = item.span.start + len(item.span.text[:brace].rstrip())
        notes = [n for n in ("source", "assumed") if f" {n} " in item.span.text[:brace]]
        at = min([at, *(item.span.start + item.span.text.index(f" {n} ") for n in notes)])
        style = Span(item.span.file, at, at)
        fixes = (edits.instead(style, ", flat outside", "hold the last values outside"),)
        help_ = f"write `flat outside`, {help_}"
    sink.report(
        Diagnostic(
            "scale-outside",
            f"the argument of scale `{curve.name}` may lie outside it",
            argument,
            under=f"not proved to lie {ends}",
            labels=(Label(item.span, "the scale"),),
            help=help_,
            fixes=fixes,
        )
    )


def _open_end(item: ast.Scale, curve: nodes.Curve) -> tuple[Fix, ...]:
    """The last band of a marginal scale, without an end."""
    last = item.bands[-1]
    if curve.pieces[-1].high is None or last.low is None or last.high is None or last.low is last.high:
        return ()
    return (edits.instead(last.low.span.to(last.high.span), f"{last.low.span.text} and more"),)


# Bands ---------------------------------------------------------------------------------------------------------------


def _bands(ranges: Ranges, low: Lowering, roots: list[Place], outside: set[str], sink: Sink) -> None:
    """Bands at an end of a scale that no call reaches."""
    uses: dict[str, list[tuple[nodes.Curve, Abstract, Ref]]] = {}
    for ref, args in sorted(ranges.arguments.items()):
        op = ranges.plan.nodes[ref].op
        if isinstance(op, nodes.Curve):
            uses.setdefault(op.name, []).append((op, args[0], ref))
    for name, calls in uses.items():
        item = low.scales[name].item
        if name in outside or _in_other_numbers(name, sink):
            continue
        reached = {p.span for op, x, _ in calls for p in op.pieces if p.span is not None and not _idle(op, p, x)}
        states = [band.span in reached for band in item.bands]
        if not any(states):
            continue
        above = len(states) - 1 - states[::-1].index(True) + 1
        under = states.index(True)
        place = first(ranges, low.builder, roots, lambda p, ref=calls[0][2]: p.ref == ref)  # type: ignore[misc]
        span = place.span if place is not None else ranges.plan.nodes[calls[0][2]].origin
        if any(b.high is not None for b in item.bands[above:]):
            removed = Span(item.span.file, item.bands[above - 1].span.end, item.bands[-1].span.end)
            _idle_bands(item.bands[above:], span, Edit(removed, ""), sink)
        if any(b.low is not None for b in item.bands[:under]):
            removed = Span(item.span.file, item.bands[0].span.start, item.bands[under].span.start)
            _idle_bands(item.bands[:under], span, Edit(removed, ""), sink)


def _in_other_numbers(name: str, sink: Sink) -> bool:
    """Whether bare borders meet a percentage, which was reported and explains why bands are not reached."""
    return any(d.code == "percent-or-points" and d.message.startswith(f"scale `{name}`") for d in sink)


def _idle(curve: nodes.Curve, piece: nodes.Piece, x: Abstract) -> bool:
    """Whether a piece takes no part; in a marginal scale every piece below the argument does."""
    if curve.symmetric:
        return False
    if not curve.marginal:
        return beyond(piece, x)
    return piece.low is not None and x.high is not None and x.high <= piece.low and piece.low > 0


def _idle_bands(bands: tuple[ast.Band, ...], call: Span, removal: Edit, sink: Sink) -> None:
    what = f"the band `{bands[0].span.text}`" if len(bands) == 1 else f"{len(bands)} bands"
    sink.report(
        Diagnostic(
            "unreachable-band",
            f"no value of `{' '.join(call.text.split())}` reaches {what}",
            bands[0].span,
            labels=(Label(call, "the argument"),),
            help="remove what is not reached, or widen the range of the argument",
            fixes=(Fix("remove what is not reached", (removal,)),),
            severity=Severity.WARNING,
        )
    )


# Tables of terms -----------------------------------------------------------------------------------------------------


def _row_missing(ranges: Ranges, low: Lowering, place: Place, lacking: tuple[Value, ...], sink: Sink) -> None:
    op = ranges.plan.nodes[place.ref].op
    assert isinstance(op, nodes.Terms)
    item = low.scope.items.get(op.table)
    types = [ranges.plan.nodes[a].type for a in ranges.plan.nodes[place.ref].args]
    shown = " and ".join(
        "other values of the key" if v == OTHER else f"`{amount(v, t)}`" for v, t in zip(lacking, types, strict=True)
    )
    labels: tuple[Label, ...] = ()
    fixes: tuple[Fix, ...] = ()
    if isinstance(item, ast.Terms) and item.rows:
        labels = (Label(item.span, "the table"),)
        last = item.rows[-1].span
        width = len(item.header) - len(item.keys)
        cells = [*("otherwise" for _ in item.keys), *("-" for _ in range(width))]
        row = f"\n{' ' * (last.column - 1)}| {' | '.join(cells)} |"
        fixes = (Fix("add a row for all others", (edits.after(last, row),)),)
    sink.report(
        Diagnostic(
            "terms-row-missing",
            f"table `{op.table}` has no row for {shown}",
            place.span,
            labels=labels,
            help="add the rows, or `| otherwise | … |`; `-` says that a term does not apply",
            fixes=fixes,
        )
    )
