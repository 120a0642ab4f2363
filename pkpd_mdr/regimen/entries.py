"""What a timeline is built from: entries in file order, at times in hours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pkpd_mdr.regimen.acts import Act

__all__ = ["Change", "Entry", "Give", "Mark", "Reset", "arrange"]


@dataclass(frozen=True, slots=True)
class Give:
    """An act is done at its time.

    Parameters
    ----------
    act : Act
        With `Act.time` on the clock of the run.
    """

    act: Act

    @property
    def time(self) -> float:
        """Hours."""
        return self.act.time


@dataclass(frozen=True, slots=True)
class Mark:
    """An output is wanted here.

    Parameters
    ----------
    time : float
        Hours.
    index : int
        Where the output belongs; handed through.
    """

    time: float
    index: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The system starts again (EVID 3 and 4): running infusions and exposures stop.

    Parameters
    ----------
    time : float
        Hours.
    to_start : bool
        Whether amounts return to their start values (NONMEM's A_0) rather than to zero.
    cancel : bool
        Whether pending additional and lagged doses are forgotten. No published number settles this; cancelling is
        the default because time may restart at a reset, which makes old due times meaningless.
    """

    time: float
    to_start: bool = True
    cancel: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """Parameters switch to another row (time-varying covariates).

    Parameters
    ----------
    time : float
        Hours.
    row : int
        Row of parameters in force from here on; row 0 is in force at the start.
    """

    time: float
    row: int


Entry = Give | Mark | Reset | Change


def arrange(acts: Iterable[Act], marks: Iterable[float], *, after: bool = False) -> tuple[Entry, ...]:
    """Entries of a regimen and output times: an output at a dose time is the value before the dose.

    Parameters
    ----------
    acts : iterable of Act
        A `Regimen` or its acts.
    marks : iterable of float
        Output times in hours; a mark's index is its position here.
    after : bool
        Whether outputs at a dose time come after the dose instead.

    Returns
    -------
    tuple of Entry
        Sorted by time.

    Examples
    --------
    >>> from pkpd_mdr.regimen.builders import bolus
    >>> [type(entry).__name__ for entry in arrange(bolus("dox", "75 mg"), [0.0, 1.0])]
    ['Mark', 'Give', 'Mark']
    """
    gives: list[Entry] = [Give(act) for act in acts]
    outputs: list[Entry] = [Mark(float(time), index) for index, time in enumerate(marks)]
    together = gives + outputs if after else outputs + gives
    return tuple(sorted(together, key=lambda entry: entry.time))
