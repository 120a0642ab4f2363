"""Bookkeeping of conserved stocks: what a model holds of a quantity, and which processes make or take it."""

from __future__ import annotations

import numpy as np
import sympy as sp

import pkpd_mdr as mdr
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Model

__all__ = ["books", "sources", "stock"]

EXACT = mdr.Accuracy(rtol=1e-11)


def stock(model: Model, quantity: str) -> sp.Expr:
    """All of a quantity in a model, in internal units."""
    held = [state for state in model.states.values() if state.balance == quantity]
    return sp.Add(*(state.weight * symbol(state.name) for state in held))


def sources(model: Model, quantity: str) -> dict[str, sp.Expr]:
    """Processes that change the total of a quantity, and how fast."""
    found = {}
    for process in model.processes.values():
        parts = [
            share * model.states[name].weight
            for name, share in process.moves.items()
            if model.states[name].balance == quantity
        ]
        net = sp.simplify(sp.Add(*parts))
        if net != 0:
            found[process.name] = net * process.rate
    return found


def books(
    model: Model, quantity: str, regimen: mdr.Regimen | None, until: str, **options: object
) -> tuple[np.ndarray, np.ndarray]:
    """The stock along a run, and the stock at the start plus all that was made less what was taken since."""
    made = sp.Add(*sources(model, quantity).values())
    total = stock(model, quantity)
    unit = next(s.unit for s in model.states.values() if s.balance == quantity and s.weight == 1)
    wide = model.plus(
        mdr.state("booked", unit=unit.text, kind="integral"),
        mdr.process("book", made, {"booked": 1}),
        mdr.observable("held", total, unit.text),
    )
    options = {"accuracy": EXACT, "times": "10 day", **options}
    frame = wide.simulate(regimen, until=until, **options).frame
    held, booked = frame["held"].to_numpy(), frame["booked"].to_numpy()
    return held, held[0] + booked
