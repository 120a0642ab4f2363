"""`dose_response`: from a table of wells to curves, effective doses and what can be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, FLAG, NUMBER, TABLE, TEXT, TEXTS, fraction, takes
from pkpd_mdr.data import Data
from pkpd_mdr.data.checks import check_choice
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.response.estimates import fit_stack
from pkpd_mdr.response.families import Family, family
from pkpd_mdr.response.flat import flatness
from pkpd_mdr.response.joint import fit_joint
from pkpd_mdr.response.reading import RESPONSE, Readings, as_columns, control_level, read_curves
from pkpd_mdr.response.result import DoseResponse, Options
from pkpd_mdr.response.robust import fit_robust, loss_named
from pkpd_mdr.response.scales import scale_named

__all__ = ["dose_response"]

Table = str | Path | pd.DataFrame | Data


@takes(
    DataError, FileOptions,
    dose=TEXT, response=RESPONSE, by=TEXTS, curve=TEXT, scale=TEXT, direction=TEXT, normalise=FLAG,
    plate=TEXTS, unit=TEXTS, sd=TEXT, var=TEXT, fixed=TABLE, bounds=TABLE, loss=TEXT, confidence=CONFIDENCE,
    alpha=fraction(example=0.05), least_effect=NUMBER, extrapolate=NUMBER, saturation=NUMBER, decimal=TEXT,
)  # fmt: skip
def dose_response(
    table: Table,
    *,
    dose: str,
    response: str,
    by: str | Sequence[str] | None = (),
    curve: str = "LL.4",
    scale: str | None = None,
    direction: str | None = None,
    control: Mapping[str, object] | None = None,
    blank: Mapping[str, object] | None = None,
    plate: str | Sequence[str] | None = None,
    normalise: bool = False,
    saturation: float | None = None,
    sd: str | None = None,
    var: str | None = None,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    share: Sequence[str] | Mapping[str, object] | None = None,
    loss: str = "squared",
    unit: str | Sequence[str] | None = None,
    confidence: float = 0.95,
    alpha: float = 0.05,
    least_effect: float | None = None,
    extrapolate: float = 5.0,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> DoseResponse:
    """Fit dose-response curves to a table of wells: one curve, a screen of 1e5, or curves with shared parameters.

    Parameters
    ----------
    table : path, DataFrame or Data
        One row for each well (or mean). Grids of plates and replicates side by side become such rows by
        `read_plate` and `read_wide`.
    dose, response : str
        Columns, as ``"name"`` or ``"name [unit]"``. Doses of 0 are untreated wells.
    by : str or sequence of str
        Columns that tell curves apart.
    curve : str
        A family: log-logistic ``"LL.2"`` to ``"LL.5"``, Weibull ``"W1.4"`` and ``"W2.4"``, log-normal ``"LN.4"``,
        Gompertz ``"G.4"``, biphasic ``"BP.5"`` and ``"BP.7"``, hormesis ``"BC.5"`` (Brain-Cousens) or ``"CRS.5a"``
        (Cedergreen).
    scale : {"viability", "percent", "inhibition", "percent inhibition"}, optional
        What the responses are; the table is checked against it. ``"percent"`` is viability in per cent.
    direction : {"falling", "rising"}, optional
        Which end a family with fixed limits fixes; from the scale, or from the data, when absent.
    control, blank : mapping, optional
        Column = entry of untreated and of empty wells, such as ``{"drug": "DMSO"}``. Controls join every curve of
        their plate as wells at dose 0, so their scatter is in the fit.
    plate : str or sequence of str, optional
        Columns within which controls and blanks hold.
    normalise : bool
        Whether responses are signals, to be put on `scale` by ``(y - blank)/(control - blank)`` of their plate.
    saturation : float, optional
        Signal at and above which a well is left out.
    sd, var : str, optional
        Column with the standard deviation or the variance of each value, known up to a common factor; never bare
        weights.
    fixed, bounds : mapping, optional
        Parameters that are held, and bounds of others, on the reported scale, such as ``{"c": (0, 1)}``.
    share : sequence of str, or mapping of parameter to a label column, optional
        Parameters that all curves, or all curves with the same label, have in common: ``("c", "d")``, ``{"b":
        "drug"}``. Curves are then fitted together with one residual error; ``share=()`` shares the error only.
    loss : {"squared", "huber", "tukey", "cauchy"}
    unit : str or sequence of str, optional
        Columns that name the unit that a bootstrap resamples, such as a plate or an animal.
    confidence : float
        Of all intervals.
    alpha : float
        Level of the test for any effect.
    least_effect : float, optional
        Fitted change below which a significant curve still counts as without effect; a tenth of the control on a
        declared scale, otherwise 0.
    extrapolate : float
        How many times beyond the tested doses an effective dose still counts as a number.
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    DoseResponse
        Every curve has a state; input order is kept.

    Raises
    ------
    DataError
        The table cannot be read, contradicts its scale, or an option is not possible.

    Examples
    --------
    >>> import pandas as pd
    >>> wells = pd.DataFrame({"nM": [0, 0, 1, 3, 10, 30, 100, 300]})
    >>> wells["v"] = [1.02, 0.97, 0.95, 0.84, 0.55, 0.24, 0.11, 0.06]
    >>> fit = dose_response(wells, dose="nM [nM]", response="v", curve="LL.3", scale="viability")
    >>> str(fit.ed(50)["state"].iloc[0])
    'in range'
    """
    columns = as_columns(
        dose=dose, response=response, by=by, sd=sd, var=var, control=control, blank=blank, plate=plate, unit=unit,
        saturation=saturation, decimal=decimal,
    )  # fmt: skip
    chosen, loss_of = family(curve, fixed), loss_named(loss)
    kind = scale_named(scale)
    if direction is not None:
        check_choice(direction, ("falling", "rising"), "direction")
    limits = _bounds(chosen, bounds)
    readings = read_curves(table, columns, scale, normalise=normalise, file=file)
    rising = _rising(readings, direction, kind.rising if kind else None, chosen)
    held = {
        name: value
        for name, value in chosen.held(rising=rising, control=control_level(scale)).items()
        if name in ("c", "d")
    }
    _check_held(held, rising=rising if direction is not None or kind else None)
    if not extrapolate >= 1.0 or (least_effect is not None and not least_effect >= 0.0):
        raise DataError(
            f"extrapolate = {shown(extrapolate)}, least_effect = {shown(least_effect)}: the first is a factor of 1 or "
            "more, the second a change of 0 or more"
        )
    least = least_effect if least_effect is not None else 0.1 * kind.control if kind else 0.0
    options = Options(columns, scale, rising, loss, dict(held), limits, confidence, alpha, least, extrapolate)
    if share is not None:
        if loss_of is not None:
            raise DataError(f"loss = {shown(loss)} with share=: shared parameters are fitted by least squares")
        return fit_joint(readings, chosen, options, share)
    return _fit_apart(readings, chosen, options)


def _fit_apart(readings: Readings, chosen: Family, options: Options) -> DoseResponse:
    stack = readings.stack
    if options.loss == "squared":
        curves = fit_stack(stack, chosen, held=options.held, bounds=options.bounds)
        return DoseResponse(readings, stack, curves, flatness(stack, curves), options)
    plain = fit_stack(stack, chosen, held=options.held, bounds=options.bounds)
    curves, weighted, shares = fit_robust(stack, chosen, options.loss, held=options.held, bounds=options.bounds)
    return DoseResponse(readings, weighted, curves, flatness(stack, plain), options, point_shares=shares)


def _check_held(held: Mapping[str, float], *, rising: bool | None) -> None:
    """Limits that are both held must differ, and in the direction that was declared, if one was."""
    if {"c", "d"} <= held.keys():
        c, d = held["c"], held["d"]
        if c == d or (rising is not None and (c > d) != rising):
            allowed = "another one than" if rising is None else "above" if rising else "below"
            raise DataError(
                f"fixed: c = {c:g} and d = {d:g} are held, but c, the response to a high dose, must be {allowed} d, "
                "that of untreated wells"
            )


def _bounds(chosen: Family, bounds: Mapping[str, tuple[float, float]] | None) -> dict[str, tuple[float, float]]:
    found = {}
    for name, pair in (bounds or {}).items():
        # the search goes over the distance of e2 from e, which a bound of e2 is not
        allowed = [
            known
            for known in chosen.parameters
            if known != "e2" and (known in ("b", "c", "d", "e") or chosen.is_logged(known))
        ]
        if name not in allowed:
            raise DataError(
                f"bounds: {shown(name)} of {chosen.name} cannot be bounded; possible are {', '.join(allowed)}"
            )
        if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(v, (int, float)) for v in pair)):
            raise DataError(f"bounds: {name} = {shown(pair)} is not a pair; write for example {{'{name}': (0, 1)}}")
        low, high = float(pair[0]), float(pair[1])
        if not low < high:
            raise DataError(f"bounds: {name}=({low:g}, {high:g}) contradicts itself; the lower bound comes first")
        if chosen.is_logged(name) and low <= 0:
            raise DataError(f"bounds: {name}=({low:g}, {high:g}): {name} is above 0; so is its lower bound")
        found[name] = (low, high)
    return found


def _rising(readings: Readings, direction: str | None, scale: bool | None, chosen: Family) -> bool:
    """Direction as said, by the scale, or by most curves of the table."""
    if direction is not None:
        return direction == "rising"
    if scale is not None or (chosen.lower is None and chosen.upper is None):
        return bool(scale)
    frame = pd.DataFrame({"curve": readings.curve, "x": readings.x, "y": readings.y})
    ranks = frame.groupby("curve").rank()
    centred = ranks - ranks.groupby(frame["curve"]).transform("mean")
    trend = (centred["x"] * centred["y"]).groupby(frame["curve"]).sum()
    return bool(len(trend) and np.median(np.sign(trend)) > 0)
