"""How doses depend on the port's bioavailability F, lag L, modelled rate R and modelled duration D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.engine.timeline import Source, SteadyDose

__all__ = ["input_by", "length_by", "reevaluated"]

PortNumbers = tuple[float, float, float, float]


def input_by(source: Source, by: FloatArray) -> FloatArray:
    """Derivative of what a dose adds (an amount or a rate), shape (columns,).

    Parameters
    ----------
    source : Source
    by : ndarray, shape (4, columns)
        Derivatives of F, L, R and D.
    """
    if source.rule == "modelled rate":
        return np.asarray(by[2])
    if source.rule == "modelled duration":
        return np.asarray(source.share * by[0] - source.rate / source.duration * by[3])
    return np.asarray(source.share * by[0])


def length_by(source: Source, by: FloatArray) -> FloatArray:
    """Derivative of the length of an infusion, shape (columns,)."""
    if source.rule in ("rate", "modelled rate"):
        longer = source.amount / source.rate * by[0]
        shorter = source.duration / source.rate * by[2] if source.rule == "modelled rate" else 0.0
        return np.asarray(longer - shorter)
    return np.asarray(by[3] if source.rule == "modelled duration" else 0.0 * by[0])


def reevaluated(dose: SteadyDose, source: Source, values: PortNumbers) -> SteadyDose:
    """The same steady-state dose under other values of F, L, R and D."""
    bioavailability, lag, rate, duration = values
    arriving = bioavailability * source.amount
    if source.rule == "constant":
        return replace(dose, rate=rate if source.modelled == "rate" else dose.rate)
    if source.rule == "bolus":
        return replace(dose, amount=arriving, lag=lag)
    if source.rule in ("rate", "modelled rate"):
        used = source.rate if source.rule == "rate" else rate
        return replace(dose, rate=used, duration=arriving / used, lag=lag)
    used = source.duration if source.rule == "duration" else duration
    return replace(dose, rate=arriving / used, duration=used, lag=lag)
