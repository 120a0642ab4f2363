"""A condition: what was done to one group of measurements, and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pkpd_mdr.data.cells import Label
from pkpd_mdr.units import Quantity

if TYPE_CHECKING:
    from pkpd_mdr.regimen import Regimen

__all__ = ["Condition", "ordered"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One combination of labels, doses, exposure and covariates.

    Parameters
    ----------
    name : str
        Unique in its `Data`; made from the labels.
    labels : mapping of str to str or number
        What the table tells conditions apart by, under the names of its columns.
    regimen : Regimen
        What was given, with time zero of the data as its zero.
    covariates : mapping of str to Quantity
        Known values of model parameters in this condition.
    starts : mapping of str to Quantity
        Known values of observables at time zero; empty when the fit has to find them.
    index : int
        Position in `Data.conditions`.

    Examples
    --------
    >>> from pkpd_mdr.regimen import nothing
    >>> Condition("control", {"arm": "control"}, nothing()).labels["arm"]
    'control'
    """

    name: str
    labels: Mapping[str, Label]
    regimen: Regimen
    covariates: Mapping[str, Quantity] = field(default_factory=dict)
    starts: Mapping[str, Quantity] = field(default_factory=dict)
    index: int = 0

    def get(self, name: str) -> Label | None:
        """A label, or the number of a covariate, or None."""
        if name in self.labels:
            return self.labels[name]
        return self.covariates[name].value if name in self.covariates else None

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes two conditions the same one in two data sets; starts and names do not."""
        covariates = tuple(sorted((name, value.internal) for name, value in self.covariates.items()))
        return (tuple(sorted(self.labels.items())), acts_as_text(self.regimen), covariates)


def acts_as_text(regimen: Regimen) -> str:
    """Every act of a regimen in internal units; equal text means equal treatment."""
    parts = []
    for act in regimen.acts:
        rate = None if act.rate is None else act.rate.internal
        what = (float(act.time), act.port, act.action, act.amount.internal, act.amount.unit.dims, act.route)
        how = (act.duration, rate, act.modelled, act.interval, act.additional, act.steady)
        parts.append(repr((what, how)))
    return ";".join(parts)


def describe(labels: Mapping[str, Label], covariates: Mapping[str, Quantity]) -> str:
    """A readable name: ``"SUM149, exposure_h=24, dox_nM=39.0625"``.

    Examples
    --------
    >>> describe({"cell_line": "SUM149", "dox_nM": 0}, {})
    'SUM149, dox_nM=0'
    """
    parts = [value if isinstance(value, str) else f"{name}={value:.6g}" for name, value in labels.items()]
    parts += [f"{name}={value}" for name, value in covariates.items() if name not in labels]
    return ", ".join(parts) or "all"


def ordered(conditions: Sequence[Condition]) -> tuple[tuple[Condition, ...], list[int]]:
    """Sort conditions by labels, covariates and regimen, so that the order of rows in a table does not matter.

    Parameters
    ----------
    conditions : sequence of Condition

    Returns
    -------
    conditions : tuple of Condition
        With unique names and their index.
    order : list of int
        ``order[new] = old``.
    """
    order = sorted(range(len(conditions)), key=lambda i: _sort_key(conditions[i]))
    used: set[str] = set()
    named = []
    for new, old in enumerate(order):
        name, again = conditions[old].name, 1
        while name in used:
            again += 1
            name = f"{conditions[old].name} ({again})"
        used.add(name)
        named.append(replace(conditions[old], name=name, index=new))
    return tuple(named), order


def _sort_key(condition: Condition) -> tuple[Any, ...]:
    # numbers before words, each in its own order
    labels = tuple((isinstance(value, str), value) for value in condition.labels.values())
    covariates = tuple(value.internal for value in condition.covariates.values())
    return (tuple(condition.labels), labels, tuple(condition.covariates), covariates, acts_as_text(condition.regimen))
