"""How far a long computation is: a bar, or a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

from pkpd_mdr.arguments import FLAG, Kind
from pkpd_mdr.errors import PkpdMdrError, SimulationError

__all__ = ["PROGRESS", "Progress", "Report", "reporting"]

Report = Callable[..., object]
"""Called with what is done and how much there is; searches add a number of their own."""

Progress = bool | Report
"""What `progress=` takes everywhere: True for a bar, or a function."""

PROGRESS = Kind("True, False, or a function of (done, total)", lambda given: FLAG.fits(given) or callable(given))


@contextmanager
def reporting(
    progress: Progress, total: int, unit: str = "members", error: type[PkpdMdrError] = SimulationError
) -> Iterator[Report]:
    """What to call with (done, total) while a computation goes on.

    Parameters
    ----------
    progress : bool or callable
    total : int
    unit : str
        What is counted, for the bar.
    error : type
        Raised where a bar is asked for and tqdm is missing.
    """
    if callable(progress):
        yield progress
        return
    if not progress:
        yield lambda done, total, *more: None
        return
    try:
        bar = import_module("tqdm").tqdm(total=total, unit=f" {unit}")
    except ImportError as problem:
        raise error(
            "progress=True needs the package tqdm, which is not installed; pip install 'pkpd-mdr[progress]', or give a "
            "function of (done, total)"
        ) from problem
    with bar:
        yield lambda done, total, *more: bar.update(done - bar.n)
