"""Small records of a comparison: what came of an arm, failures, differences, what was asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.run import Endpoint
from pkpd_mdr.units import Quantity, Unit

__all__ = ["Arm", "Difference", "Failure", "Settings"]


_FLAT = 2.0  # where a curve is lowest it is flat: how much of a time is lost to an error of its value


@dataclass(frozen=True, slots=True)
class Failure:
    """A member that an arm could not finish, and why.

    Attributes
    ----------
    arm : str
    draw : int
        Of the parameters.
    sentence : str
    replicate : int
        Which path of the draw, where each has several.
    """

    arm: str
    draw: int
    sentence: str
    replicate: int = 0


@dataclass(slots=True)
class Arm:
    """What came of one arm.

    Attributes
    ----------
    values : ndarray, shape (members, endpoints)
    ended : ndarray, shape (members,)
    burden : ndarray, shape (members, times)
    given : dict of str to list of Quantity
        By drug: what each finished member was given.
    failures : list of Failure
    treated : int
        Members that were given anything.
    """

    values: FloatArray
    ended: FloatArray
    burden: FloatArray
    given: dict[str, list[Quantity]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    treated: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """How much one arm differs from another on the same draws.

    Attributes
    ----------
    left, right, endpoint : str
        ``left - right`` is what the numbers say.
    median, lower, upper : float
        In `unit`, over the draws. Of an endpoint that happens or not: the difference of the probabilities with an
        interval for it.
    better, better_lower, better_upper : float
        Share of the draws in which `left` is better, ties counted as half, and its exact binomial interval: what so
        many draws can say. Paths of one draw count as one.
    pairs : int
        Draws (or paths) that both arms (and all others) finished.
    censored : float
        Share of pairs in which at least one time was not reached and counts as the end of the run.
    tied : float
        Share of pairs in which both arms are the same.
    """

    left: str
    right: str
    endpoint: str
    unit: Unit
    median: float
    lower: float
    upper: float
    better: float
    better_lower: float
    better_upper: float
    pairs: int
    censored: float
    tied: float = 0.0

    def __str__(self) -> str:
        unit = f" {self.unit.text}".rstrip()
        interval = f" ({self.lower:.4g} to {self.upper:.4g})" if self.pairs > 1 else ""
        text = f"{self.endpoint}: {self.left} - {self.right} = {self.median:.4g}{interval}{unit}"
        if self.pairs > 1:
            span = f"{100 * self.better_lower:.3g} to {100 * self.better_upper:.3g} %"
            text += f", {self.left} better in {100 * self.better:.3g} % ({span}) of {self.pairs} draws"
        if self.pairs > 1 and self.tied:
            text += f" (ties, {100 * self.tied:.3g} %, count half)"
        return text + (f", {100 * self.censored:.3g} % of pairs censored" if self.censored else "")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a comparison was asked for.

    Attributes
    ----------
    relative, absolute : float
        Values that differ by less of their size, or are no larger, are ties: no more than the integration error. The
        absolute part is in the unit of the endpoint; times of an extremum tie within the root of the relative one.
    exact : bool
        Whether visits show true values.
    replicates : int
        Paths of each draw; members of a draw stand one behind the other.
    luck : {"patient", "arm"}
        Whether all arms share the random numbers of a patient.
    stochastic : str
        How paths of whole cells were made; empty for differential equations.
    stop : tuple of str
        Levels at which runs end.
    rows : {"draws", "patients"}
        What the rows of parameters are: patients where a cohort was given.
    """

    primary: str
    reference: str | None
    measure: str
    confidence: float
    seed: int
    varied: tuple[str, ...]
    relative: float
    absolute: float
    exact: bool = True
    replicates: int = 1
    luck: str = "patient"
    stochastic: str = ""
    stop: tuple[str, ...] = ()
    rows: str = "draws"

    @property
    def members(self) -> str:
        """What is counted, in a word: each draw (or patient) has one path or several."""
        return self.rows if self.replicates == 1 else "paths"

    def plain(self, value: float, item: Endpoint) -> float:
        """The value to show: 0 for a stock that the integrator leaves below zero."""
        return 0.0 if -self.absolute_for(item) <= value < 0 else value

    def slack(self, item: Endpoint) -> tuple[float, float]:
        """Up to which share and size values of an endpoint tie; a curve shows its extremum to the root of its error."""
        return _FLAT * math.sqrt(self.relative) if item.turning else self.relative, self.absolute_for(item)

    def absolute_for(self, item: Endpoint) -> float:
        """The absolute part counts for amounts of cells or drug only."""
        return self.absolute if item.unit in ("same", "area") else 0.0
