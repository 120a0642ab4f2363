"""The arms of a comparison on their way: chunks of members out, parts in, put side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd

from pkpd_mdr.compare.arms import Plan, named
from pkpd_mdr.compare.draws import Members
from pkpd_mdr.compare.fairness import Matching
from pkpd_mdr.compare.null import Null, NullTumour
from pkpd_mdr.compare.remarks import notes_of
from pkpd_mdr.compare.result import Comparison
from pkpd_mdr.compare.statistics import quantile
from pkpd_mdr.compare.values import Arm, Failure, Settings
from pkpd_mdr.engine import Accuracy, Stochastic, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Measured, Regimen, Strategy
from pkpd_mdr.run import Endpoint, start_vector, with_needed
from pkpd_mdr.run.endpoints import check_endpoint
from pkpd_mdr.run.given import total_of
from pkpd_mdr.run.many.checkpoint import Checkpoint, fingerprint
from pkpd_mdr.run.many.gather import not_run, parts_of_all, with_partial
from pkpd_mdr.run.many.members import Places
from pkpd_mdr.run.many.study import Chunk, Part, Study, courses_of
from pkpd_mdr.run.many.workers import RETRIES, chunk_size
from pkpd_mdr.run.progress import Progress, reporting
from pkpd_mdr.run.result import endpoint_unit, provenance
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.units import Quantity, QuantityLike, Unit, conversion

__all__ = ["Elsewhere", "Running"]

Blocks = list[tuple[str, Places]]  # arm and members of each chunk

_GRID = 240
_ARM = 30  # bits that leave room for a thousand million members below the name of an arm


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Where members run and what is told of it.

    Attributes
    ----------
    executor : Executor or None
    retries : int
    progress : bool or callable
    folder : Path or None
        Of a checkpoint.
    """

    executor: Executor | None = None
    retries: int = RETRIES
    progress: Progress = False
    folder: Path | None = None

    def inside(self, name: str) -> Elsewhere:
        """The same with a part of the checkpoint's folder, if there is one."""
        return self if self.folder is None else replace(self, folder=self.folder / name)


@dataclass(frozen=True)
class Running:
    """Everything that the arms share.

    Attributes
    ----------
    model : Model
        With what endpoints and a null test read.
    members : Members
        Draws of parameters.
    start : mapping or None
        Of states.
    endpoints : tuple of Endpoint
    length : Quantity
        How long runs last.
    looks : tuple of Measured
    accuracy : Accuracy
    stop : Stop or None
    stochastic : Stochastic or None
    replicates : int
    luck : {"patient", "arm"}
    seed : int
    null : NullTumour or None
    """

    model: Model
    members: Members
    start: Mapping[str, QuantityLike] | None
    endpoints: tuple[Endpoint, ...]
    length: Quantity
    looks: tuple[Measured, ...]
    accuracy: Accuracy
    stop: Stop | None = None
    stochastic: Stochastic | None = None
    replicates: int = 1
    luck: str = "patient"
    seed: int = 0
    null: NullTumour | None = None

    def reading(self, *endpoints: Endpoint) -> Running:
        """The same runs for other endpoints; `SimulationError` where the model cannot give one."""
        needs = [name for item in endpoints for name in item.needs]
        full = with_needed(self.model, needs)
        for item in endpoints:
            check_endpoint(item, compile_model(full).expression, full)
        return replace(self, model=full, endpoints=endpoints)

    def beside(self, null: NullTumour) -> Running:
        """The same runs with an idle tumour in them."""
        return replace(self, model=null.beside(self.model), null=null)

    @cached_property
    def values(self) -> FloatArray:
        """Parameters of each draw, shape (draws, p)."""
        return self.members.on(self.model).values

    @cached_property
    def starts(self) -> FloatArray:
        """Where each draw starts, shape (draws, states)."""
        compiled = compile_model(self.model)
        return np.array([start_vector(self.model, compiled, row, self.start) for row in self.values])

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Of the endpoints."""
        return tuple(endpoint_unit(item, self.model, self.length.unit) for item in self.endpoints)

    @cached_property
    def times(self) -> FloatArray:
        """The common grid, in hours."""
        return np.linspace(0.0, self.length.internal, _GRID + 1)

    @property
    def measure(self) -> str:
        """The output that is drawn."""
        return self.looks[0].output

    @property
    def shows_burden(self) -> bool:
        """Whether the model has a burden to draw."""
        return self.measure in self.model.outputs

    @property
    def count(self) -> int:
        """Members of each arm."""
        return len(self.values) * self.replicates

    # -- run -------------------------------------------------------------------------------------------

    def arms(self, plans: Mapping[str, Plan], where: Elsewhere) -> dict[str, Arm]:
        """Run all arms for all draws and read their endpoints."""
        for name, plan in plans.items():
            self._addable(name, plan)
        blocks = self._blocks(plans, where)
        return self._sorted(plans, blocks, list(self._parts(plans, blocks, where)))

    def compared(
        self,
        plans: Mapping[str, Plan],
        where: Elsewhere,
        matching: Matching | None,
        settings: Settings,
        model: Model,
    ) -> Comparison:
        """Run all arms and put them side by side.

        Raises
        ------
        SimulationError
            It cannot go on, or no draw was finished by all arms; what was computed is in ``error.partial``, of a
            `KeyboardInterrupt` too.
        """
        for name, plan in plans.items():
            self._addable(name, plan)
        blocks, parts = self._blocks(plans, where), list[Part]()
        try:
            for part in self._parts(plans, blocks, where):
                parts.append(part)  # one by one: what came before an exception is kept
        except BaseException as problem:
            so_far = self._sorted(plans, blocks, parts, not_run(problem))
            partial = self.comparison(so_far, plans, matching, settings, model)
            stopped = with_partial(problem, partial, sum(len(part.ended) for part in parts), len(plans) * self.count)
            if stopped is problem:
                raise
            raise stopped from problem
        found = self.comparison(self._sorted(plans, blocks, parts), plans, matching, settings, model)
        if not found.kept.any():
            first = found.failures[0]
            raise SimulationError(
                f"no draw was finished by all arms; arm {shown(first.arm)}, draw {first.draw}: {first.sentence}",
                partial=found,
            )
        return found

    def _parts(self, plans: Mapping[str, Plan], blocks: Blocks, where: Elsewhere) -> Iterator[Part]:
        """Parts as they are finished."""
        study = self._study(where.executor)
        kept = None if where.folder is None else Checkpoint.open(where.folder, self._content(study, plans, blocks))
        done, total = 0, len(plans) * self.count
        with reporting(where.progress, total) as report:
            for part in parts_of_all(
                study,
                [len(block) for _, block in blocks],
                lambda number: self._chunk(number, plans, *blocks[number]),
                kept,
                where.executor,
                where.retries,
            ):
                yield part
                done += len(part.ended)
                if report(done, total) is False:
                    again = "; the checkpoint keeps them" if kept else ""
                    raise SimulationError(f"stopped by progress= after {done} of {total} members{again}")

    def _sorted(self, plans: Mapping[str, Plan], blocks: Blocks, parts: list[Part], why: str = "") -> dict[str, Arm]:
        """Parts in their places, whatever the order in which they were finished; of those that lack, why."""
        found, known = {name: self._empty() for name in plans}, {part.number: part for part in parts}
        for number, (name, block) in enumerate(blocks):
            if number in known:
                self._take(found[name], name, block, known[number])
                continue
            places = (divmod(int(member), self.replicates) for member in block)
            found[name].failures.extend(Failure(name, draw, why, replicate) for draw, replicate in places)
        return found

    def _addable(self, name: str, plan: Plan) -> None:
        """Raise `RegimenError` where the amounts of an arm cannot be added up."""
        if isinstance(plan, Regimen):
            for port in plan.ports:
                try:
                    total_of(plan.acts, port, self.length.internal)
                except RegimenError as problem:
                    raise named(name, problem) from problem

    def _study(self, executor: Executor | None) -> Study:
        values = np.array([item.internal for item in self.model.parameters.values()])
        pilot = start_vector(self.model, compile_model(self.model), values, self.start)
        return Study(
            self.model,
            self.length.internal,
            self.times,
            (self.measure,) if self.shows_burden else (),
            (*self.endpoints, *(self.null.endpoints if self.null else ())),
            compile_model(self.model).states,
            self.looks,
            self.accuracy,
            threads=None if executor is None else 1,
            totals=True,
            stop=self.stop,
            seed=self.seed,
            stochastic=self.stochastic,
            pilot=pilot if self.count > 1 else None,
        )

    def _blocks(self, plans: Mapping[str, Plan], where: Elsewhere) -> Blocks:
        """Arm and members of each chunk, the same for a checkpoint that goes on.

        All arms treat some members before the next ones come, so that what is done at any time can be compared.
        """
        kept = None if where.folder is None else Checkpoint.chunk_of(where.folder)
        size = kept or chunk_size(len(plans) * self.count, where.executor)
        members = np.arange(self.count)
        return [(name, members[begin : begin + size]) for begin in range(0, len(members), size) for name in plans]

    def _chunk(self, number: int, plans: Mapping[str, Plan], name: str, block: Places) -> Chunk:
        """Some members of one arm; a number stands for the luck of a patient, in all arms or in this one."""
        draws = block // self.replicates
        numbers = block + (crc32(name.encode()) << _ARM) if self.luck == "arm" else block
        return Chunk(number, self.values[draws], self.starts[draws], (plans[name],), np.zeros_like(block), numbers)

    def _empty(self) -> Arm:
        count, null = self.count, len(self.null.endpoints) if self.null else 0
        values = np.full((count, len(self.endpoints) + null), math.nan)
        return Arm(values, np.full(count, math.nan), np.full((count, _GRID + 1), math.nan))

    def _take(self, arm: Arm, name: str, block: Places, part: Part) -> None:
        """Put a part in its place; what failed has no value."""
        for place, failure in sorted(part.failures.items()):
            draw, replicate = divmod(int(block[place]), self.replicates)
            arm.failures.append(Failure(name, draw, failure.sentence, replicate))
        fine = np.setdiff1d(np.arange(len(block)), list(part.failures))
        factors = [*(unit.factor for unit in self.units), *([1.0] * (arm.values.shape[1] - len(self.units)))]
        arm.values[block[fine]] = part.endpoints[fine] / factors
        arm.ended[block[fine]] = part.ended[fine] / self.length.unit.factor
        if self.shows_burden:
            arm.burden[block[fine]] = part.values[fine, :, 0] / self.model.outputs[self.measure].unit.factor
        for place in fine.tolist():
            totals = part.given.get(place, ())
            arm.treated += bool(totals)
            for drug, amount, unit in totals:
                arm.given.setdefault(drug, []).append(Quantity(amount / Unit.of(unit).factor, Unit.of(unit)))

    def _content(self, study: Study, plans: Mapping[str, Plan], blocks: Blocks) -> dict[str, str]:
        """What the numbers depend on, by name, for checkpoints."""
        given = {name: plan if isinstance(plan, Strategy) else plan.acts for name, plan in plans.items()}
        return {
            "model": self.model.content_hash,
            "arms": fingerprint(given),
            "order of chunks": "arms in turn",
            "parameters": fingerprint(self.values),
            "starts": fingerprint(self.starts),
            "replicates": repr(self.replicates),
            "luck": self.luck,
            "until": repr(study.until),
            "endpoints": fingerprint(study.endpoints),
            "measure": repr(study.measure),
            "stop": repr(study.stop),
            "stochastic": repr(study.stochastic),
            "accuracy": fingerprint(study.accuracy),
            "seed": repr(self.seed),
            "chunk": str(len(blocks[0][1])),
            "versions": ", ".join(f"{name} {version}" for name, version in provenance().items()),
        }

    def acts(self, name: str, plan: Plan, members: Places) -> list[tuple[Act, ...]]:
        """What some members of an arm are given and when: they are run again, with the same luck."""
        chunk = self._chunk(0, {name: plan}, name, members)
        return [course.acts for course in courses_of(self._study(None), chunk)]

    # -- after -----------------------------------------------------------------------------------------

    def comparison(
        self,
        found: Mapping[str, Arm],
        plans: Mapping[str, Plan],
        matching: Matching | None,
        settings: Settings,
        model: Model,
    ) -> Comparison:
        """Put the arms side by side."""
        failures = tuple(failure for arm in found.values() for failure in arm.failures)
        everything = np.stack([arm.values for arm in found.values()])
        values = np.ascontiguousarray(everything[:, :, : len(self.endpoints)])
        unit = self.model.outputs[self.measure].unit if self.shows_burden else Unit.of("")
        return Comparison(
            arms=tuple(found),
            endpoints=self.endpoints,
            units=self.units,
            values=values,
            ends=np.stack([arm.ended for arm in found.values()]),
            parameters=self.members.frame(self.model),
            failures=failures,
            given=_given_table(self.model, found, matching, settings.confidence),
            matching=matching,
            plans=dict(plans),
            until=self.length,
            times=self.times / self.length.unit.factor,
            burden=np.stack([arm.burden for arm in found.values()]),
            burden_unit=unit,
            settings=settings,
            notes=(*notes_of(found, self.endpoints, values, settings, matching), *self._overridden()),
            provenance=self._provenance(settings),
            model=model,
            running=self,
            null=self._null(found, everything[:, :, len(self.endpoints) :], settings),
        )

    def _overridden(self) -> list[str]:
        """Draws of starts that `start` gives otherwise, one sentence for each state."""
        notes = []
        for name in (name for name in self.start or () if name in self.model.states):  # others are refused elsewhere
            wanted = {str(symbol) for symbol in self.model.states[name].start.free_symbols}
            if drawn := [parameter for parameter in self.members.varied if parameter in wanted]:
                notes.append(
                    f"{name} starts as start= says, in every draw, whatever the draws of {', '.join(drawn)} say"
                )
        return notes

    def _null(self, found: Mapping[str, Arm], read: FloatArray, settings: Settings) -> Null | None:
        if self.null is None or np.isnan(read).any(axis=(0, 2)).all():
            return None
        reference = settings.reference or next(iter(found))
        ended = np.stack([arm.ended for arm in found.values()]) * self.length.unit.factor
        return self.null.told(tuple(found), reference, read, ended, settings.confidence)

    def _provenance(self, settings: Settings) -> dict[str, object]:
        return {
            **provenance(),
            "model": self.model.content_hash,
            "rtol": self.accuracy.rtol,
            "atol": self.accuracy.atol,
            "method": self.accuracy.method,
            "seed": settings.seed,
            **({} if self.stochastic is None else {"stochastic": asdict(self.stochastic)}),
        }


def _given_table(model: Model, found: Mapping[str, Arm], matching: Matching | None, confidence: float) -> pd.DataFrame:
    """One row per arm and drug: what was given, and what matching did to it.

    A drug is told in the unit of the first arm that gives it, by its molar mass where another counts amounts.
    """
    masses = {port.name: port.molar_mass for port in model.ports}
    units: dict[str, Unit] = {}
    factors = {(row.arm, row.drug): row.factor for row in matching.rows} if matching else {}
    tail = (1 - confidence) / 2
    rows = []
    for name, arm in found.items():
        for port, totals in arm.given.items():
            unit, own = units.setdefault(port, totals[0].unit), totals[0].unit
            factor = conversion(own, unit, masses.get(port))
            if factor is None:
                unit, factor = own, 1.0
            untreated = int(np.isfinite(arm.ended).sum()) - len(totals)
            amounts = np.array([factor * total.internal / unit.factor for total in totals] + [0.0] * untreated)
            rows.append(
                {
                    "arm": name,
                    "drug": port,
                    "unit": unit.text,
                    "median": quantile(amounts, 0.5),
                    "lower": quantile(amounts, tail),
                    "upper": quantile(amounts, 1 - tail),
                    "factor": factors.get((name, port), 1.0),
                }
            )
    columns = ["arm", "drug", "unit", "median", "lower", "upper", "factor"]
    return pd.DataFrame(rows, columns=columns).set_index(["arm", "drug"])
