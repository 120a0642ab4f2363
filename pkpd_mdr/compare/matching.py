"""Fairness by toxicity: arms of equal expected toxicity, or each arm at the dose that is tolerated.

Each arm gets one factor for all doses of the drugs that are scaled. It is solved over the same draws, with the same
strategies, visits and luck, as the comparison itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np

from pkpd_mdr.arguments import NUMBER, TEXT, TEXTS, Kind, listed, takes
from pkpd_mdr.compare.arms import Plan, scaled
from pkpd_mdr.compare.fairness import Matched, Matching
from pkpd_mdr.compare.running import Elsewhere, Running
from pkpd_mdr.compare.statistics import proportion
from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.regimen import Strategy
from pkpd_mdr.regimen.acts import REMOVALS
from pkpd_mdr.run import Endpoint, nadir_of, peak_of
from pkpd_mdr.run import endpoint as read_endpoint
from pkpd_mdr.run.many.plans import regimens_of
from pkpd_mdr.run.reading import comparable
from pkpd_mdr.units import Quantity, QuantityLike, Unit, quantity

__all__ = ["FAIR", "Fair", "equal_toxicity", "match_toxicity", "tolerated"]

_CLOSE, _FINE = 1e-4, 1.005  # of a matched toxicity, and of a factor
_SWEEPS = 40


@dataclass(frozen=True, slots=True)
class Fair:
    """How arms are matched by toxicity; made by `equal_toxicity` and `tolerated`.

    Attributes
    ----------
    item : Endpoint
        The toxicity that is read off each run.
    by : {"median", "mean", "risk"}
        What is taken over the draws.
    drugs : tuple of str
        Whose doses are scaled; all that an arm gives if empty.
    within : tuple of float
        Lowest and highest factor.
    level : Quantity or None
        Of `tolerated`: what is not to be passed.
    risk : float
        In which share of draws it may be.
    """

    item: Endpoint
    by: str
    drugs: tuple[str, ...]
    within: tuple[float, float]
    level: Quantity | None = None
    risk: float = 0.0

    def breached(self, values: FloatArray) -> FloatArray:
        """1 where the level is passed."""
        assert self.level is not None
        passed = values < self.level.internal if self.item.better == "high" else values > self.level.internal
        return passed.astype(float)


FAIR = Kind(
    "'total_dose', 'auc', 'peak', equal_toxicity(...) or tolerated(...)",
    lambda given: TEXT.fits(given) or isinstance(given, Fair),
)


@takes(SimulationError, by=TEXT, drugs=TEXTS)
def equal_toxicity(
    endpoint: str | Endpoint,
    *,
    by: str = "median",
    drugs: str | Sequence[str] = (),
    within: tuple[float, float] = (0.05, 20.0),
) -> Fair:
    """Match arms so that all have the expected toxicity of the first one, for ``compare(fair=)``.

    Parameters
    ----------
    endpoint : str or Endpoint
        A toxicity such as ``"anc_nadir"`` or ``time_below("0.5e9 1/L", of="anc")``.
    by : {"median", "mean"}
        Over the draws.
    drugs : str or sequence of str
        Whose doses are scaled, by one factor for each arm; all that an arm gives if left out.
    within : pair of float
        Factors that are allowed.

    Returns
    -------
    Fair

    Raises
    ------
    SimulationError
        An unknown endpoint or average, or factors that are not in order.

    Examples
    --------
    >>> equal_toxicity("anc_nadir").item.name
    'anc_nadir'
    """
    if by not in ("median", "mean"):
        raise SimulationError(f"equal_toxicity(): by = {shown(by)} is not known; choose 'median' or 'mean'")
    return Fair(read_endpoint(endpoint), by, _names(drugs), _range("equal_toxicity", within))


@takes(SimulationError, output=TEXT, risk=NUMBER, drugs=TEXTS)
def tolerated(
    output: str,
    *,
    below: QuantityLike | None = None,
    above: QuantityLike | None = None,
    risk: float = 0.1,
    drugs: str | Sequence[str] = (),
    within: tuple[float, float] = (0.05, 20.0),
) -> Fair:
    """Give each arm the highest dose at which a limit is passed in no more than a share of draws.

    The factor is found to within 0.5 %, which takes some dozen runs of each arm over all draws.

    Parameters
    ----------
    output : str
        State or observable, such as ``"anc"``.
    below, above : quantity
        What is not to be passed at any time of the run, one of both.
    risk : float
        Share of draws in which it may be.
    drugs : str or sequence of str
        Whose doses are scaled, by one factor for each arm; all that an arm gives if left out.
    within : pair of float
        Factors that are looked at.

    Returns
    -------
    Fair

    Raises
    ------
    SimulationError
        Not one level, a risk that is no share, or factors that are not in order.

    Examples
    --------
    >>> tolerated("anc", below="0.5e9 1/L", risk=0.2).risk
    0.2
    """
    given = below if above is None else above
    if given is None or (below is not None and above is not None):
        raise SimulationError(
            f"tolerated({shown(output)}): give one level, either below= or above=, such as below='0.5e9 1/L'"
        )
    if not 0 <= risk < 1:
        raise SimulationError(f"tolerated(): risk = {shown(risk)} is not a share of draws; write for example 0.1")
    level = quantity(given, f"limit of {shown(output)}")
    item = nadir_of(output, better="high") if above is None else peak_of(output)
    return Fair(item, "risk", _names(drugs), _range("tolerated", within), level, risk)


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _range(what: str, given: object) -> tuple[float, float]:
    items = listed(given) or []
    if len(items) != 2 or not all(NUMBER.fits(item) for item in items) or not 0 < items[0] < items[1] < math.inf:
        raise SimulationError(f"{what}(): within = {shown(given)} are no factors; write for example (0.1, 10)")
    return float(items[0]), float(items[1])


def match_toxicity(
    plans: Mapping[str, Plan], fair: Fair, run: Running, where: Elsewhere
) -> tuple[dict[str, Plan], Matching]:
    """Scale the doses of each arm.

    Parameters
    ----------
    plans : mapping of str to plan
    fair : Fair
    run : Running
        What runs arms.
    where : Elsewhere

    Returns
    -------
    dict of str to plan
    Matching

    Raises
    ------
    RegimenError
        An arm gives none of the drugs, or holds no regimen whose doses could be scaled.
    SimulationError
        No factor, or more than one, gives what is asked for; the arm is named.
    """
    run = run.reading(fair.item)
    if fair.level is not None and not comparable(run.units[0], fair.level.unit):
        raise RegimenError(
            f"tolerated(): the level is {shown(fair.level)}, but the model shows {shown(fair.item.needs[0])} in "
            f"{shown(run.units[0].text)}; give it in a unit like that"
        )
    matched, rows, target = dict(plans), list[Matched](), math.nan
    where = Elsewhere(where.executor, where.retries, folder=where.folder)
    for name, plan in plans.items():
        arm = _Scaling(name, plan, _drugs(name, plan, fair), fair, run, where)
        before = arm.toxicity(1.0)
        if fair.by == "risk":
            factor = arm.highest()
        else:
            target = before if math.isnan(target) else target
            factor = arm.equal(target)
        matched[name] = arm.plan_at(factor)
        for drug in arm.drugs:
            rows.append(Matched(name, drug, arm.told(1.0), arm.told(factor), factor))
    return matched, Matching(fair.by, tuple(rows), _words(fair, rows, len(run.values)))


def _drugs(name: str, plan: Plan, fair: Fair) -> tuple[str, ...]:
    """What is scaled in one arm."""
    given = dict.fromkeys(port for part in regimens_of(plan) for port in part.ports if port not in REMOVALS)
    if fair.drugs:
        if not any(drug in given for drug in fair.drugs):
            near = did_you_mean(fair.drugs[0], given)
            raise RegimenError(f"arm {shown(name)} gives none of {', '.join(map(repr, fair.drugs))}{near}")
        return tuple(drug for drug in fair.drugs if drug in given)
    if not given:
        what = "holds no regimen that could be scaled" if isinstance(plan, Strategy) else "gives nothing"
        raise RegimenError(
            f"arm {shown(name)} {what}, so it cannot be matched by toxicity; leave it out, or leave out fair="
        )
    return tuple(given)


@dataclass(slots=True)
class _Scaling:
    """One arm at several dose factors."""

    name: str
    plan: Plan
    drugs: tuple[str, ...]
    fair: Fair
    run: Running
    where: Elsewhere
    known: dict[float, FloatArray] = field(default_factory=dict)

    def plan_at(self, factor: float) -> Plan:
        """The arm with its doses scaled."""
        plan = self.plan
        for drug in self.drugs if factor != 1.0 else ():
            plan = scaled(self.name, plan, factor, drug)
        return plan

    def values(self, factor: float) -> FloatArray:
        """Toxicity of each draw that was finished, in internal units."""
        if factor not in self.known:
            arm = self.run.arms({self.name: self.plan_at(factor)}, self._place(factor))[self.name]
            values = arm.values[~np.isnan(arm.values[:, 0]), 0] * self.run.units[0].factor
            if not len(values):
                why = arm.failures[0].sentence
                raise SimulationError(
                    f"arm {shown(self.name)} at {factor:.4g} x its doses: no draw was finished; {why}"
                )
            self.known[factor] = values
        return self.known[factor]

    def _place(self, factor: float) -> Elsewhere:
        """A checkpoint has a folder for each arm and factor: the search comes by the same factors when it goes on."""
        return self.where.inside(f"{crc32(self.name.encode()):08x}-{factor!r}")

    def toxicity(self, factor: float) -> float:
        """Average over the draws, or the share of them that pass the limit."""
        values = self.values(factor)
        if self.fair.by == "risk":
            return float(self.fair.breached(values).mean())
        return float(np.median(values) if self.fair.by == "median" else values.mean())

    def told(self, factor: float) -> Quantity:
        """The same with its unit."""
        unit = Unit.of("") if self.fair.by == "risk" else self.run.units[0]
        return Quantity(self.toxicity(factor) / unit.factor, unit)

    def highest(self) -> float:
        """The highest factor at which the risk is not above what is allowed."""
        low, high = self.fair.within
        limit, risk = self._limit(), self.fair.risk
        if self.toxicity(low) > risk:
            raise SimulationError(
                f"arm {shown(self.name)} is not tolerated at any dose: even at {low:g} x its doses {limit} in "
                f"{100 * self.toxicity(low):.3g} % of draws, and {100 * risk:g} % are allowed"
            )
        if self.toxicity(high) <= risk:
            raise SimulationError(
                f"arm {shown(self.name)} has no highest tolerated dose: even at {high:g} x its doses {limit} in only "
                f"{100 * self.toxicity(high):.3g} % of draws; raise within=, or leave out fair="
            )
        while high / low > _FINE:
            middle = math.sqrt(low * high)
            if self.toxicity(middle) <= risk:
                low = middle
            else:
                high = middle
        self._check_direction(1.0)
        return low

    def equal(self, target: float) -> float:
        """The factor that gives the toxicity of the first arm."""
        if self._is(1.0, target):
            return 1.0
        low, high = self.fair.within
        ends = [self.toxicity(low) - target, self.toxicity(high) - target]
        if not all(map(math.isfinite, ends)) or ends[0] * ends[1] > 0:
            unit = self.run.units[0]
            span = " to ".join(f"{(end + target) / unit.factor:.4g}" for end in ends)
            raise SimulationError(
                f"arm {shown(self.name)} cannot have the {self.fair.by} {self.fair.item.name} of the first arm, "
                f"{Quantity(target / unit.factor, unit)}: factors of {low:g} to {high:g} give {span}; leave it out, or "
                "match another toxicity"
            )
        rising = math.copysign(1.0, ends[1])
        for _ in range(_SWEEPS):
            middle = math.sqrt(low * high)
            if self._is(middle, target):
                break
            if (self.toxicity(middle) - target) * rising > 0:
                high = middle
            else:
                low = middle
        else:
            raise SimulationError(
                f"arm {shown(self.name)}: the {self.fair.by} {self.fair.item.name} jumps past that of the first arm at "
                f"{middle:.4g} x its doses, so that no dose matches; use more draws, or by='mean'"
            )
        self._check_direction(rising)
        return middle

    def _is(self, factor: float, target: float) -> bool:
        return abs(self.toxicity(factor) - target) <= _CLOSE * abs(target)

    def _check_direction(self, rising: float) -> None:
        """Refuse where more than one dose may give the same: toxicity has to go one way with the dose."""
        factors = sorted(self.known)
        steps = rising * np.diff([self.toxicity(factor) for factor in factors])
        scale = max(abs(self.toxicity(factor)) for factor in factors)
        if (steps < -1e-6 * scale).any():
            k = int(np.argmin(steps))
            raise SimulationError(
                f"arm {shown(self.name)}: its toxicity does not go one way with the dose ({self.told(factors[k])} at "
                f"{factors[k]:.4g} x its doses, {self.told(factors[k + 1])} at {factors[k + 1]:.4g} x), so that more "
                "than one dose would match; narrow within="
            )

    def _limit(self) -> str:
        side = "falls below" if self.fair.item.better == "high" else "rises above"
        return f"{self.fair.item.needs[0]} {side} {self.fair.level}"


def _words(fair: Fair, rows: Sequence[Matched], draws: int) -> str:
    if fair.by != "risk":
        told = replace(rows[0].after, value=float(f"{rows[0].after.value:.4g}"))
        return f"fair: every arm has the same {fair.by} {fair.item.name} ({told})"
    side = "below" if fair.item.better == "high" else "above"
    _, _, upper = proportion(np.repeat([1.0, 0.0], [round(fair.risk * draws), draws - round(fair.risk * draws)]), 0.95)
    return (
        f"fair: every arm at the highest dose at which {fair.item.needs[0]} gets {side} {fair.level} in at most "
        f"{100 * fair.risk:g} % of draws (of {draws} draws: the true share may be {100 * upper:.2g} %)"
    )
