"""The tables of a dose-response result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.response.effective import too_few_doses
from pkpd_mdr.response.estimates import Curves, fit_stack
from pkpd_mdr.response.flat import flatness
from pkpd_mdr.response.quantiles import t_reach
from pkpd_mdr.response.scales import scale_named
from pkpd_mdr.response.shapes import FloatArray
from pkpd_mdr.response.stack import Stack

if TYPE_CHECKING:
    from pkpd_mdr.response.result import DoseResponse

__all__ = ["curve_table", "parameter_table", "reported", "verdicts"]

_SURE, _SEEN = 1e-3, 0.05  # of a lack of fit: its p, and the root mean square beside the effect of the curve
_ROUNDING = 1e-9  # of the mean response: less is no misfit
_FAR = 1e4  # times the range of the data, beyond which a limit is not seen


def reported(curves: Curves) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """By parameter in reporting order: estimate, value on the working scale, standard error on the working scale.

    A limit far beyond the data is a point on a ridge, where its size means nothing: NaN.
    """
    working = np.concatenate([curves.theta, np.where(_seen(curves), curves.linear, np.nan)], axis=1)
    diagonal = np.einsum("kii->ki", curves.covariance)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.where(diagonal >= 0, diagonal, np.nan))
    found = {}
    for name in curves.family.parameters:
        j = curves.names.index(name)
        value, error = working[:, j], errors[:, j]
        if name == "e2":
            value, error = _second_site(curves, working)
        with np.errstate(over="ignore"):
            shown = (
                np.exp(value)
                if curves.family.is_logged(name)
                else 1.0 / (1.0 + np.exp(-value))
                if name == "p"
                else value
            )
        found[name] = (np.asarray(shown), value, error)
    return found


def _second_site(curves: Curves, working: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logarithm of e2 and its standard error; stored is the logarithm of the distance between ln e2 and ln e."""
    pair = [curves.names.index(name) for name in ("e", "e2")]
    gap = np.exp(working[:, pair[1]])
    by = np.stack([np.ones_like(gap), gap], axis=1)
    variance = np.einsum("ki,kij,kj->k", by, curves.covariance[:, pair][:, :, pair], by)
    return working[:, pair[0]] + gap, np.sqrt(np.where(variance >= 0, variance, np.nan))


def _seen(curves: Curves) -> npt.NDArray[np.bool_]:
    """Which of c, d and f are within reach of the data, shape (count, 3)."""
    reach = np.full((len(curves.linear), 2, 1), np.array([[-np.inf], [np.inf]]))
    for part in curves.parts:
        used = np.broadcast_to(part.block.root > 0, part.block.y.shape)
        low = np.where(used, part.block.y, np.inf).min(axis=1)
        high = np.where(used, part.block.y, -np.inf).max(axis=1)
        far = _FAR * np.maximum(high - low, 1e-9 * np.maximum(np.abs(low), np.abs(high)))
        reach[part.curves, 0, 0], reach[part.curves, 1, 0] = low - far, high + far
    with np.errstate(invalid="ignore"):
        inside = (curves.linear >= reach[:, 0]) & (curves.linear <= reach[:, 1])
    inside[:, 2] = True  # hormesis is no response
    return inside | ~np.isfinite(curves.linear)


def parameter_table(fit: DoseResponse) -> pd.DataFrame:
    """See `DoseResponse.parameters`."""
    curves = fit.curves
    reach = t_reach(fit.options.confidence, np.maximum(curves.df, 1))
    frames = []
    for name, (estimate, value, error) in reported(curves).items():
        if curves.family.is_logged(name):
            se = estimate * error
            low, high = np.exp(value - reach * error), np.exp(value + reach * error)
        elif name == "p":
            se = estimate * (1.0 - estimate) * error
            low, high = (1.0 / (1.0 + np.exp(-value - sign * reach * error)) for sign in (-1.0, 1.0))
        else:
            se, low, high = error, estimate - reach * error, estimate + reach * error
        low, high = (np.clip(end, *fit.options.bounds.get(name, (-np.inf, np.inf))) for end in (low, high))
        se = np.where(curves.at_bound[:, curves.names.index(name)] != 0, np.nan, se)
        columns = {"parameter": name, "estimate": estimate, "se": se, "lower": low, "upper": high}
        frames.append(fit.labelled(columns))
    return pd.concat(frames).sort_index(kind="stable").reset_index(drop=True)


def verdicts(fit: DoseResponse) -> list[str]:
    """One word on each curve: effect, no effect, all affected, or why there is none to judge."""
    flat = np.where(fit.beyond_scale(0.5), "all affected", "no effect")
    found = np.where(fit.curves.usable, np.where(fit.no_effect, flat, "effect"), "not fitted")
    found = np.where(fit.curves.usable & np.isnan(fit.flat.p), "too few points", found)
    return [str(word) for word in found]


def curve_table(fit: DoseResponse, interval: str) -> pd.DataFrame:
    """See `DoseResponse.frame`."""
    curves = fit.curves
    doses = fit.doses(50.0, interval=interval)
    areas = fit.areas()
    columns: dict[str, object] = {"n": fit.stack.n, "levels": fit.stack.levels}
    columns |= {name: estimate for name, (estimate, _, _) in reported(curves).items()}
    columns |= {
        "ec50": doses.estimate,
        "ec50_lower": doses.lower,
        "ec50_upper": doses.upper,
        "ec50_state": [str(state) for state in doses.state],
        "auc": areas["auc"].to_numpy(),
        "aac": areas["aac"].to_numpy(),
        "effect": fit.flat.effect,
        "p_flat": fit.flat.p,
        "verdict": verdicts(fit),
        "rss": curves.rss,
        "sigma": curves.sigma,
        "aicc": curves.aicc,
        "note": [" | ".join(note) for note in all_notes(fit)],
    }
    return fit.labelled(columns)


def all_notes(fit: DoseResponse) -> list[list[str]]:
    """For each curve why it was not fitted, what was left out, and what looks odd."""
    reading, stack, curves = fit.readings, fit.stack, fit.curves
    found, few, levels = [], too_few_doses(fit), reading.stack.levels
    for k in range(len(fit)):
        notes = [reading.faults[k]] if k in reading.faults else []
        if not notes and not curves.usable[k]:
            notes.append(_too_little(int(stack.levels[k]), int(stack.n[k]), curves.estimated))
        elif not notes and curves.df[k] <= 0:
            notes.append(
                f"{stack.n[k]} points for {curves.estimated} parameters leave none for the error; hold some with fixed="
            )
        elif few[k]:
            notes.append(
                f"{levels[k]} doses are too few for {curves.estimated} parameters: of an effective dose only bounds "
                "can be told; hold some with fixed="
            )
        if curves.usable[k] and not curves.settled[k]:
            notes.append("the search did not come to rest")
        found.append(notes + reading.notes.get(k, []))
    least = fit.options.least_effect
    for k in np.flatnonzero(fit.no_effect & (fit.flat.p < fit.options.alpha)).tolist():
        found[k].append(f"significant, but its change of {fit.flat.effect[k]:.3g} is below least_effect = {least:g}")
    for k in np.flatnonzero(fit.beyond_scale(0.5)).tolist():
        found[k].append(
            f"flat at {fit.flat.mean[k]:.3g}, no untreated well: on its scale every dose has the whole effect"
        )
    for k, note in [*_at_bounds(fit), *_kept_from_falling(fit)]:
        found[k].append(note)
    for k, p in _misfits(fit):
        found[k].append(
            f"the curve misses the means of its doses (lack of fit, p = {p:.1g}): see plot(), and try another curve=, "
            "such as 'BC.5' for a rise at low doses or 'BP.5' for two steps"
        )
    for k, mean in _odd_controls(fit):
        found[k].append(f"untreated wells are at {mean:.3g}: is scale = {fit.options.scale!r} that of the table?")
    if fit.point_shares is not None:
        down = np.bincount(fit.stack.curve, fit.point_shares < 0.5, len(fit)).astype(int)
        for k in np.flatnonzero(down).tolist():
            found[k].append(f"{down[k]} of {stack.n[k]} points kept less than half their weight")
    return found


def _misfits(fit: DoseResponse) -> list[tuple[int, float]]:
    """Curves that miss the means of their doses, surely and by what can be seen, with the p of their lack of fit."""
    if fit.options.loss != "squared":
        return []
    p = fit.lack_of_fit()["p"].to_numpy(dtype=np.float64)
    weight = np.bincount(fit.stack.curve, fit.stack.weight, minlength=len(fit))
    with np.errstate(divide="ignore", invalid="ignore"):
        miss = np.sqrt((fit.curves.rss - fit.stack.pure) / weight)
        seen = np.maximum(_SEEN * fit.flat.effect, _ROUNDING * np.abs(fit.flat.mean))
        wrong = fit.curves.usable & (p < _SURE) & (miss > seen)
    return [(int(k), float(p[k])) for k in np.flatnonzero(wrong)]


def _at_bounds(fit: DoseResponse) -> list[tuple[int, str]]:
    """Parameters that end at a bound that was given, of curves with an effect."""
    found = []
    for k, j in np.argwhere((fit.curves.at_bound != 0) & ~fit.no_effect[:, None]).tolist():
        name, upper = fit.curves.names[j], bool(fit.curves.at_bound[k, j] > 0)
        where = f"{name} is at its {'upper' if upper else 'lower'} bound {fit.options.bounds[name][upper]:g}"
        found.append((k, f"{where}: it is no estimate, and the errors of the others hold it there"))
    return found


def _kept_from_falling(fit: DoseResponse) -> list[tuple[int, str]]:
    """Curves without an effect that have one as soon as the limits that are held are estimated."""
    held = ", ".join(f"{name} = {value:g}" for name, value in fit.options.held.items())
    flat = np.flatnonzero(fit.no_effect & (fit.flat.p >= fit.options.alpha))
    if not held or not len(flat):
        return []
    mine = np.isin(fit.stack.curve, flat)
    own, place = fit.stack, np.zeros(len(fit), dtype=np.int64)
    place[flat] = np.arange(len(flat))
    part = Stack.of(place[own.curve[mine]], own.x[mine], own.y[mine], own.weight[mine], count=len(flat))
    loose = flatness(part, fit_stack(part, fit.curves.family))
    with np.errstate(invalid="ignore"):
        seen = (loose.p < _SURE) & (loose.effect >= fit.options.least_effect)
    why = (
        f"but no curve with {held} held follows them; hold another value with fixed=, or choose a family that "
        "estimates it, such as 'LL.4'"
    )
    return [
        (int(flat[i]), f"responses change with the dose (p = {loose.p[i]:.1g}), {why}") for i in np.flatnonzero(seen)
    ]


def _odd_controls(fit: DoseResponse) -> list[tuple[int, float]]:
    """Curves whose untreated wells are nearer to the full effect of their declared scale than to none."""
    kind, stack = scale_named(fit.options.scale), fit.stack
    if kind is None:
        return []
    untreated = np.flatnonzero(stack.level_x == 0.0)
    y = stack.level_y[untreated]
    odd = (y - kind.none) / (kind.full - kind.none) > 0.5
    return [(int(k), float(mean)) for k, mean in zip(stack.level_curve[untreated][odd], y[odd], strict=True)]


def _too_little(levels: int, n: int, parameters: int) -> str:
    if n == 0:
        return "no usable well"
    if levels < 2:
        return "one dose only: a curve needs several"
    return f"{n} points are fewer than {parameters} parameters; hold some with fixed=, or choose a smaller family"
