"""What a strategy is shown at a visit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import RegimenError, did_you_mean, shown

__all__ = ["Truth", "Visit"]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a strategy is shown: in internal units; the function of a `rule` sees the units of the model.

    Parameters
    ----------
    time : float
        Hours since the start of treatment.
    burden : float
        Measured now.
    history : tuple of (float, float)
        Times and measured burdens, this visit included.
    baseline : float
        Burden at the first visit.
    nadir : float
        Lowest measured burden so far.
    number : int
        0 for the visit at time zero.
    others : tuple of (str, tuple of float)
        Further outputs that visits show, with their values at all visits up to this one.
    lost : tuple of (float, str)
        Time and output of what was not measured up to this visit, where the last value stands.

    Examples
    --------
    >>> start = Visit.first(1e9, others={"weight": 70.0})
    >>> now = start.following(336.0, 4e8, others={"weight": 63.0})
    >>> now.baseline, now.of("weight"), now.change("weight")
    (1000000000.0, 63.0, 0.9)
    """

    time: float
    burden: float
    history: tuple[tuple[float, float], ...]
    baseline: float
    nadir: float
    number: int
    others: tuple[tuple[str, tuple[float, ...]], ...] = ()
    lost: tuple[tuple[float, str], ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Outputs that were not measured now."""
        return tuple(output for time, output in self.lost if time == self.time)

    @classmethod
    def first(cls, burden: float, *, time: float = 0.0, others: Mapping[str, float] | None = None) -> Visit:
        """The visit at which treatment starts."""
        shown_too = tuple((name, (value,)) for name, value in (others or {}).items())
        return cls(time, burden, ((time, burden),), burden, burden, 0, shown_too)

    def following(
        self, time: float, burden: float, *, others: Mapping[str, float] | None = None, missed: Sequence[str] = ()
    ) -> Visit:
        """The next visit after this one; it shows the same outputs.

        Raises
        ------
        RegimenError
            One of them is missing, or another one is there.
        """
        history = (*self.history, (time, burden))
        now, before = others or {}, [name for name, _ in self.others]
        if set(now) != set(before):
            raise RegimenError(
                f"visits show {shown(before)} from the first one on, not {shown(list(now))} at {time:g} h"
            )
        shown_too = tuple((name, (*values, now[name])) for name, values in self.others)
        lost = (*self.lost, *((time, output) for output in missed))
        return Visit(time, burden, history, self.baseline, min(self.nadir, burden), self.number + 1, shown_too, lost)

    def divided(self, burden: float, others: Mapping[str, float]) -> Visit:
        """The same with the burden and the further outputs divided by what their units are in internal ones."""
        return replace(
            self,
            burden=self.burden / burden,
            history=tuple((time, value / burden) for time, value in self.history),
            baseline=self.baseline / burden,
            nadir=self.nadir / burden,
            others=tuple((name, tuple(value / others[name] for value in values)) for name, values in self.others),
        )

    def series(self, output: str) -> tuple[float, ...]:
        """A further output at all visits up to this one.

        Raises
        ------
        RegimenError
            Visits do not show it.
        """
        known = dict(self.others)
        if output not in known:
            raise RegimenError(
                f"the visit does not show {shown(output)}{did_you_mean(output, known)}; "
                f"name it in measure=['burden', {output!r}]"
            )
        return known[output]

    def of(self, output: str) -> float:
        """A further output as measured now; see `series`."""
        return self.series(output)[-1]

    def change(self, output: str) -> float:
        """A further output as a share of its value at the first visit; see `series`."""
        series = self.series(output)
        return series[-1] / series[0] if series[0] else math.nan


@dataclass(frozen=True, slots=True)
class Truth:
    """What no clinic knows: parameters and states of the members at a visit, for strategies that ask for it.

    Attributes
    ----------
    names : tuple of (tuple of str, tuple of str)
        Of parameters and of states.
    parameters, states : ndarray, shapes (members, parameters) and (members, states)
        Internal units.
    """

    names: tuple[tuple[str, ...], tuple[str, ...]]
    parameters: npt.NDArray[np.float64]
    states: npt.NDArray[np.float64]
