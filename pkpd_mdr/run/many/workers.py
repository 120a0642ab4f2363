"""Chunks through any executor of `concurrent.futures`: a bounded number at a time, and workers that die are replaced.

A worker that dies takes its chunk with it. The chunk is tried again, `retries` times; then it is given up with a
sentence and the others go on. A broken pool of processes does not say which chunk broke it, so all that were under way
are tried again one at a time in a new pool, and the one that breaks it again is known.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field

from pkpd_mdr.arguments import Kind
from pkpd_mdr.errors import PkpdMdrError, SimulationError, shown
from pkpd_mdr.run.many.study import Chunk, Part, Study, run_chunk

__all__ = ["EXECUTOR", "RETRIES", "chunk_size", "in_turn", "through"]

RETRIES = 2
"""How often a chunk is tried again after its worker died."""

_AHEAD = 256
_LARGEST_CHUNK, _SMALLEST_CHUNK = 1000, 50
_CANNOT_TRAVEL = ("pickl", "can't get local object")  # as Python says it, before and from 3.13 on
_DEAD = ("KilledWorker", "CommClosedError")  # how Dask says that a worker is gone

EXECUTOR = Kind(
    "an executor of concurrent.futures; write for example ProcessPoolExecutor(4), or client.get_executor() of Dask",
    lambda given: isinstance(given, Executor),
)


def chunk_size(members: int, executor: Executor | None) -> int:
    """Members of a work unit: large ones cost less, but each worker should get some."""
    workers = 1 if executor is None else _workers_of(executor) or 16
    return min(max(math.ceil(members / (4 * workers)), _SMALLEST_CHUNK), _LARGEST_CHUNK)


def _workers_of(executor: Executor) -> int | None:
    """How many workers a pool has, where it says so."""
    count = getattr(executor, "_max_workers", None)
    return count if isinstance(count, int) and count > 0 else None


def in_turn(study: Study, chunks: Iterable[Chunk]) -> Iterator[Part]:
    """Run chunks here, one after the other; the engine takes the threads.

    Raises
    ------
    SimulationError
        A chunk failed in a way that is no member's own.
    """
    for chunk in chunks:
        try:
            part = run_chunk(study, chunk)
        except Exception as problem:
            raise _refused(problem) from problem
        yield part


def through(executor: Executor, study: Study, chunks: Iterable[Chunk], *, retries: int = RETRIES) -> Iterator[Part]:
    """Run chunks on an executor.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    study : Study
    chunks : iterable of Chunk
        Taken as they are needed.
    retries : int
        How often a chunk is tried again after its worker died.

    Yields
    ------
    Part
        In the order in which they are finished.

    Raises
    ------
    SimulationError
        The executor takes no work, or a chunk cannot be sent or failed in a way that is no member's own.
    """
    work = _Work(executor, study, retries, iter(chunks))
    try:
        yield from work.parts()
    finally:
        work.close()


@dataclass(slots=True)
class _Work:
    """Chunks on an executor: what waits, what is under way, and whose worker died."""

    executor: Executor
    study: Study
    retries: int
    fresh: Iterator[Chunk]
    waiting: deque[Chunk] = field(default_factory=deque)
    flying: dict[Future[Part], Chunk] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    suspects: set[int] = field(default_factory=set)
    own: Executor | None = None

    @property
    def ahead(self) -> int:
        """How many chunks may be under way."""
        if self.suspects:
            return 1
        count = _workers_of(self.executor)
        return _AHEAD if count is None else 2 * count + 1

    def parts(self) -> Iterator[Part]:
        """Parts in the order in which they are done."""
        while self._submit() or self.flying:
            done, _ = wait(self.flying, return_when=FIRST_COMPLETED)
            dead = []
            for future in sorted(done, key=lambda item: self.flying[item].number):
                chunk = self.flying.pop(future)
                problem = future.exception()
                if problem is None:
                    self.suspects.discard(chunk.number)
                    yield future.result()
                elif _died(problem):
                    dead.append((chunk, problem))
                else:
                    raise _refused(problem)
            if dead:
                yield from self._again(dead)

    def _submit(self) -> bool:
        """Send as many chunks as may be under way; whether any is."""
        while len(self.flying) < self.ahead:
            chunk = self.waiting.popleft() if self.waiting else next(self.fresh, None)
            if chunk is None:
                break
            try:
                self.flying[self.executor.submit(run_chunk, self.study, chunk)] = chunk
            except BrokenExecutor:
                self.waiting.appendleft(chunk)
                self._renew()
            except RuntimeError as problem:
                raise SimulationError(f"the executor takes no work: {problem}; give one that is open") from problem
        return bool(self.flying)

    def _again(self, dead: list[tuple[Chunk, BaseException]]) -> Iterator[Part]:
        """Put chunks whose worker died back to the front, or give them up."""
        if any(isinstance(problem, BrokenExecutor) for _, problem in dead):
            # a broken pool fails all that is under way; what is not settled yet will fail the same way
            wait(self.flying)
            for future, chunk in list(self.flying.items()):
                problem = future.exception()
                if problem is not None and _died(problem):
                    del self.flying[future]
                    dead.append((chunk, problem))
            self.suspects.update(chunk.number for chunk, _ in dead)
            self._renew()
        for chunk, problem in sorted(dead, key=lambda item: -item[0].number):
            self.deaths[chunk.number] += 1
            if self.deaths[chunk.number] <= self.retries:
                self.waiting.appendleft(chunk)
                continue
            self.suspects.discard(chunk.number)
            yield Part.lost(self.study, chunk, _given_up(chunk, self.deaths[chunk.number], problem))

    def _renew(self) -> None:
        """A new pool like the broken one."""
        if not isinstance(self.executor, ProcessPoolExecutor):
            raise SimulationError(
                f"the executor, {shown(self.executor)}, is broken and cannot be replaced; give one that works"
            )
        context = getattr(self.executor, "_mp_context", None)
        if self.own is not None:
            self.own.shutdown(wait=False)
        self.executor = self.own = ProcessPoolExecutor(_workers_of(self.executor), mp_context=context)

    def close(self) -> None:
        """Give back what is under way."""
        for future in self.flying:
            future.cancel()
        if self.own is not None:
            self.own.shutdown(wait=True, cancel_futures=True)


def _died(problem: BaseException) -> bool:
    return isinstance(problem, BrokenExecutor) or any(kind.__name__ in _DEAD for kind in type(problem).__mro__)


def _given_up(chunk: Chunk, times: int, problem: BaseException) -> str:
    return (
        f"the worker died {times} times while this chunk of {len(chunk)} members ran ({type(problem).__name__}: out of "
        "memory, or a crash); use a smaller chunk=, or fewer workers with more memory each"
    )


def _refused(problem: BaseException) -> BaseException:
    """What is no fault of a member, in our own words."""
    if isinstance(problem, PkpdMdrError) or not isinstance(problem, Exception):
        return problem
    told = f"{type(problem).__name__}: {problem}"
    if any(word in told.lower() for word in _CANNOT_TRAVEL):
        found = SimulationError(
            f"the study cannot be sent to other processes ({told}); define functions of rules, endpoints and models at "
            "the top of a module, or use threads"
        )
    else:
        found = SimulationError(f"the run cannot go on ({told})")
    found.__cause__ = problem
    return found
