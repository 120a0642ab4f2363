"""Parameters that differ between groups of conditions: one free coordinate for each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pkpd_mdr.arguments import TEXTS
from pkpd_mdr.data import Condition, Data
from pkpd_mdr.data.cells import same_label
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.free import Free, Group, Space

__all__ = ["PerLike", "coordinates", "group_of", "group_text", "labels_of", "split_by_groups"]

PerLike = Mapping[str, str | Sequence[str]] | None
"""Free parameter to the label (or labels, or covariate) whose values each get a parameter of their own."""


def split_by_groups(space: Space, per: PerLike, data: Data) -> Space:
    """Give a parameter to each group of conditions.

    Parameters
    ----------
    space : Space
    per : mapping of str to str or sequence of str, optional
        Free parameter to a label of the conditions, a covariate, ``"condition"``, or several of these.
    data : Data

    Returns
    -------
    Space
        ``ec50_dox_S`` became ``ec50_dox_S[231]`` and ``ec50_dox_S[SUM149]``, each with its bounds and start.

    Raises
    ------
    FitError
        A name that is not free, a label that some condition lacks, or bounds that are for no group, or not for all.
    """
    wanted = dict(per or {})
    for name, labels in wanted.items():
        if name not in space.names:
            raise FitError(f"per names {shown(name)}, which is not free{did_you_mean(name, space.names)}")
        if not TEXTS.fits(labels) or not len(labels):
            raise FitError(
                f"per, {shown(name)}: {shown(labels)} is no label of the conditions; "
                f"write for example per={{{shown(name)}: 'line'}}"
            )
    free: list[Free] = []
    for name in space.targets:
        given = [item for item in space.free if item.name == name]
        if name in wanted:
            labels = labels_of(wanted[name])
            groups = dict.fromkeys(group_of(c, labels, f"per, {shown(name)}") for c in data.conditions)
            free += _split(given, list(groups))
        else:
            free += given
    return Space(tuple(free))


def _split(given: Sequence[Free], groups: Sequence[Group]) -> list[Free]:
    """One parameter for each group, with the bounds of all or with its own."""
    name = given[0].name
    own = {group: [item for item in given if not item.only_for or _is(group, item.only_for)] for group in groups}
    texts = [group_text(group) for group in groups]
    for item in given:
        if all(item not in items for items in own.values()):
            key = ", ".join(map(str, item.only_for))
            raise FitError(f"free, {shown(name)}: no condition is of the group {shown(key)}{did_you_mean(key, texts)}")
    for group, items in own.items():
        if len(items) != 1:
            what = "no bounds are" if not items else "bounds are twice"
            raise FitError(
                f"free, {shown(name)}: {what} given for the group {shown(group_text(group))}; give them once"
            )
    return [
        replace(items[0], name=f"{name}[{group_text(group)}]", parameter=name, group=group, only_for=())
        for group, items in own.items()
    ]


def _is(group: Group, key: Sequence[object]) -> bool:
    return len(group) == len(key) and all(
        same_label(value, wanted) for (_, value), wanted in zip(group, key, strict=True)
    )


def labels_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """One label or several as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given)


def group_of(condition: Condition, labels: Sequence[str], where: str) -> Group:
    """The group that a condition belongs to.

    Raises
    ------
    FitError
        The condition lacks a label; the nearest one is suggested.
    """
    found = []
    for label in labels:
        value = condition.name if label == "condition" else condition.get(label)
        if value is None:
            known = [*condition.labels, *condition.covariates, "condition"]
            raise FitError(
                f"{where}: condition {shown(condition.name)} has no label {shown(label)}{did_you_mean(label, known)}"
            )
        found.append((label, value))
    return tuple(found)


def group_text(group: Group) -> str:
    """A group as it stands in a name: values alone, as in ``231`` or ``231, 24``.

    Examples
    --------
    >>> group_text((("line", "231"), ("exposure_h", 24.0)))
    '231, 24'
    """
    return ", ".join(value if isinstance(value, str) else f"{value:.6g}" for _, value in group)


def coordinates(space: Space, condition: Condition) -> npt.NDArray[np.int64]:
    """For each of `Space.targets` the place in `Space.placed` that serves a condition, shape (targets,)."""
    at = {}
    for number, item in enumerate(space.moving):
        if not item.group or item.group == group_of(condition, [label for label, _ in item.group], item.name):
            at[item.target] = number
    return np.array([at[name] for name in space.targets], dtype=np.int64)
