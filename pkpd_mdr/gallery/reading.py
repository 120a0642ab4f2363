"""How numbers are read off published models: values at times, crossings, equilibria and their eigenvalues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import Regimen, Strategy
from pkpd_mdr.units import Unit

__all__ = ["course", "crossing", "eigenvalues", "equilibrium", "level", "levels", "outcome"]

_MOST_STEPS = 60
_SETTLED = 1e-14


def course(
    model: Model, name: str, plan: Regimen | Strategy | None = None, **options: Any
) -> tuple[list[float], list[float]]:
    """Times and values of an output; `options` as in `pkpd_mdr.simulate`."""
    frame = model.simulate(plan, **options).frame
    return [float(time) for time in frame.index], [float(value) for value in frame[name]]


def levels(
    model: Model, name: str, times: Sequence[str], plan: Regimen | Strategy | None = None, **options: Any
) -> list[float]:
    """Values of an output at increasing times, the last of which ends the run."""
    return course(model, name, plan, until=times[-1], times=list(times), **options)[1]


def level(model: Model, name: str, at: str, plan: Regimen | Strategy | None = None, **options: Any) -> float:
    """Value of an output at a time."""
    return levels(model, name, [at], plan, **options)[0]


def outcome(model: Model, endpoint: str, plan: Regimen | Strategy | None = None, **options: Any) -> float:
    """An endpoint of a run by its name; `options` as in `pkpd_mdr.simulate`."""
    return float(model.simulate(plan, **options).endpoint(endpoint))


def crossing(times: Sequence[float], values: Sequence[float], threshold: float) -> float:
    """Time at which values first rise above a threshold, linear between rows; infinite if they never do."""
    for (t0, low), (t1, high) in zip(zip(times, values, strict=True), zip(times[1:], values[1:], strict=True)):  # noqa: B905
        if low <= threshold < high:
            return t0 + (threshold - low) / (high - low) * (t1 - t0)
    return float("inf")


def equilibrium(model: Model, near: Mapping[str, float]) -> dict[str, float]:
    """The equilibrium of a model without treatment, by Newton's method.

    Parameters
    ----------
    model : Model
    near : mapping of str to float
        A value for each state to start from, internal units.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ModelError
        The iteration does not settle.

    Examples
    --------
    >>> from pkpd_mdr.gallery import kuznetsov1994
    >>> round(equilibrium(kuznetsov1994(), {"E": 1.6e6, "T": 8e6})["T"])
    8186382
    """
    y = np.array([near[name] for name in model.states], dtype=float)
    for _ in range(_MOST_STEPS):
        step = np.linalg.solve(_jacobian(model, y), _slopes(model, y))
        y = y - step
        if np.all(np.abs(step) <= _SETTLED * np.maximum(np.abs(y), 1.0) * 10):
            return dict(zip(model.states, map(float, y), strict=True))
    raise ModelError(f"no equilibrium was found near {dict(near)}; start closer to one")


def eigenvalues(model: Model, at: Mapping[str, float], unit: str = "1/day") -> list[complex]:
    """Eigenvalues of the linearised model at a point, in `unit`, the largest real part first."""
    y = np.array([at[name] for name in model.states], dtype=float)
    found = np.linalg.eigvals(_jacobian(model, y)) / Unit.of(unit).factor
    return sorted((complex(value) for value in found), key=lambda value: (-value.real, -value.imag))


def _point(model: Model, y: np.ndarray[Any, Any]) -> dict[Any, float]:
    values = {symbol(name): item.internal for name, item in model.parameters.items()}
    return values | dict(zip(map(symbol, model.states), map(float, y), strict=True))


def _slopes(model: Model, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    point = _point(model, y)
    return np.array([float(slope.xreplace(point)) for slope in model.derivatives.values()])


def _jacobian(model: Model, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    point = _point(model, y)
    size = len(model.states)
    entries = [float(item.xreplace(point)) for item in model.jacobian]
    return np.array(entries).reshape(size, size)
