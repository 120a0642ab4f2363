"""Resistance as a continuous trait: selection by the drug, and alterations that act as diffusion along the trait.

Lavi et al. 2013, Cancer Res 73:7168, and Cho and Levy 2018, arXiv 1806.07557. The equation is recalled; the trait is a
grid of clones. All rates are wide priors.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

from pkpd_mdr.errors import ModelError
from pkpd_mdr.gallery.published import Published, Result, sourced
from pkpd_mdr.mechanisms import clone, growth, kill, medium, parameter, switching
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, exposure

__all__ = ["ENTRY", "cholevy2018"]

_SOURCES = {
    "assumed: 0.1 per day without resistance, 30 % less with all of it (a cost)": "growth_n*",
    "assumed: far above the start, order of magnitude": "K",
    "assumed: a small tumour, all of it with little resistance": "n*0",
    "assumed: 0.2 per day without resistance, falling to nothing with all of it": "slope_drug_n*",
    "derived: D/h^2 from an assumed D (argument alteration) and the grid": "hop",
}


def cholevy2018(*, traits: int = 11, alteration: float = 1e-3) -> Model:
    """dn(x)/dt = [r (1 - c x)(1 - N/K) - kill C (1 - x)] n + D d2n/dx2 for resistance x from 0 to 1.

    Parameters
    ----------
    traits : int
        Grid points, 6, 11, 16 and so on up to 56, so that 0.2 is one.
    alteration : float
        D, per day: how fast (epi)genetic alterations spread the trait.

    Returns
    -------
    Model
        Clones ``n0`` to ``n10``; all cells start at x = 0.2.

    Raises
    ------
    ModelError
        The number of grid points or the alteration rate is not possible.

    Examples
    --------
    >>> len(cholevy2018(traits=6).clones)
    6
    """
    if not 3 <= traits <= 60 or traits != int(traits) or (traits - 1) % 5:
        raise ModelError(f"{traits} grid points are not possible; write 6, 11, 16, ... up to 56, so that 0.2 is one")
    if not alteration >= 0:
        raise ModelError(f"an alteration rate of {alteration:g} is not possible; write zero or more per day")
    step = 1 / (traits - 1)
    names = [f"n{i}" for i in range(traits)]
    x = {name: i * step for i, name in enumerate(names)}
    capacity = parameter("K", "1e10 cell", description="carrying capacity; wide prior")
    hop = parameter("hop", (alteration / step**2, "1/day"), description="alteration to the next grid point, D/h^2")
    return sourced(
        Model(
            medium("drug", unit=""),
            *(
                clone(
                    name,
                    growth=growth.logistic(rate=(0.1 * (1 - 0.3 * x[name]), "1/day"), capacity=capacity),
                    start=1e6 if name == names[(traits - 1) // 5] else None,
                    resistant=x[name] > 0.5,
                )
                for name in names
            ),
            *(kill("drug", on=name, slope=(0.2 * (1 - x[name]), "1/day")) for name in names),
            *(switching(low, high, rate=hop, back=hop) for low, high in pairwise(names)),
        ),
        _SOURCES,
    )


def _moments(cells: list[float]) -> tuple[float, float]:
    """Mean and variance of the trait."""
    traits = [i / (len(cells) - 1) for i in range(len(cells))]
    number = sum(cells)
    mean = sum(x * n for x, n in zip(traits, cells, strict=True)) / number
    return mean, sum(x**2 * n for x, n in zip(traits, cells, strict=True)) / number - mean**2


def _course(model: Model, times: list[str], plan: Regimen | None = None, **options: Any) -> list[tuple[float, float]]:
    """Mean and variance of the trait at times."""
    frame = model.simulate(plan, until=times[-1], times=times, **options).frame
    return [_moments([float(value) for value in row]) for row in frame[list(model.clones)].to_numpy()]


def _spread(alteration: float) -> float:
    """Variance of the trait after 10 days without drug and without a difference in growth."""
    model = cholevy2018(alteration=alteration)
    even = {name: 0.1 for name in model.parameters if name.startswith("growth_")}
    return _course(model, ["10 day"], parameters=even)[0][1]


@cache
def _treated(days: int, traits: int = 11, alteration: float = 1e-3) -> tuple[float, float]:
    """Mean and variance of the trait after days of the drug."""
    return _course(cholevy2018(traits=traits, alteration=alteration), [f"{days} day"], exposure("drug", 1))[0]


def _selection() -> float:
    """Rise of the mean trait per day as the drug starts, relative to the variance times the slope of fitness."""
    model = cholevy2018(alteration=0.0)
    start = {"n1": 5e5, "n2": 1e6, "n3": 5e5}
    (first, variance), (last, _) = _course(model, ["0 h", "1 h"], exposure("drug", 1), start=start)
    free = 1 - 2e6 / 1e10
    return (last - first) * 24 / (variance * (0.2 - 0.03 * free))


ENTRY = Published(
    cholevy2018,
    "Lavi et al. 2013, Cancer Res 73:7168; Cho and Levy 2018, arXiv 1806.07557",
    ("S1", "S2"),
    'mdr.gallery.cholevy2018().simulate(mdr.exposure("drug", 1), until="120 day")',
    (
        Result(
            "variance of the trait after 10 days of alterations alone",
            2 * 1e-4 * 10,
            lambda: _spread(1e-4),
            rtol=5e-3,
            source="2 D t, away from the ends",
        ),
        Result(
            "rise of the mean trait over variance times slope of fitness",
            1.0,
            _selection,
            rtol=1e-3,
            source="Price equation at the start of treatment",
        ),
        Result("therapy selects resistance", True, lambda: _treated(120)[0] > 0.7, flag="C", source="abstract"),
        Result(
            "a lower alteration rate gives a narrower trait",
            True,
            lambda: (
                _treated(40, alteration=1e-4)[1] < _treated(40, alteration=3e-4)[1] < _treated(40, alteration=1e-3)[1]
            ),
            flag="C",
            source="abstract",
        ),
        Result(
            "finer grids agree better and better",
            True,
            lambda: abs(_treated(120, 21)[0] - _treated(120)[0]) < 0.7 * abs(_treated(120)[0] - _treated(120, 6)[0]),
            source="continuum limit; 6, 11 and 21 grid points",
        ),
    ),
    ours="equation recalled; all rates are wide priors",
)
