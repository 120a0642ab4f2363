"""`compare`: arms by parameter draws, as one ensemble per arm."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import NUMBER, TABLE, TEXT, listed, takes
from pkpd_mdr.compare.arms import Plan, named, read_arms
from pkpd_mdr.compare.draws import Drawn, Members, read_draws
from pkpd_mdr.compare.fairness import Matching, match
from pkpd_mdr.compare.result import Comparison, Failure, Settings
from pkpd_mdr.compare.statistics import quantile, same
from pkpd_mdr.engine import Accuracy, Compiled, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Measured, Strategy
from pkpd_mdr.run import Endpoint, endpoint, start_vector, with_exposure
from pkpd_mdr.run.course import total_of
from pkpd_mdr.run.endpoints import check_endpoint
from pkpd_mdr.run.many.members import Places
from pkpd_mdr.run.many.study import Chunk, Part, Study
from pkpd_mdr.run.many.workers import EXECUTOR, chunk_size, in_turn, through
from pkpd_mdr.run.measuring import MEASURE, SEED, Measure, read_measures
from pkpd_mdr.run.result import endpoint_unit, provenance, shown_unit
from pkpd_mdr.run.simulate import ACCURACY, MODEL
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

__all__ = ["compare"]

_LOG = logging.getLogger("pkpd_mdr")
_USUAL = ("time_to_progression", "resistant_share")
_GRID = 240


@takes(
    SimulationError,
    model=MODEL,
    start=TABLE,
    primary=TEXT,
    fair=TEXT,
    reference=TEXT,
    measure=MEASURE,
    level=NUMBER,
    seed=SEED,
    accuracy=ACCURACY,
    executor=EXECUTOR,
)
def compare(
    model: Model,
    arms: Mapping[str, Plan],
    *,
    until: QuantityLike,
    parameters: Drawn = None,
    start: Mapping[str, QuantityLike] | None = None,
    endpoints: Sequence[str | Endpoint] | None = None,
    primary: str | None = None,
    fair: str | None = None,
    reference: str | None = None,
    measure: Measure = "burden",
    level: float = 0.95,
    seed: int = 0,
    accuracy: Accuracy | None = None,
    executor: Executor | None = None,
) -> Comparison:
    """Compare regimens and strategies on the same parameter draws.

    Parameters
    ----------
    model : Model
    arms : mapping of str to Regimen or Strategy
        What is compared, by name.
    until : str
        How long each run lasts, such as ``"3 year"``; its unit is the time unit of the result.
    parameters : DataFrame, ``fit.draws(500)``, or sequence of mappings, optional
        Draws of parameters in the units of the model; every arm sees the same ones. Left out: the model's own values,
        one draw, no interval.
    start : mapping of str to quantity, optional
        State name to start value; other states start as the model says.
    endpoints : sequence of str or Endpoint, optional
        See `pkpd_mdr.endpoint`. Time to progression and, where a clone is resistant, the resistant share if left out.
    primary : str, optional
        The endpoint that plots and `Comparison.best` take by default; the first one if left out.
    fair : {"total_dose", "auc"}, optional
        Give every arm the planned total dose, or the area under the concentration at the model's parameter values
        (from 0 to `until`), that the first arm has; doses are scaled and the factors shown. Refused where that is
        impossible.
    reference : str, optional
        The arm that differences are taken to; for each endpoint the best arm if left out.
    measure : str, Measured, or sequence of them
        The outputs that strategies are shown at visits, the first as the burden: exactly, or as ``measured(...)`` says.
    level : float
        Of the intervals.
    seed : int
        Of the errors of measurement at visits, 0 or more; all arms measure a draw with the same luck.
    accuracy : Accuracy, optional
    executor : concurrent.futures.Executor, optional
        Where members run, as in `pkpd_mdr.simulate_many`; the comparison is the same to the last bit.

    Returns
    -------
    Comparison

    Raises
    ------
    RegimenError
        No arm, an arm for a drug that the model lacks, arms that cannot be matched; the arm is named.
    SimulationError
        An unknown endpoint, one that the model cannot give, or no member that all arms finished.
    DataError
        Draws with an unknown column or an impossible value.
    UnitError
        `until` has no unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(
    ...     mdr.medium("dox", unit="nM"),
    ...     mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6),
    ...     mdr.kill("dox", on="S", slope="0.01 1/day/nM"),
    ... )
    >>> dox = mdr.exposure("dox", "20 nM", over="5 day")
    >>> arms = {"short": dox, "long": dox.every("5 day", times=2)}
    >>> comparison = mdr.compare(model, arms, until="60 day")
    >>> comparison.best(), float(round(comparison.difference("long", "short").median, 4))
    ('long', 10.0)
    """
    length = quantity(until, "until")
    end = read(length, "h", "until")
    if end <= 0:
        raise SimulationError(f"until = {shown(until)} is not after the start; write for example until='3 year'")
    if not 0 < level < 1:
        raise SimulationError(f"level = {shown(level)} is not the level of an interval; choose a share such as 0.95")
    plans = read_arms(model, arms)
    if reference is not None and reference not in plans:
        raise SimulationError(f"reference = {shown(reference)} is not an arm{did_you_mean(reference, plans)}")
    members = read_draws(model, parameters)
    wanted = _endpoints(model, endpoints)
    matching: Matching | None = None
    if fair is not None:
        plans, matching = match(model, plans, fair, start=start, until=end, accuracy=accuracy)
    looks = read_measures(model, measure, plans.values())
    study = _Study.of(model, members, start, wanted, length, looks, accuracy or Accuracy())
    found = study.arms(plans, executor, seed)
    settings = Settings(
        primary=_primary(primary, wanted),
        reference=reference,
        measure=looks[0].output,
        exact=all(look.exact for look in looks),
        level=level,
        seed=seed,
        varied=members.varied,
        relative=max(1e-6, 100 * study.accuracy.rtol),
        absolute=1e3 * study.accuracy.atol,
    )
    return study.comparison(found, plans, matching, settings)


def _endpoints(model: Model, given: Sequence[str | Endpoint] | None) -> tuple[Endpoint, ...]:
    if given is None:
        given = [name for name in _USUAL if name != "resistant_share" or name in model.observables]
    if isinstance(given, (str, Endpoint)):
        given = [given]
    if (names_or_endpoints := listed(given)) is None:
        raise SimulationError(f"endpoints is {shown(given)}, not a list of endpoints; write for example ['nadir']")
    items = tuple(endpoint(item) for item in names_or_endpoints)
    if not items:
        raise SimulationError("no endpoint is given; name at least one, such as endpoints=['time_to_progression']")
    names = [item.name for item in items]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SimulationError(f"the endpoint {shown(twice)} is given twice; name one of them with name=")
    return items


def _primary(given: str | None, items: tuple[Endpoint, ...]) -> str:
    names = [item.name for item in items]
    if given is not None and given not in names:
        raise SimulationError(f"primary = {shown(given)} is not one of the endpoints{did_you_mean(given, names)}")
    return given or names[0]


@dataclass(slots=True)
class _Arm:
    """What came of one arm."""

    values: FloatArray
    burden: FloatArray
    given: dict[str, list[Quantity]]
    failures: list[Failure] = field(default_factory=list)
    treated: int = 0


@dataclass(frozen=True, slots=True)
class _Study:
    """Everything that the arms share."""

    model: Model
    compiled: Compiled
    values: FloatArray
    starts: FloatArray
    endpoints: tuple[Endpoint, ...]
    units: tuple[Unit, ...]
    length: Quantity
    looks: tuple[Measured, ...]
    accuracy: Accuracy

    @staticmethod
    def of(
        model: Model,
        members: Members,
        start: Mapping[str, QuantityLike] | None,
        endpoints: tuple[Endpoint, ...],
        length: Quantity,
        looks: tuple[Measured, ...],
        accuracy: Accuracy,
    ) -> _Study:
        needs = [name for item in endpoints for name in item.needs]
        full = with_exposure(model) if any(name.startswith("AUC_") for name in needs) else model
        compiled = compile_model(full)
        for item in endpoints:
            _check(item, full, compiled)
        units = tuple(endpoint_unit(item, full, length.unit) for item in endpoints)
        starts = np.array([start_vector(full, compiled, row, start) for row in members.values])
        return _Study(full, compiled, members.values, starts, endpoints, units, length, looks, accuracy)

    @property
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
        return self.measure in self.model.observables or self.measure in self.model.states

    def arms(self, plans: Mapping[str, Plan], executor: Executor | None, seed: int) -> dict[str, _Arm]:
        """Run all arms for all draws and read their endpoints."""
        outputs = (self.measure,) if self.shows_burden else ()
        work = Study(
            self.model,
            self.length.internal,
            self.times,
            outputs,
            self.endpoints,
            self.compiled.states,
            self.looks,
            self.accuracy,
            threads=None if executor is None else 1,
            acts=True,
            seed=seed,
        )
        draws = np.arange(len(self.values))
        size = chunk_size(len(plans) * len(draws), executor)
        blocks = [(name, draws[begin : begin + size]) for name in plans for begin in range(0, len(draws), size)]
        chunks = (
            Chunk(number, self.values[block], self.starts[block], (plans[name],), np.zeros_like(block), block)
            for number, (name, block) in enumerate(blocks)
        )
        parts = in_turn(work, chunks) if executor is None else through(executor, work, chunks)
        found = {name: self._empty(len(draws)) for name in plans}
        acts: dict[str, dict[int, tuple[Act, ...]]] = {name: {} for name in plans}
        for part in sorted(parts, key=lambda part: part.number):
            name, block = blocks[part.number]
            self._read(found[name], name, block, part)
            acts[name] |= {int(block[place]): given for place, given in part.acts.items()}
        for name, arm in found.items():
            self._totals(arm, name, plans[name], acts[name])
        return found

    def _empty(self, draws: int) -> _Arm:
        return _Arm(np.full((draws, len(self.endpoints)), math.nan), np.full((draws, _GRID + 1), math.nan), {})

    def _read(self, arm: _Arm, name: str, block: Places, part: Part) -> None:
        """Put a part in its place; what failed has no value."""
        for place, failure in sorted(part.failures.items()):
            arm.failures.append(Failure(name, int(block[place]), failure.sentence))
        fine = np.setdiff1d(np.arange(len(block)), list(part.failures))
        arm.values[block[fine]] = part.endpoints[fine] / [unit.factor for unit in self.units]
        if self.shows_burden:
            arm.burden[block[fine]] = part.values[fine, :, 0] / shown_unit(self.model, self.measure).factor

    def _totals(self, arm: _Arm, name: str, plan: Plan, acts: Mapping[int, tuple[Act, ...]]) -> None:
        """What was given: the same to all by a regimen, to each draw that was finished by a strategy."""
        failed = {failure.draw for failure in arm.failures}
        arm.treated = sum(bool(given) for given in acts.values())
        counted = [acts[draw] for draw in sorted(acts) if draw not in failed]
        counted = counted if isinstance(plan, Strategy) else list(acts.values())[:1]
        for port in dict.fromkeys(act.port for given in counted for act in given):
            try:
                totals = [total_of(given, port, self.length.internal) for given in counted]
            except RegimenError as problem:
                raise named(name, problem) from problem
            known = [total for total in totals if total is not None]
            if known:
                zero = Quantity(0.0, known[0].unit)
                arm.given[port] = [total or zero for total in totals]

    def comparison(
        self, found: Mapping[str, _Arm], plans: Mapping[str, Plan], matching: Matching | None, settings: Settings
    ) -> Comparison:
        """Put the arms side by side."""
        failures = tuple(failure for arm in found.values() for failure in arm.failures)
        values = np.stack([arm.values for arm in found.values()])
        if np.isnan(values).any(axis=(0, 2)).all():
            first = failures[0]
            raise SimulationError(
                f"no draw was finished by all arms; arm {shown(first.arm)}, draw {first.draw}: {first.sentence}"
            )
        unit = shown_unit(self.model, self.measure) if self.shows_burden else Unit.of("")
        return Comparison(
            arms=tuple(found),
            endpoints=self.endpoints,
            units=self.units,
            values=values,
            failures=failures,
            given=_given_table(found, matching, settings.level),
            matching=matching,
            plans=dict(plans),
            until=self.length,
            times=self.times / self.length.unit.factor,
            burden=np.stack([arm.burden for arm in found.values()]),
            burden_unit=unit,
            settings=settings,
            notes=(*_untreated(found), *_alike(tuple(found), self.endpoints, values, settings)),
            provenance=self._provenance(settings),
        )

    def _provenance(self, settings: Settings) -> dict[str, object]:
        return {
            **provenance(),
            "model": self.model.content_hash,
            "rtol": self.accuracy.rtol,
            "atol": self.accuracy.atol,
            "method": self.accuracy.method,
            "seed": settings.seed,
        }


def _check(item: Endpoint, model: Model, compiled: Compiled) -> None:
    for need in item.needs:
        if need.startswith("AUC_") and need not in model.states:
            drugs = sorted(name[4:] for name in model.states if name.startswith("AUC_"))
            raise SimulationError(
                f"endpoint {shown(item.name)}: the model has no drug {need[4:]!r}{did_you_mean(need[4:], drugs)}"
            )
    check_endpoint(item, compiled.expression)


def _given_table(found: Mapping[str, _Arm], matching: Matching | None, level: float) -> pd.DataFrame:
    """One row per arm and drug: what was given, and what matching did to it."""
    factors = {(row.arm, row.drug): row.factor for row in matching.rows} if matching else {}
    tail = (1 - level) / 2
    rows = []
    for name, arm in found.items():
        for port, totals in arm.given.items():
            unit = totals[0].unit
            amounts = np.array([total.internal / unit.factor for total in totals])
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


def _untreated(found: Mapping[str, _Arm]) -> list[str]:
    notes = []
    for name, arm in found.items():
        if not arm.treated:
            notes.append(f"arm {shown(name)} gives nothing")
            _LOG.warning("comparison: arm %r gives nothing", name)
    return notes


def _alike(arms: tuple[str, ...], endpoints: tuple[Endpoint, ...], values: FloatArray, settings: Settings) -> list[str]:
    """Say which arms cannot be told apart: the null test of a comparison."""
    notes = []
    kept = ~np.isnan(values).any(axis=(0, 2))
    for k, item in enumerate(endpoints):
        table = values[:, kept, k]
        if len(arms) == 1 or np.isinf(table).all():
            continue
        groups: list[list[int]] = []
        for i in range(len(arms)):
            for group in groups:
                if same(table[i], table[group[0]], settings.relative, settings.absolute_for(item)).all():
                    group.append(i)
                    break
            else:
                groups.append([i])
        if len(groups) == 1:
            notes.append(f"all arms give the same {item.name} in every draw: order and timing do not change it here")
            continue
        for group in groups:
            if len(group) > 1:
                names = ", ".join(repr(arms[i]) for i in group[:-1]) + f" and {arms[group[-1]]!r}"
                notes.append(f"{names} give the same {item.name} in every draw")
    return notes
