"""Regimens and strategies of an ensemble: named, and checked against the model before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from pkpd_mdr.arguments import listed
from pkpd_mdr.errors import PkpdMdrError, SimulationError, shown
from pkpd_mdr.model import Model, find_port
from pkpd_mdr.regimen import Regimen, Strategy, nothing
from pkpd_mdr.run.given import check_given
from pkpd_mdr.run.reading import Endpoint

__all__ = ["Plan", "Plans", "check_doses", "check_ports", "parts_of", "read_plans", "regimens_of"]

Plan = Regimen | Strategy
Plans = Plan | Mapping[str, Plan] | Sequence[Plan] | None


def read_plans(model: Model, given: Plans) -> dict[str, Plan]:
    """What is done, by name; one plan has the name ``""``, those of a list are numbered from 0.

    Raises
    ------
    RegimenError
        A plan is for a drug that the model lacks; it is named.
    SimulationError
        There is none, or something is no plan.
    """
    if given is None:
        return {"": nothing()}
    plans: dict[Any, Any]
    if isinstance(given, (Regimen, Strategy)):
        plans = {"": given}
    elif isinstance(given, Mapping):
        plans = dict(given)
    elif (items := listed(given)) is not None:
        plans = {str(number): plan for number, plan in enumerate(items)}
    else:
        raise SimulationError(
            f"regimens is {shown(given)}; give a regimen, a strategy, a list of them, or a dict from a name to one"
        )
    if not plans:
        raise SimulationError("there is no regimen; give one, or leave regimens out for untreated members")
    for name, plan in plans.items():
        if not isinstance(name, str):
            raise SimulationError(f"the regimen {shown(name)} is not named by text; write {{'standard': dox}}")
        if not isinstance(plan, (Regimen, Strategy)):
            raise SimulationError(
                f"regimen {shown(name)} is {shown(plan)}; give a regimen or a strategy "
                "(nothing() for untreated members)"
            )
        try:
            check_ports(model, plan)
        except PkpdMdrError as problem:
            raise type(problem)(f"regimen {shown(name)}: {problem}" if name else str(problem)) from problem
    return plans


def check_ports(model: Model, plan: Plan) -> None:
    """Raise `RegimenError` or `UnitError` when a model has no place for what a plan gives."""
    seen = set()
    for regimen in regimens_of(plan):
        for act in regimen:
            kind = (act.port, act.route, act.action, act.amount.unit)
            if kind not in seen:
                seen.add(kind)
                index = find_port(model.ports, act.port, act.route, act.action)
                model.ports[index].amount(act.amount, f"an amount of {shown(act.port)}")


def check_doses(items: Sequence[Endpoint], plan: Plan, where: str = "") -> None:
    """Raise `SimulationError` where an endpoint counts doses in another unit than a plan gives them in."""
    try:
        check_given(items, [act for regimen in regimens_of(plan) for act in regimen])
    except SimulationError as problem:
        raise SimulationError(f"{where}: {problem}" if where else str(problem)) from problem


def regimens_of(plan: Plan) -> Iterator[Regimen]:
    """The regimens that a plan holds (none for a rule, whose answers are known at visits only)."""
    if isinstance(plan, Regimen):
        yield plan
        return
    for value in parts_of(plan).values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, (Regimen, Strategy)):
                yield from regimens_of(part)


def parts_of(plan: Strategy) -> dict[str, Any]:
    """The fields of a strategy that is a dataclass, as ours are."""
    return {item.name: getattr(plan, item.name) for item in fields(plan)} if is_dataclass(plan) else {}
