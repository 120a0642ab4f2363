"""What strategies are shown at visits, checked against the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pkpd_mdr.arguments import Kind, listed
from pkpd_mdr.errors import PkpdMdrError, RegimenError, SimulationError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Measured, Regimen, Strategy
from pkpd_mdr.run.reading import comparable

__all__ = ["MEASURE", "Measure", "read_measures", "told"]

Measure = str | Measured | Sequence[str | Measured]


def _items(given: object) -> list[object]:
    return [given] if isinstance(given, (str, Measured)) else listed(given) or []


MEASURE = Kind(
    "the name of an output, a measured(...), or a list of them; write for example ['burden', 'anc']",
    lambda given: bool(items := _items(given)) and all(isinstance(item, (str, Measured)) for item in items),
)


def read_measures(model: Model, given: Measure, plans: Iterable[Regimen | Strategy]) -> tuple[Measured, ...]:
    """What visits show: what was asked for, the first of them as the burden, then what strategies need, exactly.

    Parameters
    ----------
    model : Model
    given : str, Measured, or sequence of them
    plans : iterable of Regimen or Strategy
        Without a strategy nothing is checked, as nothing is shown.

    Returns
    -------
    tuple of Measured

    Raises
    ------
    SimulationError
        An output that the model does not have (the nearest is suggested), or one that is named twice.
    RegimenError
        An error of measurement, or a level of a strategy, in a unit that is not the output's.
    """
    looks = [item if isinstance(item, Measured) else Measured(str(item)) for item in _items(given)]
    strategies = [plan for plan in plans if isinstance(plan, Strategy)]
    if not strategies:
        return tuple(looks)
    names = [look.output for look in looks]
    for name in names:
        if names.count(name) > 1:
            raise SimulationError(f"measure: {shown(name)} is named twice; a visit shows each output once")
    wanted = [name for plan in strategies for name in (*plan.needs, *(output for output, _ in plan.thresholds))]
    needed = dict.fromkeys(name for name in wanted if name and name not in names)
    found = []
    for look in [*looks, *map(Measured, needed)]:
        if look.output not in model.outputs:
            why = "a strategy needs" if look.output in needed else "measure: strategies are shown"
            raise SimulationError(
                f"{why} {shown(look.output)} at visits, which the model does not have"
                f"{did_you_mean(look.output, model.outputs)} (name an output with measure=...)"
            )
        try:
            found.append(look.for_unit(model.outputs[look.output].unit))
        except PkpdMdrError as problem:
            raise type(problem)(f"measure: {problem}") from problem
    for plan in strategies:
        for name, level in plan.thresholds:
            unit = model.outputs[name or found[0].output].unit
            if not comparable(unit, level.unit):
                raise RegimenError(
                    f"a strategy compares {shown(name or found[0].output)} with {shown(level)}, but the model shows it "
                    f"in {shown(unit.text)}; give the level in a unit like that"
                )
    return tuple(found)


def told(plan: Regimen | Strategy, looks: Sequence[Measured]) -> Regimen | Strategy:
    """A plan that knows, if it is a strategy, in which units visits show what they show."""
    return plan.told(looks) if isinstance(plan, Strategy) else plan
