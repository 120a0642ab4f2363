"""From plate to regimen: the interaction as a kill law of a dynamic model, or a refusal that says why there is none.

With exponential growth, constant concentrations and a kill that acts at once, the unaffected fraction after a time T is
``f = exp(-E*T)``: the kill hazard is ``E = -ln(f)/T``. Products of fractions are sums of hazards, so Bliss on the plate
is separate kills in the model. Laws are fitted to these hazards, not converted from the parameters of a surface of
fractions, which has another shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import DataError, FitError, UnitError, shown
from pkpd_mdr.mechanisms import combined_kill, kill
from pkpd_mdr.response.combination.nulls import unaffected
from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.quantiles import f_tail
from pkpd_mdr.units import quantity

if TYPE_CHECKING:
    from pkpd_mdr.model.scope import Mechanism
    from pkpd_mdr.response.combination.result import Combination

__all__ = ["kill_law"]

FloatArray = npt.NDArray[np.float64]
_ALPHA = 0.01  # level of the test for one emax and hill of both drugs
_STARTS = 6

_NO_COUNTERPART = {
    "hsa": "the highest single agent is a choice between two responses of a plate, not a rate that acts in time",
    "zip": "ZIP compares two fits of a plate; its delta belongs to each pair of doses and is no law between them",
    "chou_talalay": "the median-effect law has no largest effect, so its hazard has no bound",
    "musyc": (
        "MuSyC is a surface of stationary fractions over four states of the drugs; its parameters are not those of any "
        "kill law of hazards"
    ),
}


def kill_law(
    result: Combination, *, on: str | Sequence[str], over: object, model: str | None, combination: str | int | None
) -> tuple[Mechanism, ...]:
    """Declarations for `mdr.Model` with the estimates of this plate.

    Parameters
    ----------
    result : Combination
        Of two drugs, on a declared scale, with units of the doses.
    on : str or sequence of str
        The clone or clones that are killed.
    over : quantity
        Time from adding the drugs to the reading, such as ``"72 h"``.
    model : {"bliss", "loewe", "braid"}, optional
        ``"bliss"``: two separate kills, whose hazards add. ``"loewe"``: `mdr.combined_kill` by dose additivity, one
        emax and hill for both drugs. ``"braid"``: the same with one interaction parameter alpha (Greco et al. 1990),
        estimated from all cells. The first model that was asked for when absent.
    combination : str or int, optional

    Returns
    -------
    tuple of Mechanism
        To be unpacked into `mdr.Model`. Drugs are called as in ``doses=``. These are point estimates: the uncertainty
        of the plate is not in them.

    Raises
    ------
    DataError
        No scale, no unit of a dose, more than two drugs, or too many wells beyond full effect.
    FitError
        The model has no counterpart as a kill law (the message says why), or the drugs differ in their largest hazard
        or slope, where dose additivity has no closed form.
    UnitError
        `over` is no time.
    """
    k, name = result._which(combination), result._model(model)
    wells = result.wells[k]
    if name in _NO_COUNTERPART:
        raise FitError(
            f"kill: {shown(name)} has no counterpart as a kill law: {_NO_COUNTERPART[name]}; possible are 'bliss', "
            "'loewe' and 'braid' (the interaction law), where asked for in combination(model=...)"
        )
    hours = _hours(over)
    _check(wells)
    if name == "bliss":
        fits = [_Law(wells, hours, wells.alone(j) | wells.untreated, common=False) for j in range(2)]
        return tuple(_kill(wells, fit.best()[0], j, on) for j, fit in enumerate(fits))
    single = wells.alone(0) | wells.alone(1) | wells.untreated
    apart, together = _Law(wells, hours, single, common=False), _Law(wells, hours, single, common=True)
    _check_common(wells, apart, together)
    law = (
        together
        if name == "loewe"
        else _Law(wells, hours, np.ones(len(wells.cells), dtype=bool), common=True, mixed=True)
    )
    values = law.best()[0]
    kills = [_kill(wells, values, j, on) for j in range(2)]
    if name == "loewe":
        return (combined_kill(*kills, by="loewe"),)
    return (combined_kill(*kills, by="interaction", strength=float(values["alpha"])),)


def _hours(over: object) -> float:
    time = quantity(over)  # type: ignore[arg-type]
    if not time.unit.like(quantity("1 h").unit):
        raise UnitError(f"over = {shown(over)} is no time; write for example over='72 h'")
    hours = float(time.internal / quantity("1 h").internal)
    if not 0 < hours < np.inf:
        raise UnitError(f"over = {shown(over)} is not above 0; write for example over='72 h'")
    return hours


def _check(wells: Wells) -> None:
    if len(wells.drugs) != 2:
        raise DataError(f"kill: a law is estimated for two drugs; {len(wells.drugs)} were given")
    if wells.scale is None:
        raise DataError("kill: a hazard needs the fraction unaffected; say scale= in combination(...)")
    bare = [drug for drug, unit in zip(wells.drugs, wells.units, strict=True) if not unit]
    if bare:
        raise DataError(f"kill: the dose of {shown(bare[0])} has no unit; write doses={{{bare[0]!r}: 'column [nM]'}}")
    means = unaffected(wells.centres(wells.y[None])[0], wells.scale)
    dead = np.flatnonzero(means <= 0)
    if len(dead):
        raise DataError(
            f"kill: {wells.text(int(dead[0]))}{f' and {len(dead) - 1} more cells' if len(dead) > 1 else ''}: nothing "
            "is left, so the hazard has no upper bound; leave out these cells, or fit the counts with mdr.fit"
        )


def _check_common(wells: Wells, apart: _Law, together: _Law) -> None:
    own, common = apart.best()[1], together.best()[1]
    spare = len(apart.hazard) - 6
    if spare < 1:
        return
    f = (common - own) / 2.0 / (own / spare) if own > 0 else (0.0 if common <= 1e-12 else np.inf)
    p = float(f_tail(max(f, 0.0), 2, spare))
    if p < _ALPHA:
        raise FitError(
            f"kill: {wells.drugs[0]} and {wells.drugs[1]} differ in their largest hazard or slope (F = {f:.3g}, "
            f"p = {p:.2g}), where dose additivity has no closed form; take model='bliss', or fit a formula with mdr.fit"
        )


class _Law:
    """Hill hazards of cells, with one emax and hill for both drugs or with their own."""

    def __init__(
        self, wells: Wells, hours: float, cells: npt.NDArray[np.bool_], *, common: bool, mixed: bool = False
    ) -> None:
        assert wells.scale is not None
        means = unaffected(wells.centres(wells.y[None])[0], wells.scale)[cells]
        self.doses, self.root = wells.cells[cells], np.sqrt(wells.n[cells].astype(np.float64))
        self.hazard, self.hours = -np.log(means), hours
        self.common, self.mixed = common, mixed
        self.present = np.flatnonzero((self.doses > 0).any(axis=0))
        names = ["ec50_0", "ec50_1"]
        names += ["emax", "hill"] if common else ["emax_0", "emax_1", "hill_0", "hill_1"]
        self.names = [n for n in names if not n[-1].isdigit() or int(n[-1]) in self.present]
        self._best: tuple[dict[str, float], float] | None = None

    def value(self, given: dict[str, float]) -> FloatArray:
        """Hazards times the duration."""
        shares = [self.doses[:, j] / given[f"ec50_{j}"] for j in self.present]
        if self.common:
            u = sum(shares[1:], shares[0])
            if self.mixed:
                u = u + given["alpha"] * shares[0] * shares[1]
            raised = np.maximum(u, 0.0) ** given["hill"]
            return np.asarray(given["emax"] * raised / (1.0 + raised))
        total = np.zeros(len(self.doses))
        for share, j in zip(shares, self.present, strict=True):
            raised = share ** given[f"hill_{j}"]
            total += given[f"emax_{j}"] * raised / (1.0 + raised)
        return total

    def best(self) -> tuple[dict[str, float], float]:
        """Estimates with emax per hour, and the sum of squares; the best of several starts."""
        if self._best is None:
            self._best = self._search()
        values, rss = self._best
        return {n: v / self.hours if n.startswith("emax") else v for n, v in values.items()}, rss

    def _search(self) -> tuple[dict[str, float], float]:
        from scipy.optimize import least_squares

        rng = np.random.default_rng(0)
        base, spread = self._start()
        reach = spread + 4.0

        def read(theta: FloatArray) -> dict[str, float]:
            """Parameters by name from logarithms, interaction as it is."""
            found = dict(zip(self.names, map(float, np.exp(theta[: len(self.names)])), strict=True))
            return found | ({"alpha": float(theta[-1])} if self.mixed else {})

        def residual(theta: FloatArray) -> FloatArray:
            """Differences of hazards, weighted, shape (cells,)."""
            return (self.value(read(theta)) - self.hazard) * self.root

        best = None
        for trial in range(_STARTS):
            start = base + (spread * rng.standard_normal(len(base)) if trial else 0.0)
            found = least_squares(
                residual, np.clip(start, base - reach, base + reach), bounds=(base - reach - 1, base + reach + 1)
            )
            if best is None or found.cost < best.cost:
                best = found
        assert best is not None
        return read(best.x), float(2.0 * best.cost)

    def _start(self) -> tuple[FloatArray, FloatArray]:
        top = float(max(self.hazard.max(), 1e-3))
        base, spread = [], []
        for name in self.names:
            if name.startswith("ec50"):
                doses = self.doses[:, int(name[-1])]
                base.append(float(np.log(doses[doses > 0]).mean()))
            else:
                base.append(np.log(top) if name.startswith("emax") else 0.0)
            spread.append(0.5)
        if self.mixed:
            base.append(0.0)
            spread.append(1.0)
        return np.array(base), np.array(spread)


def _kill(wells: Wells, values: dict[str, float], j: int, on: str | Sequence[str]) -> Mechanism:
    emax = values["emax"] if "emax" in values else values[f"emax_{j}"]
    hill = values["hill"] if "hill" in values else values[f"hill_{j}"]
    return kill(wells.drugs[j], on=on, emax=(emax, "1/h"), ec50=(values[f"ec50_{j}"], wells.units[j]), hill=hill)
