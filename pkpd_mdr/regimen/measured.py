"""What a clinic sees of an output at a visit: with an error of measurement, and rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from pkpd_mdr.arguments import COUNT, NUMBER, TEXT, takes
from pkpd_mdr.errors import RegimenError, shown
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity

__all__ = ["Measured", "measured"]


@dataclass(frozen=True, slots=True)
class Measured:
    """An output as visits show it; made by `measured`.

    Attributes
    ----------
    output : str
    relative_sd : float
        Share of the true value.
    sd : Quantity or None
        Added whatever the value is.
    digits : int
        Significant ones in `unit`; 0 for all.
    step : Quantity or None
        Values are multiples of it.
    unit : Unit or None
        In which digits are counted: that of the model.
    missed : float
        Chance that a value is missing.
    """

    output: str
    relative_sd: float = 0.0
    sd: Quantity | None = None
    digits: int = 0
    step: Quantity | None = None
    unit: Unit | None = None
    missed: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the true value is shown."""
        return not (self.relative_sd or self.sd or self.digits or self.step or self.missed)

    def for_unit(self, unit: Unit) -> Measured:
        """The same for an output of this unit.

        Raises
        ------
        RegimenError
            An error or a step in another one.
        """
        for name, given in (("sd", self.sd), ("step", self.step)):
            if given is not None and not given.unit.like(unit):
                raise RegimenError(
                    f"measured({shown(self.output)}): {name} is {shown(given)}, but the model shows "
                    f"{shown(self.output)} in {shown(unit.text)}; give it in a unit like that"
                )
        return replace(self, unit=unit)

    def misses(self, *, seed: int, member: int, visit: int) -> bool:
        """Whether the value of a visit is missing; the first one never is. Random as in `see`, independently of it."""
        return self.missed > 0 and visit > 0 and float(self._stream(seed, member, visit, 1).random()) < self.missed

    def _stream(self, seed: int, member: int, visit: int, *more: int) -> np.random.Generator:
        key = (member, visit, crc32(self.output.encode()), *more)
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))

    def see(self, value: float, *, seed: int, member: int, visit: int) -> float:
        """What is seen of a true value.

        The random number depends on the seed, the member, the visit and the output alone: members can be run in any
        order, and arms of a comparison see the same patient with the same luck.

        Parameters
        ----------
        value : float
            Internal units.
        seed, member, visit : int

        Returns
        -------
        float
            Not below zero where the true value is not.

        Examples
        --------
        >>> scan = measured("burden", relative_sd=0.1, digits=2)
        >>> scan.see(1.234e9, seed=1, member=0, visit=3) == scan.see(1.234e9, seed=1, member=0, visit=3)
        True
        >>> measured("burden", digits=2).see(1.234e9, seed=1, member=0, visit=3)
        1200000000.0
        """
        seen = value
        spread = math.hypot(self.relative_sd * value, 0.0 if self.sd is None else self.sd.internal)
        if spread > 0:
            seen = value + spread * float(self._stream(seed, member, visit).standard_normal())
            seen = max(0.0, seen) if value >= 0 else seen
        if self.step is not None:
            seen = round(seen / self.step.internal) * self.step.internal
        if self.digits and math.isfinite(seen):
            factor = 1.0 if self.unit is None else self.unit.factor
            seen = float(f"{seen / factor:.{self.digits - 1}e}") * factor
        return seen


@takes(RegimenError, output=TEXT, relative_sd=NUMBER, digits=COUNT, missed=NUMBER)
def measured(
    output: str,
    *,
    relative_sd: float = 0.0,
    sd: QuantityLike | None = None,
    digits: int | None = None,
    step: QuantityLike | None = None,
    missed: float = 0.0,
) -> Measured:
    """An output of the model as a visit shows it, for ``measure=`` of `simulate`, `simulate_many` and `compare`.

    The error is normal, with the variance ``(relative_sd*value)**2 + sd**2``, the combined error of pharmacometrics. A
    value that is not negative is never seen below zero. Rounding comes last.

    Parameters
    ----------
    output : str
        State or observable.
    relative_sd : float
        Standard deviation as a share of the true value, 0 or more.
    sd : quantity, optional
        Standard deviation that does not depend on the value, in the unit of the output.
    digits : int, optional
        Significant digits in the unit of the output.
    step : quantity, optional
        Values are multiples of this, as ``"1 mm"`` for a diameter.
    missed : float
        Chance that the value of a visit is missing, at random; that of the first visit never is. Rules then go by the
        last value, and what learns (`pkpd_mdr.look_ahead`) learns nothing.

    Returns
    -------
    Measured

    Raises
    ------
    RegimenError
        A standard deviation below zero, digits or a step that are not above zero, or both of them, or a chance that is
        none.

    Examples
    --------
    >>> measured("anc", relative_sd=0.1, sd="0.05e9 1/L", digits=2).exact
    False
    """
    if not 0 <= relative_sd < math.inf:
        raise RegimenError(
            f"measured(): relative_sd = {shown(relative_sd)} is no standard deviation; write such as 0.1 for 10 %"
        )
    if digits is not None and step is not None:
        raise RegimenError("measured(): a value is rounded to digits or to a step; leave out one of digits= and step=")
    if digits is not None and not 1 <= digits <= 17:
        raise RegimenError(f"measured(): digits = {shown(digits)} cannot be kept; write 1 to 17, such as 2")
    spread = None if sd is None else quantity(sd, "sd of measured()")
    rounding = None if step is None else quantity(step, "step of measured()")
    if spread is not None and not 0 <= spread.value < math.inf:
        raise RegimenError(f"measured(): sd = {shown(sd)} is no standard deviation; it has to be zero or more")
    if rounding is not None and not 0 < rounding.value < math.inf:
        raise RegimenError(f"measured(): step = {shown(step)} cannot be rounded to; it has to be above zero")
    if not 0 <= missed < 1:
        raise RegimenError(f"measured(): missed = {shown(missed)} is no chance; write a share such as 0.1 for 10 %")
    return Measured(output, float(relative_sd), spread, digits or 0, rounding, missed=float(missed))
