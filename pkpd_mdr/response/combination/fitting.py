"""`combination`: from a table of wells under several drugs to synergy or antagonism with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import CONFIDENCE, COUNT, FLAG, SEED, TABLE, TEXT, TEXTS, takes
from pkpd_mdr.data import Data
from pkpd_mdr.data.cells import several
from pkpd_mdr.data.checks import check_choice
from pkpd_mdr.data.files import FileOptions
from pkpd_mdr.errors import DataError, shown
from pkpd_mdr.response.combination.models import Choices, check_models
from pkpd_mdr.response.combination.reading import Wells, read_wells
from pkpd_mdr.response.combination.resample import scatter_differs
from pkpd_mdr.response.combination.result import Combination
from pkpd_mdr.response.combination.surfaces import check_fixed
from pkpd_mdr.response.reading import RESPONSE
from pkpd_mdr.response.scales import SCALES, scale_named

__all__ = ["combination"]

_ODD = 0.001  # chance below which the scatter of cells counts as different


@takes(
    DataError, FileOptions,
    doses=TABLE, response=RESPONSE, by=TEXTS, scale=TEXT, model=TEXTS, centre=TEXT, normalise=FLAG,
    fixed=TABLE, braid=TEXT, detailed_balance=FLAG, draws=COUNT, resample=TEXT, seed=SEED, confidence=CONFIDENCE,
    decimal=TEXT,
)  # fmt: skip
def combination(
    table: str | Path | pd.DataFrame | Data,
    *,
    doses: Mapping[str, str],
    response: str,
    by: str | Sequence[str] | None = (),
    scale: str | None = None,
    model: str | Sequence[str] | None = None,
    centre: str = "mean",
    normalise: bool = False,
    fixed: Mapping[str, float] | None = None,
    braid: str = "kappa2",
    detailed_balance: bool = False,
    draws: int = 200,
    resample: str = "pooled",
    seed: int = 0,
    confidence: float = 0.95,
    decimal: str = ".",
    **file: Unpack[FileOptions],
) -> Combination:
    """Judge what drugs do together against what is expected of them alone.

    Parameters
    ----------
    table : path, DataFrame or Data
        One row for each well, with the dose of every drug; 0 where a drug is absent.
    doses : mapping
        Column of the dose of each drug, as ``"name"`` or ``"name [unit]"``. Drugs may have different units.
    response : str
    by : str or sequence of str
        Columns that tell combinations apart.
    scale : {"viability", "percent", "inhibition", "percent inhibition"}, optional
        What the responses are; all models but loewe, braid and musyc need it.
    model : str or sequence of str, optional
        ``"bliss"``, ``"hsa"``, ``"loewe"``, ``"zip"`` (two drugs), ``"chou_talalay"``, ``"braid"`` and ``"musyc"``
        (two drugs). Bliss, HSA and Loewe when absent, or Loewe alone without a scale.
    centre : {"mean", "median"}
        Of replicates in the non-parametric models, Bliss and HSA, and of the observed response.
    normalise : bool
        Whether responses are signals, to be put on `scale` by dividing by the mean of the untreated wells.
    fixed : mapping, optional
        Parameters of the surfaces that are held, such as ``{"gamma12": 1, "gamma21": 1}``.
    braid : {"kappa1", "kappa2", "kappa3"}
        Largest effects: one for all; one for each drug, and the larger one for both together; three.
    detailed_balance : bool
        Whether MuSyC is held to a chain in equilibrium: both gamma 1 and ``alpha21**h1 = alpha12**h2``.
    draws : int
        Resampled tables, in which everything is fitted anew; 0 for no intervals.
    resample : {"pooled", "cells"}
        Deviations of replicates from the mean of their cell are drawn from all cells, or from the same cell only. The
        second makes no assumption on the scatter, but with two or three replicates its intervals are far too narrow.
    seed : int
    confidence : float
    decimal : {".", ","}
        Decimal mark of the table.
    **file
        `FileOptions`: ``thousands``, ``sheet``, ``skip_lines``, ``last_line``, ``separator``, ``encoding``.

    Returns
    -------
    Combination

    Raises
    ------
    DataError
        The table cannot be read, contradicts its scale, has no wells of a drug alone, or an option is not possible.

    Examples
    --------
    >>> import pandas as pd
    >>> plate = pd.DataFrame({"a": [0, 1, 0, 1], "b": [0, 0, 2, 2], "v": [1.0, 0.5, 0.6, 0.1]})
    >>> found = combination(plate, doses={"a": "a", "b": "b"}, response="v", scale="viability", model="bliss")
    >>> found.frame["excess"].round(3).tolist()
    [0.2]
    """
    scale_named(scale)
    check_choice(centre, ("mean", "median"), "centre")
    check_choice(braid, ("kappa1", "kappa2", "kappa3"), "braid")
    check_choice(resample, ("pooled", "cells"), "resample")
    if draws < 0 or 0 < draws < 20:
        raise DataError(f"draws = {draws}: limits need at least 20 resampled tables; 0 gives no intervals")
    if normalise and scale is None:
        raise DataError("normalise=True puts signals on a scale; say which, for example scale='viability'")
    names = several(model) if model is not None else (("bliss", "hsa", "loewe") if scale else ("loewe",))
    if not names:
        raise DataError("model names no reference model; write for example model=('bliss', 'loewe')")
    check_models(tuple(dict.fromkeys(names)), len(doses), scale)
    check_fixed(fixed or {}, names)
    declared = None if normalise else scale
    wells = read_wells(
        table, doses=doses, response=response, by=several(by), scale=declared, decimal=decimal, file=file
    )
    if normalise:
        wells = [_normalised(one, str(scale)) for one in wells]
    if draws and resample == "pooled":
        for one in wells:
            _doubt_scatter(one)
    held = {name: float(value) for name, value in (fixed or {}).items()}
    choices = Choices(centre, held, detailed_balance, draws, seed, confidence, braid, resample)
    return Combination(wells, tuple(dict.fromkeys(names)), choices)


def _doubt_scatter(wells: Wells) -> None:
    means = wells.centres(wells.y[None])[0]
    if (wells.n > 1).any() and np.array_equal(means[wells.cell], wells.y):
        wells.notes.append("the replicates are equal to the last digit: there is no scatter to make limits from")
    p = scatter_differs(wells)
    if p < _ODD:
        wells.notes.append(
            f"the scatter of replicates differs between cells (Bartlett p = {p:.1g}): intervals take it as equal; "
            "resample='cells' does not, and needs five replicates or more"
        )


def _normalised(wells: Wells, scale: str) -> Wells:
    """Signals as shares of the mean of the untreated wells, on a scale."""
    at = wells.untreated[wells.cell]
    top = float(wells.y[at].mean()) if at.any() else float("nan")
    if not top > 0:
        raise DataError(
            f"{wells.origin}{f', {wells.label}' if wells.label else ''}: normalise=True needs untreated wells "
            f"(all doses 0) with a signal above 0; their mean is {shown(top) if np.isfinite(top) else 'not there'}"
        )
    kind = SCALES[scale]
    y = kind.none + (kind.full - kind.none) * (1.0 - wells.y / top)
    return replace(wells, y=y, scale=scale)
