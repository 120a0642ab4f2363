"""Rates of change while a drug flows in: what an infusion adds to the ``"d/dt output"`` of the engine.

The engine's rates of change are those of a model's processes. Endpoints read an output between rows as a cubic with the
slopes at both ends, so that a peak at the end of an infusion is only found with the infusion in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pkpd_mdr.engine import Compiled, Timeline, Trajectory
from pkpd_mdr.engine.instructions import Kind
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.expression import symbol

__all__ = ["Inflow"]


@dataclass(frozen=True, slots=True)
class Inflow:
    """What flows in directly under some timelines.

    Parameters
    ----------
    names : tuple of str
        Outputs that are wanted.
    terms : tuple of (int, int, int)
        Column of a rate of change, port, and column of the weight of its inflow.
    more : tuple of str
        Weights, which the engine has to give as further outputs.
    rates : dict of int to ndarray, shape (marks, ports)
        By the identity of a timeline: what flows in at each mark.
    """

    names: tuple[str, ...]
    terms: tuple[tuple[int, int, int], ...]
    more: tuple[str, ...]
    rates: dict[int, FloatArray]

    @staticmethod
    def of(compiled: Compiled, names: tuple[str, ...], timelines: Sequence[Timeline]) -> Inflow:
        """Those of wanted outputs; nothing where no timeline has an infusion into what they depend on."""
        pairs = _inflows(compiled, names)
        if not pairs:
            return Inflow(names, (), (), {})
        rates = {id(timeline): timeline for timeline in timelines}
        flows = {key: _rates(timeline, len(compiled.ports)) for key, timeline in rates.items()}
        used = {port for flow in flows.values() for port in np.flatnonzero(flow.any(axis=0)).tolist()}
        pairs = tuple(pair for pair in pairs if pair[1] in used)
        more = tuple(dict.fromkeys(weight for _, _, weight in pairs))
        columns = {name: place for place, name in enumerate(names + more)}
        terms = tuple((columns[name], port, columns[weight]) for name, port, weight in pairs)
        return Inflow(names, terms, more, flows)

    def added(self, trajectory: Trajectory, timeline: Timeline) -> Trajectory:
        """A trajectory with the wanted outputs only, inflows in their rates of change."""
        if not self.terms:
            return trajectory
        values = trajectory.values.copy()
        flow = self.rates[id(timeline)][: len(values)]
        for rate, port, weight in self.terms:
            values[:, rate] += flow[:, port] * values[:, weight]
        return trajectory._replace(values=values[:, : len(self.names)])


@lru_cache(maxsize=256)
def _inflows(compiled: Compiled, names: tuple[str, ...]) -> tuple[tuple[str, int, str], ...]:
    """Rates of change among the names, each with a port that adds to it directly and the weight of what flows in."""
    found = []
    for name in names:
        if name.startswith("d/dt "):
            inside = compiled.expression(name[5:]).free_symbols
            found += [
                (name, index, f"d/d{port.target} {name[5:]}")
                for index, port in enumerate(compiled.ports)
                if port.target and symbol(port.target) in inside
            ]
    return tuple(found)


def _rates(timeline: Timeline, ports: int) -> FloatArray:
    """What flows in through each port at each mark, shape (marks, ports)."""
    now, found = np.zeros(ports), [np.zeros(ports)]
    for item in timeline.steps:
        if item.kind is Kind.RATE:
            now[item.port] += item.value
            if abs(now[item.port]) < 1e-12 * abs(item.value):
                now[item.port] = 0.0
        elif item.kind is Kind.RESET or (item.steady is not None and not item.steady.add):
            now[:] = 0.0
        found.append(now.copy())
    return np.array(found)[timeline.marks.after]
