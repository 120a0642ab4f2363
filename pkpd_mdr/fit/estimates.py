"""What a fit found, as numbers only: a table, intervals, draws, and JSON that carries no code."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pkpd_mdr.arguments import COUNT, SEED, takes
from pkpd_mdr.data.cells import Label
from pkpd_mdr.errors import FitError, shown
from pkpd_mdr.fit.draws import Draws, chosen_group, truncated_draws
from pkpd_mdr.fit.free import FloatArray, Free, Group, Space
from pkpd_mdr.fit.information import Information
from pkpd_mdr.fit.tied import Tied
from pkpd_mdr.model import Model
from pkpd_mdr.units import Unit

__all__ = ["Estimate", "Estimates", "estimate_all", "quantile"]

_FORMAT = 1
WHOLE = "not determined: the interval covers the whole allowed range"
SILENT = "not determined: no data depend on it, so it stays where it started"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One parameter; numbers in `unit`.

    Attributes
    ----------
    name, unit : str
    value : float
    lower, upper : float
        95% interval, or the allowed range where there is none to tell.
    se : float
        Standard error; NaN where there is none to tell.
    rse : float
        Relative standard error in percent (of the logarithm for a parameter worked on as logarithm).
    at_bound : str
        ``"lower"``, ``"upper"`` or ``""``.
    verdict : str
        ``"ok"``, or why it could not be estimated.
    allowed : (float, float)
        Bounds of the fit.
    log : bool
        Whether it was worked on as logarithm.
    parameter : str
        The parameter of the model that it is; the same as `name` when empty.
    group : tuple of (label, value)
        The conditions that it serves; all when empty.
    """

    name: str
    unit: str
    value: float
    lower: float
    upper: float
    se: float
    rse: float
    at_bound: str
    verdict: str
    allowed: tuple[float, float]
    log: bool
    parameter: str = ""
    group: Group = ()

    @property
    def target(self) -> str:
        """The parameter of the model that it is."""
        return self.parameter or self.name

    @property
    def free(self) -> Free:
        """The parameter as a fit may move it, with the estimate as start."""
        unit = Unit.of(self.unit)
        return Free(self.name, unit, *self.allowed, self.value, self.log, self.parameter, self.group)


@dataclass(frozen=True, eq=False)
class Estimates:
    """All estimates with their joint precision; can be written to and read from JSON.

    Attributes
    ----------
    items : tuple of Estimate
    matrix, gradient : ndarray, shapes (k, k) and (k,)
        Information and slope on the working scale.
    freedom : float
    notes : tuple of str
        Directions that the data do not determine.
    provenance : mapping
        Versions, seed and hashes of model and data.
    ties : tuple of Tied
        Which parameters follow from others, and how.
    tied : tuple of Estimate
        What they are: one for each of `ties`, with errors carried along the formula.
    """

    items: tuple[Estimate, ...]
    matrix: FloatArray
    gradient: FloatArray
    freedom: float
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    ties: tuple[Tied, ...] = ()
    tied: tuple[Estimate, ...] = ()

    def __repr__(self) -> str:
        return self.table.to_string()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return tuple(item.name for item in self.items)

    @property
    def table(self) -> pd.DataFrame:
        """One row a parameter: unit, estimate, 95% interval, se, rse (%), at_bound, verdict."""
        columns = ("unit", "value", "lower", "upper", "se", "rse", "at_bound", "verdict")
        everything = (*self.items, *self.tied)
        frame = pd.DataFrame([{key: getattr(item, key) for key in ("name", *columns)} for item in everything])
        return frame.rename(columns={"value": "estimate", "name": "parameter"}).set_index("parameter")

    @property
    def values(self) -> dict[str, float]:
        """Estimates by name, in declared units; what is tied comes last."""
        return {item.name: item.value for item in (*self.items, *self.tied)}

    @property
    def space(self) -> Space:
        """The working space with its optimum as start."""
        return Space(tuple(item.free for item in self.items), self.ties)

    def apply(self, model: Model, **group: Label) -> Model:
        """A model with these estimates as parameter values.

        Parameters
        ----------
        model : Model
        **group : str or number
            Which group it is for, where parameters differ between groups: ``apply(model, line="231")``.

        Raises
        ------
        FitError
            A group is missing, unknown, or not asked for by any parameter.
        """
        everything = (*self.items, *self.tied)
        chosen = chosen_group([(item.target, item.group) for item in everything], group)
        return self._applied(model, [everything[i] for i in chosen])

    def apply_shared(self, model: Model) -> Model:
        """A model with the estimates that hold for all conditions; parameters of groups keep the model's values."""
        return self._applied(model, [item for item in (*self.items, *self.tied) if not item.group])

    @staticmethod
    def _applied(model: Model, items: Sequence[Estimate]) -> Model:
        return model.with_parameters({item.target: _kept_inside(item, model) for item in items})

    @takes(FitError, n=COUNT, seed=SEED)
    def draws(self, n: int, *, seed: int = 0) -> Draws:
        """Draw parameter sets from the quadratic approximation of the likelihood, cut to the bounds.

        Parameters
        ----------
        n : int
        seed : int
            The same seed gives the same draws.

        Returns
        -------
        Draws
            From a t distribution on the working scale; parameters that the data do not determine are spread over
            their whole allowed range, and `Draws.notes` says so.

        Raises
        ------
        FitError
            n is not positive, or an undetermined parameter has no finite bounds to spread over.
        """
        if n < 1:
            raise FitError(f"n = {n} draws are not possible; ask for at least 1")
        space, loose = self.space, [item for item in self.items if item.verdict.startswith("not determined")]
        for item in loose:
            if not all(math.isfinite(item.allowed[i]) for i in (0, 1)):
                raise FitError(
                    f"{shown(item.name)} is not determined and its bounds are not finite, so it cannot be drawn; "
                    "give it bounds or fix it"
                )
        box = space.lower, space.upper
        drawn = truncated_draws(space.start, self.matrix, self.gradient, box, self.freedom, n, seed)
        values = [
            [min(max(f.from_working(float(x)), f.lower), f.upper) for x in drawn[:, j]]
            for j, f in enumerate(space.free)
        ]
        frame = space.frame(np.array(values).T)
        notes = [
            f"{item.name} is not determined by the data; it is spread over "
            f"{item.allowed[0]:g} to {item.allowed[1]:g} {item.unit}".rstrip()
            for item in loose
        ]
        notes += [
            f"{item.name} is at its {item.at_bound} bound; draws lie on the allowed side of it"
            for item in self.items
            if item.at_bound
        ]
        for tie in self.ties:
            inside = frame[tie.name].clip(tie.lower, tie.upper)
            if count := int((inside != frame[tie.name]).sum()):
                notes.append(f"{tie.name} would leave the bounds of the model in {count} draws; it is set to the bound")
            frame[tie.name] = inside
        return Draws(frame, space.units, seed, tuple(notes), groups=space.groups)

    def to_json(self) -> str:
        """All of it as JSON text: numbers and names, no code."""
        content = {
            "format": _FORMAT,
            "estimates": [asdict(item) for item in self.items],
            "information": self.matrix.tolist(),
            "gradient": self.gradient.tolist(),
            "freedom": self.freedom if math.isfinite(self.freedom) else None,
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
            "ties": [asdict(tie) | {"unit": tie.unit.text} for tie in self.ties],
            "tied": [asdict(item) for item in self.tied],
        }
        return json.dumps(_plain(content), indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Estimates:
        """Read what `to_json` wrote.

        Raises
        ------
        FitError
            The text is no such file.
        """
        try:
            content = json.loads(text)
            _check_kind(content)
            items = tuple(_read_item(item) for item in content["estimates"])
            matrix = np.array(content["information"], dtype=float).reshape(len(items), len(items))
            gradient = np.array(content["gradient"], dtype=float).reshape(len(items))
            freedom = math.inf if content["freedom"] is None else float(content["freedom"])
            ties = tuple(_read_tie(item) for item in content.get("ties", ()))
            tied = tuple(_read_item(item) for item in content.get("tied", ()))
            notes, origin = tuple(map(str, content["notes"])), dict(content["provenance"])
            return Estimates(items, matrix, gradient, freedom, notes, origin, ties, tied)
        except KeyError as missing:
            raise FitError(f"{_NO_FILE}: the entry {missing} is missing") from missing
        except (TypeError, ValueError) as problem:
            raise FitError(f"{_NO_FILE}: {problem}") from problem


_NO_FILE = "the text is not a file of estimates written by to_json"


def _check_kind(content: object) -> None:
    """Whether this is what `to_json` writes, in a format that this version reads."""
    if not isinstance(content, Mapping):
        raise FitError(
            f"{_NO_FILE}: it holds {shown(content)} where a JSON object with format, estimates and more stands"
        )
    if "format" not in content:
        held = f"it holds {', '.join(map(shown, list(content)[:5]))}" if content else "it is empty"
        raise FitError(f"{_NO_FILE}: {held}, and no format; write one with fit.to_json()")
    if content["format"] != _FORMAT:
        raise FitError(f"the estimates have format {shown(content['format'])}; this version reads {_FORMAT}")
    if not isinstance(content.get("estimates", []), list):
        raise FitError(
            f"{_NO_FILE}: estimates is {shown(content['estimates'])}, not a list with one object a parameter"
        )


def _kept_inside(item: Estimate, model: Model) -> tuple[float, str]:
    """The estimate; moved by the last digit where the change of unit would carry it over a bound of the model."""
    parameter, unit = model.parameter(item.target), Unit.of(item.unit)
    value = item.value
    for _ in range(4):
        number = value * unit.factor / parameter.unit.factor
        if parameter.lower <= number <= parameter.upper:
            break
        value = math.nextafter(value, math.inf if number < parameter.lower else -math.inf)
    return value, item.unit


def _plain(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _read_item(given: Mapping[str, Any]) -> Estimate:
    value, lower, upper, se, rse = (float(given[key]) for key in ("value", "lower", "upper", "se", "rse"))
    name, unit, at_bound, verdict = (str(given[key]) for key in ("name", "unit", "at_bound", "verdict"))
    low, high = (float(end) for end in given["allowed"])
    log, parameter = bool(given["log"]), str(given.get("parameter", ""))
    group = _read_group(given)
    allowed = (low, high)
    return Estimate(name, unit, value, lower, upper, se, rse, at_bound, verdict, allowed, log, parameter, group)


def _read_group(given: Mapping[str, Any]) -> Group:
    return tuple((str(label), of if isinstance(of, str) else float(of)) for label, of in given.get("group", ()))


def _read_tie(given: Mapping[str, Any]) -> Tied:
    name, text, parameter = (str(given[key]) for key in ("name", "text", "parameter"))
    follows = tuple((str(used), str(source)) for used, source in given["follows"])
    fixed = tuple((str(used), float(value)) for used, value in given["fixed"])
    bounds = float(given["lower"]), float(given["upper"])
    return Tied(name, Unit.of(str(given["unit"])), text, follows, fixed, *bounds, parameter, _read_group(given))


# -- from information to estimates -----------------------------------------------------------------------


def quantile(freedom: float, confidence: float = 0.95) -> float:
    """Two-sided quantile of the t distribution (normal for infinite `freedom`).

    Examples
    --------
    >>> round(quantile(20.0), 4)
    2.086
    """
    from scipy.stats import norm, t

    share = 0.5 + confidence / 2
    return float(t.ppf(share, freedom) if math.isfinite(freedom) else norm.ppf(share))


def estimate_all(space: Space, u: FloatArray, information: Information, origin: Mapping[str, Any]) -> Estimates:
    """Estimates with intervals and verdicts, a sentence for each undetermined direction, and what is tied."""
    reach = quantile(information.freedom) if information.freedom > 0 else math.nan
    items = tuple(_estimate(space, float(u[j]), information, j, reach) for j in range(len(space)))
    notes = tuple(_sentence(space, u, direction) for direction in information.moves)
    tied = tuple(_estimate_tied(space, u, information, i, reach) for i in range(len(space.tied)))
    known = information.matrix, information.gradient, information.freedom
    return Estimates(items, *known, notes, origin, space.tied, tied)


def _estimate(space: Space, x: float, information: Information, j: int, reach: float) -> Estimate:
    item = space.free[j]
    error = float(information.errors[j])
    verdict, side = _reason(space, information, j, reach), information.at_bound[j]
    value = item.lower if side == "lower" else item.upper if side == "upper" else item.from_working(x)
    value = min(max(value, item.lower), item.upper)
    low, high = item.lower, item.upper
    if not verdict:
        low, high = (item.from_working(x + sign * reach * error) for sign in (-1, 1))
        if low <= item.lower and high >= item.upper:
            verdict = WHOLE
        elif low <= item.lower or high >= item.upper:
            end = f"lower bound {item.lower:g}" if low <= item.lower else f"upper bound {item.upper:g}"
            verdict = f"open: the interval reaches the {end} {item.unit}".rstrip()
        low, high = max(low, item.lower), min(high, item.upper)
    se = error * item.slope(x)
    rse = 100.0 * (error if item.log else se / abs(value) if value else math.inf)
    allowed = (item.lower, item.upper)
    known = (item.name, item.unit.text, value, low, high, se, rse, side, verdict or "ok", allowed, item.log)
    return Estimate(*known, item.parameter, item.group)


def _estimate_tied(space: Space, u: FloatArray, information: Information, i: int, reach: float) -> Estimate:
    """What is tied, with the error of what it follows from carried along the slopes of the formula."""
    item, place = space.tied[i], len(space) + i
    value = float(space.placed(u)[place]) / item.unit.factor
    slopes = space.chain(u)[place] / item.unit.factor
    moving = np.flatnonzero(slopes)
    error = math.sqrt(float(slopes[moving] @ information.covariance[np.ix_(moving, moving)] @ slopes[moving]))
    log = item.lower >= 0 and value > 0
    low, high = item.lower, item.upper
    if verdict := _untold(space, information, moving, reach):
        error = math.nan
    elif log:
        low, high = (value * math.exp(sign * reach * error / value) for sign in (-1, 1))
    else:
        low, high = value - reach * error, value + reach * error
    low, high = max(low, item.lower), min(high, item.upper)
    rse = 100.0 * error / abs(value) if value else math.inf
    known = (item.name, item.unit.text, value, low, high, error, rse, "", verdict or "ok", (item.lower, item.upper))
    return Estimate(*known, log, item.parameter, item.group)


def _untold(space: Space, information: Information, moving: npt.NDArray[np.int64], reach: float) -> str:
    """Why what is tied has no error; empty when it has one."""
    if math.isnan(reach):
        return "not determined: as many parameters as measurements leave nothing to tell its error"
    lost = [space.names[j] for j in moving if math.isnan(information.errors[j])]
    return f"no interval of its own: {', '.join(lost)} has none" if lost else ""


def _reason(space: Space, information: Information, j: int, reach: float) -> str:
    """Why a parameter has no interval; empty when it has one."""
    if math.isnan(reach):
        return "not determined: as many parameters as measurements leave nothing to tell its error"
    if information.without_effect[j]:
        return SILENT
    if information.at_bound[j]:
        item, side = space.free[j], information.at_bound[j]
        bound = item.lower if side == "lower" else item.upper
        return f"at its {side} bound {bound:g} {item.unit}".rstrip() + "; profile it, widen the bound or fix it"
    if information.undetermined[j]:
        partners = [space.names[i] for i in information.partners(j)]
        return (
            f"not determined: only together with {', '.join(partners)}" if partners else "not determined by these data"
        )
    return ""


def _sentence(space: Space, u: FloatArray, direction: FloatArray) -> str:
    """What may change together without changing a prediction."""
    sizes = [1.0 if item.log else max(abs(float(x)), 1e-300) for item, x in zip(space.free, u, strict=True)]
    relative = np.abs(direction) / sizes
    steps = 0.1 * direction / relative.max()
    moves = []
    for item, step, share in zip(space.free, steps, relative / relative.max(), strict=True):
        if share < 1e-2:
            continue
        moves.append(
            f"{item.name} by {100.0 * math.expm1(step):+.3g}%"
            if item.log
            else f"{item.name} by {step:+.3g} {item.unit}".rstrip()
        )
    return "moving " + " and ".join(moves) + " leaves every prediction as it is"
