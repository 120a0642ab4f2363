"""`simulate`: a model and a regimen in, a `Run` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pkpd_mdr.arguments import SEED, TABLE, Kind, listed, takes
from pkpd_mdr.engine import Accuracy, Compiled, Stochastic, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Model, Scope
from pkpd_mdr.regimen import DoseRecords, Regimen, Strategy, nothing
from pkpd_mdr.run.measuring import MEASURE, Measure, read_measures, told
from pkpd_mdr.run.result import Run
from pkpd_mdr.run.stopping import Stop
from pkpd_mdr.run.visits import courses
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

__all__ = [
    "ACCURACY",
    "MODEL",
    "STOCHASTIC",
    "Exposure",
    "Times",
    "length_of",
    "output_times",
    "simulate",
    "start_vector",
    "with_exposure",
    "with_needed",
]

Times = QuantityLike | Sequence[QuantityLike] | tuple[Sequence[float] | FloatArray, str] | None
_FILL = 240
_MOST_TIMES = 1_000_000
MODEL = Kind.of(Model, words="a model; build one with Model(...)")
ACCURACY = Kind.of(Accuracy, words="an Accuracy; write for example Accuracy(rtol=1e-8)")
STOCHASTIC = Kind.of(Stochastic, words="a Stochastic; write for example Stochastic(seed=1)")


@takes(
    SimulationError,
    model=MODEL,
    start=TABLE,
    parameters=TABLE,
    measure=MEASURE,
    seed=SEED,
    stop=TABLE,
    accuracy=ACCURACY,
    stochastic=STOCHASTIC,
)
def simulate(
    model: Model,
    regimen: Regimen | Strategy | None = None,
    *,
    until: QuantityLike,
    start: Mapping[str, QuantityLike] | None = None,
    times: Times = None,
    parameters: Mapping[str, QuantityLike] | None = None,
    measure: Measure = "burden",
    seed: int = 0,
    stop: Mapping[str, QuantityLike] | None = None,
    accuracy: Accuracy | None = None,
    stochastic: Stochastic | None = None,
) -> Run:
    """Simulate a model under a regimen or a strategy.

    Parameters
    ----------
    model : Model
    regimen : Regimen or Strategy, optional
        What is done; nothing when left out.
    until : str
        How long, such as ``"180 day"``; its unit is the time unit of the result.
    start : mapping of str to quantity, optional
        State name to start value; other states start as the model says. A bare number only of what is counted or has
        no unit.
    times : str, sequence of str, or array with a unit, optional
        Distance between rows (``"1 day"``), or the times themselves: ``["0 h", "2 h"]``, ``(np.arange(9), "h")``; 241
        even times when left out. Rows are in order, one a time. A row at the time of an act shows the state before it,
        and where a lag or ADDL lets the dose arrive at that time, after it (the order of NONMEM).
    parameters : mapping of str to quantity, optional
        Parameter values for this run.
    measure : str, Measured, or sequence of them
        The outputs that a strategy is shown at visits, the first as the burden: exactly, or as ``measured(...)`` says.
    seed : int
        Of the errors of measurement, 0 or more.
    stop : mapping of str to quantity, optional
        Output to a level at which the run ends, whichever is crossed first, from below or from above:
        ``{"burden": "1e12 cell"}``. The run ends at the exact time, its last row is there, and `Run.events` says so;
        endpoints read the run as far as it goes. What is beyond its level at the start has to come back to
        cross it; the burden at the start as a level ends the run where it is reached again.
    accuracy : Accuracy, optional
    stochastic : Stochastic, optional
        Let whole cells divide, die and change by chance: one path, the same for the same seed. It is looked at at
        its rows (240 in a run and those around acts, at least), and ends at the first one that is at or beyond a level
        of `stop` (``{"burden": "0.5 cell"}`` is the first one without a cell).

    Returns
    -------
    Run

    Raises
    ------
    SimulationError
        The run could not be finished; ``error.partial`` is the `Run` up to there. Also for an impossible end or time,
        or an unknown output in `stop`.
    ModelError, RegimenError, UnitError
        A name or a unit that does not fit; the nearest name is suggested.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    >>> run = mdr.simulate(model, until="10 day", times="5 day")
    >>> float(round(run.frame["S"].iloc[-1] / 1e6, 6))
    2.718282
    """
    length, end = length_of(until)
    full = with_exposure(model.with_parameters(parameters or {}))
    looks = read_measures(full, measure, [_plan(regimen)])
    plan = told(_plan(regimen), looks)
    compiled = compile_model(full)
    values = np.array([item.internal for item in full.parameters.values()])
    outputs = list(full.outputs)
    slopes = [f"d/dt {name}" for name in outputs]
    course = courses(
        compiled,
        values[None],
        start_vector(full, compiled, values, start)[None],
        plan,
        until=end,
        times=output_times(times, end),
        outputs=[*outputs, *slopes],
        accuracy=accuracy,
        measure=looks,
        seed=seed,
        stochastic=stochastic,
        stop=Stop.of(full, stop),
        later=True,
    )[0]
    run = Run(full, plan, course, length.unit, accuracy or Accuracy(), stochastic)
    if not course.status.ok:
        raise SimulationError(course.status.sentence, partial=run)
    return run


def _plan(regimen: Regimen | Strategy | None) -> Regimen | Strategy:
    if regimen is None:
        return nothing()
    if isinstance(regimen, DoseRecords):
        raise SimulationError("a dose table is no regimen; write simulate_records(model, records) instead")
    if not isinstance(regimen, (Regimen, Strategy)):
        raise SimulationError(
            f"{shown(regimen)} is not a regimen; build one with bolus(...), infusion(...), exposure(...) or a strategy"
        )
    return regimen


def output_times(given: Times, until: float) -> FloatArray:
    """Times of rows in hours: given, evenly spaced, or 241 by default; one beyond the end by rounding is the end.

    Raises
    ------
    SimulationError
        A time that is negative, beyond `until`, or a spacing that is not positive.
    """
    if given is None:
        return np.linspace(0.0, until, _FILL + 1)
    if isinstance(given, (str, Quantity)) or (_is_pair(given) and _with_unit(given) is None):
        step = read(given, "h", "times")  # type: ignore[arg-type]
        if step <= 0:
            raise SimulationError(f"times = {shown(given)} is not a spacing; write for example times='1 day'")
        if until / step >= _MOST_TIMES:
            raise SimulationError(f"times = {shown(given)} makes more than {_MOST_TIMES} rows; use a longer spacing")
        count = int(np.floor(until / step + 1e-9))
        return np.asarray(np.minimum(np.arange(count + 1) * step, until), dtype=float)
    items = _with_unit(given) or listed(given)
    if not items or len(items) > _MOST_TIMES:
        raise SimulationError(
            f"times is {shown(given)}, neither a spacing such as '1 day' nor a list of 1 to {_MOST_TIMES} times"
        )
    hours = np.array(sorted(read(item, "h", "times") for item in items))
    if hours[0] < 0 or hours[-1] > until * (1 + 1e-12):
        bad = hours[0] if hours[0] < 0 else hours[-1]
        raise SimulationError(
            f"times: the time {bad:g} h lies outside the run of 0 to {until:g} h; leave it out, or let it end later"
        )
    return np.unique(np.minimum(hours, until))


def _is_pair(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str) and not isinstance(given[0], str)


def _with_unit(given: Any) -> list[Any] | None:
    """Times of an array with one unit, such as ``(np.arange(24), "h")``; None for anything else."""
    numbers = listed(given[0]) if _is_pair(given) else None
    return None if numbers is None else [(number, given[1]) for number in numbers]


def length_of(until: QuantityLike) -> tuple[Quantity, float]:
    """How long a run lasts, as given and in hours; `SimulationError` where it ends before it begins."""
    length = quantity(until, "until")
    end = read(length, "h", "until")
    if end <= 0:
        raise SimulationError(f"until = {shown(until)} is not after the start; write for example until='180 day'")
    return length, end


def start_vector(
    model: Model, compiled: Compiled, parameters: FloatArray, start: Mapping[str, QuantityLike] | None
) -> FloatArray:
    """The state at time zero: the model's own start, with what the user gave.

    Cells that start otherwise than the model says hold what the model says per cell.

    Parameters
    ----------
    model : Model
    compiled : Compiled
    parameters : ndarray, shape (p,)
    start : mapping of str to quantity, or None

    Returns
    -------
    ndarray, shape (states,)

    Raises
    ------
    SimulationError
        An unknown state (the nearest is suggested) or a negative start of a stock.
    """
    vector = compiled.start(parameters)
    for name, given in (start or {}).items():
        if name not in model.states:
            raise SimulationError(f"start: the model has no state {shown(name)}{did_you_mean(name, model.states)}")
        state = model.states[name]
        bare = state.unit.dimensionless
        value = read(given, state.unit, f"start of {shown(name)}", bare=bare, molar_mass=model.molar_mass(name))
        index = compiled.states.index(name)
        if value < 0 and compiled.guarded[index]:
            raise SimulationError(f"start of {shown(name)}: {shown(given)} is negative, but {state.kind} cannot be")
        vector[index] = value
    compiled.fill(vector, start or (), parameters)
    return vector


@dataclass(frozen=True, slots=True)
class Exposure:
    """Mechanism that integrates the concentration of a drug: state ``AUC_<drug>``."""

    drug: str

    @property
    def label(self) -> str:
        """For messages."""
        return f"exposure of {self.drug}"

    def declare(self, scope: Scope) -> None:
        """The state is declared in `connect`, when the concentration's unit is known."""

    def connect(self, scope: Scope) -> None:
        """Let the area grow by the concentration, ``AUC' = C``."""
        source, name = f"C_{self.drug}", f"AUC_{self.drug}"
        if source in scope.states:
            concentration, level = symbol(source), scope.states[source].unit
        else:
            concentration, level = scope.observables[source].expression, scope.observables[source].unit
        unit = level.times(Unit.of("h"))
        scope.state(name, unit=unit, kind="integral", description=f"area under C_{self.drug}")
        scope.process(f"exposure_{self.drug}", concentration, {name: 1})


@lru_cache(maxsize=256)
def with_exposure(model: Model) -> Model:
    """The model with the area under every drug's concentration (``C_<drug>``) as further states."""
    drugs = dict.fromkeys(port.name for port in model.ports if f"C_{port.name}" in model.outputs)
    missing = [drug for drug in drugs if f"AUC_{drug}" not in model.states]
    if not missing:
        return model
    return model.plus(*(Exposure(drug) for drug in missing))


def with_needed(model: Model, needs: Iterable[str]) -> Model:
    """The model with areas where one of the outputs that are needed is an area."""
    return with_exposure(model) if any(name.startswith("AUC_") for name in needs) else model
