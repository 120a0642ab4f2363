"""The chance that a tumour has no resistant cell falls with every division that made it.

Goldie and Coldman 1979, recalled. As a model: the mean number of mutations grows with the tumour.
"""

from __future__ import annotations

import math
from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import clone, growth, observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "goldie1979"]

_VALUES = {"alpha": ("1e-6", "mutations to resistance per division; wide prior, 1e-9 to 1e-4")}

_SOURCES = {
    "assumed: the paper starts from one cell; recalled": "N0",
    "assumed: doubling in two days; the result depends on the number of cells alone": "growth_N",
}


def goldie1979() -> Model:
    """N' = g N; mutations' = alpha g N; the probability of no resistant cell is exp(-mutations).

    Returns
    -------
    Model
        From one cell.

    Examples
    --------
    >>> run = goldie1979().simulate(until="40 day", parameters={"alpha": 1e-8})
    >>> bool(run.frame["none_resistant"].iloc[-1] > 0.9)
    True
    """
    return sourced(
        Model(
            clone("N", growth=growth.exponential(rate="0.35 1/day"), start=1),
            state("mutations", description="expected mutations so far"),
            *declared(_VALUES, source="assumed: order of magnitude, chosen to show the fall between 1e5 and 1e7 cells"),
            process("mutate", "alpha*growth_N*N", {"mutations": 1}),
            observable("none_resistant", "exp(-mutations)"),
        ),
        _SOURCES,
    )


def _chance(cells: float) -> float:
    return level(goldie1979(), "none_resistant", f"{math.log(cells) / 0.35} day")


ENTRY = Published(
    goldie1979,
    "Goldie and Coldman 1979, Cancer Treat Rep 63:1727 (recalled)",
    ("S5",),
    'mdr.gallery.goldie1979().simulate(until="40 day")',
    tuple(
        Result(
            f"chance of no resistant cell among {cells:g}",
            math.exp(-1e-6 * (cells - 1)),
            partial(_chance, cells),
            rtol=1e-5,
            flag="R",
            source="exp(-alpha (N - 1))",
        )
        for cells in (1e5, 1e6, 3e6)
    ),
    ours="growth and mutation are wide priors",
    draw=("none_resistant",),
)
