"""Paths that are multiplied where they get near a rare event: a pilot's levels, and estimates along its guess.

What `pkpd_mdr.run.rare` is made of, which says how it works.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine import Accuracy, Compiled, Stochastic
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.regimen import Regimen, Strategy
from pkpd_mdr.run.path_plan import Minds, PathPlan
from pkpd_mdr.run.timelines import just_before
from pkpd_mdr.run.visits import courses
from pkpd_mdr.units import Quantity, Unit

if TYPE_CHECKING:
    from pkpd_mdr.engine.stochastic.solve import Stream

__all__ = ["Pool", "Search", "Walk", "Way", "left_by_acts"]

Integers = npt.NDArray[np.int64]
_SHARE = 0.2  # of the pilot's paths that get from level to level, about
_FEW = 0.5  # effective share of the paths below which they are drawn anew


def left_by_acts(
    compiled: Compiled, values: FloatArray, start: FloatArray, plan: Regimen | Strategy, of: str, grid: FloatArray
) -> FloatArray:
    """What acts behind each look (surgery, radiation) leave of the output at once, in the mean: shape (looks + 1,).

    Those of a strategy are not known beforehand.
    """
    if isinstance(plan, Strategy) or not any(act.action == "act" for act in plan):
        return np.ones(len(grid))
    one = courses(compiled, values[None], start[None], plan, until=float(grid[-1]), times=grid, outputs=[of])[0]
    if not one.status.ok:
        return np.ones(len(grid))
    shown_twice = np.flatnonzero(np.diff(one.times) == 0)
    before, after = one.output(of)[shown_twice], one.output(of)[shown_twice + 1]
    shares = np.where((before > 0) & (after > 0), after / np.where(before > 0, before, 1.0), 1.0)
    return np.array([float(shares[one.times[shown_twice] >= time].prod()) for time in grid])


@dataclass(frozen=True, slots=True)
class Pool:
    """Where paths are: the look, the states, which populations were large there, and what a strategy remembers."""

    place: Integers
    states: FloatArray
    large: Integers
    minds: Minds

    def __len__(self) -> int:
        return len(self.place)

    def take(self, rows: Integers) -> Pool:
        """Some of them, with repeats."""
        return Pool(self.place[rows], self.states[rows], self.large[rows], self.minds[rows])


@dataclass(frozen=True, slots=True)
class Walk:
    """What paths of the pilot went through, look by look; scores are -inf before a path begins."""

    states: FloatArray
    large: Integers
    minds: Minds
    near: FloatArray
    score: FloatArray

    @staticmethod
    def empty(looks: int, states: FloatArray) -> Walk:
        """Nothing known yet."""
        scores = np.full((2, looks, len(states)), -math.inf)
        minds = np.empty((looks, len(states)), dtype=object)
        return Walk(np.zeros((looks, *states.shape)), np.zeros((looks, *states.shape), dtype=np.int64), minds, *scores)

    def put(
        self,
        look: int | Integers,
        rows: Integers,
        states: FloatArray,
        large: Integers,
        minds: Minds,
        near: FloatArray,
        score: FloatArray,
    ) -> None:
        """Where some paths are at a look."""
        self.states[look, rows], self.large[look, rows], self.minds[look, rows] = states, large, minds
        self.near[look, rows], self.score[look, rows] = near, score

    def entered(self, passed: npt.NDArray[np.bool_]) -> Pool:
        """The first look of each path that is marked, shape (looks, paths); paths without one are left out."""
        rows = np.flatnonzero(passed.any(axis=0))
        looks = passed[:, rows].argmax(axis=0)
        return Pool(looks, self.states[looks, rows], self.large[looks, rows], self.minds[looks, rows])


@dataclass(frozen=True, slots=True)
class Way:
    """What a pilot says of the way to the event: levels, shares that get from one to the next, scores where they do."""

    levels: tuple[float, ...]
    shares: tuple[float, ...]
    scores: tuple[float, ...]

    def log_chance(self, score: FloatArray) -> FloatArray:
        """Logarithm of about the chance of the event from a score; as at the start for what is farther away."""
        behind = np.append(np.cumsum(np.log(self.shares[::-1]))[::-1], 0.0)
        return np.asarray(np.interp(score, np.maximum.accumulate(self.scores), behind))


@dataclass(frozen=True, slots=True)
class Search:
    """Paths towards the event."""

    compiled: Compiled
    values: FloatArray
    given: PathPlan
    grid: FloatArray
    output: tuple[str, float]
    unit: Unit
    target: float
    left: FloatArray
    rules: Stochastic
    accuracy: Accuracy | None
    particles: int

    def start(self, state: FloatArray) -> Pool:
        """All at time zero."""
        states = np.tile(state, (self.particles, 1))
        place, large = np.zeros(self.particles, dtype=np.int64), np.full(states.shape, -1, dtype=np.int64)
        return Pool(place, states, large, self.given.begin(self.particles))

    def score(self, look: int | Integers, states: FloatArray) -> FloatArray:
        """How near each state is to the event."""
        name, sign = self.output
        times = np.array(np.broadcast_to(self.grid[look], len(states)))
        return np.asarray(sign * self.compiled.outputs([name], times, states, self.values)[:, 0])

    def near(self, look: int | Integers, states: FloatArray) -> FloatArray:
        """The same when all acts will be done: what surgery is going to take away is no step away from the event."""
        return np.asarray(self.score(look, states) * self.left[look])

    # -- the pilot -------------------------------------------------------------------------------------

    def way(self, begin: Pool) -> Way:
        """Levels that about the same share of paths gets to.

        Where no path comes nearer any more, as those that are near have no time left, the rest is guessed: each step
        costs as much as the steps before.
        """
        pool, levels, shares = begin, list[float](), list[float]()
        scores = [float(self.near(0, begin.states)[0])]
        while not levels or levels[-1] < self.target:
            key = 0, len(levels)
            walk = self._walk(pool, key)
            level = self._next(walk.near.max(axis=0))
            # the event itself is there only when it is there, whatever acts will still do
            reached = walk.entered(walk.near > level if level < self.target else walk.score > level)
            if not len(reached):
                levels.append(self.target)
                shares.append(self._guessed(scores, shares))
                scores.append(max(self.target, scores[-1]))
                break
            levels.append(level)
            shares.append(len(reached) / self.particles)
            scores.append(float(self.near(reached.place, reached.states).mean()))
            lot = np.random.default_rng(np.random.SeedSequence(self.rules.seed, spawn_key=(*key, self.particles)))
            pool = reached.take(lot.permutation(len(reached))[np.arange(self.particles) % len(reached)])
        return Way(tuple(levels), tuple(shares), tuple(scores))

    def _next(self, nearest: FloatArray) -> float:
        """The farthest level that enough paths pass, given how near each got; where too few leave their start, that."""
        reached = np.unique(nearest)
        enough = np.array([(nearest > one).mean() >= _SHARE for one in reached])
        return float(min(reached[enough][-1] if enough.any() else reached[0], self.target))

    def _guessed(self, scores: list[float], shares: list[float]) -> float:
        """About the share that would get from the last score to the event."""
        if not shares:
            name, sign = self.output
            raise SimulationError(
                f"rare_event(): no path comes nearer to the event than {name} = "
                f"{Quantity(sign * scores[0] / self.unit.factor, self.unit)} at the start; use more than "
                f"{self.particles} particles, or more looks"
            )
        far, way = self.target - scores[-1], scores[-1] - scores[0]
        return math.exp(math.log(math.prod(shares)) * max(far, 0.0) / way) if way > 0 else shares[-1]

    def _walk(self, pool: Pool, key: tuple[int, int]) -> Walk:
        """Paths from where they are to the end."""
        chances, now, everyone = self._chances(key, pool.large), pool.states.copy(), np.arange(len(pool))
        minds = pool.minds.copy()
        found = Walk.empty(len(self.grid), now)
        near, score = self.near(pool.place, now), self.score(pool.place, now)
        found.put(pool.place, everyone, now, pool.large, minds, near, score)
        for look in range(int(pool.place.min()), len(self.grid) - 1):
            going = np.flatnonzero(pool.place <= look)
            minds[going] = self.given.decide(look, now[going], minds[going], going, self._luck(key))
            ends = now[going] = self._step(look, now[going], minds[going], [chances[k] for k in going])
            large = np.array([chances[k].large for k in going])
            found.put(look + 1, going, ends, large, minds[going], self.near(look + 1, ends), self.score(look + 1, ends))
        return found

    # -- estimates -------------------------------------------------------------------------------------

    def estimate(self, begin: Pool, way: Way, repeat: int) -> tuple[float, float]:
        """One unbiased estimate of the chance, and the fewest paths that count effectively at a look."""
        count, states, minds = self.particles, begin.states, begin.minds
        chances, lot = self._chances((repeat,), begin.large), np.random.default_rng([self.rules.seed, repeat])
        at_start = before = way.log_chance(self.near(0, states))
        weights, done, total, fewest = np.zeros(count), np.zeros(count, dtype=bool), float(at_start[0]), float(count)
        for look in range(len(self.grid) - 1):
            going = np.flatnonzero(~done)
            if not len(going):
                break
            states, minds = states.copy(), minds.copy()
            minds[going] = self.given.decide(look, states[going], minds[going], going, self._luck((repeat,)))
            states[going] = self._step(look, states[going], minds[going], [chances[k] for k in going])
            score = self.score(look + 1, states[going])
            done[going[score > self.target]] = True
            now = np.zeros(count)
            now[going] = np.where(score > self.target, 0.0, way.log_chance(self.near(look + 1, states[going])))
            weights, before = weights + now - before, now
            top = weights.max()
            share = np.exp(weights - top)
            effective = float(share.sum() ** 2 / (share @ share))
            fewest = min(fewest, effective)
            if effective < _FEW * count:
                total += top + math.log(share.mean())
                places = (lot.random() + np.arange(count)) / count * share.sum()
                rows = np.minimum(np.searchsorted(np.cumsum(share), places), count - 1)
                states, minds, done, before = states[rows], minds[rows], done[rows], before[rows]
                weights = np.zeros(count)
                large = [chances[k].large for k in rows]
                for chance, flags in zip(chances, large, strict=True):
                    chance.large = None if flags is None else flags.copy()
        return math.exp(total) * float((np.exp(weights) * done).mean()), fewest

    # -- both ------------------------------------------------------------------------------------------

    def _chances(self, key: tuple[int, ...], large: Integers) -> list[Stream]:
        """A stream of random numbers for each path."""
        from pkpd_mdr.engine.stochastic.random import streams
        from pkpd_mdr.engine.stochastic.solve import Stream

        seeds = [np.random.SeedSequence(self.rules.seed, spawn_key=(*key, one)) for one in range(self.particles)]
        return [Stream(state, flags) for state, flags in zip(streams(seeds), large, strict=True)]

    def _luck(self, key: tuple[int, ...]) -> int:
        """Seed of the errors of measurement."""
        return int(np.random.SeedSequence(self.rules.seed, spawn_key=key).generate_state(1)[0])

    def _step(self, look: int, states: FloatArray, minds: Minds, chances: Sequence[Stream]) -> FloatArray:
        """From one look to the next, in one call of the engine."""
        from pkpd_mdr.engine.stochastic.solve import solve_stochastic

        count = len(states)
        solved = solve_stochastic(
            self.compiled,
            np.tile(self.values, (count, 1)),
            states,
            self.given.timelines(look, minds),
            (),
            stochastic=self.rules,
            seeds=chances,
            accuracy=self.accuracy,
            window=(just_before(self.grid[look]), just_before(self.grid[look + 1])),
            threads=1,  # stretches are short: starting threads takes longer than they do
        )
        for member in solved.members:
            if not member.status.ok:
                raise SimulationError(f"rare_event(): a path cannot go on, because {member.status.sentence}")
        return np.array([member.end for member in solved.members])
