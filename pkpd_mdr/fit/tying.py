"""Reading what `tied=` takes: formulas of free parameters, checked for names and units, one for each group."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pkpd_mdr.data import Condition, Data
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.expression import symbol
from pkpd_mdr.fit.free import Free, Group, Space
from pkpd_mdr.fit.grouping import coordinates, group_text
from pkpd_mdr.fit.tied import Tied, plain_name, read_formula
from pkpd_mdr.model import Model
from pkpd_mdr.model.dimensions import check_same, dimensions_of, unit_dimensions

__all__ = ["TiedLike", "check_declared", "tie"]

TiedLike = Mapping[str, str] | None
"""Parameter to the formula that it follows."""


def check_declared(model: Model, free: object, tied: TiedLike) -> None:
    """A number that only formulas use must be declared as well, since it has a unit.

    Raises
    ------
    FitError
        Such a number is free, but no parameter of the model.
    """
    texts = " ".join(text for text in (tied or {}).values() if isinstance(text, str))
    for name in free if isinstance(free, (Mapping, list, tuple)) else ():
        if isinstance(name, str) and name not in model.parameters and re.search(rf"\b{re.escape(name)}\b", texts):
            raise FitError(
                f"free: {shown(name)} stands in a formula of tied, but the model does not declare it; "
                f"declare it, as in model.plus(mdr.parameter({shown(name)}, 10))"
            )


def tie(space: Space, tied: TiedLike, model: Model, data: Data, known: Iterable[str] = ()) -> Space:
    """Let parameters follow from free ones.

    Parameters
    ----------
    space : Space
        What is free, groups and all.
    tied : mapping of str to str, optional
        Parameter to a formula of free parameters, of fixed ones and of others that are tied, as in ``{"ec50_dox_R":
        "fold*ec50_dox_S"}``; or one group's to that of another, as in ``{"ec50_dox_S[res]": "fold*ec50_dox_S[par]"}``.
    model : Model
    data : Data
    known : iterable of str
        Names that `start=` sets condition by condition.

    Returns
    -------
    Space
        With a `Tied` for each tied parameter, or for each group where what it follows from differs between groups.

    Raises
    ------
    FitError
        A parameter that is unknown or free as well, a formula that names nothing free, something that differs between
        conditions or itself, or one that leaves the bounds of the model at the start.
    ExpressionError
        The formula cannot be read, or names what is not declared.
    UnitError
        The formula has another dimension than the parameter.
    """
    wanted = _written_out(tied or {})
    varies = {name for condition in data.conditions for name in condition.covariates} | set(known)
    groups = {item.name: item for item in space.free if item.group and item.name in wanted}
    moved = {name: item.target for name, item in groups.items()}
    space = _without(space, groups, wanted)
    for name, text in sorted(wanted.items(), key=lambda item: item[0] not in groups):
        used = _read(model, name, text, space, moved)
        for other in used:
            if other in varies:
                raise FitError(
                    f"tied, {shown(name)}: {shown(other)} differs between conditions; write the formula where the "
                    f"model declares {shown(name)}, as in formula({shown(text)})"
                )
        found = (
            [_of_group(space, groups[name], text, used, model)]
            if name in groups
            else _in_groups(space, name, text, used, model, data.conditions)
        )
        space = replace(space, tied=(*space.tied, *found))
    _check_start(space)
    return space


def _written_out(tied: Mapping[str, str]) -> dict[str, str]:
    """Formulas in which what is tied itself has its own formula in its place."""
    links = {name: [other for other in tied if _names(text, other)] for name, text in tied.items()}
    found: dict[str, str] = {}

    def written(name: str, above: tuple[str, ...]) -> str:
        """A tied formula in free parameters alone; refuses circles."""
        if name in above:
            circle = " follows ".join(map(shown, (*above[above.index(name) :], name)))
            raise FitError(f"tied: {circle}, in a circle; one of them must be free, or fixed")
        if name not in found:
            text = tied[name]
            for other in sorted(links[name], key=len, reverse=True):
                text = _pattern(other).sub(f"({written(other, (*above, name))})", text)
            found[name] = text
        return found[name]

    return {name: written(name, ()) for name in tied}


def _pattern(name: str) -> re.Pattern[str]:
    """A name in a formula, and neither part of a longer one nor one of its groups."""
    return re.compile(rf"(?<!\w){re.escape(name)}(?![\w\[])")


def _names(text: object, name: object) -> bool:
    return isinstance(text, str) and isinstance(name, str) and _pattern(name).search(text) is not None


def _without(space: Space, groups: Mapping[str, Free], wanted: Mapping[str, str]) -> Space:
    """The space without parameters of groups that follow from others from now on."""
    for name, item in groups.items():
        if item.prior is not None:
            raise FitError(
                f"tied, {shown(name)}: it has a prior, which nothing free would bear; give the prior to "
                f"{shown(wanted[name])}'s parameters, by group where they differ"
            )
    return replace(space, free=tuple(item for item in space.free if item.name not in groups))


def _check_start(space: Space) -> None:
    for tied, value in zip(space.tied, space.placed(space.start)[len(space) :], strict=True):
        problem = "is not a number" if not math.isfinite(value) else tied.beyond(float(value))
        if problem:
            raise FitError(
                f"tied, {shown(tied.name)}: at the start {problem}; change the formula, or the start in free"
            )


def _read(model: Model, name: str, text: str, space: Space, moved: Mapping[str, str]) -> list[str]:
    """Names in a formula that was found right; `moved` are parameters of groups that are tied, and what they are."""
    where = f"tied, {shown(name)}"
    free = [item.target for item in space.free]
    if name not in model.parameters and name not in moved:
        near = did_you_mean(name, [*space.names, *model.parameters])
        raise FitError(f"tied: {shown(name)} is no parameter of the model, nor of a group of this fit{near}")
    if name in (*free, *space.names):
        raise FitError(f"{where}: it is also free; leave it out of free or of tied")
    groups = {item.name: item.unit for item in space.free if item.group}
    whole = read_formula(text, [*model.parameters, *groups], where)
    named = {plain_name(other): other for other in groups}
    used = sorted(named.get(item.name, item.name) for item in whole.free_symbols)
    for other in used:
        if any(other == tied.target for tied in space.tied):
            raise FitError(f"{where}: {shown(other)} is tied itself in one group; name the group that is meant")
    if not set(used) & {*free, *groups}:
        raise FitError(f"{where}: {shown(text)} holds nothing that is free{did_you_mean(text, free)}")
    units = {other: item.unit for other, item in model.parameters.items()} | groups
    known = {symbol(plain_name(other)): unit_dimensions(unit) for other, unit in units.items()}
    check_same(dimensions_of(whole, known, where), unit_dimensions(units[moved.get(name, name)]), where)
    return used


def _in_groups(
    space: Space, name: str, text: str, used: list[str], model: Model, conditions: Iterable[Condition]
) -> list[Tied]:
    """One for each group of conditions in which the same free parameters serve."""
    parameter = model.parameters[name]
    fixed = _fixed(space, used, model)
    found: dict[tuple[tuple[str, str], ...], Tied] = {}
    for condition in conditions:
        serving = dict(zip(space.targets, (space.moving[i] for i in coordinates(space, condition)), strict=True))
        serving |= {item.name: replace(item, group=()) for item in space.free if item.group}  # one group's for all
        follows = tuple((other, serving[other].name) for other in used if other in serving)
        group: Group = tuple(dict.fromkeys(pair for other in used if other in serving for pair in serving[other].group))
        full = f"{name}[{group_text(group)}]" if group else name
        bounds = parameter.lower, parameter.upper
        found.setdefault(follows, Tied(full, parameter.unit, text, follows, fixed, *bounds, name, group))
    return list(found.values())


def _of_group(space: Space, item: Free, text: str, used: list[str], model: Model) -> Tied:
    """The parameter of one group, which follows from those of others and from what all share."""
    for other in used:
        apart = [free.name for free in space.free if free.target == other and free.group]
        if apart:
            raise FitError(
                f"tied, {shown(item.name)}: {shown(other)} differs between groups; name one, as in {shown(apart[0])}"
            )
    follows = tuple((other, other) for other in used if other in space.names)
    bounds = model.parameters[item.target].lower, model.parameters[item.target].upper
    return Tied(item.name, item.unit, text, follows, _fixed(space, used, model), *bounds, item.target, item.group)


def _fixed(space: Space, used: list[str], model: Model) -> tuple[tuple[str, float], ...]:
    """What a formula names that does not move, with internal values."""
    moving = {*space.targets, *space.names}
    return tuple((other, model.parameters[other].internal) for other in used if other not in moving)
