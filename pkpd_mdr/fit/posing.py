"""Putting a model and data together: what is measured, where conditions start, which rows are fitted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pkpd_mdr.data import Condition, Data
from pkpd_mdr.engine import Accuracy, BoundPorts
from pkpd_mdr.errors import FitError, RegimenError, UnitError, did_you_mean, shown
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.problem import RELATIVE, Member, Problem, Rows, between_units
from pkpd_mdr.fit.starting import Begin, StartLike, begins
from pkpd_mdr.model import Model

__all__ = ["pose"]

_CURVE = 241  # times at which a curve is followed where its peak matters


def pose(
    model: Model,
    data: Data,
    space: Space,
    *,
    observables: Mapping[str, str] | None = None,
    start: StartLike = None,
    relative_to: Mapping[str, str] | None = None,
    accuracy: Accuracy | None = None,
) -> Problem:
    """Put a model and data together.

    Parameters
    ----------
    model : Model
    data : Data
    space : Space
    observables : mapping of str to str, optional
        Observable of the data to state or observable of the model, where names differ.
    start : str or mapping, optional
        See `pkpd_mdr.fit`.
    relative_to : mapping of str to {"max", "first", "peak"}, optional
        Observables measured relative to a value of their own curve.
    accuracy : Accuracy, optional

    Raises
    ------
    FitError
        The model cannot serve the data; the sentence names the condition, observable or parameter.
    UnitError
        An observable was measured in something else than the model predicts.
    """
    outputs = _outputs(model, data, observables or {})
    for name, to in (relative_to or {}).items():
        if name not in data.observables:
            raise FitError(
                f"relative_to names {shown(name)}, which was not measured{did_you_mean(name, data.observables)}"
            )
        if to not in RELATIVE:
            raise FitError(f"relative_to of {shown(name)} is {shown(to)}; choose 'max', 'first' or 'peak'")
    found, used = begins(model, data, outputs, start, space.targets)
    if not used.any():
        raise FitError(f"{data.origin} has nothing left to fit after its first measurements became starts")
    lost = len(data) - int(used.sum())
    notes = (f"{lost} first measurements are starts and are not fitted",) if lost else ()
    members, member_of = _members(model, data, space, found, used, peak="peak" in (relative_to or {}).values())
    rows = _rows(model, data, outputs, members, member_of, used)
    problem = Problem(model, data, space, outputs, members, rows, accuracy or Accuracy(), relative_to or {}, notes)
    _check_servable(problem)
    return problem


def _outputs(model: Model, data: Data, observables: Mapping[str, str]) -> dict[str, str]:
    known = [*model.observables, *model.states]
    for name in observables:
        if name not in data.observables:
            raise FitError(
                f"observables names {shown(name)}, which was not measured{did_you_mean(name, data.observables)}"
            )
    found = {}
    for name in data.observables:
        output = observables.get(name, name)
        if output not in known:
            say = "" if name in observables else f" (say which it is with observables={{{shown(name)}: ...}})"
            raise FitError(
                f"the data hold {shown(name)}, but the model has no state or observable {shown(output)}"
                f"{did_you_mean(output, known)}{say}"
            )
        between_units(model, output, data.units[name])
        found[name] = output
    return found


def _members(
    model: Model, data: Data, space: Space, found: list[Begin], used: npt.NDArray[np.bool_], *, peak: bool
) -> tuple[tuple[Member, ...], dict[int, int]]:
    times, codes = data.table["time"].to_numpy(dtype=np.float64), data.condition_of_row
    own = np.array([item.internal for item in model.parameters.values()])
    members: list[Member] = []
    member_of: dict[int, int] = {}
    for condition, begin in zip(data.conditions, found, strict=True):
        mine = used & (codes == condition.index)
        if mine.any():
            member_of[condition.index] = len(members)
            base = _base(model, space, condition, begin, own)
            marks = np.unique(times[mine])
            members.append(Member(condition, begin, _with_curve(condition, begin, marks) if peak else marks, base))
    return tuple(members), member_of


def _with_curve(condition: Condition, begin: Begin, marks: FloatArray) -> FloatArray:
    """Marks dense enough to see the peak of a curve; peaks stand at acts or are smooth."""
    acts = [act.time for act in condition.regimen.acts if begin.time <= act.time <= marks[-1]]
    return np.unique(np.concatenate([marks, acts, np.linspace(begin.time, marks[-1], _CURVE)]))


def _base(model: Model, space: Space, condition: Condition, begin: Begin, own: FloatArray) -> FloatArray:
    base, order = own.copy(), list(model.parameters)
    for name, value in condition.covariates.items():
        where = f"condition {shown(condition.name)}"
        if name not in model.parameters:
            raise FitError(
                f"{where} knows {shown(name)}, which is no parameter of the model{did_you_mean(name, model.parameters)}"
            )
        if name in space.targets:
            raise FitError(
                f"{where}: {shown(name)} is known from the data and also free or tied; leave it out of one of the two"
            )
        parameter = model.parameters[name]
        number = parameter.read(value, f"{where}, covariate {shown(name)}")
        if not parameter.lower <= number <= parameter.upper:
            raise FitError(
                f"{where}: {shown(name)} is {value}, outside what the model allows, "
                f"{parameter.lower:g} to {parameter.upper:g} {parameter.unit}".rstrip()
            )
        base[order.index(name)] = number * parameter.unit.factor
    for name, number in begin.parameters.items():
        base[order.index(name)] = number
    return base


def _rows(
    model: Model,
    data: Data,
    outputs: Mapping[str, str],
    members: tuple[Member, ...],
    member_of: dict[int, int],
    used: npt.NDArray[np.bool_],
) -> Rows:
    table = data.table[used]
    names = tuple(name for name in outputs if name in set(table["observable"]))
    times = table["time"].to_numpy(dtype=np.float64)
    member = np.array([member_of[code] for code in data.condition_of_row[used]], dtype=np.int64)
    which = np.array([names.index(name) for name in table["observable"]], dtype=np.int64)
    factors = np.array(
        [data.value_factor(name) * between_units(model, outputs[name], data.units[name]) for name in names]
    )
    return Rows(
        value=table["value"].to_numpy(dtype=np.float64),
        known=table["sd"].to_numpy(dtype=np.float64),
        n=table["n"].to_numpy(dtype=np.float64),
        time=times,
        observable=names,
        which=which,
        member=member,
        mark=np.array(
            [np.searchsorted(members[m].times, t) for m, t in zip(member, times, strict=True)], dtype=np.int64
        ),
        place=np.flatnonzero(used),
        source=table["source_row"].to_numpy(dtype=np.int64),
        factor=factors[which],
        censored=data.censored[used],
        scale=np.full(len(times), -1, dtype=np.int64),
        offset=np.full(len(times), -1, dtype=np.int64),
    )


def _check_servable(problem: Problem) -> None:
    """Every act of every condition must fit a port of the model."""
    ports = BoundPorts(problem.compiled, np.array([problem.members[0].base]))
    for member in problem.members:
        for act in member.condition.regimen.acts:
            try:
                ports.amount(ports.find(act), act.amount)
            except (RegimenError, UnitError) as error:
                raise FitError(f"condition {shown(member.condition.name)} cannot be simulated: {error}") from error
