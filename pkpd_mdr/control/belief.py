"""What is known of a patient between visits: particles carried along under what was given, updated by what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from zlib import crc32

import numpy as np

from pkpd_mdr.control.filters import Filter
from pkpd_mdr.control.swarm import Space, Swarm, healed
from pkpd_mdr.engine import Accuracy, Compiled, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Measured, Visit
from pkpd_mdr.run.many.ensemble import side_by_side
from pkpd_mdr.run.spans import acting
from pkpd_mdr.run.stepping import advance

__all__ = ["BELIEF_ACCURACY", "Learner", "Mind", "seen_at"]

BELIEF_ACCURACY = Accuracy(rtol=1e-5)
"""Of particles, whose own spread is far larger."""


@dataclass(frozen=True, slots=True)
class Mind:
    """Belief of one patient at a visit.

    Attributes
    ----------
    swarm : Swarm
    time : float
        Hours.
    acts : tuple of Act
        Given, and still acting under some particle at the last visit.
    visit : int
        Number of the last visit that was assimilated; -1 for none.
    note : str
        What the filter had to tell of it.
    """

    swarm: Swarm
    time: float = 0.0
    acts: tuple[Act, ...] = ()
    visit: int = -1
    note: str = ""

    def given(self, acts: tuple[Act, ...], compiled: Compiled) -> Mind:
        """The same with further acts; what no longer acts under any particle is left out."""
        return replace(self, acts=(*acting(self.acts, self.time, compiled, self.swarm.parameters), *acts))

    def instead(self, decided: tuple[Act, ...], acts: tuple[Act, ...]) -> Mind:
        """The same where other acts were given than the last ones that `given` took."""
        return replace(self, acts=(*self.acts[: len(self.acts) - len(decided)], *acts))


@dataclass(frozen=True)
class Learner:
    """Everything that assimilation needs and that does not change from visit to visit.

    Attributes
    ----------
    model : Model
    rows : ndarray, shape (particles, p)
        What is believed before anything was measured.
    varied : tuple of str
    looks : tuple of Measured
        What is measured at visits, with its errors.
    filter : Filter
    seed : int
    accuracy : Accuracy
    """

    model: Model
    rows: FloatArray
    varied: tuple[str, ...]
    looks: tuple[Measured, ...]
    filter: Filter
    seed: int = 0
    accuracy: Accuracy = BELIEF_ACCURACY

    @cached_property
    def compiled(self) -> Compiled:
        """Of the model."""
        return compile_model(self.model)

    @cached_property
    def space(self) -> Space:
        """The scale on which particles move."""
        return Space.of(self.model, self.compiled, self.varied)

    @cached_property
    def exactness(self) -> Accuracy:
        """Of the engine."""
        return side_by_side(self.compiled, self.accuracy)

    def __getstate__(self) -> dict[str, object]:
        """What travels to a worker: compiled forms are made there."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def fresh(self) -> Mind:
        """Before the first visit."""
        even = np.full(len(self.rows), 1.0 / len(self.rows))
        return Mind(Swarm(self.rows, self.compiled.starts_of(self.rows), even))

    def carried(self, minds: Sequence[Mind], time: float) -> list[Mind]:
        """All patients' particles up to a visit, in one call of the engine for those at one time."""
        found = list(minds)
        for since in sorted({mind.time for mind in minds if mind.time < time}):
            chosen = [place for place, mind in enumerate(minds) if mind.time == since]
            swarms = [minds[place].swarm for place in chosen]
            sizes = [len(swarm) for swarm in swarms]
            states, fine = advance(
                self.compiled,
                np.concatenate([swarm.parameters for swarm in swarms]),
                np.concatenate([swarm.states for swarm in swarms]),
                [minds[place].acts for place in chosen],
                np.repeat(np.arange(len(chosen)), sizes),
                (since, time),
                accuracy=self.exactness,
            )
            ends = np.cumsum(sizes)
            for place, swarm, end in zip(chosen, swarms, ends.tolist(), strict=True):
                part = slice(end - len(swarm), end)
                now = healed(swarm, states[part], fine[part])
                note = (
                    "" if now is not None else "no particle could be simulated up to the visit; the belief stood still"
                )
                found[place] = replace(minds[place], swarm=now or swarm, time=time, note=note)
        return found

    def updated(self, mind: Mind, time: float, visit: int, seen: Sequence[tuple[Measured, float]]) -> Mind:
        """A patient's belief after what was seen at a visit.

        Random numbers depend on the seed and on what was seen alone, so that a patient's course does not depend on
        the others, nor on chunks or executors.
        """
        if not seen:
            return replace(mind, visit=visit)
        key = crc32(np.array([value for _, value in seen]).tobytes())
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, visit, key])))
        swarm, note = self.filter.update(self.space, mind.swarm, time, seen, rng)
        return replace(mind, swarm=swarm, visit=visit, note="; ".join(part for part in (mind.note, note) if part))


def seen_at(visit: Visit, looks: Sequence[Measured]) -> list[tuple[Measured, float]]:
    """What was measured of each output at a visit; the one that is not among the others is its burden."""
    others = {name: values[-1] for name, values in visit.others}
    return [(look, others.get(look.output, visit.burden)) for look in looks if look.output not in visit.missed]
