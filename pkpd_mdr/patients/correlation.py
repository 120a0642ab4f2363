"""How quantities go together between patients: correlations of normal scores (a Gaussian copula)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import NUMBER
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.patients.distributions import Distribution

__all__ = ["Correlations", "Covariances", "correlation_matrix", "nearest_correlation", "with_covariances"]

Correlations = Mapping[tuple[str, str], float] | pd.DataFrame | None
Covariances = Mapping[tuple[str, str], float] | pd.DataFrame | None

_SINGULAR = 1e-10  # least eigenvalue that counts as above zero
_SWEEPS = 500


def nearest_correlation(matrix: FloatArray, *, least: float = 1e-8) -> FloatArray:
    """The correlation matrix that is nearest to a symmetric one, by alternating projections.

    Higham 2002 (IMA J Numer Anal 22:329): in turn onto the matrices without eigenvalues below `least` and onto those
    with ones on the diagonal, with Dykstra's correction. Recalled.

    Parameters
    ----------
    matrix : ndarray, shape (k, k)
    least : float
        Smallest eigenvalue of the result.

    Returns
    -------
    ndarray, shape (k, k)

    Examples
    --------
    >>> wrong = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    >>> nearest_correlation(wrong)[0].round(3).tolist()
    [1.0, 0.5, -0.5]
    """
    found = np.array(matrix, dtype=float)
    correction = np.zeros_like(found)
    for _ in range(_SWEEPS):
        shifted = found - correction
        values, vectors = np.linalg.eigh((shifted + shifted.T) / 2)
        cone = (vectors * np.maximum(values, least)) @ vectors.T
        correction = cone - shifted
        before, found = found, cone.copy()
        np.fill_diagonal(found, 1.0)
        if np.abs(found - before).max() < 1e-12:
            break
    # the last projection may leave an eigenvalue below zero by rounding: a little of the identity lifts it
    lack = max(0.0, least - float(np.linalg.eigvalsh(found)[0]))
    return np.asarray((found + lack * np.eye(len(found))) / (1.0 + lack))


def correlation_matrix(names: Sequence[str], given: Correlations) -> FloatArray:
    """Correlations of the normal scores of some columns.

    Parameters
    ----------
    names : sequence of str
        Columns that have a distribution.
    given : mapping of (str, str) to float, DataFrame with names on both sides, or None
        What is left out is not correlated.

    Returns
    -------
    ndarray, shape (names, names)

    Raises
    ------
    DataError
        An unknown name, a number outside [-1, 1], two different ones for a pair, or correlations that no set of
        quantities can have; the nearest ones that are possible are named.

    Examples
    --------
    >>> correlation_matrix(["CL", "V"], {("CL", "V"): 0.5})[0].tolist()
    [1.0, 0.5]
    """
    matrix = np.eye(len(names))
    for (first, second), value in _pairs(given, "correlations", names).items():
        if not -1 <= value <= 1:
            raise DataError(f"correlations: {value:g} between {shown(first)} and {shown(second)} is not within [-1, 1]")
        i, j = names.index(first), names.index(second)
        if i == j:
            if abs(value - 1.0) > 1e-9:
                raise DataError(f"correlations: {shown(first)} with itself is {value:g}; it is 1, so leave it out")
            continue
        matrix[i, j] = matrix[j, i] = value
    _check_possible(names, matrix)
    return matrix


def with_covariances(
    columns: Mapping[str, Distribution], given: Covariances, correlations: Correlations
) -> tuple[dict[str, Distribution], Correlations]:
    """Distributions with spreads, and correlations, from a table of covariances (NONMEM's OMEGA).

    Covariances are those of values of a normal, logarithms of a log-normal and logits of a logit-normal quantity.

    Raises
    ------
    DataError
        A name without such a distribution, a variance that is missing or not above zero, or one that says something
        else than the distribution or than `correlations` does.
    """
    if given is None:
        return dict(columns), correlations
    pairs = _pairs(given, "covariances", [name for name, item in columns.items() if item.scale])
    spreads, found = {}, dict(columns)
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        variance = pairs.get((name, name))
        own = columns[name].spread
        known = own is not None and not math.isnan(own)
        if variance is None and not known:
            raise DataError(f"covariances: the variance of {shown(name)} is missing; give ({name!r}, {name!r}) too")
        if variance is not None and not 0 < variance < math.inf:
            raise DataError(f"covariances: the variance of {shown(name)} is {variance:g}; it has to be above zero")
        spreads[name] = math.sqrt(variance) if variance is not None else float(own or 0.0)
        if known and own is not None and abs(own - spreads[name]) > 1e-6 * own:
            raise DataError(
                f"covariances: the {columns[name].scale} of {shown(name)} have the standard deviation {spreads[name]:g}"
                f" here, but {own:g} in {columns[name]}; leave out one of them"
            )
        found[name] = columns[name].with_spread(spreads[name])
    together = {(a, b): value / (spreads[a] * spreads[b]) for (a, b), value in pairs.items() if a != b}
    others = _pairs(correlations, "correlations", list(columns))
    if both := [pair for pair in others if pair in together or pair[::-1] in together]:
        raise DataError(f"{both[0][0]!r} and {both[0][1]!r} stand in covariances and in correlations; leave out one")
    return found, {**others, **together}


def _pairs(given: Any, what: str, names: Sequence[str]) -> dict[tuple[str, str], float]:
    """A table or a mapping as one number for each pair."""
    if given is None:
        return {}
    if isinstance(given, pd.DataFrame):
        given = {(str(a), str(b)): given.iat[i, j] for i, a in enumerate(given.index) for j, b in enumerate(given)}
    if not isinstance(given, Mapping):
        raise DataError(f"{what} is {shown(given)}; give a dict such as {{('CL_dox', 'V_dox'): 0.5}}, or a DataFrame")
    found: dict[tuple[str, str], float] = {}
    for pair, value in given.items():
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise DataError(f"{what}: {shown(pair)} is no pair of names, such as ('CL_dox', 'V_dox')")
        for name in pair:
            if name not in names:
                raise DataError(
                    f"{what}: {shown(name)} has no distribution that could have any{did_you_mean(name, names)}"
                )
        if not NUMBER.fits(value) or not math.isfinite(value):
            raise DataError(f"{what}: {shown(value)} between {shown(pair[0])} and {shown(pair[1])} is no finite number")
        other = found.get(pair[::-1])
        if other is not None and abs(other - value) > 1e-9 * max(1.0, abs(other)):
            raise DataError(f"{what}: {shown(pair[0])} and {shown(pair[1])} have two numbers, {other:g} and {value:g}")
        if other is None:
            found[pair[0], pair[1]] = float(value)
    return found


def _check_possible(names: Sequence[str], matrix: FloatArray) -> None:
    least = float(np.linalg.eigvalsh(matrix)[0]) if len(names) else 1.0
    if least > _SINGULAR:
        return
    nearest = nearest_correlation(matrix, least=1e-6)
    moved = [(i, j) for i in range(len(names)) for j in range(i) if abs(nearest[i, j] - matrix[i, j]) > 5e-4]
    moved.sort(key=lambda place: -abs(nearest[place] - matrix[place]))
    told = ", ".join(f"({names[j]!r}, {names[i]!r}): {nearest[i, j]:.3f}" for i, j in moved[:6])
    more = f" and {len(moved) - 6} more" if len(moved) > 6 else ""
    told = told or "those given, drawn a little together (below 0.0005)"
    raise DataError(
        "correlations: no quantities can be correlated in this way (the matrix has an eigenvalue of "
        f"{least:.3g}, not above zero); the nearest possible ones are {told}{more} "
        "(nearest_correlation of pkpd_mdr.patients gives them all)"
    )
