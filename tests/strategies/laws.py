"""What every model must satisfy when it is run, and under other units and names; each law returns what breaks it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from strategies.numbers import Walk, slopes

import pkpd_mdr as mdr
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model, Port
from pkpd_mdr.regimen import Regimen
from pkpd_mdr.units import Quantity, Unit

__all__ = ["booked", "broken_balances", "broken_names", "broken_runs", "broken_units", "redrawn", "treatment"]

UNTIL, EVERY = "5 day", "1 day"
SIZES = {"mg": 50.0, "umol": 100.0, "amol": 1e9, "cell": 1e5, "": 1.0}
ACTS = {"radiation": mdr.radiation("2 Gy"), "surgery": mdr.surgery(0.5), "apheresis": mdr.apheresis(0.5)}
FINE = mdr.Accuracy(method="rodas", rtol=1e-10)
OTHER = mdr.Accuracy(method="LSODA", rtol=1e-9, budget=20_000)
UNJUDGED = "the budget of"
"""How a failure begins that is none of the model: LSODA holds a drug of 1 amol in cells to its own tolerance, and gives
up where the noise of a medium, times 1e10 cells, is above that."""
STOCKS = ("cells", "amount", "concentration", "vesicles", "content", "host")


def _given(port: Port) -> Regimen:
    if port.action == "act":
        return ACTS[port.name]
    if port.action == "expose":
        return mdr.exposure(port.name, f"1 {port.unit.text}", over="1 day")
    size = SIZES.get(port.unit.text, 1.0)
    return mdr.bolus(port.name, (size, port.unit.text) if port.unit.text else size, route=port.route)


def treatment(model: Model, *, acts_only: bool = False) -> Regimen:
    """Everything that can be given, twice, on three occasions each time."""
    plan = mdr.nothing("3 day")
    for i, port in enumerate(model.ports):
        if not acts_only or port.action == "act":
            plan = plan & _given(port).shift(f"{1 + 8 * (i % 3)} h").every("2 day", times=2)
    return plan


def redrawn(model: Model, seed: int, count: int) -> np.ndarray:
    """The parameters of a model, and others up to three times less and more within their bounds, a row each."""
    rng, own = np.random.default_rng(seed), list(model.parameters.values())
    rows = np.array([p.value for p in own]) * 3.0 ** rng.uniform(-1, 1, (count, len(own)))
    rows[0] = [p.value for p in own]
    return np.clip(rows, [p.lower for p in own], [p.upper for p in own])


def broken_runs(model: Model, rows: np.ndarray | None = None, judged: Counter[str] | None = None) -> Iterator[str]:
    """No NaN, no negative stock beyond tolerance, and two solvers that agree to 1e-5; counts members in `judged`."""
    plan = treatment(model)
    rows = redrawn(model, 0, 1) if rows is None else rows
    found = []
    for accuracy in (FINE, OTHER):
        many = _many(model, plan, rows, accuracy)
        found.append(many)
        failures = [str(failure.sentence) for failure in many.failures.values()]
        yield from (f"{accuracy.method}: {text}" for text in failures if accuracy is FINE or UNJUDGED not in text)
    both = found[0].ok & found[1].ok
    if judged is not None:
        judged.update(members=len(rows), judged=int(both.sum()))
    for k, (name, state) in enumerate(model.states.items()):
        one, other = (many.values[both][:, :, k] for many in found)
        largest = np.max(np.abs(one), axis=1, keepdims=True)
        wrong = np.abs(one - other) > 1e-5 * np.abs(one) + 1e-8 * largest + 1e-8
        if not np.all(np.isfinite(one)):
            yield f"{name} is not finite"
        elif state.kind in STOCKS and np.any(one < -1e-9 * np.maximum(largest, 1.0)):
            yield f"{name} falls to {one.min():.3g} of {largest.max():.3g}"
        elif np.any(wrong):
            yield f"{name} differs between two solvers by {np.max(np.abs(one - other)[wrong]):.3g}"


def _many(
    model: Model,
    plan: Regimen,
    rows: np.ndarray,
    accuracy: mdr.Accuracy,
    outputs: Sequence[str] = (),
    start: Mapping[str, float] | None = None,
) -> mdr.Many:
    own = {name: 1e4 for name in model.clones if model.states[name].start.is_zero}  # what is absent tests nothing
    options: dict[str, Any] = {"parameters": rows, "starts": [own | (start or {})], "until": UNTIL, "times": EVERY}
    options |= {"outputs": list(outputs) or list(model.states), "accuracy": accuracy}
    try:
        return model.simulate_many(plan, threads=1, **options)
    except mdr.SimulationError as problem:  # none was finished
        if not isinstance(problem.partial, mdr.Many):
            raise
        return problem.partial


def booked(model: Model) -> Model:
    """The model with a book for all that cells hold: what is there, and what is made of it less what is taken."""
    books: list[Mechanism] = []
    for quantity in _held(model):
        stock = sp.Add(*(s.weight * symbol(s.name) for s in model.states.values() if s.balance == quantity))
        unit = next(s.unit for s in model.states.values() if s.balance == quantity and s.weight == 1)
        books.append(mdr.state(f"booked_{quantity}", unit=unit.text, kind="integral"))
        books.append(mdr.process(f"book_{quantity}", _made(model, quantity), {f"booked_{quantity}": 1}))
        books.append(mdr.observable(f"held_{quantity}", stock, unit.text))
    return model.plus(*books) if books else model


def _held(model: Model) -> list[str]:
    return sorted({state.balance for state in model.states.values() if state.carrier and state.balance})


def broken_balances(model: Model, rows: np.ndarray | None = None) -> Iterator[str]:
    """What cells hold is at each time what was there and was made, less what was taken; without doses."""
    held = _held(model)
    if not held:
        return
    if f"held_{held[0]}" not in model.observables:
        model = booked(model)
    rows = redrawn(model, 0, 1) if rows is None else rows
    start = {name: 10.0 for name, state in model.states.items() if state.kind == "amount"}
    names = [f"{what}_{quantity}" for quantity in held for what in ("held", "booked")]
    many = _many(model, treatment(model, acts_only=True), rows, FINE, names, start)
    yield from (str(failure) for failure in many.failures.values())
    values = many.values[many.ok]
    for k, quantity in enumerate(held):
        stock, book = values[:, :, 2 * k], values[:, :, 2 * k + 1]
        scale = np.max(np.abs(stock), axis=1) + np.max(np.abs(book), axis=1)
        wrong = np.max(np.abs(stock - stock[:, :1] - book), axis=1)
        if np.any(wrong > 1e-9 * scale):
            yield f"the balance of {quantity} is wrong by {np.max(wrong / scale):.3g} of it"


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
    p = np.array([item.internal for item in model.parameters.values()])
    of_p = np.array([_factor(item.unit, scales) for item in model.parameters.values()])
    of_y = np.array([_factor(state.unit, scales) for state in model.states.values()])
    one, sizes = slopes(model, y, p)
    scaled = np.array(slopes(model, y * of_y, p * of_p)[0]) / of_y * scales.get("[time]", 1.0)
    yield from _differences(model, one, scaled, sizes)


def _factor(unit: Unit, scales: Mapping[str, float]) -> float:
    factor = 1.0
    for dimension, power in unit.dims:
        factor *= scales.get(dimension, 1.0) ** float(power)
    return factor


def _differences(model: Model, one: Sequence[float], other: Sequence[float], sizes: Sequence[float]) -> Iterator[str]:
    for name, a, b, size in zip(model.states, one, other, sizes, strict=True):
        if not abs(a - b) <= 1e-8 * abs(a) + 1e-10 * size + 1e-280:
            yield f"the rate of {name} is {a:.6g} and {b:.6g}"


def broken_names(one: Model, names: Mapping[str, str], y: np.ndarray) -> Iterator[str]:
    """A model with other names of its clones has the same rates, state by state."""
    other = Model(*(_renamed(part, names) for part in one.mechanisms))
    if len(one.states) != len(other.states) or len(one.parameters) != len(other.parameters):
        yield "the number of states or parameters depends on names"
        return
    order = [list(other.states).index(_new(name, names)) for name in one.states]
    p, q = (np.array([item.internal for item in model.parameters.values()]) for model in (one, other))
    z = np.empty_like(y)
    z[order] = y
    rates, sizes = slopes(one, y, p)
    yield from _differences(one, rates, np.array(slopes(other, z, q)[0])[order], sizes)
    if not np.allclose(_starts(one, p), np.array(_starts(other, q))[order], rtol=1e-12):
        yield "the start depends on names"


def _starts(model: Model, p: np.ndarray) -> list[float]:
    walk = Walk(dict(zip(map(symbol, model.parameters), p, strict=True)))
    return [walk(state.start) for state in model.states.values()]


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
