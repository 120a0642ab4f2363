"""Cells that share P-glycoprotein on contact, by content: the more a partner has, the more it gives.

Hinow, Le Foll, Magal and Webb 2009, SIAM J Appl Math 70:40, and Pasquier et al. 2011, Biol Direct 6:5. The equation is
recalled; contents are groups on an even grid, and what falls between two groups is shared between them so that number
and content of cells stay exact. Transfer rates were not obtained and are wide priors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

from pkpd_mdr.errors import ModelError
from pkpd_mdr.gallery.published import Published, Result
from pkpd_mdr.mechanisms import parameter, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.model.scope import Mechanism

__all__ = ["ENTRY", "hinow2009"]


def hinow2009(*, groups: int = 11, share: float = 0.2) -> Model:
    """Cells by content: u' = k (T[u] - u) + growth: a pair p1 > p2 leaves as p1 - f (p1 - p2) and p2 + f (p1 - p2).

    Parameters
    ----------
    groups : int
        Contents from 0 to 1 on an even grid, 3 to 40; the work grows with the cube.
    share : float
        f, the share of the difference that is handed over, above 0 and at most 1/2.

    Returns
    -------
    Model
        States ``u0`` to ``u10``: half of 1e4 cells without P-gp, half with content 1. Each cell meets another at rate
        ``k`` (2 tau of the paper).

    Raises
    ------
    ModelError
        The number of groups or the share is not possible.

    Examples
    --------
    >>> run = hinow2009(groups=6).simulate(until="50 h")
    >>> round(float(run.frame.iloc[-1].sum()))
    10000
    """
    if not 3 <= groups <= 40 or groups != int(groups):
        raise ModelError(f"{groups} groups of content are not possible; write a number from 3 to 40")
    if not 0 < share <= 0.5:
        raise ModelError(f"a share of {share:g} is not possible; write 0 < share <= 0.5")
    names = [f"u{i}" for i in range(groups)]
    start = {names[0]: 5000, names[-1]: 5000}
    return Model(
        *(
            state(
                name,
                start.get(name),
                unit="cell",
                kind="cells",
                balance="cells",
                description=f"cells of content {i}/{groups - 1}",
            )
            for i, name in enumerate(names)
        ),
        parameter("k", "0.02 1/h", description="meetings per cell; wide prior, 0.002 to 0.2 per h"),
        parameter("growth", "0 1/h", description="growth of every cell"),
        *(process(f"growth_{name}", f"growth*{name}", {name: 1}) for name in names),
        *_meetings(names, share),
    )


def _meetings(names: list[str], share: float) -> Iterator[Mechanism]:
    """One process for each pair of groups that differ: it moves one cell of each."""
    total = " + ".join(names)
    for low in range(len(names)):
        for high in range(low + 1, len(names)):
            handed = share * (high - low)
            moves = dict.fromkeys((names[low], names[high]), -1.0)
            for place in (low + handed, high - handed):
                below = math.floor(place + 1e-9)
                rest = max(place - below, 0.0) if place - below > 1e-9 else 0.0
                for index, part in ((below, 1 - rest), (below + 1, rest)):
                    if part:
                        moves[names[index]] = moves.get(names[index], 0.0) + part
            moves = {name: part for name, part in moves.items() if abs(part) > 1e-9}
            if not moves:  # both stay between the same groups
                continue
            rate = f"k*{names[low]}*{names[high]}/({total})"
            yield process(f"meeting_{low}_{high}", rate, moves, transfer=True)


def _moments(cells: list[float]) -> dict[str, float]:
    """Number, mean content and variance of content."""
    contents = [i / (len(cells) - 1) for i in range(len(cells))]
    number = sum(cells)
    mean = sum(p * u for p, u in zip(contents, cells, strict=True)) / number
    square = sum(p**2 * u for p, u in zip(contents, cells, strict=True)) / number
    return {"N": number, "content": mean, "variance": square - mean**2}


@cache
def _mixed(share: float = 0.2) -> dict[str, float]:
    """After one meeting per cell (50 h): number, content and variance relative to the start."""
    frame = hinow2009(share=share).simulate(until="50 h", times="50 h").frame
    first, last = (_moments([float(value) for value in frame.iloc[k]]) for k in (0, -1))
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
