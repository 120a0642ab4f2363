"""Prediction of what a fit has not seen: refitted without some conditions, scored on them.

A model that only bends to its data agrees with the conditions it was fitted to; whether it has the mechanism shows on a
condition that was left out. Of held-out conditions nothing is used but, where asked for, the controls of their plate,
and these for factors of the plate only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.data.cells import as_list, same_label
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.curvature import pseudo_inverse
from pkpd_mdr.fit.free import FloatArray
from pkpd_mdr.fit.information import inform
from pkpd_mdr.fit.objective import Evaluation, Objective
from pkpd_mdr.fit.parts import Parts, row_terms
from pkpd_mdr.fit.problem import Prediction, Problem, Rows
from pkpd_mdr.fit.readout import seen
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.scoring import polish
from pkpd_mdr.fit.search import Search, best_of, draw_starts

__all__ = ["Fold", "HeldOut", "find_folds", "hold_out"]

HeldOut = str | Mapping[str, object]
"""``"condition"``, a label (each of its values in turn), or label to the values that are held out together."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Conditions that are held out together.

    Attributes
    ----------
    name : str
    scored : tuple of str
        Names of the conditions that are predicted.
    controls : tuple of str
        Names of held-out conditions that serve factors of their plate only.
    """

    name: str
    scored: tuple[str, ...]
    controls: tuple[str, ...] = ()


def find_folds(fit: Fit, held_out: HeldOut, control: Mapping[str, object] | None = None) -> list[Fold]:
    """Which conditions are held out together.

    Parameters
    ----------
    fit : Fit
    held_out : str or mapping
        See `HeldOut`.
    control : mapping of label to value or values, optional
        Which held-out conditions are controls.

    Returns
    -------
    list of Fold

    Raises
    ------
    FitError
        An unknown label or value, nothing left to fit or to predict.
    """
    members = [member.condition for member in fit.objective.problem.members]
    groups = _groups(members, held_out)
    if not groups or any(len(group) == len(members) for group in groups.values()):
        raise FitError(f"held_out = {shown(held_out)} leaves no condition to fit; hold out fewer")
    served = {c.name for c in members if control and all(_is(c, name, value) for name, value in control.items())}
    if control and not served:
        raise FitError(f"control = {shown(dict(control))} fits no condition of {fit.data.origin}")
    found = []
    for name, group in groups.items():
        scored = tuple(item for item in group if item not in served)
        if scored:
            found.append(Fold(name, scored, tuple(item for item in group if item in served)))
    if not found:
        raise FitError(f"held_out = {shown(held_out)} holds out controls only, so there is nothing to predict")
    return found


def _groups(members: Sequence[Any], held_out: HeldOut) -> dict[str, list[str]]:
    if isinstance(held_out, Mapping):
        for name, values in held_out.items():
            known = _values(members, name)
            for value in as_list(values):
                if not any(same_label(label, value) for label in known):
                    texts = [str(label) for label in known]
                    raise FitError(
                        f"held_out: no condition has {name} = {shown(value)}{did_you_mean(str(value), texts)}"
                    )
        chosen = [c.name for c in members if all(_is(c, name, values) for name, values in held_out.items())]
        title = ", ".join(f"{name} {', '.join(map(str, as_list(value)))}" for name, value in held_out.items())
        return {title: chosen} if chosen else {}
    if held_out == "condition":
        return {c.name: [c.name] for c in members}
    if not isinstance(held_out, str):
        raise FitError(
            f"held_out = {shown(held_out)} is no choice; write 'condition', a label such as 'exposure_h', "
            "or {'exposure_h': 24}"
        )
    return {
        f"{held_out} {value}": [c.name for c in members if _is(c, held_out, value)]
        for value in _values(members, held_out)
    }


def _values(members: Sequence[Any], name: str) -> list[Any]:
    known = dict.fromkeys(key for c in members for key in (*c.labels, *c.covariates))
    if name not in known:
        raise FitError(f"the conditions have no label {shown(name)}{did_you_mean(name, known)}")
    return list(dict.fromkeys(c.get(name) for c in members if c.get(name) is not None))


def _is(condition: Any, name: str, values: object) -> bool:
    label = condition.get(name)
    return label is not None and any(same_label(label, value) for value in as_list(values))


def hold_out(fit: Fit, fold: Fold, *, factors: Sequence[str] = (), starts: int = 1, seed: int = 0) -> pd.DataFrame:
    """Fit again without a fold and predict it.

    The density of a measurement is that of its error model, with spread, scales and offsets as estimated without the
    fold. To a spread that is normal or Student's, the variance of the prediction, which that of scales and offsets is
    part of, is added by the delta method; what the rest does not determine adds none, so that it is a plug-in density
    in those directions.

    Parameters
    ----------
    fit : Fit
        Its estimates are the first start.
    fold : Fold
    factors : sequence of str
        Free parameters that the controls of the fold may move, and nothing else of it.
    starts, seed : int
        Further starts from a Latin hypercube.

    Returns
    -------
    DataFrame
        condition, observable, time (h), value, predicted, log_density; one row for each measurement.

    Raises
    ------
    FitError
        The rest cannot be fitted, or a factor is not free.
    """
    problem, errors = fit.objective.problem, fit.objective.errors
    where = [member.condition.name for member in problem.members]
    held = {*fold.scored, *fold.controls}
    training = Objective(part(problem, [i for i, name in enumerate(where) if name not in held]), errors)
    _check_observables(training.problem, fold)
    k = len(problem.space)
    points = [fit.best.point[:k], *draw_starts(problem.space, starts, seed)[1:]]
    search = Search(training, points, most=200)
    search.run()
    best = best_of(training, search.so_far())
    u = _settled(problem, errors, fold, best, factors)
    covariance = _with_readouts(np.nan_to_num(inform(training, best).covariance), training, best)
    scored = Objective(part(problem, [i for i, name in enumerate(where) if name in fold.scored]), errors)
    return _scores(scored, u, covariance, training, best)


def part(problem: Problem, members: Sequence[int]) -> Problem:
    """The same problem with some of its members only."""
    whole, chosen = problem.rows, list(members)
    kept = np.isin(whole.member, chosen)
    arrays = {
        item.name: value[kept] for item in fields(Rows) if isinstance(value := getattr(whole, item.name), np.ndarray)
    }
    number = np.full(len(problem.members), -1)
    number[chosen] = range(len(chosen))
    rows = replace(whole, **arrays | {"member": number[whole.member[kept]]})
    compiled = problem.compiled  # shared, so that no part compiles anew
    return replace(
        problem,
        members=tuple(problem.members[i] for i in chosen),
        rows=rows,
        _compiled=compiled,
        _timelines=None,
    )


def _check_observables(rest: Problem, fold: Fold) -> None:
    for i, name in enumerate(rest.rows.observable):
        if not (rest.rows.which == i).any():
            raise FitError(f"holding out {shown(fold.name)} leaves no measurement of {shown(name)}; hold out less")
    for i, name in enumerate(rest.readouts):
        if not ((rest.rows.scale == i) | (rest.rows.offset == i)).any():
            raise FitError(f"holding out {shown(fold.name)} leaves nothing to find the {name} from; hold out less")
    if len(rest.rows) < len(rest.space):
        raise FitError(
            f"holding out {shown(fold.name)} leaves {len(rest.rows)} measurements for {len(rest.space)} parameters"
        )


def _settled(problem: Problem, errors: Any, fold: Fold, best: Evaluation, factors: Sequence[str]) -> FloatArray:
    """The parameters with which a fold is predicted: those of the rest, with factors of the plate from its controls."""
    known = [*problem.space.names, *problem.space.targets]
    for name in factors:
        if name not in known:
            raise FitError(f"factors names {shown(name)}, which is not free{did_you_mean(name, known)}")
    k = len(problem.space)
    if not factors or not fold.controls:
        return best.point[:k]
    controls = [i for i, member in enumerate(problem.members) if member.condition.name in fold.controls]
    mine = Objective(part(problem, controls), errors)
    fixed = np.ones(mine.dimension, dtype=bool)
    fixed[:k] = [item.name not in factors and item.target not in factors for item in problem.space.free]
    return polish(mine, mine.complete(best.point[:k]), fixed=fixed).point[:k]


def _with_readouts(covariance: FloatArray, training: Objective, best: Evaluation) -> FloatArray:
    """Of the parameters and the scales and offsets of readouts, which follow them and have errors of their own."""
    if not training.readout_parameters:
        return covariance
    inverse = pseudo_inverse(best.by_readouts[:, len(best.point) :])
    follow = -inverse @ best.by_readouts[:, : len(covariance)]
    rows = len(training.problem.rows)
    freedom = rows - len(covariance) - training.readout_parameters
    unbiased = rows / freedom if training.profiled and freedom > 0 else 1.0
    own = follow @ covariance @ follow.T + 2.0 * unbiased * inverse
    return np.block([[covariance, covariance @ follow.T], [follow @ covariance, own]])


def _scores(
    objective: Objective, u: FloatArray, covariance: FloatArray, training: Objective, best: Evaluation
) -> pd.DataFrame:
    problem, k = objective.problem, len(objective.problem.space)
    rows, prediction = problem.rows, problem.predict(u)
    if best.prediction.readout is not None:
        prediction = seen(problem, prediction, best.prediction.readout)
    point, parts = _carried(objective, u, prediction, training, best)
    by = np.hstack([parts.mean_by[:, :k], parts.mean_by[:, objective.dimension :]])
    spread = np.array([not model.discrete for model in objective.layout.models])[rows.which]
    variance = np.exp(2.0 * parts.log_w) + np.where(spread, np.einsum("ij,jk,ik->i", by, covariance, by), 0.0)
    wider = replace(parts, log_w=0.5 * np.log(variance))
    density = -0.5 * row_terms(objective.layout, point, prediction, wider).value
    density[prediction.failed] = -math.inf
    return pd.DataFrame(
        {
            "condition": [problem.members[i].condition.name for i in rows.member],
            "observable": [rows.observable[i] for i in rows.which],
            "time": rows.time,
            "value": rows.value,
            "predicted": prediction.values,
            "log_density": density,
        }
    )


def _carried(
    objective: Objective, u: FloatArray, prediction: Prediction, training: Objective, best: Evaluation
) -> tuple[FloatArray, Parts]:
    """Rows with the error parameters of the rest, whose point may be laid out otherwise (limits of quantification)."""
    layout, point, scale = objective.layout, objective.complete(u), np.ones(len(objective.layout.models))
    for i, model in enumerate(layout.models):
        for at, value in (
            (layout.mix_at(i), training.mix(best.point, i)),
            (layout.extra_at(i), training.extra(best.point, i)),
            (layout.scale_at(i), math.log(training.scale(best, i)) if model.scaled else 0.0),
        ):
            if at is not None:
                point[at] = value
        if model.scaled and layout.scale_at(i) is None:
            scale[i] = training.scale(best, i)
    parts = objective.parts(point, prediction)
    return point, replace(parts, log_w=parts.log_w + np.log(scale)[objective.problem.rows.which])
