"""Parameter draws: a table in the units of the model becomes rows of internal values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from pkpd_mdr.engine.lowering import FloatArray
from pkpd_mdr.errors import DataError, PkpdMdrError, did_you_mean, shown
from pkpd_mdr.model import Model
from pkpd_mdr.units import QuantityLike

__all__ = ["Drawn", "Framed", "Members", "read_draws"]


@runtime_checkable
class Framed(Protocol):
    """Anything with a table of draws, such as ``fit.draws(500)``."""

    @property
    def frame(self) -> pd.DataFrame:
        """One row per draw, one column per parameter, in the units of the model."""


Drawn = pd.DataFrame | Framed | Sequence[Mapping[str, QuantityLike]] | None


@dataclass(frozen=True, slots=True)
class Members:
    """Parameter values of all draws.

    Attributes
    ----------
    values : ndarray, shape (draws, p)
        Internal units, in the order of ``model.parameters``.
    varied : tuple of str
        Parameters that the draws give; empty for the model's own values.
    """

    values: FloatArray
    varied: tuple[str, ...] = ()


def read_draws(model: Model, given: Drawn) -> Members:
    """Read parameter draws.

    Parameters
    ----------
    model : Model
    given : DataFrame, object with ``.frame``, sequence of mappings, or None
        Columns are parameter names; numbers are in the unit in which the model declares the parameter. What a table
        or a mapping leaves out keeps the model's value. None is one draw: the model as it is.

    Returns
    -------
    Members

    Raises
    ------
    DataError
        No row, an unknown column (the nearest is suggested), or a value that is missing, no number, or out of bounds.
    """
    own = np.array([item.internal for item in model.parameters.values()], dtype=float)
    if given is None:
        return Members(own[None])
    frame = given.frame if not isinstance(given, pd.DataFrame) and isinstance(given, Framed) else given
    if isinstance(frame, pd.DataFrame):
        return _from_frame(model, own, frame)
    if isinstance(frame, (str, Mapping)) or not isinstance(frame, Sequence):
        raise DataError(
            f"parameters is {shown(given)}; give a DataFrame, fit.draws(500) or a list of dicts from parameter to value"
        )
    return _from_rows(model, own, frame)


def _from_frame(model: Model, own: FloatArray, frame: pd.DataFrame) -> Members:
    if not len(frame):
        raise DataError("the table of parameter draws has no row; give one row per draw")
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"the table of parameter draws has the column {shown(twice)} twice")
    values = np.tile(own, (len(frame), 1))
    order = list(model.parameters)
    for position, name in enumerate(names):
        if name not in model.parameters:
            raise DataError(
                f"the table of parameter draws has the column {shown(name)}, which is no parameter of the"
                f" model{did_you_mean(name, order)}"
            )
        try:
            column = pd.to_numeric(frame.iloc[:, position], errors="coerce").to_numpy(dtype=float)
        except (OverflowError, TypeError, ValueError) as problem:
            raise DataError(
                f"the column {shown(name)} of the table of parameter draws does not hold numbers"
            ) from problem
        _check_column(model, name, column, frame)
        values[:, order.index(name)] = column * model.parameters[name].unit.factor
    return Members(values, tuple(names))


def _check_column(model: Model, name: str, column: FloatArray, frame: pd.DataFrame) -> None:
    part = model.parameters[name]
    slack = 1e-9 * np.maximum(np.abs(column), 1e-300)
    for wrong, why in (
        (~np.isfinite(column), "which is not a finite number"),
        (
            (column < part.lower - slack) | (column > part.upper + slack),
            f"which is outside its bounds [{part.lower:g}, {part.upper:g}] {part.unit}".rstrip(),
        ),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            found = frame[name].iloc[row]
            raise DataError(f"parameter draw {row}: {shown(name)} is {shown(found)}, {why}")


def _from_rows(model: Model, own: FloatArray, rows: Sequence[Mapping[str, QuantityLike]]) -> Members:
    if not rows:
        raise DataError("the list of parameter draws is empty; give one dict per draw")
    values = np.tile(own, (len(rows), 1))
    order = {name: k for k, name in enumerate(model.parameters)}
    for row, given in enumerate(rows):
        if not isinstance(given, Mapping):
            raise DataError(f"parameter draw {row} is {shown(given)}; give a dict from parameter to value")
        for name, value in given.items():
            try:
                values[row, order.get(name, 0)] = model.parameter(name).at(value).internal
            except PkpdMdrError as problem:
                raise DataError(f"parameter draw {row}: {problem}") from problem
    return Members(values, tuple(dict.fromkeys(name for given in rows for name in given)))
