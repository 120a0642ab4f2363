"""Experiments that are only planned: what would be done, when it would be measured, and with which error.

A plan becomes `Data` with the model's own predictions as measurements, exact or with an error drawn for each. So
whatever works on data works on plans: sensitivities, simulated experiments, coverage studies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import COUNT, SEED, TABLE, TEXT, TEXTS, Kind, listed, takes
from pkpd_mdr.data import Condition, Data
from pkpd_mdr.data.assemble import tidy
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.free import FloatArray, Space
from pkpd_mdr.fit.posing import pose
from pkpd_mdr.fit.problem import Problem
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, nothing
from pkpd_mdr.units import Quantity, QuantityLike, quantity, read

__all__ = ["Noise", "NoiseLike", "Planned", "plan_problem", "planned", "read_noise", "read_plans", "simulated_data"]

NoiseLike = tuple[str, QuantityLike] | Mapping[str, tuple[str, QuantityLike]]
"""A pair of kind and size, as in ``("lognormal", 0.1)``, for all outputs, or one for each."""

_KINDS = ("additive", "proportional", "lognormal", "poisson")
_MOST_TIMES, _MOST_REPLICATES = 100_000, 100_000
REGIMEN = Kind.of(Regimen, words="a regimen; write for example exposure('dox', '30 nM')")


@dataclass(frozen=True, slots=True)
class Planned:
    """One condition as it could be measured.

    Attributes
    ----------
    name : str
    regimen : Regimen
    times : tuple of float
        Hours.
    observables : tuple of str
        States or observables of the model.
    covariates : mapping of str to Quantity
        Known values of model parameters.
    labels : mapping of str to str or number
    replicates : int
        Measurements at each time.
    """

    name: str
    regimen: Regimen
    times: tuple[float, ...]
    observables: tuple[str, ...] = ("burden",)
    covariates: Mapping[str, Quantity] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 1

    def __len__(self) -> int:
        """Measurements that it takes."""
        return len(self.times) * len(self.observables) * self.replicates

    def __repr__(self) -> str:
        return f"Planned {self.name!r}: {', '.join(self.observables)} at {len(self.times)} times, x{self.replicates}"


@takes(
    FitError, name=TEXT, regimen=REGIMEN, observables=TEXTS, covariates=TABLE, labels=TABLE, replicates=COUNT
)  # fmt: skip
def planned(
    name: str,
    regimen: Regimen | None = None,
    *,
    times: QuantityLike | Sequence[QuantityLike] = "0 h",
    observables: str | Sequence[str] = "burden",
    covariates: Mapping[str, QuantityLike] | None = None,
    labels: Mapping[str, Any] | None = None,
    replicates: int = 1,
) -> Planned:
    """Plan one condition of an experiment.

    Parameters
    ----------
    name : str
        What it is called in tables, such as ``"S:R 9:1, 100 nM"``.
    regimen : Regimen, optional
        What is done; nothing when left out.
    times : quantity or sequence of quantity
        When it is measured.
    observables : str or sequence of str
        What is measured: states or observables of the model.
    covariates : mapping of str to quantity, optional
        Known values of model parameters, such as the mixing ratio ``{"R0_share": 0.1}``; a bare number is in the unit
        in which the model declares the parameter.
    labels : mapping of str to str or number, optional
        What else tells it apart, as the columns of a table would.
    replicates : int
        Measurements of each output at each time.

    Returns
    -------
    Planned

    Raises
    ------
    FitError
        No time, no output, or a number of replicates that is not positive.
    UnitError
        A time without unit.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> mdr.planned("control", times=["0 h", "24 h", "48 h"], observables=["S", "R"], replicates=3)
    Planned 'control': S, R at 3 times, x3
    """
    given = listed(times) if not isinstance(times, (str, tuple)) or _many(times) else [times]
    hours = sorted({read(time, "h", f"planned {shown(name)}, times") for time in given or []})
    if not 0 < len(hours) <= _MOST_TIMES:
        raise FitError(f"planned {shown(name)}: {len(hours)} times; give 1 to {_MOST_TIMES}, as in times=['24 h']")
    outputs = (observables,) if isinstance(observables, str) else tuple(dict.fromkeys(observables))
    if not outputs:
        raise FitError(f"planned {shown(name)}: observables is empty; name what is measured, such as 'burden'")
    if not 1 <= replicates <= _MOST_REPLICATES:
        raise FitError(f"planned {shown(name)}: replicates = {replicates}; choose 1 to {_MOST_REPLICATES}")
    where = f"planned {shown(name)}, covariate"
    known = {key: quantity(value, f"{where} {shown(key)}") for key, value in (covariates or {}).items()}
    return Planned(name, regimen or nothing(), tuple(hours), outputs, known, dict(labels or {}), replicates)


def _many(times: object) -> bool:
    """Whether a tuple is several times, and not a number with its unit."""
    return isinstance(times, tuple) and not (len(times) == 2 and isinstance(times[1], str) and not _is_text(times[0]))


def _is_text(given: object) -> bool:
    return isinstance(given, str)


def read_plans(given: object, what: str) -> tuple[Planned, ...]:
    """One or several plans with distinct names.

    Raises
    ------
    FitError
        Something else was given, or two plans share a name.
    """
    items = [given] if isinstance(given, Planned) else listed(given)
    if not items or not all(isinstance(item, Planned) for item in items):
        bad = next((item for item in items or [given] if not isinstance(item, Planned)), given)
        raise FitError(f"{what}: {shown(bad)} is no plan; write for example planned('control', times=['24 h', '48 h'])")
    names = [item.name for item in items]
    for name in names:
        if names.count(name) > 1:
            raise FitError(f"{what}: two plans are called {shown(name)}; give each its own name")
    return tuple(items)


# -- from plans to data ------------------------------------------------------------------------------------


def plan_data(model: Model, plans: Sequence[Planned]) -> Data:
    """Plans as `Data` with ones for measurements, so that they can be posed.

    Raises
    ------
    FitError
        An output that the model lacks; the nearest is suggested.
    """
    known = [*model.observables, *model.states]
    rows, codes = [], []
    for code, plan in enumerate(plans):
        for name in plan.observables:
            if name not in known:
                raise FitError(
                    f"planned {shown(plan.name)}: the model has no state or observable "
                    f"{shown(name)}{did_you_mean(name, known)}"
                )
            mine = [(name, str(r + 1), t) for t in plan.times for r in range(plan.replicates)]
            rows += mine
            codes += [code] * len(mine)
    frame = pd.DataFrame(rows, columns=["observable", "replicate", "time"])
    frame = frame.assign(value=1.0, sd=math.nan, n=1, censored=0, source_row=np.arange(len(rows)))
    conditions = [
        Condition(plan.name, {"plan": plan.name, **plan.labels}, plan.regimen, plan.covariates) for plan in plans
    ]
    sorted_conditions, table = tidy(frame, np.array(codes, dtype=np.int64), conditions)
    units = {name: model.outputs[name].unit for plan in plans for name in plan.observables}
    return Data(sorted_conditions, units, table, (), "the plan")


def plan_problem(model: Model, plans: Sequence[Planned], space: Space, accuracy: Accuracy | None = None) -> Problem:
    """Plans and a model as a problem, whose predictions and sensitivities can be asked for."""
    return pose(model, plan_data(model, plans), space, accuracy=accuracy)


# -- errors of measurement -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Noise:
    """The error of one measurement of one output.

    Parameters
    ----------
    kind : {"additive", "proportional", "lognormal", "poisson"}
    size : float
        a, b, s or phi of the error models of `fit`, in the unit of the output where it has one.
    """

    kind: str
    size: float

    def sd(self, f: FloatArray) -> FloatArray:
        """Standard deviation for predictions f; of y itself, to first order for the lognormal error."""
        if self.kind == "additive":
            return np.full_like(f, self.size)
        if self.kind == "poisson":
            return np.sqrt(self.size * np.maximum(f, self.size))
        tiny = 1e-12 * max(float(np.abs(f).max(initial=0.0)), 1e-290)
        return np.asarray(self.size * np.maximum(np.abs(f), tiny))

    def draw(self, f: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Measurements of f."""
        z = rng.standard_normal(len(f))
        return f * np.exp(self.size * z) if self.kind == "lognormal" else f + self.sd(f) * z


def read_noise(given: object, model: Model, outputs: Sequence[str]) -> dict[str, Noise]:
    """One error for each output.

    Raises
    ------
    FitError
        Neither a pair nor a mapping of pairs, an unknown kind, a size that is not positive, or an output without one.
    UnitError
        A size in the wrong unit.
    """
    wanted = dict(given) if isinstance(given, Mapping) else dict.fromkeys(outputs, given)
    found = {}
    for name in outputs:
        if name not in wanted:
            raise FitError(f"noise says nothing of {shown(name)}; add it, as in {{{shown(name)}: ('lognormal', 0.1)}}")
        pair = wanted[name]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
            raise FitError(
                f"noise of {shown(name)}: {shown(pair)} is no pair of kind and size; write ('lognormal', 0.1)"
            )
        kind, size = pair
        if kind not in _KINDS:
            raise FitError(f"noise of {shown(name)}: {shown(kind)} is not known{did_you_mean(kind, _KINDS)}")
        found[name] = Noise(kind, _size(kind, size, model, name))
    return found


def _size(kind: str, given: QuantityLike, model: Model, name: str) -> float:
    unit = model.outputs[name].unit
    where = f"noise of {shown(name)}"
    own = kind in ("additive", "poisson")
    size = read(given, unit if own else "", where, bare=True) / (unit.factor if own else 1.0)
    if not (math.isfinite(size) and size > 0):
        raise FitError(f"{where}: the size {shown(given)} is not above zero")
    return size


# -- simulated experiments -----------------------------------------------------------------------------------


@takes(FitError, model=Kind.of(Model, words="a model; build one with Model(...)"), seed=SEED)
def simulated_data(
    model: Model,
    plans: Planned | Sequence[Planned],
    *,
    noise: NoiseLike | None = None,
    seed: int = 0,
    accuracy: Accuracy | None = None,
) -> Data:
    """Simulate an experiment: what a lab would measure if the model were true.

    Parameters
    ----------
    model : Model
        With the true values as its parameter values.
    plans : Planned or sequence of Planned
    noise : (str, quantity) or mapping of output to such pairs, optional
        Kind and size of the error of one measurement: ``("additive", "20 cell")``, ``("proportional", 0.1)``,
        ``("lognormal", 0.1)`` or ``("poisson", 1)``. None measures exactly.
    seed : int
        Of the errors. Each condition and output has a stream of its own, so that adding one changes no other.
    accuracy : Accuracy, optional

    Returns
    -------
    Data

    Raises
    ------
    FitError
        An output that the model lacks, a condition that cannot be simulated, or an impossible noise.

    Examples
    --------
    >>> import pkpd_mdr as mdr
    >>> model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"), start=100))
    >>> plan = mdr.planned("control", times=["0 day", "2 day"])
    >>> mdr.simulated_data(model, plan).table["value"].round(3).tolist()
    [100.0, 271.828]
    """
    chosen = read_plans(plans, "simulated_data")
    data = plan_data(model, chosen)
    problem = pose(model, data, Space(()), accuracy=accuracy)
    prediction = problem.predict(problem.space.start, gradient=False)
    for name, sentence in prediction.failures.items():
        raise FitError(f"planned {shown(name)} cannot be simulated: {sentence}")
    values = prediction.values.copy()
    if noise is not None:
        values = _noisy(problem, values, read_noise(noise, model, problem.rows.observable), seed)
    return replace(data, frame=data.table.assign(value=values), origin="a simulated experiment")


def _noisy(problem: Problem, values: FloatArray, noise: Mapping[str, Noise], seed: int) -> FloatArray:
    rows, found = problem.rows, values.copy()
    for m, member in enumerate(problem.members):
        for i, name in enumerate(rows.observable):
            mine = np.flatnonzero((rows.member == m) & (rows.which == i))
            key = [seed, *member.condition.name.encode(), 0, *name.encode()]
            found[mine] = noise[name].draw(values[mine], np.random.default_rng(key))
    return found
