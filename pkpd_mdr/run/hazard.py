"""Endpoints of a hazard: survival whose risk of death follows the burden, or any output.

The cumulative hazard of a run is ``H(t) = integral of h``. What is left after that is the probability of survival,
``exp(-H)``; a time of death is drawn by ``H(T) = E`` with E exponentially distributed, one for each patient. A hazard
that depends on the burden is an assumption about the disease, as is each of its numbers; it is stated, not fitted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from zlib import crc32

import numpy as np

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT, takes
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import SimulationError, shown
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.reading import Endpoint, Path
from pkpd_mdr.units import QuantityLike, Unit, quantity, read

__all__ = ["overall_survival", "survival_probability"]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(5)
_POINTS, _WEIGHTS = 0.5 + 0.5 * _POINTS, 0.5 * _WEIGHTS
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Hazard:
    """A hazard that is read off a run: ``baseline * (output / reference)**power``, or an output as it is.

    Attributes
    ----------
    output : str
    baseline, reference, power : float
        Internal units.
    """

    output: str
    baseline: float = 1.0
    reference: float = 1.0
    power: float = 1.0

    def at(self, values: FloatArray) -> FloatArray:
        """The hazard per hour where the output has these values; below zero there is none."""
        return self.baseline * (np.maximum(values, 0.0) / self.reference) ** self.power

    def within(self, path: Path, piece: int, x: float) -> float:
        """Cumulated over a piece of the run up to a share `x` of it."""
        rates = self.at(path.evaluate(slice(piece, piece + 1), x * _POINTS))
        return float(x * path.lengths[piece] * (rates @ _WEIGHTS))

    def cumulated(self, path: Path) -> FloatArray:
        """Cumulated up to the end of each piece."""
        rates = np.stack([self.at(path.evaluate(slice(None), np.full(len(path.starts), x))) for x in _POINTS], axis=-1)
        return np.cumsum(path.lengths * (rates @ _WEIGHTS))

    def reaches(self, path: Path, level: float) -> float:
        """When the cumulated hazard reaches a level; infinite when it does not."""
        sums = self.cumulated(path)
        k = int(np.searchsorted(sums, level))
        if k == len(sums):
            return math.inf
        rest, low, high = level - (float(sums[k - 1]) if k else 0.0), 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.within(path, k, middle) < rest else (low, middle)
        return float(path.starts[k] + high * path.lengths[k])


@takes(SimulationError, hazard=TEXT, of=TEXT, power=NUMBER, seed=COUNT, name=TEXT)
def overall_survival(
    hazard: str | None = None,
    *,
    baseline: QuantityLike | None = None,
    reference: QuantityLike | None = None,
    power: float = 1.0,
    of: str = "burden",
    seed: int = 0,
    name: str = "overall_survival",
) -> Endpoint:
    """Time of death under a hazard that follows the burden: a surrogate, drawn for each patient.

    The random number depends on the seed and the patient alone, so that all arms treat a patient who is equally
    lucky, and an arm with the lower hazard at all times is never worse in any patient.

    Parameters
    ----------
    hazard : str, optional
        Output of the model that is the hazard, in a unit of 1/time; left out for ``baseline * (of/reference)**power``.
    baseline : quantity, optional
        Hazard at the reference, such as ``"0.05 1/month"``.
    reference : quantity, optional
        Value of the output there, such as ``"1e10 cell"``.
    power : float
        How the hazard follows the output.
    of : str
        The output.
    seed : int
        Of the draws.
    name : str

    Returns
    -------
    Endpoint
        In time; infinite for who lives at the end of the run (or at a level of ``stop=``, where watching ends).

    Raises
    ------
    SimulationError
        Both or neither way to give the hazard, or numbers that make none.

    Examples
    --------
    >>> overall_survival(baseline="0.05 1/month", reference="1e10 cell").description
    'death at a hazard of 0.05 1/month x (burden / 1e+10 cell)'
    """
    found, told, like = _hazard(hazard, baseline, reference, power, of)
    needs = (found.output, f"d/dt {found.output}")
    reads = partial(_death, hazard=found, seed=seed)
    return Endpoint(name, needs, reads, "high", "time", f"death at {told}", like=like)


@takes(SimulationError, hazard=TEXT, of=TEXT, power=NUMBER, name=TEXT)
def survival_probability(
    hazard: str | None = None,
    *,
    baseline: QuantityLike | None = None,
    reference: QuantityLike | None = None,
    power: float = 1.0,
    of: str = "burden",
    name: str = "survival_probability",
) -> Endpoint:
    """Probability to live at the end of the run under a hazard, without drawing; arguments as of `overall_survival`.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> tumour = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0 1/day"), start="1e10 cell"))
    >>> lives = survival_probability(baseline="0.1 1/year", reference="1e10 cell")
    >>> print(f"{tumour.simulate(until='5 year').endpoint(lives):.4f}")  # exp(-0.5)
    0.6065
    """
    found, told, like = _hazard(hazard, baseline, reference, power, of)
    needs = (found.output, f"d/dt {found.output}")
    return Endpoint(name, needs, partial(_alive, hazard=found), "high", "", f"alive at the end, {told}", like=like)


def _hazard(
    hazard: str | None, baseline: QuantityLike | None, reference: QuantityLike | None, power: float, of: str
) -> tuple[Hazard, str, Unit | None]:
    """The hazard, in words, and what its output has to be in."""
    if hazard is not None and (baseline is not None or reference is not None):
        raise SimulationError(
            "a hazard is an output (hazard=), or follows one (baseline= and reference=); leave one out"
        )
    if hazard is not None:
        return Hazard(hazard), f"the hazard {hazard!r}", Unit.of("1/h")
    if baseline is None or reference is None:
        raise SimulationError(
            "a hazard needs a name of an output, as in hazard='risk', or baseline='0.05 1/month' and "
            "reference='1e10 cell'"
        )
    rate, at = read(baseline, "1/h", "baseline"), quantity(reference, "reference").internal
    if not 0 < rate < math.inf or not 0 < at < math.inf or not 0 <= power < math.inf:
        raise SimulationError(
            f"baseline = {shown(baseline)}, reference = {shown(reference)} and power = {shown(power)} make no hazard; "
            "the first two have to be above zero, and power zero or more"
        )
    told = f"a hazard of {quantity(baseline)} x ({of} / {quantity(reference)})" + (f"^{power:g}" if power != 1 else "")
    return Hazard(of, rate, at, power), told, quantity(reference).unit


def _death(course: Course, *, hazard: Hazard, seed: int) -> float:
    key = (course.number, crc32(b"overall survival"))
    stream = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))
    return hazard.reaches(Path.of(course, hazard.output), float(stream.standard_exponential()))


def _alive(course: Course, *, hazard: Hazard) -> float:
    sums = hazard.cumulated(Path.of(course, hazard.output))
    return math.exp(-float(sums[-1])) if len(sums) else 1.0
