"""Rare events of cells that depend on each other: chances by stochastic paths that are multiplied where they get near.

Two steps, both on one grid of times. A pilot splits the way to the event into levels of an output, each of which about
a fifth of the paths from the level before gets to (Kahn and Harris 1951; levels as in Cerou and Guyader 2007); the
product of the shares behind a level says about how likely the event is from there. With that guess h of the chance,
independent estimates follow: paths weigh h(now)/h(before) at each look, and are drawn anew by their weights where these
differ much (Del Moral and Garnier 2005). An estimate is unbiased for any h, which only decides how precise it is: were
h the true chance, each would be exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.arguments import CONFIDENCE, TABLE, TEXT, Kind, takes
from pkpd_mdr.engine import Accuracy, Compiled, Stochastic, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import PkpdMdrError, RegimenError, SimulationError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, nothing
from pkpd_mdr.run.many.ensemble import COUNTED
from pkpd_mdr.run.measuring import MEASURE, Measure, read_measures, told
from pkpd_mdr.run.path_plan import PathPlan, looks_of
from pkpd_mdr.run.simulate import ACCURACY, MODEL, STOCHASTIC, length_of, start_vector
from pkpd_mdr.run.splitting import Search, Way, left_by_acts
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RareEvent", "rare_event"]

_LEAST_REPEATS = 5
_ONE_SET = Kind(
    "one value for each name, as {'name': ...}; with many sets of them call it once for each and take the mean of the "
    "probabilities",
    TABLE.fits,
)
_TRUSTED = 30.0  # effective paths; below, intervals missed exact chances (time-dependent treatment, as surgery)


@dataclass(frozen=True)
class RareEvent:
    """The chance that an output passes a level; made by `rare_event`.

    Attributes
    ----------
    what : str
        The event in words.
    probability, lower, upper : float
        Mean of the estimates, and its interval of that `confidence`.
    confidence : float
    levels : tuple of Quantity
        Of the output, from the start to the event, as the pilot found them.
    shares : tuple of float
        Of the pilot's paths that got to each of them from the one before.
    estimates : ndarray, shape (repeats,)
        Independent and unbiased.
    fewest : float
        Effective number of paths at the look at which it is least, in the mean of the repeats.
    """

    what: str
    probability: float
    lower: float
    upper: float
    confidence: float
    levels: tuple[Quantity, ...]
    shares: tuple[float, ...]
    estimates: FloatArray
    fewest: float = math.inf

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        if self.fewest >= _TRUSTED:
            return ()
        words = (
            f"at one look only {self.fewest:.0f} paths count effectively: estimates are mostly too small then, and "
            "seldom far too large, so that the interval may be too narrow; use more particles"
        )
        return (words,)

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(self.estimates.std(ddof=1)) / math.sqrt(len(self.estimates))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the way to the event and the estimates; see `pkpd_mdr.plot.extinction`."""
        from pkpd_mdr.plot.extinction import plot_rare_event

        return plot_rare_event(self, ax=ax)

    @property
    def _relative(self) -> float:
        return self.standard_error / self.probability

    def __str__(self) -> str:
        percent = f"{100 * self.confidence:g} %"
        lines = [f"{self.what}: probability {self.probability:.3g} ({percent}: {self.lower:.3g} to {self.upper:.3g})"]
        if self.shares:
            steps = ", ".join(f"{share:.2g} to {level}" for share, level in zip(self.shares, self.levels, strict=True))
            lines.append(f"  shares of the pilot from level to level: {steps}")
        lines.append(f"  {len(self.estimates)} independent estimates, relative standard error {self._relative:.2g}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    __repr__ = __str__


@takes(
    SimulationError,
    model=MODEL,
    of=TEXT,
    start=TABLE,
    parameters=_ONE_SET,
    measure=MEASURE,
    stochastic=STOCHASTIC,
    particles=COUNTED,
    repeats=COUNTED,
    looks=COUNTED,
    confidence=CONFIDENCE,
    accuracy=ACCURACY,
)
def rare_event(
    model: Model,
    regimen: Regimen | Strategy | None = None,
    *,
    until: QuantityLike,
    of: str = "burden",
    below: QuantityLike | None = None,
    above: QuantityLike | None = None,
    start: Mapping[str, QuantityLike] | None = None,
    parameters: Mapping[str, QuantityLike] | None = None,
    measure: Measure = "burden",
    stochastic: Stochastic | None = None,
    particles: int = 500,
    repeats: int = 10,
    looks: int = 100,
    confidence: float = 0.95,
    accuracy: Accuracy | None = None,
) -> RareEvent:
    """Chance of an event that plain sampling would not show, such as the cure of a tumour whose cells compete.

    Where each cell divides, dies and mutates independently of the others, `pkpd_mdr.extinction` is exact and takes a
    fraction of a second; this is for cells that depend on each other (a capacity, an immune response, transfer).

    Parameters
    ----------
    model : Model
    regimen : Regimen or Strategy, optional
        What is done; nothing if left out. A strategy decides for each path by what was seen of it.
    until : str
        The end.
    of : str
        A state or an observable.
    below, above : quantity
        The event, one of both: ``below="1 cell"`` is extinction. It is looked for at `looks` even times and at visits;
        what comes and goes between them is not seen, which matters for `above` and not for the loss of all cells.
    start : mapping of str to quantity, optional
        As in `pkpd_mdr.simulate`.
    parameters : mapping of str to quantity, optional
        One set; with many, such as the rows of a cohort, the chance is the mean of the chances under each.
    measure : str, Measured, or sequence of them
        What a strategy is shown at visits, as in `pkpd_mdr.simulate`.
    stochastic : Stochastic, optional
        How paths are made, and the seed. Populations above its threshold have no luck but their mean; raise it where
        the event depends on them.
    particles : int
        Paths side by side; the standard error falls with the square root of `particles` x `repeats`.
    repeats : int
        Independent estimates, 5 or more; the interval is that of their mean.
    looks : int
        How often paths are looked at, and drawn anew if their weights differ much.
    confidence : float
        Of the interval.
    accuracy : Accuracy, optional

    Returns
    -------
    RareEvent

    Raises
    ------
    SimulationError
        Not one level, an unknown output, or no path that gets to the event.
    RegimenError
        No regimen or strategy, or a drug that the model lacks.

    Examples
    --------
    From ten cells with birth 1 and death 0.25 per day, all lines are lost with (d/b)^10, about 9.5e-7:

    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.25 1/day")
    >>> model = mdr.Model(mdr.clone("R", growth=law, start=10))
    >>> found = mdr.rare_event(model, until="8 day", below="1 cell", particles=100, repeats=5, looks=40)
    >>> 1e-7 < found.probability < 1e-5
    True
    """
    length, end = length_of(until)
    if repeats < _LEAST_REPEATS:
        raise SimulationError(f"repeats = {repeats} are too few for an interval; choose {_LEAST_REPEATS} or more")
    full = model.with_parameters(parameters or {})
    compiled = compile_model(full)
    sign, target, words = _event(full, compiled, of, below, above)
    values = np.array([item.internal for item in full.parameters.values()])
    plan, vector = _planned(regimen), start_vector(full, compiled, values, start)
    rules, grid = stochastic or Stochastic(), looks_of(plan, end, looks)
    shown_at_visits = read_measures(full, measure, [plan])
    given = PathPlan(compiled, values, told(plan, shown_at_visits), grid, shown_at_visits)
    left = left_by_acts(compiled, values, vector, plan, of, grid)
    unit = full.outputs[of].unit
    search = Search(compiled, values, given, grid, (of, sign), unit, target, left, rules, accuracy, particles)
    begin = search.start(vector)
    what = f"{words} within {length}"
    if search.score(0, begin.states)[0] > target:
        return RareEvent(f"{what} (there at the start)", 1.0, 1.0, 1.0, confidence, (), (), np.ones(repeats))
    way = search.way(begin)
    found = np.array([search.estimate(begin, way, repeat) for repeat in range(1, repeats + 1)])
    return _told(what, way, found, confidence, sign, unit)


def _told(what: str, way: Way, found: FloatArray, confidence: float, sign: float, unit: Unit) -> RareEvent:
    """Estimates put together; `found` has them and the fewest effective paths, shape (repeats, 2)."""
    from scipy.special import stdtrit

    estimates, fewest = found[:, 0], float(found[:, 1].mean())
    mean, count = float(estimates.mean()), len(estimates)
    if mean == 0.0:
        raise SimulationError(f"{what}: no path got there; use more particles, or more looks, if it can happen at all")
    spread = float(estimates.std(ddof=1)) / mean
    # products are skewed: the interval is that of the logarithm of their mean (delta method)
    reach = math.exp(float(stdtrit(count - 1, 0.5 + confidence / 2)) * spread / math.sqrt(count))
    levels = tuple(Quantity(sign * one / unit.factor, unit) for one in way.levels)
    return RareEvent(
        what, mean, mean / reach, min(1.0, mean * reach), confidence, levels, way.shares, estimates, fewest
    )


def _event(
    model: Model, compiled: Compiled, of: str, below: QuantityLike | None, above: QuantityLike | None
) -> tuple[float, float, str]:
    """Sign of the output in a score that rises towards the event, the score to be passed, and words."""
    given = above if below is None else below
    if given is None or (below is not None and above is not None):
        raise SimulationError("rare_event(): give one level, either below= or above=, such as below='1 cell'")
    try:
        compiled.expression(of)
    except PkpdMdrError as problem:
        raise SimulationError(f"of: {problem}") from problem
    unit = model.outputs[of].unit
    value = read(given, unit, f"level of {shown(of)}", bare=unit.dimensionless, molar_mass=model.molar_mass(of))
    sign = 1.0 if below is None else -1.0
    return sign, sign * value, f"{of} {'above' if below is None else 'below'} {quantity(given)}"


def _planned(given: object) -> Regimen | Strategy:
    plan = nothing() if given is None else given
    if not isinstance(plan, (Regimen, Strategy)):
        raise RegimenError(f"{shown(plan)} is not a regimen; build one with bolus(...), infusion(...) or exposure(...)")
    return plan
