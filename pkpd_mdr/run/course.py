"""What one member went through: the layer between the engine and all who read a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pkpd_mdr.engine import Status
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.regimen import Act, Visit
from pkpd_mdr.run.timelines import Flags

__all__ = ["Course", "Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run: an act, or what a strategy decided at a visit."""

    time: float
    what: str


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """One member's way through time, in internal units.

    Attributes
    ----------
    times : ndarray, shape (k,)
        Hours; a time of an act stands twice, before and after it.
    shown : ndarray of bool, shape (k,)
        Rows that the user asked for: the value before an act.
    outputs : tuple of str
    values : ndarray, shape (k, outputs)
    acts : tuple of Act
        What was given, at times of the run.
    events : tuple of Event
    until : float
        Hours up to which the run was asked for, or to which it went where a level of `Stop` ended it.
    status : Status
    stopped : bool
        Whether a level of `Stop` ended it.
    visit : Visit or None
        The last visit of a strategy, with everything that was measured.
    measured : tuple of str
        Outputs that visits show, the burden first.
    number : int
        Of the patient, on which its luck depends.
    by_chance : bool
        Whether it is a path of whole cells, whose slopes say where it tends and not where it goes.
    finer : callable or None
        What gives the same course with the rows that it lacks; None where it lacks none.
    """

    times: FloatArray
    shown: Flags
    outputs: tuple[str, ...]
    values: FloatArray
    acts: tuple[Act, ...]
    events: tuple[Event, ...]
    until: float
    status: Status
    stopped: bool = False
    visit: Visit | None = None
    measured: tuple[str, ...] = ()
    number: int = 0
    by_chance: bool = False
    finer: Callable[[], Course] | None = None

    def output(self, name: str) -> FloatArray:
        """One output at all rows, shape (k,)."""
        return np.asarray(self.values[:, self.outputs.index(name)])

    def between(self) -> Course:
        """The course with rows near enough for cubics between them; where some were left out, it is solved again."""
        return self if self.finer is None else self.finer()
