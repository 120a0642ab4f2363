"""The border where units are read and removed.

Outside, a quantity is text (``"75 mg"``), a pair (``(75, "mg")``) or a `Quantity`. Inside the library
numbers are in one coherent set: h, dm (hence L), mg, umol (hence uM), gray through dm and h; cells and
vesicles are counts. Pint reads the unit text; factors are exact rationals until the last step, so that
``"1 day"`` is 24.0 and ``"75 mg"`` is 75.0 to the last bit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from numbers import Number
from typing import Any

from pkpd_mdr.errors import UnitError, did_you_mean, shown

__all__ = [
    "DIMENSIONLESS",
    "Quantity",
    "QuantityLike",
    "Unit",
    "conversion",
    "quantity",
    "read",
    "split_header",
    "with_columns",
]

_INTERNAL_PER_SI = {
    "[time]": Fraction(1, 3600),
    "[length]": Fraction(10),
    "[mass]": Fraction(10**6),
    "[substance]": Fraction(10**6),
}
_IN_BRACKETS = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")
_IN_PARENTHESES = re.compile(r"(.*?)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)")
_NUMBER_THEN_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)
_UNIT_TEXT = re.compile(r"[A-Za-zµμ%0-9*/^(). -]*")
_EXPONENT = re.compile(r"\*\*\s*(?:-?[1-9]|\(\s*-?[1-9]\s*\))(?!\s*\*\*)(?![\d.])")
_SQUARED = re.compile(r"\b([a-zµμ]?m)([23])\b")
_INTERNATIONAL = re.compile(r"\b[a-zA-Zµμ]?IU\b")
_POTENCY = (
    "; an international unit is another mass for each substance, so convert it by the potency on the label, to 'ug' "
    "for example, or write pure numbers in a model without units"
)
_COMMON = (
    "h",
    "day",
    "min",
    "week",
    "month",
    "mg",
    "ug",
    "g",
    "mol",
    "umol",
    "nM",
    "uM",
    "mg/L",
    "ng/mL",
    "L",
    "mL",
    "L/h",
    "1/h",
    "1/day",
    "Gy",
    "cell",
    "mm",
    "mm**3",
    "cm**3",
)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
    registry.define("cell = [] = _ = cells")
    registry.define("vesicle = [] = _ = vesicles")
    return registry


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its text, the factor to internal units and its dimensions.

    Parameters
    ----------
    text : str
        As the user wrote it; shown in tables and messages.
    factor : float
        Internal value of one unit (``Unit.of("day").factor == 24.0``).
    dims : tuple of (str, fractions.Fraction)
        Sorted exponents of time, length, mass, substance and so on; empty for counts.

    Examples
    --------
    >>> Unit.of("1/day").factor
    0.041666666666666664
    """

    text: str
    factor: float
    dims: tuple[tuple[str, Fraction], ...] = ()

    @staticmethod
    def of(text: str | Unit) -> Unit:
        """Read a unit from text; `UnitError` names the text and the nearest known unit."""
        if isinstance(text, Unit):
            return text
        if not isinstance(text, str):
            raise UnitError(
                f"{shown(text)} is not the text of a unit; write for example '1/day', 'mg/L', 'nM' or 'L/h'"
            )
        return _unit_of(text)

    @property
    def dimensionless(self) -> bool:
        """Whether the unit is a pure count or share."""
        return not self.dims

    def like(self, other: Unit) -> bool:
        """Whether two units measure the same thing."""
        return self.dims == other.dims

    def times(self, other: Unit, power: int = 1) -> Unit:
        """The unit of a product ``self * other**power``."""
        dims = dict(self.dims)
        for name, exponent in other.dims:
            dims[name] = dims.get(name, Fraction(0)) + power * exponent
        kept = tuple(sorted((name, value) for name, value in dims.items() if value))
        plain = other.text.isidentifier()
        if not other.text:
            text = self.text
        elif power == -1:
            text = f"{self.text or 1}/{other.text if plain else f'({other.text})'}"
        else:
            right = other.text if power == 1 else f"({other.text})**{power}"
            text = f"{self.text} * {right}" if self.text else right
        return Unit(text, self.factor * other.factor**power, kept)

    def __hash__(self) -> int:
        return hash(self.text)  # that of its dimensions takes a hundred times as long

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Unit.of({self.text!r})"


@lru_cache(maxsize=4096)
def _unit_of(text: str) -> Unit:
    cleaned = _SQUARED.sub(r"\1**\2", text.strip()).replace("^", "**")
    if cleaned in ("", "1", "-"):
        return Unit("", 1.0)
    if len(cleaned) > 60 or not _UNIT_TEXT.fullmatch(cleaned):
        raise UnitError(f"{shown(text)} is not a unit; write for example '1/day', 'mg/L', 'nM' or 'L/h'")
    if any(mark.isdigit() for mark in _EXPONENT.sub(" ", cleaned.removeprefix("1/"))) or re.search(r"\be\b", cleaned):
        raise UnitError(
            f"unit {shown(text)} has a number in it; numbers stand before the unit, as in '10 mg/mL', and as exponents"
        )
    registry = _registry()  # not below: a pint that cannot be imported is no fault of the text
    try:
        base = registry.Quantity(Fraction(1), registry.parse_expression(cleaned)).to_base_units()
        dimensionality: Mapping[str, Fraction] = dict(base.dimensionality)
        factor = Fraction(base.magnitude)
        for name, exponent in dimensionality.items():
            factor *= _INTERNAL_PER_SI.get(name, Fraction(1)) ** int(exponent)
    except Exception as problem:  # pint raises many kinds; each means that this is no unit we can use
        hint = _POTENCY if _INTERNATIONAL.search(cleaned) else did_you_mean(text.strip(), _COMMON)
        raise UnitError(f"unit {shown(text)} is not known{hint}") from problem
    if "[temperature]" in dimensionality or not factor > 0:
        raise UnitError(f"unit {shown(text)} has an offset or no size and cannot be used here")
    dims = tuple(sorted((name, Fraction(value)) for name, value in dimensionality.items()))
    return Unit(text.strip(), float(factor), dims)


DIMENSIONLESS = Unit("", 1.0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as it was given.

    Examples
    --------
    >>> quantity("2 day").internal
    48.0
    """

    value: float
    unit: Unit = DIMENSIONLESS
    bare: bool = False

    @property
    def internal(self) -> float:
        """The value in internal units."""
        return self.value * self.unit.factor

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit.text}".rstrip()


QuantityLike = str | float | int | tuple[float, str] | Quantity


def quantity(given: QuantityLike, where: str = "a quantity") -> Quantity:
    """Read text, a (number, unit) pair or a number into a `Quantity`.

    Parameters
    ----------
    given : str, (float, str), float or Quantity
        ``"75 mg"``, ``(75, "mg")`` or a bare number.
    where : str
        What is being read; opens the error message.

    Returns
    -------
    Quantity
        `Quantity.bare` tells that no unit was written.

    Raises
    ------
    UnitError
        The number is missing or not finite, or the unit is unknown.

    Examples
    --------
    >>> str(quantity("75 mg"))
    '75 mg'
    """
    if isinstance(given, Quantity):
        return given
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        return Quantity(_finite(given[0], given, where), Unit.of(given[1]), bare=not given[1].strip())
    if not isinstance(given, str):
        return Quantity(_finite(given, given, where), DIMENSIONLESS, bare=True)
    match = _NUMBER_THEN_UNIT.fullmatch(given)
    if match is None:
        raise UnitError(
            f"{where}: {shown(given)} has no number to start with; write a number and a unit, as in '75 mg'"
        )
    if match[2].startswith(","):
        raise UnitError(f"{where}: {shown(given)} has a decimal comma; write a point, as in '1.5 mg'")
    try:
        unit = Unit.of(match[2])
    except UnitError as problem:
        raise UnitError(f"{where}: {problem}") from problem
    return Quantity(_finite(match[1], given, where), unit, bare=not match[2])


def _finite(number: object, given: object, where: str) -> float:
    try:
        if isinstance(number, bool) or not isinstance(number, (Number, str)):
            raise TypeError("no number")
        value = float(number)  # type: ignore[arg-type]
    except OverflowError:
        value = math.inf
    except (TypeError, ValueError):
        raise UnitError(f"{where}: {shown(given)} is not a number; write a number and a unit, as in '75 mg'") from None
    if not math.isfinite(value):
        raise UnitError(f"{where}: {shown(given)} is not finite; write a number that is")
    return value


def read(
    given: QuantityLike,
    unit: str | Unit,
    where: str,
    *,
    bare: bool = False,
    molar_mass: Quantity | None = None,
) -> float:
    """Read a quantity and return its value in internal units.

    Parameters
    ----------
    given : str, (float, str), float or Quantity
        What the user wrote.
    unit : str or Unit
        The declared unit of the slot; any unit of the same dimension is converted.
    where : str
        The slot; opens the error message.
    bare : bool
        Whether a bare number is allowed and means `unit`. Always so for counts and shares.
    molar_mass : Quantity, optional
        Lets mass stand for amount of substance and the reverse (``"75 mg"`` for a slot in umol).

    Returns
    -------
    float
        Value in internal units (h, dm, mg, umol).

    Raises
    ------
    UnitError
        No unit where one is needed, or a unit of another dimension; both units are shown.

    Examples
    --------
    >>> read("1 mg", "umol", "dose", molar_mass=quantity("500 g/mol"))
    2.0
    """
    slot = Unit.of(unit)
    found = quantity(given, where)
    if found.bare:
        if bare or slot.dimensionless:
            return found.value * slot.factor
        written = shown(str(given) if isinstance(given, Quantity) else given)
        raise UnitError(f"{where}: {written} has no unit; write a unit such as '{found.value:g} {slot.text}'")
    factor = conversion(found.unit, slot, molar_mass)
    if factor is not None:
        return found.internal * factor
    hint = "; give the drug's molar_mass to convert" if _mass_for_amount(found.unit, slot) else ""
    raise UnitError(
        f"{where}: {str(found)!r} is not in the unit {slot.text or 'of a pure number'!r} or one like it{hint}"
    )


@lru_cache(maxsize=1024)
def conversion(given: Unit, slot: Unit, molar_mass: Quantity | None) -> float | None:
    """Factor from internal values in one unit to those in another: 1 for units alike, else by a molar mass, or None.

    Examples
    --------
    >>> conversion(Unit.of("mg/L"), Unit.of("uM"), quantity("500 g/mol")), conversion(Unit.of("mg"), Unit.of("h"), None)
    (2.0, None)
    """
    if given.like(slot):
        return 1.0
    if molar_mass is not None:
        for power in (1, -1):
            if given.times(molar_mass.unit, power).like(slot):
                return float(molar_mass.internal**power)
    return None


def _mass_for_amount(found: Unit, slot: Unit) -> bool:
    molar = Unit.of("g/mol")
    return found.times(molar).like(slot) or found.times(molar, -1).like(slot)


def split_header(header: str) -> tuple[str, Unit | None]:
    """The name and the unit in the header of a column; the unit stands in brackets, or in parentheses if it is one.

    Examples
    --------
    >>> split_header("ec50_dox_S [nM]")[0], split_header("CL (L/h)")[1].text, split_header("dose (first)")
    ('ec50_dox_S', 'L/h', ('dose (first)', None))
    """
    for pattern in (_IN_BRACKETS, _IN_PARENTHESES):
        match = pattern.fullmatch(header)
        if match and match[1]:
            try:
                return match[1].strip(), Unit.of(match[2])
            except UnitError:
                continue
    return header, None


def with_columns(given: Mapping[str, Any], columns: Collection[str], *, keys: bool) -> dict[str, Any]:
    """Covariates of a table with its columns where a reader expects them, whichever way round they were written.

    An entry that can be read as expected stays as it is; it is turned round where the other name alone is a column.

    Parameters
    ----------
    given : mapping
        ``{column: "parameter [unit]"}`` or ``{parameter: "column [unit]"}``.
    columns : collection of str
        Headers of the table; capitals do not count.
    keys : bool
        Whether columns are expected as keys, with parameters as values; else the other way round.

    Examples
    --------
    >>> with_columns({"weight": "WT [kg]"}, ["ID", "WT"], keys=True)
    {'WT': 'weight [kg]'}
    >>> with_columns({"WT": "weight [kg]", "AGE": "30 year"}, ["ID", "WT [kg]"], keys=False)
    {'weight': 'WT [kg]', 'AGE': '30 year'}
    """
    known = {name.casefold() for header in columns for name in (header, split_header(header)[0])}
    found: dict[str, Any] = {}
    for key, value in given.items():
        name, unit = split_header(value.strip()) if isinstance(value, str) else ("", None)
        expected, other = (key, name) if keys else (name, key)
        is_column = [isinstance(item, str) and item.casefold() in known for item in (expected, other)]
        if is_column == [False, True] and re.match("[A-Za-z]", name) and name not in given:
            found[name] = key if unit is None else f"{key} [{unit.text}]"
        else:
            found[key] = value
    return found
