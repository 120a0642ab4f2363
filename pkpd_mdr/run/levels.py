"""Endpoints of levels: how high, how low, how much, when and for how long."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from pkpd_mdr.arguments import TEXT, takes
from pkpd_mdr.errors import SimulationError
from pkpd_mdr.run.course import Course
from pkpd_mdr.run.reading import Endpoint, Path
from pkpd_mdr.units import QuantityLike, quantity

__all__ = [
    "area_of",
    "best_response",
    "end_of",
    "exposure",
    "nadir_of",
    "peak_of",
    "resistant_share",
    "share_of_start",
    "time_above",
    "time_below",
    "time_of_nadir",
    "time_to_stop",
    "time_to_threshold",
]


@takes(SimulationError, of=TEXT, name=TEXT)
def time_to_threshold(level: QuantityLike, *, of: str = "burden", name: str = "time_to_threshold") -> Endpoint:
    """Time until an output exceeds a level.

    Parameters
    ----------
    level : quantity
        With its unit; a number only of what is counted (cells) or has no unit.
    of, name : str
        The output, and how the endpoint is listed.

    Returns
    -------
    Endpoint
        In time; infinite when not reached.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> tumour = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e6 cell"))
    >>> run = tumour.simulate(until="90 day")
    >>> print(f"{run.endpoint(time_to_threshold('1e9 cell')):.2f} days")
    69.08 days
    """
    limit = quantity(level, "level")
    told = f"{limit.value:g}" if limit.bare else str(limit)
    reads = partial(_threshold, of=of, level=limit.internal)
    return Endpoint(name, (of, f"d/dt {of}"), reads, "high", "time", f"{of} above {told}", like=limit.unit)


@takes(SimulationError, of=TEXT, name=TEXT)
def time_below(level: QuantityLike, *, of: str, better: str = "low", name: str | None = None) -> Endpoint:
    """Time that an output spends below a level, as neutrophils below 0.5e9 per litre (grade 4).

    Parameters
    ----------
    level : quantity
        With its unit, such as ``"0.5e9 1/L"``.
    of : str
        The output.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``<of>_time_below`` if absent.

    Returns
    -------
    Endpoint
        In time.

    Examples
    --------
    >>> time_below("0.5e9 1/L", of="anc").name
    'anc_time_below'
    """
    limit = quantity(level, "level")
    reads = partial(_spent, of=of, level=limit.internal, below=True)
    label, told = name or f"{of}_time_below", f"time of {of} below {level}"
    return Endpoint(label, (of, f"d/dt {of}"), reads, better, "duration", told, like=limit.unit)


@takes(SimulationError, of=TEXT, name=TEXT)
def time_above(level: QuantityLike, *, of: str, better: str = "low", name: str | None = None) -> Endpoint:
    """Time that an output spends above a level, as bilirubin above 3 mg/dL; arguments as of `time_below`.

    Examples
    --------
    >>> time_above("3 mg/dL", of="bilirubin").description
    'time of bilirubin above 3 mg/dL'
    """
    limit = quantity(level, "level")
    reads = partial(_spent, of=of, level=limit.internal, below=False)
    label, told = name or f"{of}_time_above", f"time of {of} above {level}"
    return Endpoint(label, (of, f"d/dt {of}"), reads, better, "duration", told, like=limit.unit)


def nadir_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Lowest value of an output.

    Parameters
    ----------
    of : str
        State or observable, such as ``"burden"`` or ``"anc"``.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``<of>_nadir`` if absent.

    Returns
    -------
    Endpoint
        In the unit of the output.

    Examples
    --------
    >>> nadir_of("anc", better="high").name
    'anc_nadir'
    """
    label = name or ("nadir" if of == "burden" else f"{of}_nadir")
    return Endpoint(label, (of, f"d/dt {of}"), partial(_lowest, of=of, which=1), better, "same", f"lowest {of}")


def peak_of(of: str, *, better: str = "low", name: str | None = None) -> Endpoint:
    """Highest value of an output.

    Parameters
    ----------
    of : str
        State or observable, such as ``"burden"`` or ``"anc"``.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``<of>_peak`` if absent.

    Returns
    -------
    Endpoint
        In the unit of the output.

    Examples
    --------
    >>> peak_of("C_dox").name
    'C_dox_peak'
    """
    label = name or f"{of}_peak"
    return Endpoint(label, (of, f"d/dt {of}"), partial(_highest, of=of), better, "same", f"highest {of}")


def end_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Value of an output at the end of the run.

    Parameters
    ----------
    of : str
        State or observable, such as ``"burden"`` or ``"anc"``.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``<of>_end`` if absent.

    Returns
    -------
    Endpoint
        In the unit of the output.

    Examples
    --------
    >>> end_of("psa").name
    'psa_end'
    """
    return Endpoint(name or f"{of}_end", (of,), partial(_last, of=of), better, "same", f"{of} at the end")


def area_of(of: str = "burden", *, better: str = "low", name: str | None = None) -> Endpoint:
    """Area under an output over time.

    Parameters
    ----------
    of : str
        State or observable, such as ``"burden"`` or ``"anc"``.
    better : {"high", "low"}
        Which direction is good for the patient.
    name : str, optional
        Under which the endpoint is listed; ``auc_<of>`` if absent.

    Returns
    -------
    Endpoint
        In the unit of the output times time.

    Examples
    --------
    >>> area_of("burden").name
    'auc_burden'
    """
    label = name or f"auc_{of}"
    return Endpoint(label, (of, f"d/dt {of}"), partial(_area, of=of), better, "area", f"area under {of}")


def time_of_nadir(of: str = "burden", *, name: str = "nadir_time") -> Endpoint:
    """When an output (`of`, a state or an observable) is lowest, in time.

    Examples
    --------
    >>> time_of_nadir("anc").description
    'time of lowest anc'
    """
    reads, told = partial(_lowest, of=of, which=0), f"time of lowest {of}"
    return Endpoint(name, (of, f"d/dt {of}"), reads, "high", "time", told, turning=True)


def best_response(of: str = "burden", *, name: str = "best_response") -> Endpoint:
    """Largest relative shrinkage of an output (`of`) from the start: 1 is gone, below zero is growth only.

    Examples
    --------
    >>> best_response("psa").description
    '1 - lowest/first psa'
    """
    return Endpoint(name, (of, f"d/dt {of}"), partial(_shrinkage, of=of), "high", "", f"1 - lowest/first {of}")


def share_of_start(of: str = "burden", *, name: str = "final_share") -> Endpoint:
    """An output (`of`) at the end of the run, relative to the start.

    Examples
    --------
    >>> share_of_start("psa").description
    'last/first psa'
    """
    return Endpoint(name, (of,), partial(_final_share, of=of), "low", "", f"last/first {of}")


def resistant_share() -> Endpoint:
    """Share of resistant cells (of clones with ``resistant=True``) at the end of the run, from 0 to 1.

    Examples
    --------
    >>> resistant_share().better
    'low'
    """
    what = "resistant_share"
    return Endpoint(what, (what,), partial(_last, of=what), "low", "", "resistant/all cells at the end")


def time_to_stop() -> Endpoint:
    """When the run ended at a level given as ``stop=``, as overall survival up to a lethal burden; infinite if not.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> tumour = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e6 cell"))
    >>> run = tumour.simulate(until="90 day", stop={"burden": "1e9 cell"})
    >>> print(f"{run.endpoint(time_to_stop()):.2f} days")
    69.08 days
    """
    return Endpoint("time_to_stop", (), _stopped, "high", "time", "end of the run at a level")


def exposure(drug: str) -> Endpoint:
    """Area under the concentration of a drug over the run (from the state ``AUC_<drug>``), in its unit times hours.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> kinetics = mdr.Model(mdr.pk.one_compartment("dox", CL="5 L/h", V="20 L"))
    >>> run = kinetics.simulate(mdr.bolus("dox", "60 mg"), until="200 h")
    >>> print(f"{run.endpoint(exposure('dox')):.4g} mg/L * h")
    12 mg/L * h
    """
    state = f"AUC_{drug}"
    return Endpoint(f"exposure_{drug}", (state,), partial(_last, of=state), "low", "same", f"AUC of {drug}")


# -- what they read: functions of a module, so that an endpoint can travel to another process -------------------------


def _threshold(course: Course, *, of: str, level: float) -> float:
    return Path.of(course, of).first_above(lambda lowest: np.full_like(lowest, level), None)


def _spent(course: Course, *, of: str, level: float, below: bool) -> float:
    path = Path.of(course, of)
    return path.below(level) if below else path.last - path.first - path.below(level)


def _lowest(course: Course, *, of: str, which: int) -> float:
    """Time (0) or value (1) of the minimum."""
    return Path.of(course, of).lowest()[which]


def _highest(course: Course, *, of: str) -> float:
    return Path.of(course, of).highest()


def _last(course: Course, *, of: str) -> float:
    return float(course.output(of)[-1])


def _area(course: Course, *, of: str) -> float:
    return Path.of(course, of).area()


def _shrinkage(course: Course, *, of: str) -> float:
    path = Path.of(course, of)
    return 1.0 - path.lowest()[1] / path.values[0] if path.values[0] else math.nan


def _stopped(course: Course) -> float:
    return course.until if course.stopped else math.inf


def _final_share(course: Course, *, of: str) -> float:
    first, last = course.output(of)[[0, -1]]
    return float(last / first) if first else math.nan
