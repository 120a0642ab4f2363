"""What every model must satisfy when it is run, and under other units and names; each law returns what breaks it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model, Port
from pkpd_mdr.regimen import Regimen
from pkpd_mdr.units import Quantity, Unit

__all__ = ["broken_balances", "broken_names", "broken_runs", "broken_units", "treatment"]

UNTIL, EVERY = "14 day", "1 day"
SIZES = {"mg": 50.0, "umol": 100.0, "amol": 1e9, "cell": 1e5, "": 1.0}
ACTS = {"radiation": mdr.radiation("2 Gy"), "surgery": mdr.surgery(0.5), "apheresis": mdr.apheresis(0.5)}
FINE = mdr.Accuracy(method="rodas", rtol=1e-10)
OTHER = mdr.Accuracy(method="LSODA", rtol=1e-10)
STOCKS = ("cells", "amount", "concentration", "vesicles", "content", "host")


def _given(port: Port) -> Regimen:
    if port.action == "act":
        return ACTS[port.name]
    if port.action == "expose":
        return mdr.exposure(port.name, f"1 {port.unit.text}", over="1 day")
    size = SIZES.get(port.unit.text, 1.0)
    return mdr.bolus(port.name, (size, port.unit.text) if port.unit.text else size, route=port.route)


def treatment(model: Model, *, acts_only: bool = False) -> Regimen:
    """Everything that can be given, twice."""
    plan = mdr.nothing("3 day")
    for i, port in enumerate(model.ports):
        if not acts_only or port.action == "act":
            plan = plan & _given(port).shift(f"{1 + 5 * i} h").every("5 day", times=2)
    return plan


def broken_runs(model: Model) -> Iterator[str]:
    """No NaN, no negative stock beyond tolerance, and two solvers that agree to 1e-5."""
    plan = treatment(model)
    frames = []
    for accuracy in (FINE, OTHER):
        try:
            frames.append(model.simulate(plan, until=UNTIL, times=EVERY, accuracy=accuracy).frame)
        except mdr.SimulationError as problem:
            yield f"{accuracy.method}: {problem}"
            return
    for name, state in model.states.items():
        one, other = (frame[name].to_numpy() for frame in frames)
        largest = np.max(np.abs(one))
        if not np.all(np.isfinite(one)):
            yield f"{name} is not finite"
        elif state.kind in STOCKS and one.min() < -1e-9 * max(largest, 1.0):
            yield f"{name} falls to {one.min():.3g} of {largest:.3g}"
        elif np.any(np.abs(one - other) > 1e-5 * np.abs(one) + 1e-8 * largest + 1e-9):
            yield f"{name} differs between two solvers by {np.max(np.abs(one - other)):.3g} of {largest:.3g}"


def broken_balances(model: Model) -> Iterator[str]:
    """What cells hold is at each time what was there and was made, less what was taken; without doses."""
    held = sorted({state.balance for state in model.states.values() if state.carrier and state.balance})
    if not held:
        return
    books: list[Mechanism] = []
    for quantity in held:
        stock = sp.Add(*(s.weight * symbol(s.name) for s in model.states.values() if s.balance == quantity))
        unit = next(s.unit for s in model.states.values() if s.balance == quantity and s.weight == 1)
        books.append(mdr.state(f"booked_{quantity}", unit=unit.text, kind="integral"))
        books.append(mdr.process(f"book_{quantity}", _made(model, quantity), {f"booked_{quantity}": 1}))
        books.append(mdr.observable(f"held_{quantity}", stock, unit.text))
    start = {n: (10, s.unit.text) if s.unit.text else 10 for n, s in model.states.items() if s.kind == "amount"}
    plan = treatment(model, acts_only=True)
    frame = model.plus(*books).simulate(plan, until=UNTIL, times=EVERY, start=start, accuracy=FINE).frame
    for quantity in held:
        stock, booked = frame[f"held_{quantity}"].to_numpy(), frame[f"booked_{quantity}"].to_numpy()
        scale = np.max(np.abs(stock)) + np.max(np.abs(booked))
        wrong = np.max(np.abs(stock - stock[0] - booked))
        if wrong > 1e-9 * scale:
            yield f"the balance of {quantity} is wrong by {wrong:.3g} of {scale:.3g}"


def _made(model: Model, quantity: str) -> sp.Expr:
    terms = []
    for process in model.processes.values():
        parts = [
            share * model.states[name].weight
            for name, share in process.moves.items()
            if model.states[name].balance == quantity
        ]
        terms.append(sp.expand(sp.Add(*parts)) * process.rate)
    return sp.Add(*terms)


def broken_units(model: Model, y: np.ndarray, scales: Mapping[str, float]) -> Iterator[str]:
    """Rates of change in other units of time, length and so on are the same quantities (I27)."""
    compiled = compile_model(model)
    p = np.array([item.internal for item in model.parameters.values()])
    of_p = np.array([_factor(item.unit, scales) for item in model.parameters.values()])
    of_y = np.array([_factor(state.unit, scales) for state in model.states.values()])
    slopes = np.array(compiled.rhs(0.0, y, p))
    scaled = np.array(compiled.rhs(0.0, y * of_y, p * of_p)) / of_y * scales.get("[time]", 1.0)
    yield from _differences(model, slopes, scaled, _sizes(compiled, y, p))


def _factor(unit: Unit, scales: Mapping[str, float]) -> float:
    factor = 1.0
    for dimension, power in unit.dims:
        factor *= scales.get(dimension, 1.0) ** float(power)
    return factor


def _sizes(compiled: Any, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """How large the terms are of which each slope is the sum."""
    jacobian = np.array(compiled.jacobian(0.0, y, p), dtype=float).reshape(len(y), len(y))
    return np.abs(jacobian) @ np.abs(y)


def _differences(model: Model, one: np.ndarray, other: np.ndarray, sizes: np.ndarray) -> Iterator[str]:
    for name, a, b, size in zip(model.states, one, other, sizes, strict=True):
        if not abs(a - b) <= 1e-8 * abs(a) + 1e-10 * size + 1e-280:
            yield f"the rate of {name} is {a:.6g} and {b:.6g}"


def broken_names(parts: Sequence[Mechanism], names: Mapping[str, str], y: np.ndarray) -> Iterator[str]:
    """A model with other names of its clones has the same rates, state by state."""
    one, other = Model(*parts), Model(*(_renamed(part, names) for part in parts))
    if len(one.states) != len(other.states) or len(one.parameters) != len(other.parameters):
        yield "the number of states or parameters depends on names"
        return
    order = [list(other.states).index(_new(name, names)) for name in one.states]
    first, second = compile_model(one), compile_model(other)
    p, q = (np.array([item.internal for item in model.parameters.values()]) for model in (one, other))
    z = np.empty_like(y)
    z[order] = y
    slopes, same = np.array(first.rhs(0.0, y, p)), np.array(second.rhs(0.0, z, q))[order]
    yield from _differences(one, slopes, same, _sizes(first, y, p))
    if not np.allclose(first.start(p), second.start(q)[order], rtol=1e-12):
        yield "the start depends on names"


def _new(text: str, names: Mapping[str, str]) -> str:
    """Names of clones in a text, alone or between underscores; ``S0`` is the start of S."""
    pattern = "|".join(names)
    return re.sub(rf"(?<![A-Za-z0-9])({pattern})(?=0?(?![A-Za-z0-9]))", lambda found: names[found.group()], text)


def _renamed(item: Any, names: Mapping[str, str]) -> Any:
    if isinstance(item, str):
        quantity_like = re.match(r"\s*[-+]?[\d.]", item)
        return item if quantity_like else _new(item, names)
    if isinstance(item, (Unit, Quantity)):
        return item
    if isinstance(item, sp.Basic):
        return item.xreplace({s: symbol(_new(s.name, names)) for s in item.free_symbols})
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        changes = {f.name: _renamed(getattr(item, f.name), names) for f in dataclasses.fields(item) if f.init}
        return dataclasses.replace(item, **changes)
    if isinstance(item, (tuple, list)):
        return type(item)(_renamed(entry, names) for entry in item)
    if isinstance(item, Mapping):
        return {_renamed(key, names): _renamed(value, names) for key, value in item.items()}
    return item
