"""Strategies that look ahead: with what was learned of a patient (`look_ahead`), or knowing all of it (`informed`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pkpd_mdr.arguments import SEED, TABLE, takes, whole
from pkpd_mdr.control.assimilate import FILTER, looks_of
from pkpd_mdr.control.belief import BELIEF_ACCURACY, Learner, Mind, seen_at
from pkpd_mdr.control.filters import Filter, particle_filter
from pkpd_mdr.control.objectives import Objective, Outlook, Smallest
from pkpd_mdr.control.planning import Planner
from pkpd_mdr.control.swarm import Swarm, read_belief
from pkpd_mdr.engine import Accuracy, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Regimen, Strategy, Truth, Visit
from pkpd_mdr.regimen.acts import hours
from pkpd_mdr.regimen.strategies import Decision, Memory
from pkpd_mdr.run.many import check_ports
from pkpd_mdr.run.many.ensemble import side_by_side
from pkpd_mdr.run.many.rows import RowsLike
from pkpd_mdr.run.measuring import MEASURE, Measure
from pkpd_mdr.run.reading import comparable
from pkpd_mdr.run.simulate import ACCURACY, MODEL
from pkpd_mdr.run.spans import acting
from pkpd_mdr.units import Quantity, QuantityLike

__all__ = ["Informed", "LookAhead", "informed", "look_ahead", "menu_of", "objective_of"]

_FARTHEST = 1000  # visits ahead
_POSITIVE = whole(1, 1_000_000, example=3)
_MOST = 200_000  # members for one decision of one patient


@dataclass(frozen=True, repr=False)
class LookAhead(Strategy):
    """Learns at each visit and gives what the simulated future favours; made by `look_ahead`.

    Attributes
    ----------
    names : tuple of str
        Of the menu.
    regimens : tuple of Regimen
    learner : Learner
    planner : Planner
    planning : int
        Particles of equal weight for which courses are simulated.
    visit_interval : float
    """

    names: tuple[str, ...]
    regimens: tuple[Regimen, ...]
    learner: Learner
    planner: Planner
    planning: int
    visit_interval: float

    def __repr__(self) -> str:
        seen = ", ".join(self.needs)
        return f"look_ahead({' | '.join(self.names)}; learns from {seen}; {self.planner.ahead} ahead)"

    @property
    def needs(self) -> tuple[str, ...]:
        """What is measured."""
        return tuple(look.output for look in self.learner.looks)

    @property
    def planned(self) -> None:
        """Open: it is decided at visits."""
        return

    def begin(self) -> Memory:
        """What is believed before the first visit is made there."""
        return None

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Decide for one patient."""
        return self.decide_all([visit], [memory])[0]

    def decide_all(
        self, visits: Sequence[Visit], memories: Sequence[Memory], truth: Truth | None = None
    ) -> list[Decision]:
        """Carry all beliefs to the visit, learn, and look ahead: one call of the engine for each."""
        learner = self.learner
        now = visits[0].time
        minds = [learner.fresh() if memory is None else memory for memory in memories]
        minds = [
            learner.updated(mind, now, visit.number, seen_at(visit, learner.looks))
            for mind, visit in zip(learner.carried(minds, now), visits, strict=True)
        ]
        patients = [(mind.swarm.chosen(self.planning), mind.acts) for mind in minds]
        chosen = self.planner.best(learner.compiled, patients, now, learner.exactness)
        return [self._given(item, mind, visit) for item, mind, visit in zip(chosen, minds, visits, strict=True)]

    def informed_of(self, memory: Memory, decided: tuple[Act, ...], given: tuple[Act, ...]) -> Memory:
        """Believe what was given, not what was decided."""
        return memory.instead(decided, given)

    def _given(self, item: int, mind: Mind, visit: Visit) -> Decision:
        acts = self._acts(self.regimens[item], 0.0, visit)
        note = "; ".join(part for part in (f"gives {self.names[item]}", mind.note) if part)
        return acts, mind.given(acts, self.learner.compiled), note


@dataclass(frozen=True, repr=False)
class Informed(Strategy):
    """The same policy with perfect knowledge; made by `informed`."""

    names: tuple[str, ...]
    regimens: tuple[Regimen, ...]
    model: Model
    planner: Planner
    visit_interval: float
    accuracy: Accuracy = BELIEF_ACCURACY
    knows_truth: ClassVar[bool] = True

    def __repr__(self) -> str:
        return f"informed({' | '.join(self.names)}; knows the truth; {self.planner.ahead} ahead)"

    @property
    def planned(self) -> None:
        """Open: it is decided at visits."""
        return

    def begin(self) -> Memory:
        """Nothing was given yet."""
        return ()

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Refused: a visit does not show the truth."""
        return self.decide_all([visit], [memory])[0]

    def decide_all(
        self, visits: Sequence[Visit], memories: Sequence[Memory], truth: Truth | None = None
    ) -> list[Decision]:
        """Look ahead from where each patient truly is."""
        if truth is None:
            raise RegimenError(
                "informed(...) decides by the truth, which only a simulation can tell; give it as an arm by itself, "
                "not inside another strategy"
            )
        compiled = compile_model(self.model)
        rows = _picked(truth.names[0], compiled.parameters, truth.parameters, "parameter")
        states = _picked(truth.names[1], compiled.states, truth.states, "state")
        patients = [
            (Swarm(rows[place : place + 1], states[place : place + 1], np.ones(1)), memories[place])
            for place in range(len(visits))
        ]
        chosen = self.planner.best(compiled, patients, visits[0].time, side_by_side(compiled, self.accuracy))
        found: list[Decision] = []
        for item, (swarm, given), visit in zip(chosen, patients, visits, strict=True):
            acts = self._acts(self.regimens[item], 0.0, visit)
            last = acting(given, visit.time, compiled, swarm.parameters)
            found.append((acts, (*last, *acts), f"gives {self.names[item]}"))
        return found


def _picked(there: tuple[str, ...], wanted: tuple[str, ...], values: FloatArray, what: str) -> FloatArray:
    """Columns of the truth in the order of the strategy's model."""
    missing = [name for name in wanted if name not in there]
    if missing:
        raise RegimenError(
            f"informed(): the simulated model has no {what} {shown(missing[0])}{did_you_mean(missing[0], there)}; give "
            "informed() the model that is simulated"
        )
    return np.asarray(values[:, [there.index(name) for name in wanted]], dtype=float)


@takes(
    SimulationError,
    model=MODEL,
    menu=TABLE,
    measure=MEASURE,
    ahead=_POSITIVE,
    beam=_POSITIVE,
    filter=FILTER,
    planning=_POSITIVE,
    seed=SEED,
    accuracy=ACCURACY,
)
def look_ahead(
    model: Model,
    menu: Mapping[str, Regimen],
    *,
    belief: RowsLike,
    visit: QuantityLike,
    measure: Measure,
    objective: str | Objective | Callable[[Outlook], FloatArray] = "burden",
    ahead: int = 1,
    horizon: QuantityLike | None = None,
    beam: int = 9,
    filter: Filter | None = None,
    planning: int = 50,
    seed: int = 0,
    accuracy: Accuracy | None = None,
) -> LookAhead:
    """A strategy that learns a patient from measurements and gives what the simulated future favours.

    At each visit a filter updates what is believed of parameters and clones, the menu is simulated over the next
    decisions for what the patient may be, and the item whose course has the best expected objective is given up to the
    next visit. In an ensemble each patient has a filter of its own, and all of them are simulated in one call.

    Parameters
    ----------
    model : Model
        What the strategy believes in; it may differ from the model that is simulated.
    menu : mapping of str to Regimen
        What may be given from one visit to the next, each timed from the visit; what is longer is cut there.
    belief : Cohort, ``fit.draws(500)`` or DataFrame
        Parameters, starts of clones included, before anything was measured.
    visit : str
        Time between visits, such as ``"45 day"``.
    measure : str, Measured, or sequence of them
        What visits show, and the error that the filter counts with. Give the same to ``measure=`` of `compare`.
    objective : str, Objective, or callable
        An output that is to be small (its mean logarithm), ``control.latest("1e12 cell")``, or a function from an
        `Outlook` of the burden, in the unit in which the model shows it, to one number a course.
    ahead : int
        Decisions to look ahead.
    horizon : str, optional
        Where the objective is read; behind the last decision its item goes on. ``ahead`` visits if left out.
    beam : int
        Courses of a patient that go on after each decision; more than one decision ahead is exact up to
        ``len(menu)**(ahead - 1)``, beyond that a search.
    filter : ParticleFilter or EnsembleFilter, optional
        ``particle_filter()`` if left out.
    planning : int
        Particles for which courses are simulated.
    seed : int
        Of the filter.
    accuracy : Accuracy, optional
        Of particles; a relative tolerance of 1e-5 if left out.

    Returns
    -------
    LookAhead

    Raises
    ------
    RegimenError
        A menu of fewer than two items, or one for a drug that the model lacks.
    SimulationError
        An output or an objective that the model cannot give, a horizon before the last decision, or more courses than
        can be simulated.
    DataError
        A belief in which nothing varies, or that cannot be read.

    Notes
    -----
    A decision costs ``planning * courses`` members of an ensemble, with m items at most
    ``m + beam*m*(ahead - 1)`` courses. What it may have believed in a run is shown by
    ``assimilate(model, belief, run.visits.reset_index(), Regimen(run.course.acts), measure=measure)``.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> from pkpd_mdr import distributions as dist
    >>> model = mdr.gallery.yoon2018()
    >>> belief = mdr.patients(
    ...     model, 100, {name: dist.lognormal("1e6 cell", cv=1) for name in ("n10", "n20")}, seed=1
    ... )
    >>> menu = {drug: mdr.exposure(drug, 1) for drug in ("A", "B")}
    >>> scan = mdr.measured("burden", relative_sd=0.1)
    >>> plan = mdr.look_ahead(
    ...     model, menu, belief=belief, visit="20 day", measure=scan, filter=mdr.particle_filter(50)
    ... )
    >>> run = model.simulate(plan, until="60 day", measure=scan, start={"n1": 3e6, "n2": 1e5})
    >>> [what for what in run.events["what"] if what.startswith("gives")]
    ['gives B', 'gives A']
    """
    names, regimens, interval = menu_of(model, menu, visit)
    looks = looks_of(model, measure)
    goal = objective_of(model, objective)
    chosen = filter or particle_filter()
    planner = _planner(model, regimens, interval, goal, (ahead, horizon, beam), planning)
    rows, varied = read_belief(model, belief, chosen.particles)
    learner = Learner(model, rows, varied, looks, chosen, seed, accuracy or BELIEF_ACCURACY)
    return LookAhead(names, regimens, learner, planner, min(planning, chosen.particles), interval)


@takes(SimulationError, model=MODEL, menu=TABLE, ahead=_POSITIVE, beam=_POSITIVE, accuracy=ACCURACY)
def informed(
    model: Model,
    menu: Mapping[str, Regimen],
    *,
    visit: QuantityLike,
    objective: str | Objective | Callable[[Outlook], FloatArray] = "burden",
    ahead: int = 1,
    horizon: QuantityLike | None = None,
    beam: int = 9,
    accuracy: Accuracy | None = None,
) -> Informed:
    """The policy of `look_ahead` with perfect knowledge of parameters and clones: what knowing would be worth.

    Parameters and errors are those of `look_ahead`, without belief, measurements and filter. `model` is the one that is
    simulated.

    Returns
    -------
    Informed

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.gallery.yoon2018()
    >>> plan = informed(model, {drug: mdr.exposure(drug, 1) for drug in ("A", "B")}, visit="5 day")
    >>> run = model.simulate(plan, until="200 day")
    >>> bool(run.frame["burden"].iloc[-1] < 1e6)
    True
    """
    names, regimens, interval = menu_of(model, menu, visit)
    planner = _planner(model, regimens, interval, objective_of(model, objective), (ahead, horizon, beam), 1)
    return Informed(names, regimens, model, planner, interval, accuracy or BELIEF_ACCURACY)


def menu_of(
    model: Model, menu: Mapping[str, Regimen], visit: QuantityLike
) -> tuple[tuple[str, ...], tuple[Regimen, ...], float]:
    """Names and regimens of a menu, and hours between visits, checked."""
    if len(menu) < 2:
        raise RegimenError("the menu has fewer than two items; give a dict such as {'dox': dox, 'rest': nothing()}")
    for name, regimen in menu.items():
        if not isinstance(name, str) or not isinstance(regimen, Regimen):
            raise RegimenError(f"the menu has {shown(regimen)} as {shown(name)}; give a regimen, or nothing()")
        try:
            check_ports(model, regimen)
        except RegimenError as problem:
            raise RegimenError(f"menu, {shown(name)}: {problem}") from problem
    interval = hours(visit, "the visit interval")
    if not 0 < interval < math.inf:
        raise RegimenError(f"the visit interval is {shown(visit)}; it has to be above zero, as in visit='45 day'")
    return tuple(menu), tuple(menu.values()), interval


@dataclass(frozen=True, slots=True)
class _Own:
    """A user's function as an objective over the burden."""

    function: Callable[[Outlook], FloatArray]
    needs: tuple[str, ...] = ("burden",)
    levels: tuple[tuple[str, Quantity], ...] = ()

    def scores(self, outlook: Outlook) -> FloatArray:
        """What the function says of values in the units of the model."""
        return self.function(outlook.in_units())


def objective_of(model: Model, given: Any) -> Objective:
    """An objective, checked against the model."""
    goal: Any = given
    if isinstance(given, str):
        goal = Smallest(given)
    elif not hasattr(given, "scores") and callable(given):
        goal = _Own(given)
    elif not all(hasattr(given, name) for name in ("needs", "levels", "scores")):
        raise SimulationError(
            f"objective is {shown(given)}; write the name of an output, control.smallest(...), control.latest(...), or "
            "a function of an Outlook"
        )
    for name in goal.needs:
        if name not in model.outputs:
            raise SimulationError(
                f"objective: the model has no output {shown(name)}{did_you_mean(name, model.outputs)}"
            )
    for name, level in goal.levels:
        unit = model.outputs[name].unit
        if not comparable(unit, level.unit):
            raise SimulationError(
                f"objective: {shown(name)} is compared with {shown(level)}, but the model has it in {shown(unit.text)}"
            )
    found: Objective = goal
    return found


def _planner(
    model: Model,
    regimens: tuple[Regimen, ...],
    interval: float,
    goal: Objective,
    reach: tuple[int, QuantityLike | None, int],
    planning: int,
) -> Planner:
    ahead, horizon, beam = reach
    steps = ahead
    if horizon is not None:
        steps = math.ceil(hours(horizon, "the horizon") / interval - 1e-9)
        if steps < ahead:
            raise SimulationError(
                f"the horizon of {shown(horizon)} ends before the last of {ahead} decisions; give a later one, or "
                "leave it out"
            )
    if steps > _FARTHEST:
        raise SimulationError(f"the horizon is {steps} visits away, more than {_FARTHEST}; look less far ahead")
    units = {name: model.outputs[name].unit for name in goal.needs}
    planner = Planner(Planner.items(regimens, interval), interval, ahead, steps, beam, goal, units)
    if planner.courses * planning > _MOST:
        raise SimulationError(
            f"one decision would simulate {planner.courses} courses for {planning} particles, more than {_MOST} "
            "members; look less far ahead, or choose a smaller beam= or planning="
        )
    return planner
