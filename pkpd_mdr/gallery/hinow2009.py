"""Cells that share P-glycoprotein on contact, by content: the more a partner has, the more it gives.

Hinow, Le Foll, Magal and Webb 2009, SIAM J Appl Math 70:40, and Pasquier et al. 2011, Biol Direct 6:5. The equation is
recalled; contents are groups on an even grid, and what falls between two groups is shared between them so that number
and content of cells stay exact. Transfer rates were not obtained and are wide priors.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from pkpd_mdr.errors import ModelError
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.mechanisms import parameter, pgp
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "hinow2009"]

_SOURCES = {
    "assumed: equal parts without P-gp and with content 1": "cells_u_*",
    "assumed: a meeting in two days; transfer rates were not obtained": "tau",
}


def hinow2009(*, groups: int = 11, share: float = 0.2) -> Model:
    """Cells by content: u' = k (T[u] - u): a pair p1 > p2 leaves as p1 - f (p1 - p2) and p2 + f (p1 - p2).

    Parameters
    ----------
    groups : int
        Contents from 0 to 1 on an even grid, 3 to 40; the work grows with the cube.
    share : float
        f, the share of the difference that is handed over, above 0 and at most 1/2.

    Returns
    -------
    Model
        Clones ``u_0`` to ``u_10``: half of 1e4 cells without P-gp, half with content 1. Each cell meets another at rate
        k = 2 tau; mean and variance of content are ``P_u`` and ``var_P_u``.

    Raises
    ------
    ModelError
        The number of groups or the share is not possible.

    Examples
    --------
    >>> run = hinow2009(groups=6).simulate(until="50 h")
    >>> round(float(run.frame["burden"].iloc[-1]))
    10000
    """
    if not 3 <= groups <= 40 or groups != int(groups):
        raise ModelError(f"{groups} groups of content are not possible; write a number from 3 to 40")
    if not 0 < share <= 0.5:
        raise ModelError(f"a share of {share:g} is not possible; write 0 < share <= 0.5")
    tau = parameter("tau", "0.01 1/h", description="meetings; wide prior, 0.001 to 0.1 per h")
    return sourced(Model(pgp.grid("u", largest=1, bins=groups, tau=tau, f=share, start={0: 5e3, 1: 5e3})), _SOURCES)


def _moments(row: Any) -> dict[str, float]:
    """Number, mean content and variance of content."""
    return {"N": float(row["burden"]), "content": float(row["P_u"]), "variance": float(row["var_P_u"])}


@cache
def _mixed(share: float = 0.2) -> dict[str, float]:
    """After one meeting per cell (50 h): number, content and variance relative to the start."""
    frame = hinow2009(share=share).simulate(until="50 h", times="50 h").frame
    first, last = (_moments(frame.iloc[k]) for k in (0, -1))
    return {name: last[name] / first[name] for name in first}


ENTRY = Published(
    hinow2009,
    "Hinow, Le Foll, Magal and Webb 2009, SIAM J Appl Math 70:40; Pasquier et al. 2011, Biol Direct 6:5",
    ("S3",),
    'mdr.gallery.hinow2009().simulate(until="50 h")',
    (
        Result(
            "cells after a meeting per cell, to those at the start",
            1.0,
            lambda: _mixed()["N"],
            atol=1e-9,
            source="transfer keeps N",
        ),
        Result(
            "mean content, to that at the start",
            1.0,
            lambda: _mixed()["content"],
            atol=1e-9,
            source="transfer keeps the sum of contents",
        ),
        Result(
            "variance of content, to that at the start",
            0.72615,
            lambda: _mixed()["variance"],
            rtol=5e-3,
            source="exp(-2 f (1 - f) k t); the grid widens it by 0.4 %",
        ),
        Result(
            "the same by Monte Carlo of 2e5 cells",
            0.72621,
            lambda: _mixed()["variance"],
            rtol=5e-3,
            source="Monte Carlo",
        ),
        Result(
            "half of the difference handed over, variance",
            math.exp(-0.5),
            lambda: _mixed(share=0.5)["variance"],
            rtol=5e-3,
            source="exp(-2 f (1 - f) k t)",
        ),
    ),
    ours="equation recalled; the grid; transfer rates are wide priors",
)
