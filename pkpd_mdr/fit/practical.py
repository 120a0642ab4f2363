"""What the data of a fit determine in practice, and in which directions the likelihood is stiff or sloppy.

Both read the information of the fit in relative coordinates: ``d ln(value)`` for a parameter that is worked on as
logarithm, and the change over ``max(|value|, width/4)`` of its bounds for any other one. In these, a standard error of
0.1 is a relative one of ten percent, and eigenvalues can be compared with each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import SEED, takes
from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.combinations import Terrain
from pkpd_mdr.fit.estimates import quantile
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.identifiability import Identifiability, structure, verdicts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pkpd_mdr.fit.result import Fit

__all__ = ["Spectrum", "identify_fit", "spectrum"]

_FAR = 1e8  # standard error of a direction on which nothing depends
_PART = 0.2  # loading from which on a parameter is named in a direction
_TANGLED = 0.05


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues and directions of the information of a fit, stiffest first.

    Attributes
    ----------
    names : tuple of str
    eigenvalues : ndarray, shape (k,)
        Of the information in relative coordinates; one over the squared standard error of the direction.
    directions : ndarray, shape (k, k)
        Row i belongs to eigenvalue i.
    freedom : float
        Degrees of freedom of the quantiles.
    """

    names: tuple[str, ...]
    eigenvalues: FloatArray
    directions: FloatArray
    freedom: float

    @property
    def errors(self) -> FloatArray:
        """Standard error along each direction, relative, shape (k,)."""
        return np.minimum(1.0 / np.sqrt(np.maximum(self.eigenvalues, 1e-300)), _FAR)

    @property
    def decades(self) -> float:
        """Powers of ten that the eigenvalues span; a model is called sloppy from about six on."""
        low, high = float(self.eigenvalues.min()), float(self.eigenvalues.max())
        return math.log10(high / low) if low > 0 else math.inf

    @property
    def table(self) -> pd.DataFrame:
        """One row a direction: eigenvalue, se, within_factor (95%, either way), direction in words."""
        reach = quantile(self.freedom) if self.freedom > 0 else math.nan
        with np.errstate(over="ignore"):
            factor = np.exp(np.minimum(reach * self.errors, 700.0))
        return pd.DataFrame(
            {
                "eigenvalue": self.eigenvalues,
                "se": self.errors,
                "within_factor": factor,
                "direction": [_in_words(self.names, row) for row in self.directions],
            },
            index=pd.RangeIndex(1, len(self.names) + 1, name="direction number"),
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Eigenvalues and what they are made of; see `pkpd_mdr.plot.knowledge`."""
        from pkpd_mdr.plot.knowledge import plot_spectrum

        return plot_spectrum(self, ax=ax)

    def __str__(self) -> str:
        return self.table.to_string(float_format=lambda x: f"{x:.3g}")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table.to_html(escape=True, float_format=lambda x: f"{x:.3g}")


def _in_words(names: tuple[str, ...], direction: FloatArray) -> str:
    """The largest parts, such as ``emax_dox_S +0.71, ec50_dox_S -0.71``; the first is positive."""
    order = np.argsort(-np.abs(direction), kind="stable")
    signed = direction * (1.0 if direction[order[0]] >= 0 else -1.0)
    return ", ".join(f"{names[j]} {signed[j]:+.2f}" for j in order if abs(signed[j]) >= _PART)


def spectrum(fit: Fit) -> Spectrum:
    """Stiff and sloppy directions of a fit (Gutenkunst et al. 2007, PLoS Comput Biol 3:e189).

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Spectrum
    """
    scale = _scale(fit)
    values, axes = np.linalg.eigh(fit.information.matrix * np.outer(scale, scale))
    order = np.argsort(-values)
    return Spectrum(fit.found.names, np.maximum(values[order], 0.0), axes[:, order].T, fit.information.freedom)


def _scale(fit: Fit) -> FloatArray:
    """Working coordinate by relative coordinate, shape (k,)."""
    found = []
    for item in fit.found.items:
        width = item.allowed[1] - item.allowed[0]
        size = max(abs(item.value), width / 4 if math.isfinite(width) else 0.0)
        found.append(1.0 if item.log else size or 1.0)
    return np.array(found)


@takes(FitError, seed=SEED)
def identify_fit(fit: Fit, *, kind: str = "practical", factor: float = 10.0, seed: int = 0) -> Identifiability:
    """What the data of a fit determine, and which combinations of the rest.

    Parameters
    ----------
    fit : Fit
    kind : {"practical", "structural"}
        With the errors of these data, or with exact measurements under the same conditions and at the same times.
    factor : float
        Practically, a quantity counts as determined if its 95% interval (from the information at the optimum) is
        within this factor of the estimate on either side.
    seed : int
        Of the random points of the structural analysis.

    Returns
    -------
    Identifiability

    Raises
    ------
    FitError
        Another kind, or a factor that is not above 1.
    """
    if kind not in ("practical", "structural"):
        raise FitError(f"kind = {shown(kind)} is not 'practical' or 'structural'")
    if not factor > 1:
        raise FitError(f"factor = {shown(factor)} is not above 1; 10 asks for the order of magnitude")
    problem = replace(fit.objective.problem, space=fit.found.space)
    exact = structure(problem, seed=seed)
    if kind == "structural":
        return exact
    found = _practical(fit, factor, exact)
    return replace(found, notes=_about(found, exact))


def _practical(fit: Fit, factor: float, exact: Identifiability) -> Identifiability:
    stiff, space, freedom = spectrum(fit), fit.found.space, fit.information.freedom
    reach = quantile(freedom) if freedom > 0 else 1e6
    limit = math.log(factor) / reach
    covariance = (stiff.directions.T * stiff.errors**2) @ stiff.directions
    alone = np.sqrt(np.diag(covariance)) > limit
    weak = stiff.errors > limit
    towards = stiff.directions[weak].T
    blind = np.where((alone | (np.abs(towards).max(axis=1, initial=0.0) > _PART))[:, None], towards, 0.0)
    terrain = Terrain(
        space, space.internal(space.start)[None], (blind,), _TANGLED, covariance, limit, exact.combinations
    )
    table, combinations = verdicts(terrain, lost=alone)
    errors = np.sqrt(stiff.eigenvalues)[None]
    return Identifiability(
        fit.found.names,
        table,
        combinations,
        int((~weak).sum()),
        errors,
        np.array([1.0 / limit]),
        float(errors[0, int((~weak).sum()) - 1]) if (~weak).any() else 0.0,
        kind="practical",
    )


def _about(found: Identifiability, exact: Identifiability) -> tuple[str, ...]:
    """Whether more data of the same kind would help."""
    if found.all and exact.all:
        return ()
    never = exact.not_identifiable
    notes = []
    if never:
        which = f", only {', '.join(map(str, exact.combinations))}" if exact.combinations else ""
        notes.append(
            f"no number of measurements under these conditions determines {', '.join(never)}{which}; "
            "it takes another kind of experiment"
        )
    more = [name for name in found.not_identifiable if name not in never]
    if more:
        notes.append(
            f"exact measurements would determine {', '.join(more)}: more, better or other doses and times help"
        )
    return tuple(notes)
