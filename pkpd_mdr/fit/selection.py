"""Which of several models the data support."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.result import Fit

__all__ = ["Selection", "compare_models"]

_STRONG = 10.0  # AICc difference from which on support is called strong (Burnham and Anderson 2002)
_SOME = 2.0


@dataclass(frozen=True)
class Selection:
    """Models ranked by AICc on the same data.

    Attributes
    ----------
    table : DataFrame
        Index is the model's label, best first; columns parameters, log_likelihood, aicc, delta (to the best),
        weight (Akaike weights), and for models that are a special case of another: within, likelihood_ratio,
        p (chi-squared).
    """

    table: pd.DataFrame

    @property
    def best(self) -> str:
        """Label of the model with the smallest AICc."""
        return str(self.table.index[0])

    def verdict(self, label: str, against: str) -> str:
        """Whether the data support a model against another, in one sentence.

        Raises
        ------
        FitError
            An unknown label; the nearest is suggested.
        """
        for name in (label, against):
            if name not in self.table.index:
                raise FitError(f"no model is labelled {shown(name)}{did_you_mean(name, map(str, self.table.index))}")
        aicc = dict(zip(map(str, self.table.index), self.table["aicc"].to_numpy(dtype=np.float64), strict=True))
        gain = float(aicc[against] - aicc[label])
        if not math.isfinite(gain):
            return f"there are too few measurements to tell {shown(label)} from {shown(against)}"
        if abs(gain) < _SOME:
            return f"the data do not tell {shown(label)} from {shown(against)} (AICc differs by {abs(gain):.1f})"
        how = "strongly" if abs(gain) >= _STRONG else "moderately"
        winner, loser = (label, against) if gain > 0 else (against, label)
        return f"the data {how} support {shown(winner)} against {shown(loser)} (AICc lower by {abs(gain):.1f})"

    def __str__(self) -> str:
        return self.table.to_string(float_format=lambda x: f"{x:.4g}", na_rep="-")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table.to_html(escape=True, float_format=lambda x: f"{x:.4g}", na_rep="-")


def compare_models(fits: Mapping[str, Fit], *, nested: Mapping[str, str] | None = None) -> Selection:
    """Rank fits of different models to the same measurements.

    Parameters
    ----------
    fits : mapping of label to Fit
    nested : mapping of label to label, optional
        Special case to the model that contains it. When absent, a fit counts as a special case of the smallest one
        whose free parameters include all of its own.

    Returns
    -------
    Selection
        A rate that the special case sets to zero, its bound, makes p too large: the true one is about half.

    Raises
    ------
    FitError
        Fewer than two fits, other measurements, or an unknown label.

    Examples
    --------
    >>> import pandas as pd
    >>> import pkpd_mdr as mdr
    >>> frame = pd.DataFrame({"h": [0, 1, 2, 3, 4], "y": [1.0, 2.1, 2.9, 4.2, 5.0]})
    >>> data = mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y")
    >>> line = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "1 1/h"))
    >>> wide = {"a": (-9, 9), "b": ("-9 1/h", "9 1/h")}
    >>> fits = {"line": mdr.fit(line, data, wide), "flat": mdr.fit(line.with_parameters(b=0), data, {"a": (-9, 9)})}
    >>> compare_models(fits).verdict("line", "flat")
    "the data moderately support 'line' against 'flat' (AICc lower by 6.5)"
    """
    if len(fits) < 2:
        raise FitError(f"{len(fits)} fit cannot be compared; give two or more")
    _check_same(fits)
    within = dict(nested) if nested is not None else _found_nesting(fits)
    for small, large in within.items():
        for name in (small, large):
            if name not in fits:
                raise FitError(f"nested names {shown(name)}, which is not among the fits{did_you_mean(name, fits)}")
    rows = {
        label: _row(fit, fits[within[label]] if label in within else None, within.get(label, ""))
        for label, fit in fits.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "model"
    table = table.sort_values("aicc", kind="stable")
    table.insert(3, "delta", table["aicc"] - table["aicc"].iloc[0])
    weight = np.exp(-0.5 * table["delta"].to_numpy(dtype=np.float64))
    table.insert(4, "weight", weight / weight.sum())
    return Selection(table)


def _check_same(fits: Mapping[str, Fit]) -> None:
    first_label, first = next(iter(fits.items()))
    key = _measurements(first)
    for label, fit in fits.items():
        if _measurements(fit) != key:
            raise FitError(
                f"{shown(label)} was fitted to other measurements than {shown(first_label)}; "
                "likelihoods compare on the same ones only"
            )


def _measurements(fit: Fit) -> tuple[object, ...]:
    rows = fit.objective.problem.rows
    return fit.data.content_hash, rows.source.tobytes(), rows.which.tobytes(), rows.observable


def _found_nesting(fits: Mapping[str, Fit]) -> dict[str, str]:
    found = {}
    for label, fit in fits.items():
        mine = set(fit.found.names)
        larger = [(len(other.found.names), name) for name, other in fits.items() if mine < set(other.found.names)]
        if larger:
            found[label] = min(larger)[1]
    return found


def _row(fit: Fit, larger: Fit | None, within: str) -> dict[str, object]:
    row: dict[str, object] = {"parameters": fit.parameters, "log_likelihood": fit.log_likelihood, "aicc": fit.aicc}
    if larger is None:
        return row | {"within": "", "likelihood_ratio": math.nan, "p": math.nan}
    from scipy.stats import chi2

    ratio = max(2.0 * (larger.log_likelihood - fit.log_likelihood), 0.0)
    extra = larger.parameters - fit.parameters
    return row | {
        "within": within,
        "likelihood_ratio": ratio,
        "p": float(chi2.sf(ratio, extra)) if extra > 0 else math.nan,
    }
