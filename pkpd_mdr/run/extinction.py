"""Extinction and resistance of whole cells, exactly: for chances that no number of sampled paths would show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import TABLE, TEXTS, listed, takes
from pkpd_mdr.engine import Accuracy, BoundPorts, Compiled, compile_model
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.engine.stochastic.lines import Lines
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Act, Regimen, Strategy, nothing
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.simulate import ACCURACY, MODEL, length_of, start_vector
from pkpd_mdr.run.visits import courses
from pkpd_mdr.units import Quantity, QuantityLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Extinction", "extinction"]

_ROWS, _MOST_ROWS = 240, 3840
_RTOL, _ATOL, _AGREE, _EDGE = 1e-9, 1e-30, 1e-6, 1e-12


@dataclass(frozen=True)
class Extinction:
    """The chance that no cell of some types is there at a time.

    Attributes
    ----------
    of : tuple of str
        Types that are to be gone.
    until : Quantity
        The time.
    start : dict of str to float
        Cells at time zero.
    present_per_cell : dict of str to float
        Chance that one cell of a type has a descendant among `of` at the end.
    arrivals : float
        Mean number of cells that large populations send and that have such a descendant.
    """

    of: tuple[str, ...]
    until: Quantity
    start: Mapping[str, float]
    present_per_cell: Mapping[str, float]
    arrivals: float = 0.0

    @property
    def log_probability(self) -> float:
        """Natural logarithm of the chance that all are gone; -inf where one is there for sure."""
        return float(self._log(self.start))

    @property
    def probability(self) -> float:
        """Chance that all are gone."""
        return math.exp(self.log_probability)

    @property
    def present(self) -> float:
        """Chance that at least one is there, to full precision also where it is tiny."""
        return -math.expm1(self.log_probability)

    def given(self, counts: Mapping[str, float | Sequence[float] | FloatArray]) -> FloatArray:
        """Chance that all are gone if other numbers of cells are there at time zero.

        The mean over the ends of stochastic paths is the chance of a process of which only the last part has
        independent cells: each path counts with its exact chance, not with yes or no.

        Parameters
        ----------
        counts : mapping of str to number or sequence of numbers
            Types that are left out have none.

        Returns
        -------
        ndarray

        Raises
        ------
        SimulationError
            An unknown type, or a number below zero.
        """
        for name, number in counts.items():
            if name not in self.present_per_cell:
                raise SimulationError(f"no cells are called {shown(name)}{did_you_mean(name, self.present_per_cell)}")
            if not (np.asarray(number, dtype=float) >= 0).all():
                raise SimulationError(f"the number of cells of {shown(name)} is not zero or more everywhere")
        return np.asarray(np.exp(self._log(counts)))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the chance by the number of cells at the start; see `pkpd_mdr.plot.extinction`."""
        from pkpd_mdr.plot.extinction import plot_extinction

        return plot_extinction(self, ax=ax)

    def _log(self, counts: Mapping[str, float | Sequence[float] | FloatArray]) -> FloatArray:
        total = np.full((), -self.arrivals)
        for name, number in counts.items():
            cells, there = np.asarray(number, dtype=float), min(self.present_per_cell[name], 1.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                total = total + np.where(cells > 0, cells * np.log1p(-there), 0.0)
        return total

    def __str__(self) -> str:
        cells = ", ".join(f"{number:g} {name}" for name, number in self.start.items() if number) or "no cell"
        lines = [
            f"No cell of {', '.join(self.of)} after {self.until}, from {cells}: probability {self.probability:.6g}",
            f"  at least one: {self.present:.6g}",
        ]
        for name, chance in self.present_per_cell.items():
            lines.append(f"  one cell of {name} has a descendant among them with {chance:.4g}")
        if self.arrivals:
            lines.append(f"  of the cells that large populations send, {self.arrivals:.4g} have one in the mean")
        return "\n".join(lines)

    __repr__ = __str__


@takes(SimulationError, model=MODEL, of=TEXTS, large=TEXTS, start=TABLE, parameters=TABLE, accuracy=ACCURACY)
def extinction(
    model: Model,
    regimen: Regimen | None = None,
    *,
    until: QuantityLike,
    of: str | Sequence[str] | None = None,
    large: str | Sequence[str] = (),
    start: Mapping[str, QuantityLike] | None = None,
    parameters: Mapping[str, QuantityLike] | None = None,
    accuracy: Accuracy | None = None,
) -> Extinction:
    """Chance that a tumour, or its resistant part, is gone: exact, where cells divide, die and mutate independently.

    It is that of the paths of `Stochastic`, of which 1e-6 would take many millions. Under the drugs of a regimen each
    type of cell has a chance to have descendants at the end, which follows the backward equations of its branching
    process (Harris 1963); chances of cells that are there at the start multiply. Rates may change with the time and
    with drugs; acts may leave a share of the cells.

    Parameters
    ----------
    model : Model
        Its counted populations need rates of their own, as ``growth.birth_death`` gives them.
    regimen : Regimen, optional
        What is done; nothing if left out.
    until : str
        The time at which nothing is to be left; the limit of late times is the chance of extinction ever.
    of : str or sequence of str, optional
        Types of cells that are to be gone, such as ``["R"]`` for no resistance; all clones if left out.
    large : str or sequence of str
        Populations that follow their means, as those of ``Stochastic("hybrid")`` do; what they send counts by chance.
    start : mapping of str to quantity, optional
        As in `pkpd_mdr.simulate`.
    parameters : mapping of str to quantity, optional
    accuracy : Accuracy, optional
        Of the drugs.

    Returns
    -------
    Extinction

    Raises
    ------
    SimulationError
        Cells are not independent (a capacity, an immune response, drug that cells take up); the process is named.
    RegimenError
        A strategy, whose decisions let cells depend on each other, or a dose of cells.

    Examples
    --------
    From twenty cells with birth 1 and death 0.5 per day, all lines are lost with (d/b)^20:

    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.birth_death(birth="1 1/day", death="0.5 1/day")
    >>> found = mdr.extinction(mdr.Model(mdr.clone("R", growth=law, start=20)), until="100 day")
    >>> bool(abs(found.probability / 0.5**20 - 1) < 1e-6)
    True
    """
    length, end = length_of(until)
    plan = nothing() if regimen is None else regimen
    if isinstance(plan, Strategy):
        raise RegimenError("extinction takes a regimen: what a strategy decides makes cells depend on each other")
    if not isinstance(plan, Regimen):
        raise RegimenError(f"{shown(plan)} is not a regimen; build one with bolus(...), infusion(...) or exposure(...)")
    full = model.with_parameters(parameters or {})
    compiled = compile_model(full)
    lines = Lines.of(compiled, _counted(compiled, large, "large"))
    values = np.array([item.internal for item in full.parameters.values()])
    vector = start_vector(full, compiled, values, start)
    names = _types(full, compiled, lines, of)
    last = np.array([1.0 if name in names else 0.0 for name in compiled.states])
    chances = _settled(_Backwards(lines, values, vector, plan, end, accuracy), np.append(last, 0.0))
    cells = {compiled.states[i]: i for i in lines.counted}
    return Extinction(
        names,
        length,
        {name: float(vector[i]) for name, i in cells.items()},
        {name: float(chances[i]) for name, i in cells.items()},
        float(chances[-1]),
    )


def _counted(compiled: Compiled, given: str | Sequence[str], where: str) -> tuple[str, ...]:
    """Names of populations that are counted in cells."""
    known = [name for name, yes in zip(compiled.states, compiled.counted, strict=True) if yes]
    names = [given] if isinstance(given, str) else listed(given) or []
    for name in names:
        if name not in known:
            raise SimulationError(f"{where}: the model counts no cells called {shown(name)}{did_you_mean(name, known)}")
    return tuple(dict.fromkeys(names))


def _types(model: Model, compiled: Compiled, lines: Lines, given: str | Sequence[str] | None) -> tuple[str, ...]:
    known = [compiled.states[i] for i in lines.counted]
    if given is None:
        return tuple(name for name in known if name in model.clones) or tuple(known)
    names = _counted(compiled, given, "of")
    if not names:
        raise SimulationError("of is empty; name the types of cells that are to be gone, such as of=['R']")
    for name in names:
        if name not in known:
            raise SimulationError(f"of: {shown(name)} is large and follows its mean; leave it out of one of both")
    return names


@dataclass(frozen=True, slots=True)
class _Backwards:
    """Chances of lines, from the end of a run back to its start."""

    lines: Lines
    parameters: FloatArray
    start: FloatArray
    plan: Regimen
    until: float
    accuracy: Accuracy | None

    def solve(self, last: FloatArray, rows: int) -> FloatArray:
        """Chances at time zero; drugs are known at `rows` even times and around acts."""
        course = self._course(rows)
        acts = self._acts(course)
        edges = np.unique(np.concatenate([[0.0, self.until], [act.time for act, _ in acts], _jumps(course)]))
        chance = last
        for low, high in zip(edges[-2::-1], edges[:0:-1], strict=True):
            chance = self._between(course, chance, float(low), float(high))
            for act, port in acts:
                if act.time == low:
                    chance[:-1] *= self._share(course, act, port)
        return chance

    def _course(self, rows: int) -> Course:
        """Everything but cells over time."""
        compiled, start = self.lines.compiled, self.start.copy()
        start[list(self.lines.counted)] = 0.0
        times = np.linspace(0.0, self.until, rows + 1)
        found = courses(
            compiled, self.parameters[None], start[None], self.plan, until=self.until, times=times,
            outputs=compiled.states, accuracy=self.accuracy or Accuracy(rtol=1e-9),
        )[0]  # fmt: skip
        if not found.status.ok:
            raise SimulationError(found.status.sentence)
        return found

    def _acts(self, course: Course) -> list[tuple[Act, int]]:
        """Acts on cells, with their ports."""
        ports = BoundPorts(self.lines.compiled, self.parameters[None])
        found = []
        for act in Regimen(course.acts).written_out() if course.acts else ():
            index = ports.find(act)
            port = self.lines.compiled.ports[index]
            if port.target and self.lines.compiled.states.index(port.target) in self.lines.counted:
                raise RegimenError(f"{act}: extinction knows no doses of cells; start with them instead")
            if port.action == "act":
                found.append((act, index))
        return found

    def _share(self, course: Course, act: Act, port: int) -> FloatArray:
        """What an act leaves of each type of cells."""
        before = course.values[max(int(np.searchsorted(course.times, act.time, side="left")), 0)]
        ports = BoundPorts(self.lines.compiled, self.parameters[None])
        return self.lines.thinned(port, before, ports.amount(port, act.amount), act.time, self.parameters)

    def _between(self, course: Course, chance: FloatArray, low: float, high: float) -> FloatArray:
        """Chances at the begin of a stretch without acts, from those at its end."""
        from scipy.integrate import solve_ivp
        from scipy.interpolate import CubicSpline

        inside = _stretch(course, low, high)
        times = course.times[inside]
        table = np.array(
            [self.lines.rates(t, y, self.parameters) for t, y in zip(times, course.values[inside], strict=True)]
        )
        constant = len(times) < 2 or bool((np.ptp(table, axis=0) <= 1e-12 * np.abs(table).max(axis=0)).all())
        spline = None if constant else CubicSpline(times, table)

        def slope(back: float, y: FloatArray) -> FloatArray:
            """Change of the chances per hour, back in time."""
            rates = table[0] if spline is None else np.maximum(spline(high - back), 0.0)
            return self.lines.slope(y, rates)

        found = solve_ivp(slope, (0.0, high - low), chance, method="LSODA", rtol=_RTOL, atol=_ATOL)
        if not found.success or not np.isfinite(found.y[:, -1]).all():
            raise SimulationError(f"extinction: the chances cannot be followed between {low:g} and {high:g} h")
        chances: FloatArray = np.maximum(found.y[:, -1], 0.0)
        chances[:-1] = np.minimum(chances[:-1], 1.0)
        return chances


def _jumps(course: Course) -> FloatArray:
    """Times at which rows stand twice: before and after an act."""
    return np.asarray(course.times[1:][np.diff(course.times) == 0])


def _stretch(course: Course, low: float, high: float) -> npt.NDArray[np.int64]:
    """Rows from just after the begin of a stretch to just before its end, one at each time.

    A row at the end of an exposure is behind it already; the one before stands close enough to it.
    """
    first = int(np.searchsorted(course.times, low, side="right")) - 1
    last = min(int(np.searchsorted(course.times, high, side="left")), len(course.times) - 1)
    acts = Regimen(course.acts).written_out() if course.acts else ()
    over = any(act.action == "expose" and abs(act.time + act.span - high) <= _EDGE * high for act in acts)
    return np.arange(first, last + (0 if over and last > first else 1), dtype=np.int64)


def _settled(backwards: _Backwards, last: FloatArray) -> FloatArray:
    """Chances for as many rows of the drugs as are needed: more of them change nothing."""
    rows, found = _ROWS, backwards.solve(last, _ROWS)
    while rows < _MOST_ROWS:
        rows *= 2
        before, found = found, backwards.solve(last, rows)
        if np.allclose(found, before, rtol=_AGREE, atol=1e-20):
            return found
    raise SimulationError(
        f"extinction: with {rows} rows of the drugs' course the chances are not settled; shorten until=, or split it; "
        "where rates jump (occasions, a condition on the time), count paths of simulate_many(..., stochastic=...)"
    )
