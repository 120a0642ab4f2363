"""Ends of runs; runs of random models, and the measured error of the compiled engine on them.

An error is the largest over times and states of ``|y - exact|/(|exact| + floor)``. The floor is a thousandth of the
largest value of the state, or of one (cell, unit of the state) where it never gets there: below it a state has decayed
to nothing that anybody reads. It is the relative tolerance that is judged, and the absolute one lies below all that
comes back: a clone that falls to 4e-10 cells, or to 2e-72 in one of 2,000 random models, and grows to 1e11 again
carries along whatever was allowed to it at its lowest. What misses the bar is therefore asked again with less allowed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pkpd_mdr.engine import Accuracy, Compiled, Timeline, Trajectory, compile_model, solve
from pkpd_mdr.engine.timeline import Instruction, Kind
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen

__all__ = [
    "REFERENCES",
    "Run",
    "agreed",
    "distance",
    "exact",
    "last",
    "measured",
    "random_run",
    "random_timeline",
    "trajectory",
    "values",
]

_ATOL, _DEEP = 1e-18, 1e-90


def _judges(atol: float) -> tuple[Accuracy, ...]:
    return tuple(Accuracy(rtol=1e-11, atol=atol, method=name, budget=50_000) for name in ("LSODA", "Radau", "DOP853"))


REFERENCES = _judges(_ATOL)
"""What the engine is judged by, in the order in which they are tried: whichever finishes first serves."""
_FLOOR = 1e-3


class Run(NamedTuple):
    """A model with a timeline."""

    compiled: Compiled
    parameters: np.ndarray
    timeline: Timeline


def last(model: Model, regimen: Regimen | None, until: str, *names: str) -> list[float]:
    """Outputs at the end of a run, for closed forms."""
    frame = model.simulate(regimen, until=until, times=[until], accuracy=Accuracy(rtol=1e-10)).frame
    return [float(frame[name].iloc[-1]) for name in names]


def values(model: Model) -> np.ndarray:
    """The model's own parameters as one row."""
    return np.array([[parameter.internal for parameter in model.parameters.values()]])


def random_timeline(compiled: Compiled, stop: float, random: np.random.Generator) -> Timeline:
    """Every port is used twice at random times: doses as boluses and infusions, exposures, acts; and some marks."""
    items = []
    for index, port in enumerate(compiled.ports):
        for time in random.uniform(0.0, stop, 2).round(2):
            if port.action == "dose":
                items.append(Instruction(time, Kind.JUMP, index, 5.0))
                items += [Instruction(time, Kind.RATE, index, 2.0), Instruction(time + 3.0, Kind.RATE, index, -2.0)]
            elif port.action == "expose":
                items += [Instruction(time, Kind.SET, index, 1.5), Instruction(time + 9.0, Kind.SET, index, 0.0)]
            else:
                items.append(Instruction(time, Kind.JUMP, index, 0.7 * port.unit.factor))
    marks = [*np.linspace(0.0, stop, 13), *(item.time for item in items[:3])]
    items += [Instruction(time, Kind.MARK, index=i) for i, time in enumerate(marks)]
    items = sorted((item for item in items if item.time <= stop), key=lambda item: item.time)
    return Timeline.of((*items, Instruction(stop, Kind.END)), 0.0, stop)


def random_run(model: Model, seed: int, *, stop: float = 200.0) -> Run:
    """A model with a random timeline."""
    compiled = compile_model(model)
    return Run(compiled, values(model), random_timeline(compiled, stop, np.random.default_rng(seed)))


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest error of values, shape (times, states)."""
    size = np.abs(wanted) + _FLOOR * np.maximum(np.abs(wanted).max(axis=0, initial=0.0), 1.0)
    return float((np.abs(found - wanted) / size).max(initial=0.0))


def trajectory(run: Run, accuracy: Accuracy) -> Trajectory:
    """All states of a run."""
    return solve(run.compiled, run.parameters, None, [run.timeline], run.compiled.states, accuracy=accuracy).members[0]


def exact(run: Run) -> Trajectory | None:
    """A run by the first SciPy method that finishes it at a tight tolerance; None if none does."""
    return next((found for method in REFERENCES if (found := trajectory(run, method)).status.ok), None)


def agreed(run: Run, atol: float = _ATOL) -> Trajectory | None:
    """A run as those two SciPy methods have it that agree best; LSODA alone at times misses what an act sets off."""
    found = [one for method in _judges(atol) if (one := trajectory(run, method)).status.ok]
    pairs = [(distance(one.values, two.values), i) for i, one in enumerate(found) for two in found[i + 1 :]]
    return found[min(pairs)[1]] if pairs else None


class Measured(NamedTuple):
    """The error of the compiled engine in units of its tolerance, and the absolute tolerance at which it was asked."""

    error: float
    atol: float


def measured(run: Run, rtol: float, wanted: Trajectory, *, bar: float) -> Measured:
    """The error of the compiled engine; infinite where it does not finish.

    What misses the bar is judged again by two methods that agree, and then, engine and judges alike, at an absolute
    tolerance below the lowest clone that came back.
    """
    error, asked = _error(run, rtol, _ATOL, wanted), _ATOL
    for atol in (_ATOL, _DEEP):
        if error > bar and (judge := agreed(run, atol)) is not None:
            error = _error(run, rtol, atol, judge)
            asked = atol
    return Measured(error, asked)


def _error(run: Run, rtol: float, atol: float, wanted: Trajectory) -> float:
    found = trajectory(run, Accuracy(rtol=rtol, atol=atol, method="rodas"))
    return distance(found.values, wanted.values) / rtol if found.status.ok else float("inf")
