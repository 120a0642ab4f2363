"""What a model must satisfy before it is handed out: declared symbols, units, conservation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import sympy as sp

from pkpd_mdr.errors import ModelError, UnitError, did_you_mean, shown
from pkpd_mdr.expression import AMOUNT, TIME
from pkpd_mdr.model.dimensions import Dimensions, check_same, dimensions_of, times, unit_dimensions
from pkpd_mdr.model.parts import Expression, Port, Process, State
from pkpd_mdr.model.slots import FilledSlot
from pkpd_mdr.model.symbols import symbols_in
from pkpd_mdr.units import Unit

if TYPE_CHECKING:
    from pkpd_mdr.model.model import Model

__all__ = ["check_formulas", "check_model", "symbol_dimensions"]

_PER_HOUR = unit_dimensions(Unit.of("1/h"))
_HOUR = unit_dimensions(Unit.of("h"))


def symbol_dimensions(model: Model) -> dict[Expression, Dimensions]:
    """Dimensions of every symbol that may stand in an expression of the model."""
    symbols = model.dimension_symbols()
    known = {symbols[name]: unit_dimensions(state.unit) for name, state in model.states.items()}
    known |= {symbols[name]: unit_dimensions(item.unit) for name, item in model.parameters.items()}
    return known | {TIME: _HOUR}


def check_model(model: Model) -> None:
    """Check names, units and conservation of a joined model.

    Raises
    ------
    ModelError
        An expression names something undeclared, or a transfer changes the stock that it moves.
    UnitError
        An expression mixes units or a rate is not per time.
    """
    known = symbol_dimensions(model)
    found: dict[Expression, Dimensions] = {}
    for state in model.states.values():
        _check_carrier(model, state)
        _declared(state.filling, known, f"the content of {shown(state.name)} at the start")
        _declared(state.start, known, f"the start of {shown(state.name)}")
        for part, what in ((state.filling, "content of"), (state.start, "start of")):
            _without_states(model, part, f"the {what} {shown(state.name)}")
        if not state.start.is_zero:
            check_same(
                dimensions_of(state.start, known, state.name, found),
                unit_dimensions(state.unit),
                f"the start of {shown(state.name)}",
            )
    for process in model.processes.values():
        _check_process(model, process, known, found)
    for item in model.observables.values():
        where = f"observable {shown(item.name)}"
        _declared(item.expression, known, where)
        check_same(dimensions_of(item.expression, known, where, found), unit_dimensions(item.unit), where)
    for port in model.ports:
        _check_port(model, port, known)


def check_formulas(model: Model, slots: Iterable[FilledSlot]) -> None:
    """Raise `UnitError` where a formula that fills a slot is in another unit, before a rate made of it is."""
    known = symbol_dimensions(model)
    for slot in slots:
        _declared(slot.expression, known, slot.where)
        try:
            check_same(dimensions_of(slot.expression, known, slot.where), unit_dimensions(slot.unit), slot.where)
        except UnitError as problem:
            parts = {*slot.sources} & {*model.states, *model.parameters}
            units = {part: (model.states.get(part) or model.parameters[part]).unit.text for part in sorted(parts)}
            told = ", ".join(f"{part} in {text}" for part, text in units.items() if text)
            raise UnitError(
                f"{problem}; it has {told or 'no name with a unit'}; a quotient of equal units is a number, as in "
                "(WT/WT_typical)**0.75 with parameter('WT_typical', '70 kg')"
            ) from problem


def _check_carrier(model: Model, state: State) -> None:
    if not state.carrier:
        return
    carrier = model.states.get(state.carrier)
    if carrier is None or carrier.kind not in ("cells", "vesicles"):
        what = "is not a state" if carrier is None else f"is a state of kind {shown(carrier.kind)}"
        raise ModelError(
            f"{shown(state.name)} is the content of {shown(state.carrier)}, which {what}; cells and vesicles hold "
            f"something{did_you_mean(state.carrier, [n for n, s in model.states.items() if s.kind == 'cells'])}"
        )


def _declared(expression: Expression, known: dict[Expression, Dimensions], where: str) -> None:
    strangers = sorted(item.name for item in symbols_in(expression) if item not in known)
    if strangers:
        raise ModelError(
            f"{where} names {shown(strangers[0])}, which is not declared{did_you_mean(strangers[0], map(str, known))}"
        )


def _without_states(model: Model, expression: Expression | None, where: str, *, time: bool = False) -> None:
    """Refuse what would be read before there is a state, or for all doses at once."""
    used = set() if expression is None else {item.name for item in symbols_in(expression)}
    moving = sorted(used & model.states.keys()) + (["t"] if time and str(TIME) in used else [])
    if moving:
        start = f"{moving[0]}0"
        hint = f"; write {start} for its start" if start in model.parameters else ""
        raise ModelError(
            f"{where} depends on {shown(moving[0])}, which changes in a run; only parameters can decide it{hint}"
        )


def _check_process(
    model: Model, process: Process, known: dict[Expression, Dimensions], found: dict[Expression, Dimensions]
) -> None:
    where = f"process {shown(process.name)}"
    _declared(process.rate, known, where)
    rate = dimensions_of(process.rate, known, where, found) if process.rate != 0 else None
    for name, share in process.moves.items():
        _declared(share, known, where)
        if rate is not None:
            moved = times(dimensions_of(share, known, where, found), rate)
            wanted = times(unit_dimensions(model.states[name].unit), _PER_HOUR)
            check_same(moved, wanted, f"{where}: what it moves of {shown(name)}")
    if process.transfer:
        _check_transfer(model, process)


def _check_transfer(model: Model, process: Process) -> None:
    balances: dict[str, Expression] = {}
    for name, share in process.moves.items():
        state = model.states[name]
        key = state.balance or state.kind
        balances[key] = balances.get(key, sp.Integer(0)) + share * state.weight
    for key, total in balances.items():
        if sp.simplify(total) != 0:
            raise ModelError(
                f"process {shown(process.name)} is declared a transfer but "
                f"changes the total of {shown(key)} by {total} per unit"
            )


def _check_port(model: Model, port: Port, known: dict[Expression, Dimensions]) -> None:
    where = f"{shown(port.name)} by {shown(port.route)}"
    if port.target and port.target not in model.states:
        raise ModelError(
            f"{where} goes into {shown(port.target)}, which is not a state{did_you_mean(port.target, model.states)}"
        )
    decided: tuple[tuple[str, Expression | None, Dimensions], ...] = (
        ("bioavailability", port.bioavailability, {}),
        ("lag", port.lag, _HOUR),
        ("duration", port.duration, _HOUR),
    )
    for what, expression, wanted in decided:
        if expression is None:
            continue
        _declared(expression, known, f"{what} of {where}")
        if not expression.is_number:
            check_same(dimensions_of(expression, known, f"{what} of {where}"), wanted, f"{what} of {where}")
    for what, expression in (*((what, item) for what, item, _ in decided), ("rate", port.rate)):
        _without_states(model, expression, f"{what} of {where}", time=True)
    with_amount = known | {AMOUNT: unit_dimensions(port.unit)}
    for name, expression in port.effects.items():
        _declared(expression, with_amount, f"effect of {where} on {shown(name)}")
        dims = dimensions_of(expression, with_amount, f"effect of {where} on {shown(name)}")
        check_same(dims, unit_dimensions(model.states[name].unit), f"effect of {where} on {shown(name)}")
