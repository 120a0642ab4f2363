"""Fairness: every arm gives the same planned amount, or the same exposure, of every drug.

What is matched is the *planned* course; a strategy that pauses gives less, which the comparison reports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pkpd_mdr.compare.arms import Plan, planned, scaled
from pkpd_mdr.engine import Accuracy, compile_model
from pkpd_mdr.errors import RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model, find_port
from pkpd_mdr.regimen import Regimen
from pkpd_mdr.regimen.acts import REMOVALS
from pkpd_mdr.run import Endpoint, courses, exposure, peak_of, start_vector, with_exposure
from pkpd_mdr.units import Quantity, QuantityLike, Unit, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["KINDS", "Matched", "Matching", "match"]

KINDS = {
    "total_dose": "planned total dose",
    "auc": "area under the concentration",
    "peak": "peak of the concentration",
}
_EQUAL = 1e-9
_EQUAL_AREA = 1e-6
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Matched:
    """What matching did to one drug of one arm.

    Attributes
    ----------
    arm, drug : str
    before, after : Quantity
        What was matched, as written and as compared: the planned total, the area, the peak, or over the draws a
        toxicity or the share in which its limit is passed.
    factor : float
        By which each dose of the drug was multiplied; 1 for no change.
    """

    arm: str
    drug: str
    before: Quantity
    after: Quantity
    factor: float


@dataclass(frozen=True, slots=True)
class Matching:
    """How arms were made comparable.

    Attributes
    ----------
    kind : {"total_dose", "auc", "peak", "median", "mean", "risk"}
        The last three are of a toxicity over the draws.
    rows : tuple of Matched
        Arm by arm, drug by drug.
    words : str
        What was matched, where it is a toxicity.
    """

    kind: str
    rows: tuple[Matched, ...]
    words: str = ""

    @property
    def changed(self) -> tuple[Matched, ...]:
        """The rows in which doses were scaled."""
        return tuple(row for row in self.rows if row.factor != 1.0)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw by how much doses were multiplied, arm by arm; see `pkpd_mdr.plot.fairness`."""
        from pkpd_mdr.plot.fairness import plot_matching

        return plot_matching(self, ax=ax)

    def __str__(self) -> str:
        text = self.words or self._same()
        if not self.changed:
            return text + "; no arm had to be scaled"
        if self.words:  # one factor for all that is scaled in an arm
            rows: dict[str, list[Matched]] = {}
            for row in self.changed:
                rows.setdefault(row.arm, []).append(row)
            told = (
                f"{' and '.join(row.drug for row in own)} in {arm!r} x {own[0].factor:.4g}" for arm, own in rows.items()
            )
            return text + "; scaled: " + ", ".join(told)
        return text + "; scaled: " + ", ".join(f"{row.drug} in {row.arm!r} x {row.factor:.4g}" for row in self.changed)

    def _same(self) -> str:
        drugs = dict.fromkeys(row.drug for row in self.rows)
        targets = ", ".join(f"{next(row.after for row in self.rows if row.drug == drug)} of {drug}" for drug in drugs)
        what = KINDS[self.kind] + (" at the model's values" if self.kind != "total_dose" else "")
        return f"fair: every arm has the same {what} ({targets or 'no drug'})"


def match(
    model: Model,
    arms: Mapping[str, Plan],
    kind: str,
    *,
    start: Mapping[str, QuantityLike] | None,
    until: float,
    accuracy: Accuracy | None = None,
) -> tuple[dict[str, Plan], Matching]:
    """Scale the drugs of all arms to what the first arm gives.

    Parameters
    ----------
    model : Model
    arms : mapping of str to plan
    kind : {"total_dose", "auc", "peak"}
        Planned amount, or area under the concentration or its peak from 0 to `until` at the model's parameter values.
    start : mapping, optional
        Of states, for area and peak.
    until : float
        Hours.
    accuracy : Accuracy, optional

    Returns
    -------
    dict of str to plan
    Matching

    Raises
    ------
    RegimenError
        An arm cannot be matched: it gives nothing, lacks a drug, or has no planned course or no end.
    SimulationError
        `kind` is unknown, or no factor gives the area or the peak.
    """
    if kind not in KINDS:
        known = (*KINDS, "equal_toxicity(...)", "tolerated(...)")
        raise SimulationError(f"fair = {shown(kind)} is not a way to match arms{did_you_mean(kind, known)}")
    courses_planned = {name: planned(name, plan) for name, plan in arms.items()}
    drugs = _same_drugs(courses_planned)
    if kind == "total_dose":
        return _match_totals(model, arms, courses_planned, drugs)
    return _match_exposures(_Exposures(kind, model, start, until, accuracy), arms, courses_planned, drugs)


def _same_drugs(plans: Mapping[str, Regimen]) -> tuple[str, ...]:
    """The drugs, which have to be the same in all arms."""
    drugs = {name: tuple(port for port in plan.ports if port not in REMOVALS) for name, plan in plans.items()}
    for name, given in drugs.items():
        if not given:
            raise RegimenError(
                f"arm {shown(name)} gives nothing, so it cannot be "
                f"matched with the others; leave it out or leave out fair="
            )
    for name, given in drugs.items():
        for other, others in drugs.items():
            for drug in others:
                if drug not in given:
                    raise RegimenError(
                        f"arm {shown(name)} gives no {shown(drug)} but arm {shown(other)} does, so they cannot be"
                        " matched; add it or leave out fair="
                    )
    return next(iter(drugs.values()))


def _match_totals(
    model: Model, arms: Mapping[str, Plan], plans: Mapping[str, Regimen], drugs: tuple[str, ...]
) -> tuple[dict[str, Plan], Matching]:
    matched, rows = dict(arms), []
    for drug in drugs:
        target: Quantity | None = None
        for name, plan in plans.items():
            total = _total(name, plan, drug)
            target = target or total
            there = read(
                total,
                target.unit,
                f"arm {shown(name)}, total of {shown(drug)}",
                bare=True,
                molar_mass=_molar_mass(model, plan, drug),
            )
            factor = target.internal / there
            factor = 1.0 if abs(factor - 1.0) < _EQUAL else factor
            if factor != 1.0:
                matched[name] = scaled(name, matched[name], factor, drug)
            rows.append(Matched(name, drug, total, target, factor))
    order = {name: k for k, name in enumerate(arms)}
    return matched, Matching("total_dose", tuple(sorted(rows, key=lambda row: order[row.arm])))


def _total(arm: str, plan: Regimen, drug: str) -> Quantity:
    try:
        return plan.planned_total(drug)
    except RegimenError as problem:
        raise RegimenError(f"arm {shown(arm)} cannot be matched in {shown(drug)}: {problem}") from problem


def _molar_mass(model: Model, plan: Regimen, drug: str) -> Quantity | None:
    act = next(act for act in plan if act.port == drug)
    return model.ports[find_port(model.ports, act.port, act.route, act.action)].molar_mass


class _Exposures:
    """Area under the concentration of each drug from 0 to the end, or its peak, at the model's values."""

    def __init__(
        self,
        kind: str,
        model: Model,
        start: Mapping[str, QuantityLike] | None,
        until: float,
        accuracy: Accuracy | None,
    ) -> None:
        self.kind, self.item = kind, exposure if kind == "auc" else _peak
        self.model = with_exposure(model)
        self.compiled = compile_model(self.model)
        self.values = np.array([item.internal for item in self.model.parameters.values()], dtype=float)
        self.start = start_vector(self.model, self.compiled, self.values, start)
        self.until, self.accuracy = until, accuracy

    def unit(self, drug: str) -> Unit:
        """Concentration, times hours for an area."""
        if f"AUC_{drug}" not in self.model.states:
            raise RegimenError(
                f"fair = {shown(self.kind)} needs a concentration of {shown(drug)}, "
                f"which this model does not have; use fair='total_dose'"
            )
        return self.model.outputs[self.item(drug).needs[0]].unit

    def of(self, arm: str, plan: Regimen, drugs: tuple[str, ...]) -> dict[str, float]:
        """Areas or peaks in internal units."""
        items = {drug: self.item(drug) for drug in drugs}
        outputs = [need for item in items.values() for need in item.needs]
        one = courses(
            self.compiled,
            self.values[None],
            self.start[None],
            plan,
            until=self.until,
            times=np.array([self.until]),
            outputs=outputs,
            accuracy=self.accuracy,
        )[0]
        if not one.status.ok:
            raise SimulationError(f"arm {shown(arm)}: its exposure cannot be computed, because {one.status.sentence}")
        return {drug: item.evaluate(one) for drug, item in items.items()}


def _peak(drug: str) -> Endpoint:
    return peak_of(f"C_{drug}")


def _match_exposures(
    areas: _Exposures, arms: Mapping[str, Plan], plans: Mapping[str, Regimen], drugs: tuple[str, ...]
) -> tuple[dict[str, Plan], Matching]:
    matched, rows = dict(arms), []
    units = {drug: areas.unit(drug) for drug in drugs}
    targets: dict[str, float] = {}
    for name, plan in plans.items():
        before = areas.of(name, plan, drugs)
        for drug, area in before.items():
            if not area > 0:
                raise RegimenError(
                    f"arm {shown(name)} gives no exposure to {shown(drug)} before the end at {areas.until:g} h, so"
                    " it cannot be matched"
                )
        targets = targets or before
        factors = _factors(areas, name, plan, targets, before)
        for drug in drugs:
            if factors[drug] != 1.0:
                matched[name] = scaled(name, matched[name], factors[drug], drug)
            unit = units[drug]
            rows.append(
                Matched(
                    name,
                    drug,
                    Quantity(before[drug] / unit.factor, unit),
                    Quantity(targets[drug] / unit.factor, unit),
                    factors[drug],
                )
            )
    return matched, Matching(areas.kind, tuple(rows))


def _factors(
    areas: _Exposures, arm: str, plan: Regimen, targets: Mapping[str, float], now: Mapping[str, float]
) -> dict[str, float]:
    """Dose factors that give the target areas; drugs that change each other's kinetics take several sweeps."""
    factors = dict.fromkeys(targets, 1.0)
    drugs = tuple(targets)

    def with_factors() -> Regimen:
        """The plan with the doses of each drug multiplied by its factor."""
        changed = plan
        for drug, factor in factors.items():
            changed = changed.scaled(factor, drug) if factor != 1.0 else changed
        return changed

    for _ in range(_SWEEPS):
        off = [drug for drug in drugs if abs(now[drug] / targets[drug] - 1.0) > _EQUAL_AREA]
        if not off:
            return factors
        for drug in off:

            def gap(log_factor: float, drug: str = drug) -> float:
                """How far a drug is from its target, in logarithms, at a factor."""
                factors[drug] = math.exp(log_factor)
                return math.log(areas.of(arm, with_factors(), drugs)[drug] / targets[drug])

            factors[drug] = math.exp(_root(gap, math.log(factors[drug]), arm, drug))
        now = areas.of(arm, with_factors(), drugs)
    raise SimulationError(
        f"arm {shown(arm)}: no dose factors give the exposure of the "
        f"first arm for {', '.join(drugs)}; use fair='total_dose'"
    )


def _root(gap: Callable[[float], float], start: float, arm: str, drug: str) -> float:
    """Where the gap is zero: step against it until its sign changes, then close in."""
    from scipy.optimize import brentq

    low, low_gap = start, gap(start)
    step = -low_gap
    for _ in range(40):
        high = low + step
        high_gap = gap(high)
        if abs(high_gap) < 0.3 * _EQUAL_AREA:
            return high
        if low_gap * high_gap < 0:
            return float(brentq(gap, min(low, high), max(low, high), xtol=1e-9, rtol=1e-12))
        low, low_gap, step = high, high_gap, math.copysign(min(max(abs(step), abs(high_gap)) * 1.6, 3.0), step)
        if abs(high - start) > 30:
            break
    raise SimulationError(
        f"arm {shown(arm)}: no dose factor gives the exposure of the first arm for {shown(drug)}; use fair='total_dose'"
    )
