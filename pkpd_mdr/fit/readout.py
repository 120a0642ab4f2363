"""Readouts that show a quantity up to a scale and an offset: y = scale*prediction + offset, both solved for exactly.

Whatever the other parameters are, the best scale and offset follow from them (variable projection, Golub and Pereyra,
SIAM J. Numer. Anal. 10:413, 1973). So they are no coordinates of the search: at each point they are solved for, and
slope and curvature are those of what is left. They need no start and no bounds, and count as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pkpd_mdr.arguments import TEXTS
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.grouping import group_of, group_text, labels_of
from pkpd_mdr.fit.parts import Layout, row_parts, row_terms
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["ReadoutLike", "on_curves", "read_readouts", "seen", "solved"]

ReadoutLike = Mapping[str, str | tuple[str, str]] | None
"""Observable to ``"scale"`` or ``"scale+offset"``, or to such a word and the label of groups."""

_KINDS = ("scale", "scale+offset")
_STEPS = 60
_ENOUGH = 1e-13  # relative gain from which on a solution is exact


def seen(problem: Problem, prediction: Prediction, c: FloatArray) -> Prediction:
    """A prediction seen through scales and offsets c, shape (r,)."""
    rows = problem.rows
    scaled, moved = rows.scale >= 0, rows.offset >= 0
    scale = np.where(scaled, c[rows.scale], 1.0)
    values = scale * prediction.values + np.where(moved, c[rows.offset], 0.0)
    by, at = np.zeros((len(values), len(c))), np.arange(len(values))
    by[at[scaled], rows.scale[scaled]] = prediction.values[scaled]
    by[at[moved], rows.offset[moved]] = 1.0
    by[prediction.failed] = 0.0
    return replace(prediction, values=values, by=scale[:, None] * prediction.by, readout_by=by, readout=c)


def solved(layout: Layout, point: FloatArray, prediction: Prediction, profiled: bool) -> Prediction:
    """The prediction under the best scales and offsets, by scoring on these alone.

    Parameters
    ----------
    layout : Layout
    point : ndarray, shape (d,)
    prediction : Prediction
        As simulated.
    profiled : bool
        Whether a common scale of errors is found in closed form.
    """
    problem = layout.problem
    c = _first(layout, prediction)
    best = seen(problem, prediction, c)
    value, step = _objective(layout, point, best, profiled)
    damping = 0.0
    for _ in range(_STEPS):
        onward = c + step(damping)
        trial = seen(problem, prediction, onward)
        found, next_step = _objective(layout, point, trial, profiled)
        gain = value - found
        if gain >= 0:
            best, c, value, step = trial, onward, found, next_step
            damping = damping / 10 if damping > 1e-6 else 0.0
        else:
            damping = max(10 * damping, 1e-3)
        if abs(gain) <= _ENOUGH * max(1.0, abs(value)) or damping > 1e8:
            break
    return best


def on_curves(problem: Problem, c: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scale and offset of each member and observable, both of shape (members, observables)."""
    rows, shape = problem.rows, (len(problem.members), len(problem.rows.observable))
    scale, offset = np.ones(shape), np.zeros(shape)
    scaled, moved = rows.scale >= 0, rows.offset >= 0
    scale[rows.member[scaled], rows.which[scaled]] = c[rows.scale[scaled]]
    offset[rows.member[moved], rows.which[moved]] = c[rows.offset[moved]]
    return scale, offset


def _first(layout: Layout, prediction: Prediction) -> FloatArray:
    """Weighted least squares with the sds that the measurements themselves have."""
    rows, usable = layout.problem.rows, ~prediction.failed
    plain = seen(layout.problem, prediction, np.ones(len(layout.problem.readouts)))
    weight = np.zeros(len(rows))
    for i, model in enumerate(layout.models):
        mine = (rows.which == i) & usable
        y = rows.value[mine]
        if model.discrete or model.logarithmic:
            weight[mine] = 1.0 / np.maximum(np.abs(y), model.floor or 1e-12)
        else:
            weight[mine] = 1.0 / np.maximum(model.shape(y, y, rows.known[mine]).h, 1e-300)
    weight *= np.sqrt(rows.n)
    assert plain.readout_by is not None
    design = plain.readout_by * weight[:, None]
    fixed = np.where(rows.scale >= 0, 0.0, np.nan_to_num(prediction.values))
    aim = np.where(usable & ((rows.scale >= 0) | (rows.offset >= 0)), rows.value - fixed, 0.0) * weight
    numbers = np.isfinite(aim) & np.isfinite(design).all(axis=1)
    found = np.linalg.lstsq(np.where(numbers[:, None], design, 0.0), np.where(numbers, aim, 0.0), rcond=None)[0]
    return np.asarray(found)


def _objective(layout: Layout, point: FloatArray, seen: Prediction, profiled: bool) -> tuple[float, Any]:
    """Minus twice the log-likelihood up to a constant, and the damped step that scoring takes from there."""
    parts, d = row_parts(layout, point, seen), layout.dimension
    if profiled:
        inverse = np.exp(np.clip(parts.log_w.mean() - parts.log_w, -600.0, 600.0))
        e = parts.difference * inverse
        centred = (parts.log_w_by - parts.log_w_by.mean(axis=0))[:, d:]
        signal = parts.mean_by[:, d:] * inverse[:, None]
        squares = max(float(e @ e), 1e-290)
        weight = len(e) / squares
        value = len(e) * float(np.log(squares))
        gradient = -2.0 * weight * ((signal + e[:, None] * centred).T @ e)
        curvature = 2.0 * weight * (signal.T @ signal) + 4.0 * (centred.T @ centred)
    else:
        terms = row_terms(layout, point, seen, parts)
        by = np.stack([parts.mean_by, parts.log_w_by, parts.extra_by])[:, :, d:]
        value = float(terms.value.sum())
        gradient = np.einsum("ri,ird->d", terms.slope, by)
        curvature = np.einsum("ird,rij,jre->de", by, terms.information, by, optimize=True)

    def step(damping: float) -> FloatArray:
        """The damped step of the readouts, shape (readouts,)."""
        ridge = damping * np.diag(np.diag(curvature))
        return np.asarray(-pseudo_inverse(curvature + ridge, cut=1e-15) @ gradient)

    return value if np.isfinite(value) else np.inf, step


def read_readouts(readout: ReadoutLike, problem: Problem) -> Problem:
    """Read which observables are seen through a scale or an offset into a problem.

    Parameters
    ----------
    readout : mapping, optional
        Observable to ``"scale"`` or ``"scale+offset"``; ``("scale", "plate")`` solves one for each value of a label.
    problem : Problem

    Raises
    ------
    FitError
        An observable that was not measured, another word, or a label that some condition lacks.
    """
    if not readout:
        return problem
    rows, names, measured = problem.rows, list[str](), problem.rows.observable
    scale_of, offset_of = (np.full(len(rows), -1, dtype=np.int64) for _ in range(2))
    for observable, given in readout.items():
        if observable not in measured:
            raise FitError(
                f"readout names {shown(observable)}, which was not measured{did_you_mean(observable, measured)}"
            )
        if observable in problem.relative_to:
            raise FitError(
                f"readout and relative_to both name {shown(observable)}; a reference leaves no scale to find"
            )
        kind, labels = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, ())
        if not isinstance(kind, str) or kind not in _KINDS or not TEXTS.fits(labels):
            raise FitError(
                f"readout of {shown(observable)} is {shown(given)}; choose 'scale' or 'scale+offset', "
                "with a label of groups as in ('scale', 'plate')"
            )
        where = f"readout of {shown(observable)}"
        groups = [group_of(member.condition, labels_of(labels), where) for member in problem.members]
        which = measured.index(observable)
        for group in dict.fromkeys(groups):
            mine = (rows.which == which) & np.array([groups[m] == group for m in rows.member])
            for part, at in (("scale", scale_of), ("offset", offset_of)):
                if mine.any() and part in kind.split("+"):
                    at[mine] = len(names)
                    names.append(f"{part} of {observable}" + (f" [{group_text(group)}]" if group else ""))
    return replace(problem, rows=replace(rows, scale=scale_of, offset=offset_of), readouts=tuple(names))
