"""What a plan gives to paths that are multiplied: each path keeps what its strategy remembers, and so do its copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine import BoundPorts, Compiled, Timeline, build
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.regimen import Act, Give, Measured, Regimen, Strategy
from pkpd_mdr.run.visits import decide
from pkpd_mdr.run.windows import Member

__all__ = ["Minds", "PathPlan", "looks_of"]

Integers = npt.NDArray[np.int64]
Minds = npt.NDArray[np.object_]  # a `Member` for each path, which is replaced and never changed
_MOST_LINES = 20_000


def looks_of(plan: Regimen | Strategy, end: float, looks: int) -> FloatArray:
    """Even times, and those of visits; a time next to a visit is left out."""
    even = np.linspace(0.0, end, looks + 1)
    visits = np.arange(0.0, end * (1 - 1e-9), plan.visit_interval) if isinstance(plan, Strategy) else even[:1]
    apart = np.abs(even[:, None] - visits).min(axis=1) > 1e-9 * end
    return np.union1d(even[apart], visits)


@dataclass(frozen=True, slots=True)
class PathPlan:
    """A regimen, or a strategy that is asked at those looks that are visits."""

    compiled: Compiled
    values: FloatArray
    plan: Regimen | Strategy
    grid: FloatArray
    measures: tuple[Measured, ...]
    same: dict[tuple[Act, ...], tuple[Act, ...]] = field(default_factory=dict)
    lines: dict[tuple[int, int], Timeline] = field(default_factory=dict)

    def begin(self, count: int) -> Minds:
        """What all paths know at time zero."""
        if isinstance(self.plan, Strategy):
            return _array([Member(self.values, None, memory=self.plan.begin())] * count)
        return _array([Member(self.values, None, active=self.plan.acts)] * count)

    def decide(self, look: int, states: FloatArray, minds: Minds, numbers: Integers, seed: int) -> Minds:
        """What paths know behind a look; errors of measurement depend on `seed`, the number of a path and the visit."""
        now = float(self.grid[look])
        if not isinstance(self.plan, Strategy) or not _is_visit(now, self.plan.visit_interval):
            return minds
        members = [
            replace(mind, state=state, number=int(number), acts=(), events=[])
            for mind, state, number in zip(minds, states, numbers, strict=True)
        ]
        decide(self.compiled, members, self.plan, now, (self.measures, seed))
        for member in members:
            member.active = self.same.setdefault(member.active, member.active)
        return _array(members)

    def timelines(self, look: int, minds: Minds) -> list[Timeline]:
        """What happens up to the next look; acts there happen in the next stretch. Equal acts share a timeline."""
        if len(self.lines) > _MOST_LINES:
            self.lines.clear()
        found, stop = [], float(self.grid[look + 1])
        for mind in minds:
            key = id(mind.active), look
            if key not in self.lines:
                acts = [Give(act) for act in mind.active if act.time <= stop]
                self.lines[key] = build(acts, BoundPorts(self.compiled, self.values[None]), stop=stop)
            found.append(self.lines[key])
        return found


def _is_visit(now: float, interval: float) -> bool:
    return round(now / interval) * interval == now


def _array(members: Sequence[Member]) -> Minds:
    found = np.empty(len(members), dtype=object)
    found[:] = members
    return found
