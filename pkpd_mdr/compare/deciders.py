"""Which unknown decides between two arms: correlations, shares of variance and the worth of knowing, from the draws.

Everything is read off the draws that a comparison has already (given-data methods), so nothing is simulated again.
What is explained is the paired difference D of two arms. The expected difference for a known value of one parameter,
E[D | x], is the mean of D in bins of equally many draws (Strong and Oakley 2013); averages in bins cannot overshoot
where D jumps, as smooth curves do, so that knowing one parameter is never worth more than knowing all. How many bins
there are is chosen by leave-one-out errors: one bin, which says that x tells nothing, is among the choices, so that few
draws show few deciders rather than many false ones. A bin turns the choice only if its mean lies further on the other
side than its standard error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import listed
from pkpd_mdr.compare.regret import losses
from pkpd_mdr.compare.statistics import by_draw
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown

if TYPE_CHECKING:
    from pkpd_mdr.compare.result import Comparison

__all__ = ["COLUMNS", "bins", "deciders"]

COLUMNS = (
    "parameter",
    "rank_correlation",
    "partial_correlation",
    "first_order",
    "evppi",
    "changes_choice",
    "draws",
    "sentence",
)
_FEWEST, _FEW = 10, 100
_BINS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64)
_PER_BIN = 6  # draws that each bin needs at least


def deciders(comparison: Comparison, endpoint: str | None, arms: tuple[str, str] | None) -> pd.DataFrame:
    """What decides between two arms; see `Comparison.deciders`."""
    item = comparison.definition(endpoint)
    table = comparison.parameters.to_numpy(dtype=float)
    varied = [k for k in range(table.shape[1]) if np.ptp(table[:, k]) > 0] if len(table) else []
    if not varied:
        raise SimulationError(
            "deciders(): every draw has the same parameters, so that nothing can decide; give draws, as in "
            "compare(..., parameters=fit.draws(500))"
        )
    one, other = _pair(comparison, item.name) if arms is None else _named(comparison, arms)
    gaps, rows = _gaps(comparison, item.name, one, other)
    if len(gaps) < _FEWEST:
        raise SimulationError(
            f"deciders(): {len(gaps)} draws are too few to say what decides; {_FEWEST} are the least, and some hundred "
            "give numbers to trust"
        )
    gain = gaps if item.better == "high" else -gaps
    table = table[rows][:, varied]
    names = [str(comparison.parameters.columns[k]) for k in varied]
    places = _ranks(table)
    ranked = _ranks(gain[:, None])[:, 0]
    partial = _partial(places, ranked)
    unit = comparison.unit(item.name).text
    lines = []
    for k, name in enumerate(names):
        share, worth, changes = _worth(places[:, k], gain)
        sentence = _sentence(name, share, changes, worth, unit, (one, other))
        numbers = (_correlation(places[:, k], ranked), float(partial[k]), share, worth, changes)
        lines.append((name, *numbers, len(gain), sentence))
    found = pd.DataFrame(lines, columns=list(COLUMNS))
    found = found.sort_values(["evppi", "first_order", "parameter"], ascending=[False, False, True], kind="stable")
    found = found.reset_index(drop=True)
    perfect = float(np.maximum(gain, 0.0).mean() - max(0.0, float(gain.mean())))
    found.attrs |= {"arms": (one, other), "endpoint": item.name, "unit": unit, "evpi": perfect}
    found.attrs["choice"] = one if gain.mean() >= 0 else other
    late = comparison.difference(one, other, item.name).censored
    found.attrs["notes"] = (*_notes(gain, len(names), partial, names), *_unseen(late, comparison.settings.members))
    return found


def bins(x: FloatArray, y: FloatArray) -> npt.NDArray[np.int64]:
    """The bin of each draw: equally many draws in each, in so many bins as predict y best.

    Parameters
    ----------
    x, y : ndarray, shape (draws,)

    Returns
    -------
    ndarray of int, shape (draws,)

    Examples
    --------
    >>> x = np.linspace(-1, 1, 24)
    >>> bins(x, np.sign(x)).tolist() == [0] * 12 + [1] * 12
    True
    """
    order = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    best, found = np.inf, np.zeros(len(x), dtype=np.int64)
    for number in _BINS:
        if number > 1 and len(x) // number < _PER_BIN:
            break
        place = np.asarray(order * number // len(x), dtype=np.int64)
        size = np.bincount(place)
        left_out = (y - (np.bincount(place, weights=y) / size)[place]) * (size / (size - 1.0))[place]
        error = float((left_out**2).mean())
        # more bins have to be better by more than what chance alone does
        if error < best * (1.0 - (np.log(len(y)) / len(y) if number > 1 else 0.0)):
            best, found = error, place
    return found


def _worth(x: FloatArray, gain: FloatArray) -> tuple[float, float, float]:
    """First-order share of variance, value of knowing, and how often knowing would change the choice."""
    place = bins(x, gain)
    size = np.bincount(place).astype(float)
    means = np.bincount(place, weights=gain) / size
    middle, spread = float(gain.mean()), float(gain.var())
    if len(size) == 1 or not spread > 0:
        return 0.0, 0.0, 0.0
    within = np.bincount(place, weights=(gain - means[place]) ** 2)
    errors = np.sqrt(within / (size * (size - 1.0)))
    # the means of bins differ by chance, too: what that adds to the share is taken off
    share = 1.0 - float(within.sum() / (len(gain) - len(size))) / (spread * len(gain) / (len(gain) - 1.0))
    turned = means * np.sign(middle) < -errors
    weights = size / len(gain)
    return max(0.0, share), float((np.abs(means) * weights)[turned].sum()), float(weights[turned].sum())


def _pair(comparison: Comparison, endpoint: str) -> tuple[str, str]:
    """The arm with the least expected regret and its runner-up, among arms that are not the same in every draw."""
    if len(comparison.arms) < 2:
        raise SimulationError("deciders() needs two arms to decide between; this comparison has one")
    lost = losses(comparison, comparison.definition(endpoint)).mean(axis=1)
    best, *others = (comparison.arms[int(place)] for place in np.argsort(lost, kind="stable"))
    return best, next((arm for arm in others if comparison.gaps(best, arm, endpoint).any()), others[0])


def _named(comparison: Comparison, arms: tuple[str, str]) -> tuple[str, str]:
    names = listed(arms) or []
    if len(names) != 2 or names[0] == names[1]:
        raise SimulationError(
            f"deciders(): arms = {shown(arms)} are not two arms; write arms=('combination', 'single')"
        )
    for arm in names:
        comparison.difference(arm, arm)  # says which name is wrong
    return names[0], names[1]


def _gaps(comparison: Comparison, endpoint: str, one: str, other: str) -> tuple[FloatArray, np.ndarray[Any, Any]]:
    """Paired differences by draw, and the draws; paths of one draw are averaged first."""
    gaps = comparison.gaps(one, other, endpoint)
    if not np.isfinite(gaps).all():
        raise SimulationError(f"deciders(): {shown(endpoint)} is infinite in some draws, which no average can take")
    draws = np.unique(np.flatnonzero(comparison.kept) // comparison.settings.replicates)
    return by_draw(gaps, comparison.owner), draws


def _ranks(columns: FloatArray) -> FloatArray:
    """Ranks of each column, ties averaged, spread over -1 to 1."""
    from scipy.stats import rankdata

    ranks = rankdata(columns, axis=0)
    return np.asarray((2.0 * ranks - len(columns) - 1.0) / max(1, len(columns) - 1), dtype=float)


def _correlation(x: FloatArray, y: FloatArray) -> float:
    scale = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean()) / scale if scale > 0 else 0.0


def _partial(places: FloatArray, ranked: FloatArray) -> FloatArray:
    """Partial rank correlations: what is left of x and of y once the other parameters are taken out of both.

    NaN where the draws cannot tell: no more of them than parameters, or a parameter that the others determine.
    """
    draws, count = places.shape
    found = np.full(count, np.nan)
    if draws < count + 3:
        return found
    for k in range(count):
        rest = np.column_stack([np.ones(draws), np.delete(places, k, axis=1)])
        left = np.column_stack([places[:, k], ranked])
        left = left - rest @ np.linalg.lstsq(rest, left, rcond=None)[0]
        if left[:, 0].std() > 1e-6 * places[:, k].std():
            found[k] = _correlation(left[:, 0], left[:, 1]) if left[:, 1].std() > 1e-9 else 0.0
    return found


def _sentence(name: str, share: float, changes: float, worth: float, unit: str, arms: tuple[str, str]) -> str:
    between = f"between {arms[0]!r} and {arms[1]!r}"
    if changes > 0:
        return (
            f"knowing {name} would change the choice {between} in {100 * changes:.3g} % of draws and gain "
            f"{worth:.3g}{f' {unit}' if unit else ''} on average"
        )
    if share > 0:
        return f"knowing {name} would tell {100 * share:.3g} % of the spread of the difference, and change no choice"
    return f"{name} alone tells nothing about the difference {between}"


def _notes(gain: FloatArray, parameters: int, partial: FloatArray, names: list[str]) -> tuple[str, ...]:
    """What a reader has to know before believing the table."""
    notes = []
    if not np.ptp(gain) > 0:
        notes.append("the difference is the same in every draw: no parameter decides")
    if len(gain) < max(_FEW, 10 * parameters):
        notes.append(
            f"{len(gain)} draws of {parameters} parameters are few: weak deciders cannot be told from none, and the "
            f"standard error of a correlation is {1 / np.sqrt(len(gain) - 1):.2g}"
        )
    if len(gain) < parameters + 3:
        notes.append(f"partial correlations need more draws than parameters ({len(gain)} and {parameters}): left out")
    else:
        tied = [name for name, value in zip(names, partial, strict=True) if np.isnan(value)]
        if tied:
            notes.append(f"partial correlations left out where other parameters determine one: {', '.join(tied)}")
    return tuple(notes)


def _unseen(share: float, members: str) -> list[str]:
    """That what happens after the end of the runs takes no part."""
    told = f"in {100 * share:.3g} % of {members} one of the two arms, or both, do not get there by the end of the run"
    return [f"{told} and count as that: what decides later is not seen"] if share else []
