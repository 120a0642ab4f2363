"""Chunks out, parts in: what `simulate_many` does once everything is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.regimen import Strategy
from pkpd_mdr.run.many.checkpoint import Checkpoint, fingerprint
from pkpd_mdr.run.many.members import Members, Places
from pkpd_mdr.run.many.quantiles import Counts
from pkpd_mdr.run.many.result import Many
from pkpd_mdr.run.many.study import Chunk, Failure, Part, Study
from pkpd_mdr.run.many.workers import in_turn, through
from pkpd_mdr.run.progress import Progress, reporting
from pkpd_mdr.run.result import endpoint_unit, provenance
from pkpd_mdr.units import Unit

__all__ = ["Gathering", "not_run", "parts_of_all", "with_partial"]


@dataclass(slots=True)
class Gathering:
    """One call of `simulate_many`.

    Parameters
    ----------
    study : Study
    members : Members
    time_unit : Unit
    reduce : {None, "quantiles", "endpoints"}
    size : int
        Members of a chunk.
    """

    study: Study
    members: Members
    time_unit: Unit
    reduce: str | None
    size: int
    places: list[Places] = field(init=False)
    values: FloatArray | None = field(init=False)
    reached: Places = field(init=False)
    endpoints: FloatArray = field(init=False)
    counts: tuple[Counts, ...] = field(init=False)
    failures: dict[int, Failure] = field(init=False)
    done: int = 0

    def __post_init__(self) -> None:
        count, times, outputs = len(self.members), len(self.study.times), len(self.study.outputs)
        order = np.argsort(self.members.plan_of, kind="stable")
        order = order[~np.isin(order, list(self.members.faults))] if self.members.faults else order
        self.places = [order[begin : begin + self.size] for begin in range(0, len(order), self.size)]
        self.failures = {member: Failure(math.nan, why) for member, why in self.members.faults.items()}
        self.done = len(self.failures)
        self.endpoints = np.full((count, len(self.study.endpoints)), math.nan)
        self.reached = np.zeros(count, dtype=np.int64)
        self.values, self.counts = None, ()
        if self.reduce is None:
            self.values = np.full((count, times, outputs), math.nan)
        elif self.reduce == "quantiles":
            self.counts = tuple(Counts(times * outputs) for _ in self.members.plans)

    # -- run -------------------------------------------------------------------------------------------

    def run(self, kept: Checkpoint | None, executor: Executor | None, retries: int, progress: Progress) -> Many:
        """Everything that is not kept already."""
        finished: set[int] = set()
        with reporting(progress, len(self.members)) as report:
            try:
                for part in self._parts(kept, executor, retries):
                    self._take(part)
                    finished.add(part.number)
                    if report(self.done, len(self.members)) is False:
                        raise SimulationError(f"stopped by progress= after {self.done} of {len(self.members)} members")
            except BaseException as problem:
                stopped = self._stopped(finished, problem)
                if stopped is problem:
                    raise
                raise stopped from problem
        many = self._result()
        if len(self.failures) == len(self.members):
            first = min(self.failures)
            raise SimulationError(
                f"none of {len(self.members)} members was finished; member {first}: {self.failures[first].sentence}",
                partial=many,
            )
        return many

    def _parts(self, kept: Checkpoint | None, executor: Executor | None, retries: int) -> Iterator[Part]:
        sizes = [len(places) for places in self.places]
        return parts_of_all(self.study, sizes, self.chunk, kept, executor, retries)

    def chunk(self, number: int) -> Chunk:
        """The members of a work unit, as arrays."""
        members, chosen = self.members, self.places[number]
        own = np.array([part.internal for part in self.study.model.parameters.values()], dtype=float)
        parameters = members.values(chosen, own, list(self.study.model.parameters))
        used, plan_of = np.unique(members.plan_of[chosen], return_inverse=True)
        plans = list(members.plans.values())
        starts = members.starts.values[members.start_of[chosen]]
        numbers = members.row_of[chosen] * len(members.starts.values) + members.start_of[chosen]
        numbers = numbers * members.replicates + members.replicate_of[chosen]
        return Chunk(number, parameters, starts, tuple(plans[k] for k in used), plan_of, numbers)

    def _take(self, part: Part) -> None:
        places = self.places[part.number]
        self.done += len(places)
        self.endpoints[places], self.reached[places] = part.endpoints, part.reached
        self.failures.update({int(places[k]): failure for k, failure in part.failures.items()})
        if self.values is not None:
            self.values[places] = part.values
        elif self.counts:
            finished = np.setdiff1d(np.arange(len(places)), list(part.failures))
            plan_of = self.members.plan_of[places[finished]]
            flat = part.values[finished].reshape(len(finished), -1)
            for plan in np.unique(plan_of).tolist():
                self.counts[plan].add(flat[plan_of == plan])

    def _stopped(self, finished: set[int], problem: BaseException) -> BaseException:
        """The exception to raise, with what was computed."""
        told = not_run(problem)
        for number, places in enumerate(self.places):
            if number not in finished:
                self.failures.update(dict.fromkeys(places.tolist(), Failure(math.nan, told)))
        return with_partial(problem, self._result(), self.done, len(self.members))

    # -- after -----------------------------------------------------------------------------------------

    def _result(self) -> Many:
        study = self.study
        units = [endpoint_unit(item, study.model, self.time_unit) for item in study.endpoints]
        outputs = {name: study.model.outputs[name].unit for name in study.outputs}
        if self.values is not None:
            self.values /= np.array([unit.factor for unit in outputs.values()])
        return Many(
            members=self.members.table,
            times=study.times / self.time_unit.factor,
            time_unit=self.time_unit,
            outputs=outputs,
            values=self.values,
            reached=self.reached,
            counts=self.counts,
            endpoint_items=study.endpoints,
            endpoint_units=tuple(units),
            endpoint_values=self.endpoints / np.array([unit.factor for unit in units]),
            failures=dict(sorted(self.failures.items())),
            settings={
                "reduce": self.reduce,
                "chunk": self.size,
                "replicates": self.members.replicates,
                "measure": ", ".join(look.output for look in study.measure),
            },
            provenance=self._provenance(),
        )

    def _provenance(self) -> dict[str, Any]:
        accuracy = self.study.accuracy
        return {
            **provenance(),
            "model": self.study.model.content_hash,
            "rtol": accuracy.rtol,
            "atol": accuracy.atol,
            "method": accuracy.method,
            "seed": self.study.seed,
            **({} if self.study.stochastic is None else {"stochastic": asdict(self.study.stochastic)}),
        }

    def content(self) -> dict[str, str]:
        """What the numbers depend on, by name, for checkpoints."""
        study, members = self.study, self.members
        return {
            "model": study.model.content_hash,
            "regimens": fingerprint(
                [plan if isinstance(plan, Strategy) else plan.acts for plan in members.plans.values()]
            ),
            "parameters": fingerprint([members.parameters.names, members.parameters.values]),
            "starts": fingerprint([members.starts.names, members.starts.values]),
            "members": fingerprint([members.plan_of, members.row_of, members.start_of]),
            "until": repr(study.until),
            "times": fingerprint(study.times),
            "outputs": ", ".join(study.outputs),
            "endpoints": fingerprint(study.endpoints),
            "measure": repr(study.measure),
            "stop": repr(study.stop),
            "accuracy": fingerprint(study.accuracy),
            "seed": repr(self.study.seed),
            "stochastic": repr(study.stochastic),
            "chunk": str(self.size),
            "versions": ", ".join(f"{name} {version}" for name, version in provenance().items()),
        }


def not_run(problem: BaseException) -> str:
    """What is said of a member that was not reached."""
    return f"not run: {str(problem) or type(problem).__name__}"


def with_partial(problem: BaseException, partial: object, done: int, total: int) -> BaseException:
    """The exception to raise where members ended before their time, with what was computed as ``.partial``.

    Parameters
    ----------
    problem : BaseException
        What ended them; an interrupt stays what it is.
    partial : object
        The result so far.
    done, total : int
        Members.
    """
    if isinstance(problem, SimulationError):
        problem.partial = partial
        return problem
    if isinstance(problem, Exception):
        return SimulationError(f"the run cannot go on ({type(problem).__name__}: {problem})", partial=partial)
    problem.add_note(f"{done} of {total} members are done; they are in .partial of this exception")
    setattr(problem, "partial", partial)  # noqa: B010  KeyboardInterrupt has no such attribute of its own
    return problem


def parts_of_all(
    study: Study,
    sizes: Sequence[int],
    chunk: Callable[[int], Chunk],
    kept: Checkpoint | None,
    executor: Executor | None,
    retries: int,
) -> Iterator[Part]:
    """The parts of all chunks: those that a checkpoint keeps, then the others as they are finished.

    Parameters
    ----------
    study : Study
    sizes : sequence of int
        Members of each chunk.
    chunk : callable
        From the number of a chunk to the chunk.
    kept : Checkpoint or None
        Where finished parts go.
    executor : Executor or None
        None runs them here.
    retries : int
        After the death of a worker.
    """
    todo = []
    for number, size in enumerate(sizes):
        part = None if kept is None else kept.load(number)
        if part is None or not _fits(study, part, size):
            todo.append(number)
        else:
            yield part
    chunks = (chunk(number) for number in todo)
    fresh = in_turn(study, chunks) if executor is None else through(executor, study, chunks, retries=retries)
    for part in fresh:
        if kept is not None and not part.gone:
            kept.save(part)
        yield part


def _fits(study: Study, part: Part, size: int) -> bool:
    """Whether a kept part has the shape that it has to have."""
    empty = Part.empty(study, size, part.number)
    names = ("values", "reached", "endpoints", "ended")
    return all(getattr(part, name).shape == getattr(empty, name).shape for name in names)
