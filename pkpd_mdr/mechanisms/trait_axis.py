"""Resistance as a continuous trait: n clones on an axis, between which cells diffuse by (epi)mutation.

The cells ``n(x, t)`` of level x in [0, 1] follow (Lavi et al. 2013, Cancer Res 73:7168; Cho and Levy 2018)::

    dn/dt = (growth(N)*(1 - cost*x) - kill(C, x)) n + D d2n/dx2,     no flux at x = 0 and x = 1

on n cells of width h = 1/n with their centres at (k + 1/2) h: neighbours exchange cells at D/h**2 each way, so that the
exchange conserves cells exactly and converges to the diffusion with h**2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise

import sympy as sp

from pkpd_mdr.arguments import COUNT, FLAG, NUMBER, TEXT, takes
from pkpd_mdr.errors import ModelError, shown
from pkpd_mdr.expression import check_name, symbol
from pkpd_mdr.mechanisms.clone import clone
from pkpd_mdr.mechanisms.composite import Composite, Potencies, common, text_of
from pkpd_mdr.mechanisms.growth import Growth
from pkpd_mdr.mechanisms.kill import kill
from pkpd_mdr.mechanisms.names import POSITIVE, growth_of
from pkpd_mdr.model.parts import Expression
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope

__all__ = ["Axis", "trait_axis"]

_SLOTS = {
    "rate": "growth",
    "capacity": "capacity",
    "linear": "linear",
    "psi": "psi",
    "birth": "birth",
    "death": "death",
}
_MOST = 400


@dataclass(frozen=True, slots=True)
class Axis:
    """Start, cost and diffusion along the axis, and its moments; part of `trait_axis`."""

    name: str
    levels: tuple[float, ...]
    weights: tuple[float, ...]
    start: Given
    diffusion: Given
    per_division: bool = False
    cost: Given | None = None

    @property
    def label(self) -> str:
        """``axis_<name>``."""
        return f"axis_{self.name}"

    @property
    def clones(self) -> tuple[str, ...]:
        """Names of the clones, from sensitive to resistant."""
        return tuple(f"{self.name}{k}" for k in range(len(self.levels)))

    def declare(self, scope: Scope) -> None:
        """Let resistance cost growth."""
        if self.cost is None:
            return
        cost = scope.parameter(
            f"cost_{self.name}",
            self.cost,
            unit="",
            lower=0.0,
            upper=1.0,
            description=f"share of growth that full resistance costs on {self.name}",
        )
        for name, level in zip(self.clones, self.levels, strict=True):
            scope.scale("birth", name, 1 - cost * sp.Float(level))

    def connect(self, scope: Scope) -> None:
        """Write the starts, the exchange between neighbours and the moments."""
        unit = scope.states[self.clones[0]].unit
        total = scope.parameter(
            f"N0_{self.name}",
            self.start,
            unit=unit,
            lower=0.0,
            bare=True,
            description=f"cells at the start on {self.name}",
        )
        for name, weight in zip(self.clones, self.weights, strict=True):
            if weight:
                scope.start(name, total * sp.Float(weight))
        self._exchange(scope)
        cells = [symbol(name) for name in self.clones]
        # an added guard instead of the Max of `ratio`: SymPy takes its derivative in no time, however long the axis
        everything = sp.Add(*cells, sp.Float(POSITIVE))
        mean, square = (
            sp.Add(*(sp.Float(x**power) * n for x, n in zip(self.levels, cells, strict=True))) / everything
            for power in (1, 2)
        )
        scope.observable(f"mean_{self.name}", mean, "", f"mean level of {self.name}")
        scope.observable(f"variance_{self.name}", square - mean**2, "", f"variance of the level of {self.name}")

    def _exchange(self, scope: Scope) -> None:
        unit = "" if self.per_division else "1/h"
        words = f"diffusion along {self.name}, levels squared per {'division' if self.per_division else 'time'}"
        # per division, each neighbour can get at most half of the daughters
        most = 0.5 / len(self.levels) ** 2 if self.per_division else float("inf")
        given = scope.parameter(
            f"diffusion_{self.name}", self.diffusion, unit=unit, lower=0.0, upper=most, description=words
        )
        rate = given * len(self.levels) ** 2
        for left, right in pairwise(self.clones):
            for source, into in ((left, right), (right, left)):
                step: Expression = rate
                if self.per_division:
                    growth_of(scope, source, f"the diffusion along {shown(self.name)}")
                    step = rate * scope.find("division", source)
                scope.process(
                    f"diffusion_{source}_{into}",
                    step * symbol(source),
                    {source: -1, into: 1},
                    transfer=True,
                    description=f"{source} drifts to {into}",
                )


@takes(
    ModelError, name=TEXT, points=COUNT, per_division=FLAG, mean=NUMBER, width=NUMBER, drug=TEXT, unit=TEXT,
    threshold=NUMBER, form=TEXT, site=TEXT,
)  # fmt: skip
def trait_axis(
    name: str = "x",
    *,
    growth: Growth,
    start: Given,
    diffusion: Given,
    points: int = 21,
    per_division: bool = False,
    mean: float = 0.0,
    width: float = 0.0,
    cost: Given | None = None,
    drug: str | None = None,
    emax: Given | None = None,
    ec50: tuple[Given, Given] | None = None,
    hill: Given = 1.0,
    form: str = "hazard",
    site: str = "",
    threshold: float = 0.5,
    unit: str = "cell",
) -> Mechanism:
    """Resistance as a continuous level x from 0 (sensitive) to 1 (resistant), held by n clones.

    Clones ``x0, x1, ...`` share one growth law, which resistance costs ``1 - cost_x*x``; a drug kills them with
    ``ec50(x) = ec50_0**(1 - x)*ec50_1**x`` (the form of costs and ec50 is ours). Clone k of n stands at the level
    ``(k + 1/2)/n`` and exchanges cells with each neighbour at ``D*n**2`` (times its divisions per cell with
    `per_division`): a diffusion that conserves cells and has no flux at the ends (Lavi et al. 2013, Cancer Res
    73:7168). Refining `points` converges with the square of the width. Observables ``mean_x`` and ``variance_x``.

    Parameters
    ----------
    name : str
        Of the axis; it begins the names of the clones.
    growth : Growth
        One law; its parameters are ``growth_<name>``, ``capacity_<name>`` and so on.
    start : quantity, Parameter or Formula
        Cells at time zero on the whole axis; parameter ``N0_<name>``.
    diffusion : quantity, Parameter or Formula
        D: half the variance of the level gained per time, or per division; parameter ``diffusion_<name>``.
    points : int
        Number of clones, 2 to 400. Under a law by which they share room (logistic, Gompertz) each feels all others, and
        the work of preparing a model grows with their cube.
    per_division : bool
        Whether levels change at division (D is a number, at most 0.5/points**2) or at any time (D is per time).
    mean, width : float
        Of the start, a normal density at the levels, scaled to `start` in all; with width 0 all cells start at the
        level nearest to the mean.
    cost : share, Parameter or Formula, optional
        Of full resistance, in [0, 1]; parameter ``cost_<name>``.
    drug : str, optional
        A drug whose effect depends on the level; with emax and ec50.
    emax, hill : quantity, Parameter or Formula
        Parameters ``emax_<drug>_<name>`` and ``hill_<drug>_<name>``.
    ec50 : pair of quantities, Parameters
        At level 0 and at level 1; parameters ``ec50_<drug>_<name>_low`` and ``ec50_<drug>_<name>_high``.
    form, site : str
        As in `kill`.
    threshold : float
        Levels above it count in ``resistant_share``.
    unit : str
        Of the clones.

    Returns
    -------
    Mechanism

    Raises
    ------
    ModelError
        There are fewer than two points, a level is outside [0, 1], or drug, emax and ec50 are not complete.
    UnitError
        A quantity has no unit or the wrong one.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> law = mdr.growth.logistic(rate="0.03 1/h", capacity="1e9 cell")
    >>> model = mdr.Model(mdr.trait_axis("x", growth=law, start=1e6, diffusion="1e-5 1/h", points=11))
    >>> len(model.states), list(model.parameters)
    (11, ['growth_x', 'capacity_x', 'N0_x', 'diffusion_x'])
    """
    check_name(name, "the name of a trait axis")
    _check(name, growth, points, mean, width, drug, emax, ec50)
    levels = tuple((k + 0.5) / points for k in range(points))
    law = _shared(growth, name)
    axis = Axis(name, levels, _weights(levels, mean, width), start, diffusion, per_division, cost)
    parts: list[Mechanism] = [
        clone(each, growth=law, unit=unit, resistant=level > threshold)
        for each, level in zip(axis.clones, levels, strict=True)
    ]
    parts.append(axis)
    if drug is not None and emax is not None and ec50 is not None:
        largest, steepness = common(f"emax_{drug}_{name}", emax), common(f"hill_{drug}_{name}", hill)
        words = f"concentration of {drug} with half the effect at level"
        ends = [
            (f"ec50_{drug}_{name}_{end}", ec50[level], f"{words} {level} of {name}")
            for level, end in enumerate(("low", "high"))
        ]
        parts.append(Potencies(drug, site, tuple(ends)))
        low, high = (text_of(end, given) for end, given, _ in ends)
        for each, level in zip(axis.clones, levels, strict=True):
            potency = Formula(f"{low}*({high}/{low})**{level!r}")
            parts.append(kill(drug, on=each, emax=largest, hill=steepness, ec50=potency, form=form, site=site))
    return Composite(f"trait_{name}", tuple(parts))


def _check(
    name: str,
    growth: Growth,
    points: int,
    mean: float,
    width: float,
    drug: str | None,
    emax: Given | None,
    ec50: tuple[Given, Given] | None,
) -> None:
    words = f"trait axis {shown(name)}"
    if not isinstance(growth, Growth):
        raise ModelError(f"{words}: growth = {shown(growth)} is not a growth law; write growth.logistic(...)")
    if not 2 <= points <= _MOST:
        raise ModelError(f"{words}: {shown(points)} points are not possible; write a number from 2 to {_MOST}")
    if not 0 <= mean <= 1 or not 0 <= width < math.inf:
        raise ModelError(f"{words}: mean {mean:g} and width {width:g} are not a level in [0, 1] and a width from 0 on")
    given = [drug is not None, emax is not None, ec50 is not None]
    if any(given) and not all(given):
        raise ModelError(f"{words}: drug, emax and ec50 belong together; give all or none")
    if ec50 is not None and (
        not isinstance(ec50, (tuple, list)) or len(ec50) != 2 or isinstance(ec50[0], (int, float))
    ):
        raise ModelError(f"{words}: ec50 is {shown(ec50)}, not a pair such as ('50 nM', '5 uM') for levels 0 and 1")


def _weights(levels: tuple[float, ...], mean: float, width: float) -> tuple[float, ...]:
    if width == 0:
        nearest = min(range(len(levels)), key=lambda k: abs(levels[k] - mean))
        return tuple(float(k == nearest) for k in range(len(levels)))
    bell = [math.exp(-(((level - mean) / width) ** 2) / 2) for level in levels]
    total = math.fsum(bell)
    if not total > 0:
        raise ModelError(f"trait axis: a width of {width:g} lies between two points; write 0 or a larger width")
    return tuple(each / total for each in bell)


def _shared(law: Growth, name: str) -> Growth:
    """The same law with its parameters shared by all clones of the axis."""
    if not is_dataclass(law):
        return law
    slots = {item.name: getattr(law, item.name) for item in fields(law) if item.name in _SLOTS}
    shared = {key: common(f"{_SLOTS[key]}_{name}", given) for key, given in slots.items() if given is not None}
    return replace(law, **shared)
