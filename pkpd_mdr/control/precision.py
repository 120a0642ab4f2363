"""Dynamic precision medicine: the strategies of Beckman, Schemmann & Yeang (2012) and Yeang & Beckman (2016).

Strategy 0 is current practice. Strategies 1 to 5 decide anew every 45 days by what the model predicts: 1 takes the
least burden after the next interval; 2.1 and 2.2 the fewest incurable cells while the burden is below 1e9 or 1e11
cells, else the least burden; 3 the least burden unless that brings the first incurable cell; 4 puts off the nearer of
death and incurability; 5 takes the least burden five decisions ahead. Definitions are recalled and were checked against
the authors' published descriptions; doses are the items of a menu, where the papers search a fine grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pkpd_mdr.arguments import TEXT, takes, whole
from pkpd_mdr.control.filters import Filter
from pkpd_mdr.control.looking import informed, look_ahead, menu_of, objective_of
from pkpd_mdr.control.objectives import Objective, Preventing, Smallest, Sparing, Surviving
from pkpd_mdr.errors import RegimenError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy, Visit
from pkpd_mdr.regimen.strategies import Decision, Memory
from pkpd_mdr.run.many.rows import RowsLike
from pkpd_mdr.run.measuring import Measure
from pkpd_mdr.units import Quantity, QuantityLike, quantity

__all__ = ["STRATEGIES", "CurrentPractice", "dynamic_precision"]

STRATEGIES: Mapping[str, str] = {
    "0": "current practice: one drug until relapse, then the next",
    "1": "least burden after the next interval",
    "2.1": "fewest incurable cells while the burden is below 1e9 cells, else least burden",
    "2.2": "fewest incurable cells while the burden is below 1e11 cells, else least burden",
    "3": "least burden, unless that brings the first incurable cell",
    "4": "the nearer of death and incurability as late as possible",
    "5": "least burden five decisions ahead",
}
"""The strategies by their number in the papers."""

_SPARE_BELOW = {"2.1": Quantity(1e9), "2.2": Quantity(1e11)}
_FAR_AHEAD = "5"
_AHEAD = whole(1, example=3)


@dataclass(frozen=True, slots=True)
class _Line:
    """Which drug is given, the lowest burden under it and the one seen last."""

    index: int = 0
    nadir: float = math.inf
    before: float = math.nan


@dataclass(frozen=True, slots=True, repr=False)
class CurrentPractice(Strategy):
    """Strategy 0: each drug in turn, the next at relapse; made by `dynamic_precision`.

    Relapse is a burden of at least `growth` times its nadir that can be detected, or one that can be detected again.
    """

    names: tuple[str, ...]
    regimens: tuple[Regimen, ...]
    detectable: Quantity
    growth: float
    visit_interval: float

    @property
    def thresholds(self) -> tuple[tuple[str, Quantity], ...]:
        """What a scan shows."""
        return (("", self.detectable),)

    @property
    def planned(self) -> Regimen | None:
        """Open: relapse decides."""
        return None

    def begin(self) -> Memory:
        """On the first drug."""
        return _Line()

    def decide(self, visit: Visit, memory: Memory) -> Decision:
        """Go on, or give the next drug."""
        line: _Line = memory
        detectable = self.detectable.internal
        seen = visit.burden >= detectable
        relapsed = seen and (visit.burden >= self.growth * line.nadir or line.before < detectable)
        note = f"gives {self.names[line.index]}" if visit.number == 0 else ""
        if relapsed and visit.number > 0 and line.index + 1 < len(self.regimens):
            line = _Line(line.index + 1, visit.burden)
            note = f"relapse: gives {self.names[line.index]}"
        if seen and visit.burden < line.nadir:
            line = replace(line, nadir=visit.burden)
        return self._acts(self.regimens[line.index], 0.0, visit), replace(line, before=visit.burden), note


@takes(RegimenError, strategy=TEXT, total=TEXT, incurable=TEXT, ahead=_AHEAD)
def dynamic_precision(
    strategy: str,
    model: Model,
    menu: Mapping[str, Regimen],
    *,
    visit: QuantityLike = "45 day",
    total: str = "burden",
    incurable: str = "R12",
    lethal: QuantityLike = "1e13 cell",
    detectable: QuantityLike = "1e9 cell",
    horizon: QuantityLike = "5 year",
    ahead: int | None = None,
    belief: RowsLike | None = None,
    measure: Measure | None = None,
    filter: Filter | None = None,
    **options: Any,
) -> Strategy:
    """A strategy of dynamic precision medicine, with perfect knowledge as in the papers, or with a filter.

    Parameters
    ----------
    strategy : {"0", "1", "2.1", "2.2", "3", "4", "5"}
        See `STRATEGIES`.
    model : Model
        Such as `pkpd_mdr.gallery.beckman2012`.
    menu : mapping of str to Regimen
        What may be given from visit to visit: both drugs, and doses of both together. Strategy 0 gives them in their
        order, so leave out combinations there. Without simultaneous combinations the menu is that of the papers' serial
        monotherapy.
    visit : str
        Time between decisions.
    total, incurable : str
        Outputs: the whole burden, and the cells that no drug reaches.
    lethal, detectable : quantity
        Burden of death, and the least that a scan shows (for strategy 0).
    horizon : str
        How far strategy 4 looks, with the same treatment all the time.
    ahead : int, optional
        Decisions to look ahead: 5 for strategy 5, else 1. Strategy 1 with 40 is the papers' long-term optimisation,
        here by a beam search.
    belief, measure, filter
        As in `look_ahead`; left out, the strategy knows the truth.
    **options
        Further ones of `look_ahead` or `informed`, such as ``beam=``.

    Returns
    -------
    Strategy

    Raises
    ------
    RegimenError
        An unknown strategy, or a belief without measurements.
    SimulationError
        As in `look_ahead`.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.gallery.beckman2012()
    >>> menu = {drug: mdr.exposure(drug, 1) for drug in ("drug1", "drug2")}
    >>> menu["half of each"] = mdr.exposure("drug1", 0.5) & mdr.exposure("drug2", 0.5)
    >>> run = model.simulate(dynamic_precision("2.2", model, menu), until="90 day")
    >>> run.events["what"].iloc[0].startswith("gives")
    True
    """
    if strategy not in STRATEGIES:
        raise RegimenError(
            f"dynamic precision medicine has no strategy {shown(strategy)}{did_you_mean(strategy, STRATEGIES)}"
        )
    if strategy == "0":
        names, regimens, interval = menu_of(model, menu, visit)
        return CurrentPractice(names, regimens, quantity(detectable, "detectable"), 2.0, interval)
    goal = _goal(strategy, total, incurable, quantity(lethal, "lethal"))
    objective_of(model, goal)
    shared: dict[str, Any] = {"visit": visit, "objective": goal, "ahead": ahead or (5 if strategy == _FAR_AHEAD else 1)}
    if strategy == "4":
        shared["horizon"] = horizon
    if belief is None:
        return informed(model, menu, **shared, **options)
    if measure is None:
        raise RegimenError("a strategy that learns needs measure=, such as measured('burden', relative_sd=0.1)")
    return look_ahead(model, menu, belief=belief, measure=measure, filter=filter, **shared, **options)


def _goal(strategy: str, total: str, incurable: str, lethal: Quantity) -> Objective:
    if strategy in ("1", _FAR_AHEAD):
        return Smallest(total, log=False)
    if strategy in _SPARE_BELOW:
        return Sparing(total, incurable, lethal, threshold=_SPARE_BELOW[strategy])
    return Preventing(total, incurable, lethal) if strategy == "3" else Surviving(total, incurable, lethal)
