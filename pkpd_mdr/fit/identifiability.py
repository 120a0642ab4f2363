"""What an experiment could tell of the parameters at all: the rank of its exact sensitivities.

At random points the derivatives S of all outputs by the logarithms of the parameters come from the engine. A direction
d with ``S d = 0`` moves no output, so what lies along it cannot be known from any number of such measurements
(Rothenberg 1971, "Identification in parametric models", Econometrica 39:577; generic rank at random points). The zero
is told from a small number by the error of S itself: S is computed at two tolerances, and by Weyl's inequality a
singular value can differ from the true one by no more than the norm of the error of S. What is below the norm of the
*difference* of the two is therefore zero within what was computed; what is above it is not zero.

This is a statement about the neighbourhood of almost every point (*local*). Whether a distant point gives the same
outputs (*global*) is looked for by fitting exact predictions from other starts; not finding one is no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import COUNT, SEED, TABLE, takes
from pkpd_mdr.data import Data
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit.combinations import Combination, Terrain, combinations_of, groups_of
from pkpd_mdr.fit.elsewhere import Elsewhere, look_elsewhere
from pkpd_mdr.fit.free import FloatArray, FreeLike, read_free
from pkpd_mdr.fit.planning import Planned, plan_problem, read_plans
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.fit.problem import Prediction, Problem
from pkpd_mdr.fit.readout import seen
from pkpd_mdr.fit.starting import StartLike
from pkpd_mdr.model import Model
from pkpd_mdr.run.simulate import ACCURACY, MODEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Identifiability", "identifiable", "structure", "verdicts"]

_LOOSE, _TIGHT = 1e-9, 1e-11  # two tolerances, whose difference is the error of the sensitivities
_FLOOR = 1e-11  # rounding in formulas that are not integrated
_NEAR = np.log(3.0)  # random points lie within this factor of the start
_DENSE = 24  # times between which nothing new is expected
_POINTS = 20
_FAINT = 1e-4  # a gap this small between zero and not zero is worth telling


@dataclass(frozen=True, eq=False)
class Identifiability:
    """Which parameters an experiment can determine, and which combinations of the others.

    Attributes
    ----------
    names : tuple of str
    table : DataFrame
        Index is the parameter; columns identifiable (bool), verdict, through (the combinations it is part of).
    combinations : tuple of Combination
        Determined combinations of parameters that are not determined alone.
    rank : int
        Number of independent functions of the parameters that are determined.
    singular : ndarray, shape (points, k)
        Singular values of the relative sensitivities, columns of unit length.
    tolerance : ndarray, shape (points,)
        Below which a singular value is zero within the error of the sensitivities.
    least : float
        Smallest change of the outputs, relative to their size, for a change by a factor e along a determined direction.
    elsewhere : tuple of Elsewhere
        Distant points that give the same outputs.
    kind : {"structural", "practical"}
        Whether exact measurements, or the errors of a fit, are meant.
    notes : tuple of str
    """

    names: tuple[str, ...]
    table: pd.DataFrame
    combinations: tuple[Combination, ...]
    rank: int
    singular: FloatArray
    tolerance: FloatArray
    least: float
    elsewhere: tuple[Elsewhere, ...] = ()
    kind: str = "structural"
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> bool:
        """Whether every parameter can be determined, at least locally."""
        return bool(self.table["identifiable"].all())

    @property
    def globally(self) -> bool:
        """Whether, as far as was looked, nothing else gives the same outputs."""
        return self.all and not self.elsewhere

    @property
    def identifiable(self) -> tuple[str, ...]:
        """Parameters that can be determined."""
        return tuple(name for name in self.names if bool(self.table.loc[name, "identifiable"]))

    @property
    def not_identifiable(self) -> tuple[str, ...]:
        """Parameters that cannot be determined."""
        return tuple(name for name in self.names if not bool(self.table.loc[name, "identifiable"]))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is to say, one sentence each."""
        return tuple(_sentences(self))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Singular values against the tolerance; see `pkpd_mdr.plot.knowledge`."""
        from pkpd_mdr.plot.knowledge import plot_identifiability

        return plot_identifiability(self, ax=ax)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        import html

        return self.table.to_html(escape=True) + f"<p>{'<br>'.join(html.escape(s) for s in self.sentences)}</p>"


@takes(
    FitError, model=MODEL, observables=TABLE, scale=TABLE, points=COUNT, seed=SEED, starts=COUNT, accuracy=ACCURACY
)  # fmt: skip
def identifiable(
    model: Model,
    design: Planned | Sequence[Planned] | Data,
    free: FreeLike,
    *,
    observables: Mapping[str, str] | None = None,
    start: StartLike = None,
    scale: Mapping[str, str] | None = None,
    points: int = 3,
    seed: int = 0,
    starts: int = 8,
    accuracy: Accuracy | None = None,
) -> Identifiability:
    """Which parameters exact measurements under these conditions would determine; no measured value is needed.

    Parameters
    ----------
    model : Model
    design : Planned, sequence of Planned, or Data
        What is measured when and under what conditions. Of data only that is used, not the values.
    free : mapping or sequence of str
        As for `fit`.
    observables, start, scale
        As for `fit`, where the design is data.
    points : int
        Random points at which the rank is looked at; within a factor of three of the start and within the bounds.
    seed : int
    starts : int
        Starts from which another set of parameters with the same outputs is looked for; 0 leaves that out.
    accuracy : Accuracy, optional
        Method and budget; the two tolerances are 1e-9 and 1e-11.

    Returns
    -------
    Identifiability

    Raises
    ------
    FitError
        An impossible number, a design that the model cannot serve, or no point that can be simulated.

    Examples
    --------
    A drug that is given in an unknown amount has a volume and a clearance per amount only.

    >>> import pkpd_mdr as mdr
    >>> decay = mdr.Model(
    ...     mdr.observable("c", "dose/V*exp(-CL/V*t)", unit="mg/L"),
    ...     mdr.parameter("dose", "10 mg"), mdr.parameter("V", "5 L"), mdr.parameter("CL", "1 L/h"),
    ... )
    >>> plan = mdr.planned("bolus", times=["1 h", "2 h", "4 h", "8 h"], observables="c")
    >>> found = mdr.identifiable(decay, plan, ["dose", "V", "CL"], starts=0)
    >>> [str(item) for item in found.combinations]
    ['dose / V', 'dose / CL']
    """
    if not 2 <= points <= _POINTS:
        raise FitError(f"points = {points} is not possible; choose 2 to {_POINTS}")
    if starts < 0:
        raise FitError(f"starts = {starts} is not possible; choose 0 or more")
    space = read_free(model, free, scale)
    base = accuracy or Accuracy()
    if isinstance(design, Data):
        problem = pose(model, design, space, observables=observables, start=start, accuracy=base)
        dense = None
    else:
        plans = read_plans(design, "identifiable")
        problem = plan_problem(model, plans, space, base)
        dense = [replace(plan, times=_denser(plan.times)) for plan in plans]
    found = structure(problem, points=points, seed=seed)
    if dense is not None and not found.all and not problem.algebraic:
        found = _with_more_times(found, structure(plan_problem(model, dense, space, base), points=points, seed=seed))
    if starts:
        close = replace(problem, accuracy=replace(base, rtol=_LOOSE))
        others = look_elsewhere(close, found.combinations, found.identifiable, starts, seed, found.least)
        found = replace(found, elsewhere=others)
    return found


def _denser(times: tuple[float, ...]) -> tuple[float, ...]:
    begin = 0.0 if min(times) > 0 else min(times)
    return tuple(sorted({*times, *np.linspace(begin, max(times), _DENSE)[1:].tolist()}))


def _with_more_times(found: Identifiability, dense: Identifiability) -> Identifiability:
    """Say whether the times or the kind of experiment are what is missing."""
    if dense.rank <= found.rank:
        return replace(
            found, notes=(*found.notes, "measuring at more times between the first and the last would not help")
        )
    gained = [name for name in dense.identifiable if name not in found.identifiable]
    what = f" {', '.join(gained)}" if gained else f" {dense.rank - found.rank} more combinations"
    return replace(found, notes=(*found.notes, f"measuring at more times would determine{what} too"))


# -- the rank ------------------------------------------------------------------------------------------------


def structure(problem: Problem, *, points: int = 3, seed: int = 0) -> Identifiability:
    """Rank and null space of a problem at random points.

    Parameters
    ----------
    problem : Problem
    points : int
    seed : int

    Returns
    -------
    Identifiability
        Without a search elsewhere.

    Raises
    ------
    FitError
        No random point can be simulated.
    """
    space = problem.space
    accurate = [replace(problem, accuracy=replace(problem.accuracy, rtol=r, atol=1e-14)) for r in (_LOOSE, _TIGHT)]
    looks = list(_looks(accurate, points, np.random.default_rng(seed)))
    rank = max(look.rank for look in looks)
    kept = [look for look in looks if look.rank == rank]
    terrain = Terrain(space, np.array([look.values for look in kept]), tuple(look.blind for look in kept), _slack(kept))
    table, combinations = verdicts(terrain)
    singular = np.array([look.singular for look in looks])
    tolerance = np.array([look.tolerance for look in looks])
    least = min(look.least for look in kept)
    return Identifiability(space.names, table, combinations, rank, singular, tolerance, least, notes=_faint(looks))


@dataclass(frozen=True, slots=True)
class _Look:
    """What is seen from one point."""

    values: FloatArray
    singular: FloatArray
    tolerance: float
    rank: int
    blind: FloatArray
    least: float


def _looks(problems: Sequence[Problem], points: int, rng: np.random.Generator) -> list[_Look]:
    space, found, sentence = problems[0].space, [], ""
    low, high = space.sampling_box()
    reach = np.minimum([_NEAR if item.log else abs(item.start) or 1.0 for item in space.free], (high - low) / 4)
    for _ in range(4 * points):
        u = np.clip(space.start + reach * rng.uniform(-1, 1, len(space)), low, high)
        predictions = [problem.predict(u) for problem in problems]
        failures = {**predictions[0].failures, **predictions[1].failures}
        if failures:
            sentence = next(iter(failures.values()))
            continue
        loose, tight = (_seen_by(problems[0], prediction) for prediction in predictions)
        found.append(_look(problems[0], u, loose, tight, predictions[1].values))
        if len(found) == points:
            return found
    if len(found) < 2:
        raise FitError(f"no random point near the start can be simulated; the last fails with: {sentence}")
    return found


def _seen_by(problem: Problem, prediction: Prediction) -> FloatArray:
    """Derivatives of the outputs; what a free scale or offset of a readout could do as well is taken out."""
    if not problem.readouts:
        return prediction.by
    scales = np.array([float(name.startswith("scale")) for name in problem.readouts])
    through = seen(problem, prediction, scales).readout_by
    assert through is not None
    return np.asarray(prediction.by - through @ np.linalg.lstsq(through, prediction.by, rcond=None)[0])


def _look(problem: Problem, u: FloatArray, loose: FloatArray, tight: FloatArray, outputs: FloatArray) -> _Look:
    space, rows = problem.space, problem.rows
    values = space.internal(u)
    peak = np.array([np.abs(outputs[rows.which == i]).max(initial=0.0) for i in range(len(rows.observable))])
    size = np.abs(outputs) + 1e-6 * peak[rows.which]
    relative = np.array([1.0 if f.log else float(x) or 1.0 for f, x in zip(space.free, space.values(u), strict=True)])
    scaled = np.where(size > 0, 1.0, 0.0)[:, None] * relative / np.where(size > 0, size, 1.0)[:, None]
    by, rough = tight * scaled, loose * scaled
    norms = np.linalg.norm(by, axis=0)
    silent = norms <= np.maximum(_FLOOR * norms.max(initial=0.0), 2.0 * np.linalg.norm(by - rough, axis=0))
    whole = np.linalg.svd(by, compute_uv=False)
    norms = np.where(silent, 1.0, norms)
    by, rough = np.where(silent, 0.0, by / norms), np.where(silent, 0.0, rough / norms)
    _, singular, axes = np.linalg.svd(np.vstack([by, np.zeros((len(space), len(space)))]), full_matrices=False)
    tolerance = max(float(np.linalg.norm(by - rough, 2)), _FLOOR * float(singular[0]), 1e-300)
    weak = singular <= tolerance
    blind = axes[weak].T / norms[:, None]
    rank = int((~weak).sum())
    least = float(whole[min(rank, len(whole)) - 1]) if rank else 0.0
    return _Look(values, singular, tolerance, rank, _orthonormal(blind), least)


def _orthonormal(columns: FloatArray) -> FloatArray:
    if not columns.shape[1]:
        return columns
    return np.asarray(np.linalg.qr(columns / np.linalg.norm(columns, axis=0))[0])


def _slack(looks: Sequence[_Look]) -> float:
    """How exactly null directions are known: their angle is off by the error over the smallest value not zero."""
    ratio = max(look.tolerance / look.singular[look.rank - 1] if look.rank else 0.0 for look in looks)
    return float(np.clip(10.0 * ratio, 1e-5, 0.05))


def _faint(looks: Sequence[_Look]) -> tuple[str, ...]:
    """A smallest seen value that is hardly above the error of the sensitivities deserves a word."""
    seen = min((look.singular[look.rank - 1] / look.singular[0] for look in looks if look.rank), default=1.0)
    if seen > _FAINT:
        return ()
    sentence = (
        f"the least determined direction has a singular value of {seen:.1e} relative to the largest: it is not zero, "
        "but only very exact measurements would see it"
    )
    return (sentence,)


# -- verdicts --------------------------------------------------------------------------------------------------


def verdicts(
    terrain: Terrain, *, lost: npt.NDArray[np.bool_] | None = None
) -> tuple[pd.DataFrame, tuple[Combination, ...]]:
    """Table and combinations from what cannot be seen.

    Parameters
    ----------
    terrain : Terrain
    lost : ndarray of bool, shape (k,), optional
        Parameters whose own error is too large, where errors of measurement decide; structurally, it is all that have
        a part in a direction that cannot be seen.
    """
    names, blind = terrain.space.names, terrain.blind[0]
    rows: dict[str, dict[str, Any]] = {
        name: {"identifiable": True, "verdict": "identifiable", "through": ""} for name in names
    }
    found: list[Combination] = []
    for group in groups_of(blind, terrain.tolerance):
        mine = combinations_of(terrain, group)
        found += mine
        members = [names[j] for j in group]
        for j, name in zip(group, members, strict=True):
            if lost is not None and not lost[j]:
                continue
            through = [item.text for item in mine if name in item.parameters and item.exact]
            rows[name] = {
                "identifiable": False,
                "verdict": _why(name, members, through, practical=lost is not None),
                "through": "; ".join(through),
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "parameter"
    return table, tuple(found)


def _why(name: str, members: Sequence[str], through: Sequence[str], *, practical: bool) -> str:
    if through:
        return f"not identifiable alone, only in {' and '.join(through)}"
    if len(members) == 1:
        return (
            "not identifiable: too little depends on it" if practical else "not identifiable: no output depends on it"
        )
    others = ", ".join(other for other in members if other != name)
    return f"not identifiable: it can be balanced by {others}"


def _sentences(found: Identifiability) -> list[str]:
    k, lost = len(found.names), found.not_identifiable
    exact = found.kind == "structural"
    how = "exact measurements" if exact else "these data"
    if not lost:
        where = "near almost every point" if exact else "with a finite error"
        lines = [f"{how} determine all {k} parameters {where} ({', '.join(found.names)})"]
    else:
        several = "functions" if found.rank != 1 else "function"
        lines = [f"{how} determine {found.rank} independent {several} of {k} parameters"]
        if found.identifiable:
            lines.append(f"determined: {', '.join(found.identifiable)}")
        lines += [f"{name}: {verdict}" for name, verdict in found.table["verdict"].items() if name in lost]
        for item in found.combinations:
            lines.append(f"determined: {item}" + ("" if item.exact else " (exponents of this neighbourhood)"))
    lines += [str(item) for item in found.elsewhere]
    return [line[0].upper() + line[1:] if line.startswith(how) else line for line in [*lines, *found.notes]]
