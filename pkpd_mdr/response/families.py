"""The curve families by name, such as ``"LL.4"``: a shape, which limits are fixed, and whether low doses may stimulate.

Names follow Ritz, Baty, Streibig and Gerhard (2015), PLoS ONE 10:e0146021: the digit counts the free parameters.
Parameters are b (steepness, always positive here), c (limit at an endless dose), d (limit at dose zero), e (location,
a dose), f (hormesis or asymmetry). A rising curve has c above d, so b needs no sign and no curve has two
descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pkpd_mdr.errors import DataError, did_you_mean, shown
from pkpd_mdr.response.shapes import SHAPES, FloatArray, Shape

__all__ = ["FAMILIES", "Family", "family"]


@dataclass(frozen=True, slots=True)
class Family:
    """A curve family: ``y = c + (d - c + f g(x)) s(x)``.

    Attributes
    ----------
    name : str
        Such as ``"LL.4"``.
    title : str
    shape : Shape
    lower, upper : float or None
        A limit that the name fixes: 0, and the response of an untreated control.
    hump : float or None
        Hormesis: 0 for Brain and Cousens's ``g(x) = x``, a > 0 for Cedergreen's ``exp(-1/x**a)``, None for none.
    fixed : mapping
        Values of parameters that are not estimated, on the scale they are reported.
    """

    name: str
    title: str
    shape: Shape
    lower: float | None = None
    upper: float | None = None
    hump: float | None = None
    fixed: Mapping[str, float] | None = None

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters in reporting order, fixed ones included."""
        rest = self.shape.parameters[2:]
        return ("b", "c", "d", "e", *rest, *(("f",) if self.hump is not None else ()))

    def held(self, *, rising: bool, control: float = 1.0) -> dict[str, float]:
        """Parameters that are not estimated, for a direction and the response of an untreated control."""
        low, high = ("d", "c") if rising else ("c", "d")
        limits = {low: self.lower, high: None if self.upper is None else self.upper * control}
        return {name: value for name, value in limits.items() if value is not None} | dict(self.fixed or {})

    def with_fixed(self, fixed: Mapping[str, float]) -> Family:
        """The family with some parameters held.

        Raises
        ------
        DataError
            An unknown parameter, or a value that it cannot take.
        """
        holdable = [name for name in self.parameters if name != "e2" and (name != "f" or self.shape.asymmetric)]
        for name, value in fixed.items():
            if name not in holdable:
                raise DataError(
                    f"fixed: {self.name} has no parameter {shown(name)} to hold{did_you_mean(name, holdable)}"
                )
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
                raise DataError(f"fixed: {name} = {shown(value)} is not a finite number; write for example {{'c': 0}}")
            if self.is_logged(name) and value <= 0:
                raise DataError(f"fixed: {name} = {value:g} is not above 0; b, e and an asymmetry f are positive")
        return replace(self, fixed={**(self.fixed or {}), **fixed})

    def is_logged(self, name: str) -> bool:
        """Whether a parameter is stored and estimated as its logarithm."""
        return name in ("b", "e", "b2", "e2") or (name == "f" and self.shape.asymmetric)

    def bump(self, x: FloatArray) -> FloatArray | None:
        """The function g of the hormesis term at doses x; None without hormesis."""
        if self.hump is None:
            return None
        if self.hump == 0.0:
            return x
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(-1.0 / x**self.hump)


def _limits(stem: str, title: str) -> dict[str, Family]:
    shape = SHAPES[stem]
    return {
        f"{stem}.2": Family(f"{stem}.2", f"{title}, limits 0 and control", shape, 0.0, 1.0),
        f"{stem}.3": Family(f"{stem}.3", f"{title}, lower limit 0", shape, 0.0),
        f"{stem}.3u": Family(f"{stem}.3u", f"{title}, upper limit at control", shape, None, 1.0),
        f"{stem}.4": Family(f"{stem}.4", title, shape),
    }


def _catalogue() -> dict[str, Family]:
    found: dict[str, Family] = {}
    for stem in ("LL", "W1", "W2", "LN", "G", "L"):
        found |= _limits(stem, SHAPES[stem].name)
    found["LL.5"] = Family("LL.5", "log-logistic with asymmetry", SHAPES["LL5"])
    found["BC.4"] = Family("BC.4", "Brain-Cousens hormesis, lower limit 0", SHAPES["LL"], 0.0, hump=0.0)
    found["BC.5"] = Family("BC.5", "Brain-Cousens hormesis", SHAPES["LL"], hump=0.0)
    for letter, power in (("a", 1.0), ("b", 0.5), ("c", 0.25)):
        title = f"Cedergreen-Ritz-Streibig hormesis, a = {power:g}"
        found[f"CRS.4{letter}"] = Family(f"CRS.4{letter}", f"{title}, lower limit 0", SHAPES["LL"], 0.0, hump=power)
        found[f"CRS.5{letter}"] = Family(f"CRS.5{letter}", title, SHAPES["LL"], hump=power)
    sites = {"b": 1.0, "b2": 1.0}
    found["BP.5"] = Family("BP.5", "biphasic, two sites of slope 1", SHAPES["BP"], fixed=sites)
    found["BP.7"] = Family("BP.7", "biphasic, two sites", SHAPES["BP"])
    return found


FAMILIES = _catalogue()
"""Every family by name."""


def family(name: str, fixed: Mapping[str, float] | None = None) -> Family:
    """Find a curve family.

    Parameters
    ----------
    name : str
        Such as ``"LL.4"``, ``"W2.3"``, ``"BC.5"`` or ``"BP.5"``; upper or lower case.
    fixed : mapping, optional
        Parameters that are not estimated, such as ``{"c": 0}``.

    Raises
    ------
    DataError
        An unknown family or parameter (nearest shown).

    Examples
    --------
    >>> family("ll.4").title, family("LL.3").held(rising=False)
    ('log-logistic', {'c': 0.0})
    """
    folded = {known.casefold(): known for known in FAMILIES}
    if not isinstance(name, str) or name.casefold() not in folded:
        count = re.fullmatch(r"([2-5])[ -]?PL", name, re.IGNORECASE) if isinstance(name, str) else None
        near = f"; the log-logistic with {count[1]} parameters is 'LL.{count[1]}'" if count else ""
        raise DataError(f"curve = {shown(name)} is no curve family{near or did_you_mean(name, FAMILIES, most=40)}")
    found = FAMILIES[folded[name.casefold()]]
    return found.with_fixed(fixed) if fixed else found
