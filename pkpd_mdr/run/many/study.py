"""What one worker does: a chunk of members from arrays to arrays.

A `Study` and a `Chunk` travel to threads, processes or machines; what comes back depends on nothing but them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.engine import Accuracy, Compiled, Stochastic, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError, RegimenError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Measured, Regimen, Strategy
from pkpd_mdr.run.bends import may_miss
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.endpoints import Endpoint
from pkpd_mdr.run.given import total_given
from pkpd_mdr.run.many.plans import Plan
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.run.visits import courses

__all__ = ["Chunk", "Failure", "Part", "Study", "Total", "courses_of", "run_chunk"]

Ahead = dict[int, FloatArray]
"""Hours of rows by the place of a regimen."""
_NONE = np.empty(0)
_STRICTER = 0.25  # of rtol
Total = tuple[str, float, str]
"""What was given of a drug: its name, the amount in internal units, the unit in which it is told."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a member was not finished.

    Attributes
    ----------
    time : float
        Hours; NaN for a member that did not begin.
    sentence : str
    """

    time: float
    sentence: str


@dataclass(frozen=True)
class Study:
    """What all chunks share.

    Attributes
    ----------
    model : Model
        With the areas that endpoints read.
    until : float
        Hours.
    times : ndarray, shape (k,)
        Hours of the rows that are kept.
    outputs : tuple of str
        Kept at `times`.
    endpoints : tuple of Endpoint
    given : tuple of str
        States whose starts chunks bring; the others start as the model says.
    measure : tuple of Measured
        Shown to strategies at visits, the first as the burden.
    accuracy : Accuracy
    threads : int or None
        Of the engine, in each worker.
    totals : bool
        Whether parts tell how much each member was given.
    stop : Stop or None
        Levels at which a member ends.
    seed : int
        Of the errors of measurement.
    stochastic : Stochastic or None
        Let cells divide and die by chance; each patient has a stream of its own from its seed.
    pilot : ndarray, shape (states given,), or None
        The start from which the model's own values are run first under each regimen, to see where endpoints need rows:
        other members mostly need the same, and are then solved once. None leaves it to each member.
    """

    model: Model
    until: float
    times: FloatArray
    outputs: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    given: tuple[str, ...]
    measure: tuple[Measured, ...]
    accuracy: Accuracy
    threads: int | None
    totals: bool = False
    stop: Stop | None = None
    seed: int = 0
    stochastic: Stochastic | None = None
    pilot: FloatArray | None = None

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Everything that has to be computed at rows."""
        return tuple(dict.fromkeys([*self.outputs, *(name for item in self.endpoints for name in item.needs)]))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Members of one work unit.

    Attributes
    ----------
    number : int
    parameters : ndarray, shape (members, p)
    starts : ndarray, shape (members, states given)
    plans : tuple of Regimen or Strategy
    plan_of : ndarray of int, shape (members,)
    numbers : ndarray of int, shape (members,), optional
        Of the patients: members under different plans that share one are measured with the same errors, and their cells
        divide and die by the same random numbers.
    """

    number: int
    parameters: FloatArray
    starts: FloatArray
    plans: tuple[Plan, ...]
    plan_of: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.plan_of)


@dataclass(frozen=True, slots=True)
class Part:
    """What came of a chunk, in internal units.

    Attributes
    ----------
    number : int
    values : ndarray, shape (members, times, outputs)
        NaN behind `reached`.
    reached : ndarray of int, shape (members,)
        Rows that were computed.
    endpoints : ndarray, shape (members, endpoints)
        NaN for members that failed.
    failures : dict of int to Failure
        By place in the chunk.
    ended : ndarray, shape (members,)
        Hours at which members ended, there or at a level; NaN for members that failed.
    given : dict of int to tuple of (str, float, str)
        Drug, amount and its unit: what finished members were given, by place in the chunk, if the study asks for it.
    gone : bool
        Whether the worker died; such a part is no result that a later run could go on from.
    """

    number: int
    values: FloatArray
    reached: npt.NDArray[np.int64]
    endpoints: FloatArray
    failures: dict[int, Failure]
    ended: FloatArray
    given: dict[int, tuple[Total, ...]] = field(default_factory=dict)
    gone: bool = False

    @staticmethod
    def empty(study: Study, count: int, number: int, *, gone: bool = False) -> Part:
        """Nothing computed yet."""
        return Part(
            number,
            np.full((count, len(study.times) if study.outputs else 0, len(study.outputs)), math.nan),
            np.zeros(count, dtype=np.int64),
            np.full((count, len(study.endpoints)), math.nan),
            {},
            np.full(count, math.nan),
            gone=gone,
        )

    @staticmethod
    def lost(study: Study, chunk: Chunk, sentence: str) -> Part:
        """None of the members was computed."""
        part = Part.empty(study, len(chunk), chunk.number, gone=True)
        part.failures.update(dict.fromkeys(range(len(chunk)), Failure(math.nan, sentence)))
        return part


def run_chunk(study: Study, chunk: Chunk) -> Part:
    """Simulate the members of a chunk.

    Members under regimens are solved in one call of the engine; each strategy takes one for every visit.

    Parameters
    ----------
    study : Study
    chunk : Chunk

    Returns
    -------
    Part
    """
    compiled = compile_model(study.model)
    starts = _starts(study, compiled, chunk)
    part = Part.empty(study, len(chunk), chunk.number)
    ahead = _ahead(study, compiled, chunk)
    kinds = np.array([-1 if isinstance(plan, Regimen) else k for k, plan in enumerate(chunk.plans)])[chunk.plan_of]
    for kind in np.unique(kinds).tolist():
        _run(study, compiled, chunk, starts, ahead, np.flatnonzero(kinds == kind), part)
    return part


def _starts(study: Study, compiled: Compiled, chunk: Chunk) -> FloatArray:
    starts = compiled.starts_of(chunk.parameters)
    starts[:, _places(study, compiled)] = chunk.starts
    return starts


def _places(study: Study, compiled: Compiled) -> list[int]:
    return [compiled.states.index(name) for name in study.given]


def courses_of(study: Study, chunk: Chunk) -> list[Course]:
    """The courses of the members of a chunk that has one plan.

    Parameters
    ----------
    study : Study
    chunk : Chunk

    Returns
    -------
    list of Course
    """
    compiled = compile_model(study.model)
    ahead = _ahead(study, compiled, chunk)
    return _courses(study, compiled, chunk, _starts(study, compiled, chunk), ahead, np.arange(len(chunk)))


def _ahead(study: Study, compiled: Compiled, chunk: Chunk) -> Ahead:
    """Rows that endpoints need under the regimens of a chunk, at the model's own values: whatever members it holds.

    They are found for a stricter accuracy, as members that need somewhat more would all be solved again, and once in
    each process.
    """
    if study.pilot is None or not study.endpoints or study.stochastic is not None:
        return {}
    values = np.array([item.internal for item in study.model.parameters.values()])[None]
    starts = compiled.starts_of(values)
    starts[:, _places(study, compiled)] = study.pilot
    given = study.until, study.times.tobytes(), study.needs, study.accuracy, starts.tobytes()
    plans = {place: chunk.plans[place] for place in np.unique(chunk.plan_of).tolist()}
    return {
        place: _rows_of_pilot(study.model, plan, *given) for place, plan in plans.items() if isinstance(plan, Regimen)
    }


@lru_cache(maxsize=64)
def _rows_of_pilot(
    model: Model, plan: Regimen, until: float, times: bytes, needs: tuple[str, ...], accuracy: Accuracy, start: bytes
) -> FloatArray:
    """Hours of hidden rows in a run at the model's own values; none where these cannot run, which members tell of."""
    rtol = accuracy.rtol * _STRICTER
    if may_miss(rtol) == may_miss(accuracy.rtol):
        rtol = accuracy.rtol
    values = np.array([item.internal for item in model.parameters.values()])
    options: dict[str, Any] = {"until": until, "times": np.frombuffer(times), "outputs": needs, "threads": 1}
    try:
        course = courses(
            compile_model(model),
            values[None],
            np.frombuffer(start)[None],
            plan,
            accuracy=replace(accuracy, rtol=rtol),
            **options,
        )[0]
    except PkpdMdrError:
        return _NONE
    return np.unique(course.times[~course.shown])


def _run(
    study: Study,
    compiled: Compiled,
    chunk: Chunk,
    starts: FloatArray,
    ahead: Ahead,
    chosen: npt.NDArray[np.intp],
    part: Part,
) -> None:
    """Run some members together; when that is refused, each by itself, so that only the bad ones fail."""
    try:
        ran = _courses(study, compiled, chunk, starts, ahead, chosen)
    except PkpdMdrError as problem:
        if len(chosen) == 1:
            part.failures[int(chosen[0])] = Failure(math.nan, str(problem))
            return
        for place in chosen:
            _run(study, compiled, chunk, starts, ahead, np.array([place]), part)
        return
    known: dict[tuple[int, float], tuple[Total, ...]] = {}
    for place, course in zip(chosen.tolist(), ran, strict=True):
        _read(study, part, place, course, known)


def _courses(
    study: Study, compiled: Compiled, chunk: Chunk, starts: FloatArray, ahead: Ahead, chosen: npt.NDArray[np.intp]
) -> list[Course]:
    """The courses of some members, all under regimens or all under one strategy."""
    own = [chunk.plans[place] for place in chunk.plan_of[chosen]]
    numbers = (chosen if chunk.numbers is None else chunk.numbers[chosen]).tolist()
    chance, seeds = study.stochastic, None
    if chance is not None:
        seeds = [np.random.SeedSequence(chance.seed, spawn_key=(number,)) for number in numbers]
    plan: Strategy | Sequence[Regimen] = own[0] if isinstance(own[0], Strategy) else own
    return courses(
        compiled,
        chunk.parameters[chosen],
        starts[chosen],
        plan,
        until=study.until,
        times=study.times,
        outputs=study.needs,
        accuracy=study.accuracy,
        measure=study.measure,
        fill=bool(study.endpoints),
        ahead=[ahead.get(place, _NONE) for place in chunk.plan_of[chosen].tolist()],
        threads=study.threads,
        stop=study.stop,
        seed=study.seed,
        numbers=numbers,
        stochastic=chance,
        seeds=seeds,
    )


def _read(
    study: Study, part: Part, place: int, course: Course, known: dict[tuple[int, float], tuple[Total, ...]]
) -> None:
    if study.outputs:
        rows = course.values[course.shown, : len(study.outputs)]
        part.reached[place] = len(rows)
        part.values[place, : len(rows)] = rows
    if not course.status.ok:
        part.failures[place] = Failure(course.status.time, course.status.sentence)
        return
    for k, item in enumerate(study.endpoints):
        try:
            value, sentence = item.evaluate(course), f"the endpoint {shown(item.name)} is not defined for this run"
        except PkpdMdrError:
            raise
        except Exception as problem:  # whatever a user's function may raise
            value, sentence = math.nan, f"the endpoint {shown(item.name)} raised {type(problem).__name__}: {problem}"
        if math.isnan(value):
            part.failures[place] = Failure(study.until, sentence)
            part.endpoints[place] = math.nan
            return
        part.endpoints[place, k] = value
    part.ended[place] = course.until
    if not study.totals:
        return
    key = id(course.acts), course.until
    try:
        if key not in known:
            known[key] = _totals(course)
        part.given[place] = known[key]
    except RegimenError as problem:
        part.failures[place] = Failure(course.until, str(problem))
        part.endpoints[place] = part.ended[place] = math.nan


def _totals(course: Course) -> tuple[Total, ...]:
    """What was given of each drug up to the end; members who were given the same share it."""
    drugs = dict.fromkeys(act.port for act in course.acts)
    totals = ((drug, total_given(course, drug)) for drug in drugs)
    return tuple((drug, total.internal, total.unit.text) for drug, total in totals if total is not None)
