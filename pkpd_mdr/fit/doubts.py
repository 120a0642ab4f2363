"""Doubts about the data that only a model can raise: percent read as fractions, inhibition as viability, saturation."""

from __future__ import annotations

import numpy as np

from pkpd_mdr.errors import shown
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.problem import IntArray, Prediction, Problem

__all__ = ["doubts"]

_FEW = 3  # rows from which on equal values are no accident
_SHARE = 1.5  # predictions of a fraction stay below it
_PERCENT = 10.0  # and fractions that reach this are percent
_COUNTS = 100.0  # predictions that never fall below this are no fractions
_FAR = 1e6  # times the model's first start, beyond which measurements look like those of another unit
_OPPOSITE = -0.7  # correlation with the prediction from which on the opposite seems to have been measured


def doubts(problem: Problem, first: Prediction) -> tuple[str, ...]:
    """Sentences about measurements that do not look like what the model predicts.

    Parameters
    ----------
    problem : Problem
    first : Prediction
        At the first start.

    Returns
    -------
    tuple of str
        With rows of the table; empty where nothing is odd.
    """
    rows, found = problem.rows, list[str]()
    for i, name in enumerate(problem.rows.observable):
        mine = np.flatnonzero((rows.which == i) & (rows.censored == 0))
        if len(mine) < _FEW:
            continue
        y, f, source = rows.value[mine], first.values[mine], rows.source[mine]
        fraction = problem.data.units[name].text in ("", "1", "%")
        if np.ptp(y) == 0:
            found.append(f"all {len(y)} measurements of {name} are {y[0]:g}: they cannot show how it changes")
        elif not fraction:
            found.append(_saturated(name, y, source))
            if not problem.readouts and name not in problem.relative_to:
                found.append(_far(name, y, f))
        elif not problem.readouts and name not in problem.relative_to and np.isfinite(f).all():
            found.append(_as_fractions(name, y, f, source, problem.data.units[name].factor))
    return tuple(sentence for sentence in found if sentence)


def _as_fractions(name: str, y: FloatArray, f: FloatArray, source: IntArray, unit: float) -> str:
    top = int(np.argmax(y))
    if y[top] * unit > _PERCENT and f.max() * unit < _SHARE:
        return (
            f"{name} is {y[top]:g} in row {source[top]}, but the model gives {f.max():.3g} at most: "
            "percent need the unit '%' with the value column"
        )
    if np.abs(y).max() * unit < _PERCENT and f.min() * unit > _COUNTS:
        return (
            f"{name} is {y[top]:g} at most, but the model gives {f.min():.3g} at least: measurements relative to a "
            f"value of their own curve need relative_to={{{shown(name)}: 'first'}}, and those known up to a factor "
            f"readout={{{shown(name)}: 'scale'}}"
        )
    if len(y) > _FEW and np.ptp(f) > 0:
        together = float(np.corrcoef(f, y)[0, 1])
        if together < _OPPOSITE:
            return (
                f"{name} is high where the model's first start is low (correlation {together:.2f}): "
                "was the opposite measured, such as inhibition for viability?"
            )
    return ""


def _far(name: str, y: FloatArray, f: FloatArray) -> str:
    if y.min() > _FAR * f.max() > 0 or 0 < _FAR * y.max() < f.min() < np.inf:
        return (
            f"{name} is {y.min():g} to {y.max():g}, but the model's first start gives {f.min():.3g} to {f.max():.3g}: "
            "a unit that is another one, or a start (or dose) that is?"
        )
    return ""


def _saturated(name: str, y: FloatArray, source: IntArray) -> str:
    at_top = np.flatnonzero(y == y.max())
    if len(at_top) < max(_FEW, 0.05 * len(y)):
        return ""
    named = ", ".join(str(row) for row in source[at_top[:5]]) + (" ..." if len(at_top) > 5 else "")
    return (
        f"the largest value of {name}, {y.max():g}, stands in {len(at_top)} rows ({named}): "
        "if the reader saturates there, or wells are full, say uloq= when reading"
    )
