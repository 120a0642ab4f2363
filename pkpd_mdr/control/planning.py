"""Looking ahead: courses over the next decisions, simulated for all patients and particles at once.

A course is a sequence of items of the menu, one for each decision. With m items and k decisions there are m**k; all are
followed while they are no more than m times `beam`, else after each decision only the `beam` best of a patient go on (a
beam search: exact for one decision, and for more where nothing was cut). Courses are fixed in advance, so the value of
the best is a lower bound of what deciding anew at each visit reaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pkpd_mdr.control.objectives import Objective, Outlook
from pkpd_mdr.control.swarm import Swarm, outputs
from pkpd_mdr.engine import Accuracy, Compiled
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.regimen import Act, Regimen
from pkpd_mdr.run.spans import acting
from pkpd_mdr.run.stepping import advance
from pkpd_mdr.units import Unit

__all__ = ["Planner", "ranked"]

_LANES = 200_000  # members of one call of the engine, which bounds memory
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Planner:
    """How far and how widely to look.

    Attributes
    ----------
    menu : tuple of tuple of Act
        What each item gives up to the next visit, timed from the decision.
    visit : float
        Hours between decisions.
    ahead : int
        Decisions.
    steps : int
        Visits up to the horizon; behind the last decision its item goes on.
    beam : int
    objective : Objective
    units : mapping of str to Unit
        In which the model shows what the objective needs.
    """

    menu: tuple[tuple[Act, ...], ...]
    visit: float
    ahead: int
    steps: int
    beam: int
    objective: Objective
    units: Mapping[str, Unit] = field(default_factory=dict)

    @staticmethod
    def items(regimens: Sequence[Regimen], visit: float) -> tuple[tuple[Act, ...], ...]:
        """What each regimen gives up to the next visit."""
        return tuple(tuple(regimen.between((0.0, "h"), (visit, "h"))) for regimen in regimens)

    @property
    def courses(self) -> int:
        """Courses that are simulated at most, counted once a visit ahead: members for each particle and decision."""
        total, alive = 0, 1
        for step in range(self.steps):
            alive = min(alive, self.beam) * len(self.menu) if step < self.ahead else min(alive, self._kept)
            total += alive
        return total

    @property
    def _kept(self) -> int:
        return max(self.beam, len(self.menu))

    def best(
        self,
        compiled: Compiled,
        patients: Sequence[tuple[Swarm, tuple[Act, ...]]],
        now: float,
        accuracy: Accuracy,
    ) -> list[int]:
        """The item of the menu that each patient should have next.

        Parameters
        ----------
        compiled : Compiled
        patients : sequence of (Swarm, tuple of Act)
            Equally weighted particles, and what was given and may still act.
        now : float
            Hours.
        accuracy : Accuracy

        Returns
        -------
        list of int
        """
        most = self._kept * len(self.menu) * max((len(swarm) for swarm, _ in patients), default=1)
        size = max(1, _LANES // most)
        found: list[int] = []
        for begin in range(0, len(patients), size):
            found += self._best(compiled, patients[begin : begin + size], now, accuracy)
        return found

    def _best(
        self,
        compiled: Compiled,
        patients: Sequence[tuple[Swarm, tuple[Act, ...]]],
        now: float,
        accuracy: Accuracy,
    ) -> list[int]:
        trees = [_Tree.root(compiled, swarm, acts, now, self.objective.needs) for swarm, acts in patients]
        for step in range(self.steps):
            begin = now + step * self.visit
            menu = [tuple(replace(act, time=begin + act.time) for act in acts) for acts in self.menu]
            kept = self.beam if step < self.ahead else self._kept
            trees = [tree.kept(self, kept).still(compiled, begin) for tree in trees]
            trees = [tree.branched(menu) if step < self.ahead else tree.continued(menu) for tree in trees]
            trees = _grown(compiled, trees, (begin, begin + self.visit), self.objective.needs, accuracy)
        return [int(tree.first[tree.order(self)[0]]) for tree in trees]


@dataclass(frozen=True, slots=True)
class _Tree:
    """Courses of one patient: first and last item, acts, states and what was seen on the way."""

    parameters: FloatArray
    first: tuple[int, ...]
    last: tuple[int, ...]
    acts: tuple[tuple[Act, ...], ...]
    states: FloatArray  # (courses, particles, n)
    path: FloatArray  # (courses, particles, visits, outputs)

    @staticmethod
    def root(compiled: Compiled, swarm: Swarm, acts: tuple[Act, ...], now: float, needs: tuple[str, ...]) -> _Tree:
        """Before any decision."""
        seen = outputs(compiled, needs, now, swarm.parameters, swarm.states)
        return _Tree(swarm.parameters, (-1,), (-1,), (acts,), swarm.states[None], seen[None, :, None, :])

    def still(self, compiled: Compiled, now: float) -> _Tree:
        """Every course without the acts that are over under all particles, lags and modelled lengths included."""
        every = dict.fromkeys(act for acts in self.acts for act in acts)
        going = set(acting(every, now, compiled, self.parameters))
        return replace(self, acts=tuple(tuple(act for act in acts if act in going) for acts in self.acts))

    def branched(self, menu: Sequence[tuple[Act, ...]]) -> _Tree:
        """Every course with every item of the menu."""
        pairs = [(course, item) for course in range(len(self.last)) for item in range(len(menu))]
        return self._followed(pairs, menu)

    def continued(self, menu: Sequence[tuple[Act, ...]]) -> _Tree:
        """Every course with its last item."""
        return self._followed(list(enumerate(self.last)), menu)

    def _followed(self, pairs: list[tuple[int, int]], menu: Sequence[tuple[Act, ...]]) -> _Tree:
        rows = [course for course, _ in pairs]
        return _Tree(
            self.parameters,
            tuple(item if self.first[course] < 0 else self.first[course] for course, item in pairs),
            tuple(item for _, item in pairs),
            tuple((*self.acts[course], *menu[item]) for course, item in pairs),
            self.states[rows],
            self.path[rows],
        )

    def order(self, planner: Planner) -> list[int]:
        """Courses, the best first."""
        times = planner.visit * np.arange(self.path.shape[2], dtype=np.float64)
        needs = planner.objective.needs
        outlook = Outlook(times, {name: self.path[..., place] for place, name in enumerate(needs)}, planner.units)
        scores = np.asarray(planner.objective.scores(outlook), dtype=float)
        if scores.ndim == 1:
            scores = scores[:, None]
        if scores.ndim != 2 or len(scores) != len(self.last) or np.isnan(scores).any():
            raise SimulationError(
                f"the objective {shown(planner.objective)} gives scores of shape {scores.shape} for {len(self.last)} "
                "courses; give one number a course (higher is better, no NaN), or one row of numbers"
            )
        return ranked(scores)

    def kept(self, planner: Planner, count: int) -> _Tree:
        """The best courses."""
        if len(self.last) <= count:
            return self
        rows = sorted(self.order(planner)[:count])
        return _Tree(
            self.parameters,
            tuple(self.first[row] for row in rows),
            tuple(self.last[row] for row in rows),
            tuple(self.acts[row] for row in rows),
            self.states[rows],
            self.path[rows],
        )


def ranked(scores: FloatArray) -> list[int]:
    """Rows by falling scores; keys that agree to nine digits are equal, and then the next key, or the order, decides.

    Examples
    --------
    >>> ranked(np.array([[1.0, 0.0], [1.0 + 1e-12, 3.0], [0.5, 9.0]]))
    [1, 0, 2]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size = 10.0 ** (np.floor(np.log10(np.abs(scores))) - _DIGITS)
        near = np.where((scores == 0) | ~np.isfinite(scores), scores, np.rint(scores / size) * size)
    return [int(row) for row in np.lexsort(tuple(-column for column in near.T[::-1]))]


def _grown(
    compiled: Compiled,
    trees: Sequence[_Tree],
    window: tuple[float, float],
    needs: tuple[str, ...],
    accuracy: Accuracy,
) -> list[_Tree]:
    """All courses of all patients over one visit, in one call of the engine."""
    shapes = [tree.states.shape[:2] for tree in trees]
    parameters = np.concatenate([np.tile(tree.parameters, (len(tree.last), 1)) for tree in trees])
    states = np.concatenate([tree.states.reshape(-1, tree.states.shape[2]) for tree in trees])
    # patients who are given the same share a timeline, which costs more to build than to run
    plans: dict[tuple[Act, ...], int] = {}
    numbers = [plans.setdefault(acts, len(plans)) for tree in trees for acts in tree.acts]
    plan_of = np.repeat(numbers, [size for courses, size in shapes for _ in range(courses)])
    # who fails once has no state to go on from
    going = np.isfinite(states).all(axis=1)
    ends, fine = np.full_like(states, np.nan), np.zeros(len(states), dtype=bool)
    if going.any():
        ends[going], fine[going] = advance(
            compiled, parameters[going], states[going], list(plans), plan_of[going], window, accuracy=accuracy
        )
    seen = outputs(compiled, needs, window[1], parameters, np.where(fine[:, None], ends, 0.0))
    seen = np.where(fine[:, None] & np.isfinite(seen), seen, np.inf)
    grown, place = [], 0
    for tree, (courses, size) in zip(trees, shapes, strict=True):
        part = slice(place, place + courses * size)
        place += courses * size
        values = seen[part].reshape(courses, size, 1, -1)
        path = np.concatenate([tree.path, values], axis=2)
        grown.append(replace(tree, states=ends[part].reshape(courses, size, -1), path=path))
    return grown
