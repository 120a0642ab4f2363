"""Readouts that show a quantity up to a scale and an offset: y = scale*prediction + offset, both solved for exactly.

Whatever the other parameters are, the best scale and offset follow from them (variable projection, Golub and Pereyra,
SIAM J. Numer. Anal. 10:413, 1973). So they are no coordinates of the search: at each point they are solved for, and
slope and curvature are those of what is left. They need no start and no bounds, and count as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd_mdr.data import Data
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.grouping import group_of, group_text, labels_of
from pkpd_mdr.fit.parts import Layout, row_parts, row_terms
from pkpd_mdr.fit.problem import Prediction, Problem

__all__ = ["ReadoutLike", "Readouts", "read_readouts"]

ReadoutLike = Mapping[str, str | tuple[str, str]] | None
"""Observable to ``"scale"`` or ``"scale+offset"``, or to such a word and the label of groups."""

_KINDS = ("scale", "scale+offset")
_STEPS = 60
_ENOUGH = 1e-13  # relative gain from which on a solution is exact

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Readouts:
    """Scales and offsets; r of them.

    Attributes
    ----------
    names : tuple of str
        Such as ``"scale of viability [plate 1]"``.
    scale_of, offset_of : ndarray of int, shape (rows,)
        Number of the scale and of the offset of each row; -1 for none.
    """

    names: tuple[str, ...]
    scale_of: IntArray
    offset_of: IntArray

    def __len__(self) -> int:
        return len(self.names)

    @staticmethod
    def none() -> Readouts:
        """No scale and no offset."""
        return Readouts((), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def applied(self, prediction: Prediction, c: FloatArray) -> Prediction:
        """A prediction seen through scales and offsets."""
        scaled, moved = self.scale_of >= 0, self.offset_of >= 0
        scale = np.where(scaled, c[self.scale_of], 1.0)
        values = scale * prediction.values + np.where(moved, c[self.offset_of], 0.0)
        by, rows = np.zeros((len(values), len(c))), np.arange(len(values))
        by[rows[scaled], self.scale_of[scaled]] = prediction.values[scaled]
        by[rows[moved], self.offset_of[moved]] = 1.0
        by[prediction.failed] = 0.0
        return replace(prediction, values=values, by=scale[:, None] * prediction.by, readout_by=by, readout=c)

    def solved(self, layout: Layout, point: FloatArray, prediction: Prediction, profiled: bool) -> Prediction:
        """The prediction under the best scales and offsets, by scoring on these alone."""
        best = self.applied(prediction, self._first(layout, prediction))
        value, step = self._objective(layout, point, best, profiled)
        damping = 0.0
        for _ in range(_STEPS):
            assert best.readout is not None
            trial = self.applied(prediction, best.readout + step(damping))
            found, onward = self._objective(layout, point, trial, profiled)
            gain = value - found
            if gain >= 0:
                best, value, step, damping = trial, found, onward, damping / 10 if damping > 1e-6 else 0.0
            else:
                damping = max(10 * damping, 1e-3)
            if abs(gain) <= _ENOUGH * max(1.0, abs(value)) or damping > 1e8:
                break
        return best

    def _first(self, layout: Layout, prediction: Prediction) -> FloatArray:
        """Weighted least squares with the sds that the measurements themselves have."""
        rows, usable = layout.problem.rows, ~prediction.failed
        plain = self.applied(prediction, np.ones(len(self)))
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
        fixed = np.where(self.scale_of >= 0, 0.0, np.nan_to_num(prediction.values))
        aim = np.where(usable & ((self.scale_of >= 0) | (self.offset_of >= 0)), rows.value - fixed, 0.0) * weight
        found = np.linalg.lstsq(design, aim, rcond=None)[0]
        return np.asarray(found)

    @staticmethod
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
            size = np.sqrt(np.maximum(np.diag(curvature), 1e-300))
            scaled = curvature / np.outer(size, size) + damping * np.eye(len(size))
            return np.asarray(-np.linalg.pinv(scaled, hermitian=True) @ (gradient / size) / size)

        return value if np.isfinite(value) else np.inf, step


def read_readouts(readout: ReadoutLike, data: Data, problem: Problem) -> Readouts | None:
    """Read which observables are seen through a scale or an offset.

    Parameters
    ----------
    readout : mapping, optional
        Observable to ``"scale"`` or ``"scale+offset"``; ``("scale", "plate")`` solves one for each value of a label.
    data : Data
    problem : Problem

    Raises
    ------
    FitError
        An observable that was not measured, another word, or a label that some condition lacks.
    """
    if not readout:
        return None
    rows, names = problem.rows, list[str]()
    scale_of, offset_of = (np.full(len(rows), -1, dtype=np.int64) for _ in range(2))
    for observable, given in readout.items():
        if observable not in data.observables:
            raise FitError(
                f"readout names {shown(observable)}, which was not measured{did_you_mean(observable, data.observables)}"
            )
        if observable in problem.relative_to:
            raise FitError(
                f"readout and relative_to both name {shown(observable)}; a reference leaves no scale to find"
            )
        kind, labels = given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, ())
        if kind not in _KINDS:
            raise FitError(
                f"readout of {shown(observable)} is {shown(given)}; choose 'scale' or 'scale+offset', "
                "with a label of groups as in ('scale', 'plate')"
            )
        where = f"readout of {shown(observable)}"
        groups = [group_of(member.condition, labels_of(labels), where) for member in problem.members]
        which = rows.observable.index(observable)
        for group in dict.fromkeys(groups):
            mine = (rows.which == which) & np.array([groups[m] == group for m in rows.member])
            for part, at in (("scale", scale_of), ("offset", offset_of)):
                if mine.any() and part in kind.split("+"):
                    at[mine] = len(names)
                    names.append(f"{part} of {observable}" + (f" [{group_text(group)}]" if group else ""))
    return Readouts(tuple(names), scale_of, offset_of)
