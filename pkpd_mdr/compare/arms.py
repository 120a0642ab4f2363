"""Arms: named plans, checked against the model before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pkpd_mdr.errors import PkpdMdrError, RegimenError, shown
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy
from pkpd_mdr.run.many import Plan, check_ports, parts_of

__all__ = ["Plan", "named", "planned", "read_arms", "scaled"]


def read_arms(model: Model, arms: Mapping[str, Plan]) -> dict[str, Plan]:
    """Check the arms of a comparison.

    Parameters
    ----------
    model : Model
    arms : mapping of str to Regimen or Strategy

    Returns
    -------
    dict
        In the order given.

    Raises
    ------
    RegimenError
        No arm, an arm that is no plan, or an arm for a drug that the model lacks; the arm is named.
    """
    if not isinstance(arms, Mapping):
        raise RegimenError(
            f"arms is {shown(arms)}; give a dict from a name to a regimen or strategy, as in {{'standard': dox}}"
        )
    if not arms:
        raise RegimenError(
            "there is no arm to compare; give a dict such as {'combination': dox & pac, 'dox, then pac': dox.then(pac)}"
        )
    for name, plan in arms.items():
        if not isinstance(name, str) or not name.strip():
            raise RegimenError(f"the arm {shown(name)} has no name; give a text such as 'combination'")
        if not isinstance(plan, (Regimen, Strategy)):
            raise RegimenError(
                f"arm {shown(name)} is {shown(plan)}; give a regimen or a strategy (nothing() for an untreated arm)"
            )
        try:
            check_ports(model, plan)
        except PkpdMdrError as problem:
            raise named(name, problem) from problem
    return dict(arms)


def named(arm: str, problem: PkpdMdrError) -> PkpdMdrError:
    """The same error with the arm in front."""
    return type(problem)(f"arm {shown(arm)}: {problem}")


def planned(arm: str, plan: Plan) -> Regimen:
    """What is given if every planned dose is given.

    Raises
    ------
    RegimenError
        The plan is open: a rule, or a sequence whose earlier part has no end.
    """
    regimen = plan if isinstance(plan, Regimen) else plan.planned
    if regimen is None:
        raise RegimenError(
            f"arm {shown(arm)} has no planned course (what it gives is decided at visits), so its dose cannot"
            " be matched; leave out fair="
        )
    return regimen


def scaled(arm: str, plan: Plan, factor: float, drug: str) -> Plan:
    """A plan with the doses of one drug multiplied by a factor, in every regimen that it holds.

    Raises
    ------
    RegimenError
        A strategy of the user's own that holds no regimen; the arm is named.
    """
    try:
        return plan.scaled(factor, drug) if isinstance(plan, Regimen) else _scaled(plan, factor, drug)
    except PkpdMdrError as problem:
        raise named(arm, problem) from problem


def _scaled(part: Any, factor: float, drug: str) -> Any:
    if not isinstance(part, Strategy):
        return part.scaled(factor, drug) if isinstance(part, Regimen) and drug in part.ports else part
    changes: dict[str, Any] = {}
    for name, value in parts_of(part).items():
        if isinstance(value, (Regimen, Strategy)):
            changes[name] = _scaled(value, factor, drug)
        elif isinstance(value, tuple):
            changes[name] = tuple(_scaled(item, factor, drug) for item in value)
    if not changes:
        raise RegimenError(
            f"its strategy holds no regimen that could be scaled; give {shown(drug)} in the matching amount yourself"
        )
    return replace(part, **changes)  # type: ignore[type-var]
