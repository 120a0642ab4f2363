"""One family of errors: every refusal of this library is a `PkpdMdrError`.

Each message says in one sentence what was given, where, what is allowed and how to repair it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Number

__all__ = [
    "DataError",
    "ExpressionError",
    "FitError",
    "ModelError",
    "PkpdMdrError",
    "RegimenError",
    "SimulationError",
    "UnitError",
    "did_you_mean",
    "is_flag",
    "shown",
]

_LONGEST = 80


class PkpdMdrError(Exception):
    """Base of every error that this library raises on purpose."""


class UnitError(PkpdMdrError, ValueError):
    """A quantity has no unit, an unknown unit, or a unit of the wrong dimension."""


class ExpressionError(PkpdMdrError, ValueError):
    """A formula text is not in the published grammar or names something undeclared."""


class ModelError(PkpdMdrError, ValueError):
    """The parts of a model do not fit together."""


class RegimenError(PkpdMdrError, ValueError):
    """A dose, a dose record or a strategy is not possible as written."""


class DataError(PkpdMdrError, ValueError):
    """A table of measurements cannot be read as it stands."""


class SimulationError(PkpdMdrError, RuntimeError):
    """A simulation could not be finished; what was computed is kept in `partial`."""

    def __init__(self, message: str, *, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class FitError(PkpdMdrError, RuntimeError):
    """A fit cannot be set up or did not produce an estimate."""


def did_you_mean(given: object, known: Iterable[str], *, most: int = 12) -> str:
    """End of a sentence that helps after an unknown name.

    Parameters
    ----------
    given : object
        The name that was not found; without text nothing can be near.
    known : iterable of str
        The names that exist.
    most : int
        How many known names to list when none is near.

    Returns
    -------
    str
        `"; did you mean 'ec50_dox_S'?"`, or a list of what exists.

    Examples
    --------
    >>> did_you_mean("ec50_dox_s", ["ec50_dox_S", "hill_dox_S"])
    "; did you mean 'ec50_dox_S'?"
    """
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(given[:_LONGEST].casefold(), folded, n=1, cutoff=0.6) if isinstance(given, str) else []
    if near:
        return f"; did you mean {folded[near[0]]!r}?"
    if not names:
        return "; none is declared"
    shown = ", ".join(repr(name) for name in names[:most])
    return f"; known are {shown}" + (f" and {len(names) - most} more" if len(names) > most else "")


def shown(given: object) -> str:
    """What was given, short enough for a sentence: plain values as written, anything else by its type.

    Examples
    --------
    >>> shown("75 mg"), shown([1, 2]), shown(object())
    ("'75 mg'", '[1, 2]', 'an object')
    """
    if is_flag(given) or (isinstance(given, Number) and type(given).__module__ != "builtins"):
        return str(given)
    if given is None or isinstance(given, (str, bytes, int, float, complex)):
        try:
            text = repr(given)
        except ValueError:  # Python prints no integer of more than 4300 digits
            return "a number of thousands of digits"
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}... ({len(text)} characters)"
    if type(given) in (list, tuple, set, dict):
        plain = [*given, *given.values()] if isinstance(given, dict) else list(given)  # type: ignore[call-overload]
        if all(isinstance(part, (str, int, float)) for part in plain) and len(text := repr(given)) <= _LONGEST:
            return text
    if type(given).__module__ == "pkpd_mdr.units":
        return repr(str(given))
    name = type(given).__name__
    if name in ("NAType", "NaTType"):
        return "a missing value"
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def is_flag(given: object) -> bool:
    """Whether a value is True or False, NumPy's own included."""
    return isinstance(given, bool) or (type(given).__module__ == "numpy" and type(given).__name__ in ("bool", "bool_"))
