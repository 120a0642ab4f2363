"""What can be said of an effective dose: a number, a bound, or nothing; never a made-up number.

The states are those that users of dose-response software ask for: a dose beyond the tested range is censored, a level
that the curve never reaches has no dose, a curve without effect has none either. Every state carries bounds, so that
what is known can still be used downstream as an interval-censored value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from pkpd_mdr.response.shapes import FloatArray

__all__ = ["Doses", "Known", "State", "judge"]


class State(Enum):
    """What is known of an effective dose."""

    IN_RANGE = "in range"
    EXTRAPOLATED = "extrapolated"
    ABOVE = "> max"
    BELOW = "< min"
    NO_EFFECT = "no effect"
    NOT_REACHED = "not reached"
    UNKNOWN = "not identifiable"

    def __str__(self) -> str:
        return self.value

    @property
    def has_estimate(self) -> bool:
        """Whether there is a number."""
        return self in (State.IN_RANGE, State.EXTRAPOLATED)


@dataclass(frozen=True, slots=True)
class Doses:
    """Effective doses of all curves at one level, shape (count,) each.

    Attributes
    ----------
    estimate : ndarray
        NaN where the state has no number.
    lower, upper : ndarray
        Confidence limits; where there is no estimate, bounds between which the dose lies (0 and infinity are open).
    se_log : ndarray
        Standard error of the logarithm, by the delta method.
    state : ndarray of object
        `State` of each curve.
    logs : ndarray
        Logarithm of the dose of the fitted curve, whatever its state.
    """

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    se_log: FloatArray
    state: npt.NDArray[np.object_]
    logs: FloatArray


@dataclass(frozen=True, slots=True)
class Known:
    """What the states are judged from, shape (count,) each."""

    logs: FloatArray
    lower: FloatArray
    upper: FloatArray
    se_log: FloatArray
    left: FloatArray
    gone: FloatArray
    lowest: FloatArray
    highest: FloatArray
    flat: npt.NDArray[np.bool_]
    past: npt.NDArray[np.bool_]
    few: npt.NDArray[np.bool_]
    stuck: npt.NDArray[np.bool_]
    usable: npt.NDArray[np.bool_]


def judge(known: Known, *, relative: bool, extrapolate: float = 5.0) -> Doses:
    """Give every curve its state.

    Parameters
    ----------
    known : Known
        Logs, log limits, shares of the height left and gone at the level, tested range; `flat` where there is no
        effect, `past` where a flat response lies beyond the level, `few` where there are too few doses for a number,
        `stuck` where the curve is at a bound of its place.
    relative : bool
        Whether the level is a share of the curve's own height: then a flat curve that is not past it has no dose at
        all, not a high one.
    extrapolate : float
        How many times beyond the tested range a dose still counts as a number.

    Returns
    -------
    Doses
    """
    count = len(known.logs)
    estimate, lower, upper = np.full(count, np.nan), np.zeros(count), np.full(count, np.inf)
    state = np.full(count, State.UNKNOWN, dtype=object)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        dose, low, high = np.exp(known.logs), np.exp(known.lower), np.exp(known.upper)
    low, high = np.where(np.isnan(low), 0.0, low), np.where(np.isnan(high), np.inf, high)

    left = known.usable.copy()

    def say(where: npt.NDArray[np.bool_], what: State, bottom: FloatArray, top: FloatArray) -> None:
        """Give a state and limits to doses that have none yet."""
        nonlocal left
        at = where & left
        state[at], lower[at], upper[at] = what, bottom[at], top[at]
        left = left & ~at

    zero, endless = np.zeros(count), np.full(count, np.inf)
    with np.errstate(invalid="ignore"):
        say(known.flat & known.past, State.BELOW, zero, known.lowest)
        say(known.flat, State.NO_EFFECT, zero if relative else known.highest, endless)
        say(known.gone <= 0.0, State.BELOW, zero, known.lowest)
        say(~(known.left > 0.0), State.NOT_REACHED, known.highest, endless)
        say(np.isnan(known.logs) | ((low <= 0.0) & np.isinf(high)), State.UNKNOWN, zero, endless)
        # bounds never lean on the curve beyond what was tested
        above, below = np.minimum(low, known.highest), np.maximum(high, known.lowest)
        say(known.few, State.UNKNOWN, above, below)
        say(
            (dose > extrapolate * known.highest) | ((dose > known.highest) & np.isinf(high)),
            State.ABOVE,
            above,
            endless,
        )
        say((dose < known.lowest / extrapolate) | ((dose < known.lowest) & (low <= 0.0)), State.BELOW, zero, below)
        say(known.stuck, State.UNKNOWN, low, high)
        outside = (dose > known.highest) | (dose < known.lowest)
        say(outside, State.EXTRAPOLATED, low, high)
        say(np.ones(count, dtype=bool), State.IN_RANGE, low, high)
    number = np.array([s.has_estimate for s in state], dtype=bool)
    estimate[number] = dose[number]
    return Doses(estimate, lower, upper, np.where(number, known.se_log, np.nan), state, known.logs)
