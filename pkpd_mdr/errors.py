"""One family of errors: every refusal of this library is a `PkpdMdrError`.

Each message says in one sentence what was given, where, what is allowed and how to repair it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

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
]


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


def did_you_mean(given: str, known: Iterable[str], *, most: int = 12) -> str:
    """End of a sentence that helps after an unknown name.

    Parameters
    ----------
    given : str
        The name that was not found.
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
    near = get_close_matches(given.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {folded[near[0]]!r}?"
    if not names:
        return "; none is declared"
    shown = ", ".join(repr(name) for name in names[:most])
    return f"; known are {shown}" + (f" and {len(names) - most} more" if len(names) > most else "")
