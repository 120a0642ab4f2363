"""Which curve family, and effective doses averaged over families by Akaike weights (Burnham and Anderson 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pkpd_mdr.errors import DataError
from pkpd_mdr.response.estimates import Curves, fit_stack
from pkpd_mdr.response.families import family
from pkpd_mdr.response.levels import Level, delta_error, log_dose
from pkpd_mdr.response.quantiles import normal_quantile
from pkpd_mdr.response.reading import control_level
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.states import State

if TYPE_CHECKING:
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["Averaged", "average"]

_DEFAULT = ("LL.4", "LN.4", "W1.4", "W2.4")


@dataclass(frozen=True, eq=False, repr=False)
class Averaged:
    """Several families fitted to the same curves.

    Attributes
    ----------
    fits : dict of DoseResponse by family name
    aicc : ndarray, shape (curves, families)
    weights : ndarray, shape (curves, families)
        Akaike weights; NaN where there are too few points for any.
    """

    fits: dict[str, DoseResponse]
    aicc: FloatArray
    weights: FloatArray

    @property
    def first(self) -> DoseResponse:
        """The fit that the others were added to."""
        return next(iter(self.fits.values()))

    def table(self) -> pd.DataFrame:
        """One row for each curve and family: labels, family, rss, aicc, delta, weight; best first within a curve."""
        names = list(self.fits)
        frames = []
        for f, name in enumerate(names):
            with np.errstate(invalid="ignore"):
                delta = self.aicc[:, f] - self.aicc.min(axis=1)
            columns = {
                "family": name, "rss": self.fits[name].curves.rss, "aicc": self.aicc[:, f], "delta": delta,
                "weight": self.weights[:, f],
            }  # fmt: skip
            frame = self.first.labelled(columns)
            frames.append(frame.assign(curve=np.arange(len(frame))))
        both = pd.concat(frames).sort_values(["curve", "aicc"], kind="stable")
        return both.drop(columns="curve").reset_index(drop=True)

    def ed(self, *levels: float, kind: str = "relative") -> pd.DataFrame:
        """Averaged effective doses, on the log scale, with unconditional standard errors (Buckland et al. 1997).

        Families in which the level is not reached take no part; where they hold most of the weight, that is the answer.
        """
        frames = []
        for value in levels or (50.0,):
            level = Level(value, kind)
            columns = {"level": str(level), **self._averaged(level)}
            frames.append(self.first.labelled(columns))
        return pd.concat(frames).sort_index(kind="stable").reset_index(drop=True)

    def _averaged(self, level: Level) -> dict[str, object]:
        fits = list(self.fits.values())
        doses = [fit.doses(level, interval="delta") for fit in fits]
        has = np.array([[state.has_estimate for state in found.state] for found in doses]).T
        logs = np.array([log_dose(fit.curves, level) for fit in fits]).T
        errors = np.array([delta_error(fit.curves, level, log_dose(fit.curves, level)) for fit in fits]).T
        weight = np.where(has & np.isfinite(errors), np.nan_to_num(self.weights), 0.0)
        total = weight.sum(axis=1)
        share = weight / np.where(total > 0, total, 1.0)[:, None]
        mean = (share * np.where(share > 0, logs, 0.0)).sum(axis=1)
        each = np.sqrt(np.where(share > 0, errors**2 + (logs - mean[:, None]) ** 2, 0.0))
        error = (share * each).sum(axis=1)
        best = np.nanargmax(np.where(np.isnan(self.weights), -1.0, self.weights), axis=1)
        known = total > 0.5
        reach = normal_quantile(0.5 + 0.5 * self.first.options.confidence)
        rows = np.arange(len(best))
        lower, upper, state = (
            np.array([getattr(found, name) for found in doses]).T[rows, best] for name in ("lower", "upper", "state")
        )
        unsure = ~known & np.array([s.has_estimate for s in state])
        with np.errstate(over="ignore"):
            return {
                "estimate": np.where(known, np.exp(mean), np.nan),
                "lower": np.where(known, np.exp(mean - reach * error), np.where(unsure, 0.0, lower)),
                "upper": np.where(known, np.exp(mean + reach * error), np.where(unsure, np.inf, upper)),
                "se_log": np.where(known, error, np.nan),
                "state": [
                    str(self._state(mean[k], k, level)) if known[k] else str(State.UNKNOWN if unsure[k] else state[k])
                    for k in rows.tolist()
                ],
            }

    def _state(self, log: float, k: int, level: Level) -> State:
        from pkpd_mdr.response.areas import tested_range

        low, high = tested_range(self.first.stack)
        return State.IN_RANGE if np.log(low[k]) <= log <= np.log(high[k]) else State.EXTRAPOLATED

    def __repr__(self) -> str:
        return self.table().head(40).to_string(index=False, float_format=lambda x: f"{x:.4g}", na_rep="-")


def average(fit: DoseResponse, families: Sequence[str]) -> Averaged:
    """Fit further families to the same points and weigh all of them by AICc.

    Parameters
    ----------
    fit : DoseResponse
        By least squares, without shared parameters.
    families : sequence of str
        Names of families; the four-parameter log-logistic, log-normal and Weibull ones when empty.

    Returns
    -------
    Averaged

    Raises
    ------
    DataError
        An unknown family, or a fit whose likelihood does not compare.
    """
    if fit.joint is not None or fit.point_shares is not None:
        raise DataError("average: families are weighed by the likelihood of curves fitted apart by least squares")
    fits = {fit.curves.family.name: fit}
    for name in families or _DEFAULT:
        chosen = family(name)
        if chosen.name not in fits:
            fits[chosen.name] = _with_family(fit, chosen.name)
    aicc = np.stack([one.curves.aicc for one in fits.values()], axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        best = np.where(np.isfinite(aicc), aicc, np.inf).min(axis=1, keepdims=True)
        raw = np.where(np.isfinite(aicc), np.exp(-0.5 * (aicc - best)), 0.0)
        weights = raw / np.where(raw.sum(axis=1, keepdims=True) > 0, raw.sum(axis=1, keepdims=True), np.nan)
    return Averaged(fits, aicc, weights)


def _with_family(fit: DoseResponse, name: str) -> DoseResponse:
    from pkpd_mdr.response.flat import flatness
    from pkpd_mdr.response.result import DoseResponse

    chosen, old = family(name), fit.options
    held = {
        key: v
        for key, v in chosen.held(rising=old.rising, control=control_level(old.scale)).items()
        if key in ("c", "d")
    }
    curves: Curves = fit_stack(fit.stack, chosen, held=held)
    options = replace(old, held=held, bounds={})
    return DoseResponse(fit.readings, fit.stack, curves, flatness(fit.stack, curves), options)
