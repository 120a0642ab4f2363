"""Error models: how far a measurement may lie from the prediction.

Every model is a scale times a shape, ``sd = s*h/sqrt(n)`` with n the number of measurements behind a value. The scale
s can be found in closed form, so that a fit becomes a sum of squares. f is the prediction, y the measurement.

=============  ==================================  =======================================================
name           sd of one measurement               parameters
=============  ==================================  =======================================================
additive       a                                   a, in the unit of the observable
proportional   b*f                                 b
combined       sqrt(a**2 + b**2*f**2)              a, b
lognormal      s, of the logarithm of y            s (both sides are transformed)
poisson        sqrt(phi*f)                         phi, in the unit of the observable (1 for counts)
relative       b*y                                 b (classical weights 1/y**2)
sd             as the data say                     none: taken as it stands
sd_scaled      s times what the data say           s
=============  ==================================  =======================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd_mdr.data import Data
from pkpd_mdr.errors import FitError, did_you_mean, shown
from pkpd_mdr.fit.free import FloatArray

__all__ = ["ERRORS", "ErrorModel", "Shape", "read_errors"]

_MIX = 12.0  # bound of the logarithm of b*f/a at the typical size of f


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape h at each row, and the derivatives of its logarithm.

    Attributes
    ----------
    h : ndarray, shape (rows,)
    by_prediction : ndarray, shape (rows,)
        d ln h / d f.
    by_mix : ndarray, shape (rows,), or None
        d ln h / d mix, for the combined model.
    """

    h: FloatArray
    by_prediction: FloatArray
    by_mix: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """One error model for the rows of one observable.

    Parameters
    ----------
    kind : str
        One of `ERRORS`.
    typical : float
        Typical size of the measurements (median of absolute values), unit of the observable.
    floor : float
        Predictions below it count as it in the sd, which would else be zero.
    """

    kind: str
    typical: float = 1.0
    floor: float = 0.0

    @property
    def logarithmic(self) -> bool:
        """Whether both sides are transformed."""
        return self.kind == "lognormal"

    @property
    def scaled(self) -> bool:
        """Whether the scale s is estimated."""
        return self.kind != "sd"

    @property
    def mixed(self) -> bool:
        """Whether a mixing ratio of two errors is estimated."""
        return self.kind == "combined"

    @property
    def mix_bounds(self) -> tuple[float, float]:
        """Bounds of ``ln(b*typical/a)``."""
        return -_MIX, _MIX

    def shape(self, f: FloatArray, y: FloatArray, known: FloatArray, mix: float = 0.0) -> Shape:
        """The shape for predictions f, measurements y and known sds; all of shape (rows,)."""
        zero = np.zeros_like(f)
        if self.kind in ("sd", "sd_scaled"):
            return Shape(known, zero)
        if self.kind == "relative":
            return Shape(np.abs(y), zero)
        if self.kind in ("proportional", "poisson"):
            power = 1.0 if self.kind == "proportional" else 0.5
            above = np.abs(f) > self.floor
            size = np.where(above, np.abs(f), self.floor)
            return Shape(size**power, np.where(above, power * np.sign(f) / size, 0.0))
        if self.kind == "combined":
            return self._combined(f, mix)
        return Shape(np.ones_like(f), zero)

    def _combined(self, f: FloatArray, mix: float) -> Shape:
        # h**2 = (1 + r*(f/c)**2)/(1 + r) with r = exp(2*mix): between additive (r = 0) and proportional (r infinite)
        r = float(np.exp(2.0 * mix))
        relative = f / self.typical
        part = r * relative**2
        h = np.sqrt((1.0 + part) / (1.0 + r))
        return Shape(h, r * relative / self.typical / (1.0 + part), part / (1.0 + part) - r / (1.0 + r))

    def parameters(self, scale: float, mix: float = 0.0) -> dict[str, float]:
        """Error parameters by the names of the table, in units of the observable."""
        if self.kind == "combined":
            r = float(np.exp(2.0 * mix))
            return {"a": scale / np.sqrt(1.0 + r), "b": scale * np.sqrt(r / (1.0 + r)) / self.typical}
        if self.kind == "poisson":
            return {"phi": scale**2}
        names = {"additive": "a", "proportional": "b", "relative": "b"}
        return {names.get(self.kind, "s"): scale} if self.scaled else {}

    def describe(self, scale: float, mix: float, unit: str) -> str:
        """One line for the report."""
        values = {name: f"{value:.4g}" for name, value in self.parameters(scale, mix).items()}
        text = ERRORS[self.kind]
        if not values:
            return f"{self.kind} ({text})"
        with_unit = {
            name: f"{value} {unit}".rstrip() if name in ("a", "phi") else value for name, value in values.items()
        }
        return f"{self.kind} ({text}): " + ", ".join(f"{name} = {value}" for name, value in with_unit.items())


ERRORS = {
    "additive": "sd = a",
    "proportional": "sd = b*prediction",
    "combined": "sd = sqrt(a^2 + b^2*prediction^2)",
    "lognormal": "sd of the logarithm = s",
    "poisson": "variance = phi*prediction",
    "relative": "sd = b*measurement",
    "sd": "sd as given in the data",
    "sd_scaled": "sd = s times that of the data",
}


def read_errors(error: str | Mapping[str, str], data: Data) -> dict[str, ErrorModel]:
    """One error model for each observable of the data.

    Parameters
    ----------
    error : str or mapping of observable to str
        Names of `ERRORS`.
    data : Data

    Raises
    ------
    FitError
        An unknown name, an observable without error model, values that the model cannot have, or missing sds.
    """
    if not isinstance(error, (str, Mapping)):
        raise FitError(f"error = {shown(error)} is no error model; write for example error='proportional'")
    wanted = dict.fromkeys(data.observables, error) if isinstance(error, str) else dict(error)
    for name in wanted:
        if name not in data.observables:
            raise FitError(f"error names {shown(name)}, which was not measured{did_you_mean(name, data.observables)}")
    table, found = data.table, {}
    for name in data.observables:
        if name not in wanted:
            raise FitError(
                f"error says nothing of {shown(name)}; add it, as in error={{{shown(name)}: 'proportional'}}"
            )
        kind = wanted[name]
        if kind not in ERRORS:
            raise FitError(f"error {shown(kind)} is not known{did_you_mean(str(kind), ERRORS)}")
        mine = (table["observable"] == name).to_numpy()
        values = table["value"].to_numpy(dtype=np.float64)[mine]
        rows = table["source_row"].to_numpy()[mine]
        _check(kind, name, values, rows, data, mine)
        size = np.abs(values[values != 0.0])
        typical = float(np.median(size)) if len(size) else 1.0
        found[name] = ErrorModel(kind, typical, 1e-3 * float(size.min()) if len(size) else 1e-3)
    return found


def _check(
    kind: str,
    name: str,
    values: FloatArray,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    data: Data,
    mine: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> None:
    needs_positive = kind in ("lognormal", "proportional", "relative")
    bad = np.flatnonzero(values <= 0) if needs_positive else np.flatnonzero((values < 0) & (kind == "poisson"))
    if len(bad):
        kept = "positive values" if needs_positive else "values of zero or more"
        raise FitError(
            f"error {shown(kind)} needs {kept}, but {shown(name)} is "
            f"{values[bad[0]]:g} in row {rows[bad[0]]} of {data.origin}"
            f"{f' and in {len(bad) - 1} more' if len(bad) > 1 else ''}; use error='combined' or 'additive', "
            "or leave those rows out"
        )
    if kind in ("sd", "sd_scaled"):
        unknown = np.flatnonzero(np.isnan(data.standard_errors[mine]))
        if len(unknown):
            raise FitError(
                f"error {shown(kind)} needs the sd of every value, but "
                f"row {rows[unknown[0]]} of {data.origin} has none; "
                "name its column when reading (sd=, sem= or variance=), or choose another error model"
            )
