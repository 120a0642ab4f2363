"""Error models: how far a measurement may lie from the prediction.

f is the prediction, y the measurement, n the number of measurements (or cells) behind a value.

=================  ==================================  =======================================================
name               of one measurement                  parameters
=================  ==================================  =======================================================
additive           sd = a                              a, in the unit of the observable
proportional       sd = b*f                            b
combined           sd = sqrt(a**2 + b**2*f**2)         a, b
lognormal          sd of the logarithm of y = s        s (both sides are transformed)
poisson            sd = sqrt(phi*f)                    phi, in the unit of the observable (1 for counts)
relative           sd = b*y                            b (classical weights 1/y**2)
sd                 sd as the data say                  none: taken as it stands
sd_scaled          sd = s times what the data say      s
student_t          scale = a; any of the above by      a (or as above) and df, estimated or given
                   `student_t`
negative_binomial  variance = f + alpha*f**2           alpha; y counts things, with zeros
binomial           variance = f*(1 - f)/n              none; y is a fraction of n cells
beta_binomial      that times 1 + (n - 1)*rho          rho
=================  ==================================  =======================================================

The first eight are normal: a scale times a shape, ``sd = s*h/sqrt(n)``. Their common scale can be found in closed form,
so that a fit becomes a sum of squares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.data import Data
from pkpd_mdr.errors import FitError, did_you_mean, is_flag, shown
from pkpd_mdr.fit.free import FloatArray

__all__ = ["ERRORS", "ErrorLike", "ErrorModel", "Shape", "StudentT", "read_errors", "student_t"]

_MIX = 12.0  # bound of the logarithm of b*f/a at the typical size of f
_EXTRA = {  # start and bounds of the coordinate of a family: logarithms of df, alpha, and precision 1/rho - 1
    "student_t": (math.log(5.0), math.log(1.0), math.log(300.0)),
    "negative_binomial": (math.log(0.1), math.log(1e-6), math.log(1e2)),
    "beta_binomial": (math.log(30.0), math.log(0.05), math.log(1e6)),
}
_EDGES = {  # what a family is at the lower and the upper bound of its coordinate
    "student_t": ("df is at its lower bound: outliers decide on the scale", "the data ask for normal errors"),
    "negative_binomial": (
        "alpha is at its lower bound: the data ask for Poisson counts, whose variance is their mean",
        "alpha is at its upper bound: does the model describe these counts?",
    ),
    "beta_binomial": (
        "rho is at its upper bound: does the model describe these fractions?",
        "rho is at its lower bound: the data ask for binomial fractions",
    ),
}
_NEAR = 0.99  # share of the way to a bound from which on it is reached
_MOST_FREEDOM = 1e6  # of a Student's t, which is normal long before
_WHOLE = 0.1  # how far a total may be from a whole number: files round fractions


@dataclass(frozen=True, slots=True)
class StudentT:
    """Robust errors, made by `student_t`."""

    of: str = "additive"
    df: float | None = None


ErrorLike = str | StudentT | Mapping[str, str | StudentT]
"""What `error=` takes: one error model for all observables, or observable to error model."""


def student_t(of: str = "additive", *, df: float | None = None) -> StudentT:
    """Errors with Student's t distribution, for data with outliers.

    Parameters
    ----------
    of : str
        How the scale depends on the prediction: a normal error model such as ``"additive"``, ``"proportional"`` or
        ``"lognormal"``.
    df : float, optional
        Degrees of freedom, 1 to 1e6; estimated when absent. The sd is the scale times ``sqrt(df/(df - 2))``.

    Returns
    -------
    StudentT
        For `error=` of `pkpd_mdr.fit`.

    Raises
    ------
    FitError
        Another word, or degrees of freedom below 1.

    Examples
    --------
    >>> student_t("lognormal", df=4)
    StudentT(of='lognormal', df=4.0)
    """
    if not isinstance(of, str) or of not in _NORMAL:
        raise FitError(f"student_t of {shown(of)} is not known{did_you_mean(of, _NORMAL)}")
    if df is not None and (is_flag(df) or not isinstance(df, (int, float)) or not 1.0 <= df <= _MOST_FREEDOM):
        raise FitError(f"student_t: df = {shown(df)} is no number from 1 to 1e6; leave it out to estimate it")
    return StudentT(of, None if df is None else float(df))


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
    of : str
        The normal error model that a Student's t scales as.
    freedom : float or None
        Degrees of freedom of a Student's t, where they are given.
    unit : float
        Internal value of one unit of the observable: what a count or a fraction is multiplied with.
    """

    kind: str
    typical: float = 1.0
    floor: float = 0.0
    of: str = ""
    freedom: float | None = None
    unit: float = 1.0

    @property
    def normal(self) -> bool:
        """Whether the errors are normal, given the sd."""
        return self.kind in _NORMAL

    @property
    def discrete(self) -> bool:
        """Whether measurements are counts or fractions of counts."""
        return self.kind in _DISCRETE

    @property
    def logarithmic(self) -> bool:
        """Whether both sides are transformed."""
        return self._form == "lognormal"

    @property
    def scaled(self) -> bool:
        """Whether the scale s is estimated."""
        return self._form != "sd" and not self.discrete

    @property
    def mixed(self) -> bool:
        """Whether a mixing ratio of two errors is estimated."""
        return self._form == "combined"

    @property
    def extra(self) -> tuple[float, float, float] | None:
        """Start, lower and upper bound of the coordinate of the family; None where it has none to estimate."""
        return _EXTRA.get(self.kind) if self.freedom is None else None

    @property
    def _form(self) -> str:
        return self.of or self.kind

    @property
    def mix_bounds(self) -> tuple[float, float]:
        """Bounds of ``ln(b*typical/a)``."""
        return -_MIX, _MIX

    def shape(self, f: FloatArray, y: FloatArray, known: FloatArray, mix: float = 0.0) -> Shape:
        """The shape for predictions f, measurements y and known sds; all of shape (rows,)."""
        zero = np.zeros_like(f)
        form = self._form
        if form in ("sd", "sd_scaled"):
            return Shape(known, zero)
        if form == "relative":
            return Shape(np.abs(y), zero)
        if form in ("proportional", "poisson"):
            power = 1.0 if form == "proportional" else 0.5
            above = np.abs(f) > self.floor
            size = np.where(above, np.abs(f), self.floor)
            return Shape(size**power, np.where(above, power * np.sign(f) / size, 0.0))
        if form == "combined":
            return self._combined(f, mix)
        return Shape(np.ones_like(f), zero)

    def _combined(self, f: FloatArray, mix: float) -> Shape:
        # h**2 = (1 + r*(f/c)**2)/(1 + r) with r = exp(2*mix): between additive (r = 0) and proportional (r infinite)
        r = float(np.exp(2.0 * mix))
        relative = f / self.typical
        part = r * relative**2
        h = np.sqrt((1.0 + part) / (1.0 + r))
        return Shape(h, r * relative / self.typical / (1.0 + part), part / (1.0 + part) - r / (1.0 + r))

    def spread(self, f: FloatArray, n: FloatArray, extra: float) -> FloatArray:
        """The sd of counts or fractions behind n samples, unit of the observable, shape (rows,)."""
        mean = np.maximum(f * self.unit, self.least)
        if self.kind == "negative_binomial":
            return np.asarray(np.sqrt((mean + math.exp(extra) * mean**2) / n) / self.unit)
        mean = np.minimum(mean, 1.0 - self.least)
        inflation = 1.0 + (n - 1.0) / (1.0 + math.exp(extra)) if self.kind == "beta_binomial" else 1.0
        return np.asarray(np.sqrt(mean * (1.0 - mean) / n * inflation) / self.unit)

    @property
    def least(self) -> float:
        """Smallest mean of a count or a fraction that a prediction stands for."""
        return 1e-9 if self.kind == "negative_binomial" else 1e-12

    def parameters(self, scale: float, mix: float = 0.0, extra: float = 0.0) -> dict[str, float]:
        """Error parameters by the names of the table, in units of the observable."""
        if self.kind == "negative_binomial":
            return {"alpha": math.exp(extra)}
        if self.kind == "beta_binomial":
            return {"rho": 1.0 / (1.0 + math.exp(extra))}
        found, form = {"df": math.exp(extra)} if self.extra else {}, self._form
        if form == "combined":
            r = float(np.exp(2.0 * mix))
            return {"a": scale / np.sqrt(1.0 + r), "b": scale * np.sqrt(r / (1.0 + r)) / self.typical} | found
        if form == "poisson":
            return {"phi": scale**2} | found
        names = {"additive": "a", "proportional": "b", "relative": "b"}
        return ({names.get(form, "s"): scale} if self.scaled else {}) | found

    def edge(self, mix: float, extra: float) -> str:
        """Which simpler error the data ask for, where the one that was fitted ends in it; empty where it does not."""
        if self.mixed and abs(mix) > _NEAR * _MIX:
            return f"the data ask for {'a proportional' if mix > 0 else 'an additive'} error alone"
        if self.extra is None:
            return ""
        _, low, high = self.extra
        at = (extra - low) / (high - low)
        return "" if 1.0 - _NEAR < at < _NEAR else _EDGES[self.kind][at > 0.5]

    def describe(self, scale: float, mix: float, unit: str, extra: float = 0.0) -> str:
        """One line for the report."""
        values = {name: f"{value:.4g}" for name, value in self.parameters(scale, mix, extra).items()}
        text = f"{ERRORS[self.kind]}{ERRORS[self.of].replace('sd', 'scale', 1)}" if self.of else ERRORS[self.kind]
        if self.freedom is not None:
            text += f", df = {self.freedom:g}"
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
    "student_t": "Student's t, ",
    "negative_binomial": "variance = prediction + alpha*prediction^2",
    "binomial": "a fraction of n",
    "beta_binomial": "a fraction of n, variance times 1 + (n - 1)*rho",
}
_DISCRETE = ("negative_binomial", "binomial", "beta_binomial")
_NORMAL = tuple(kind for kind in ERRORS if kind not in (*_DISCRETE, "student_t"))


def read_errors(error: ErrorLike, data: Data, fitted: npt.NDArray[np.int64] | None = None) -> dict[str, ErrorModel]:
    """One error model for each observable of the data.

    Parameters
    ----------
    error : str, StudentT, or mapping of observable to either
        Names of `ERRORS`, or what `student_t` made.
    data : Data
    fitted : ndarray of int, optional
        Positions in the table of what is fitted; all of it if left out. What became a start has no error: a culture of
        one kind begins with 0 cells of the other.

    Raises
    ------
    FitError
        An unknown name, an observable without error model, values that the model cannot have, or missing sds.
    """
    if not isinstance(error, (str, StudentT, Mapping)):
        raise FitError(f"error = {shown(error)} is no error model; write for example error='proportional'")
    wanted = dict(error) if isinstance(error, Mapping) else dict.fromkeys(data.observables, error)
    for name in wanted:
        if name not in data.observables:
            raise FitError(f"error names {shown(name)}, which was not measured{did_you_mean(name, data.observables)}")
    table, found = data.table, {}
    kept = np.isin(np.arange(len(table)), np.arange(len(table)) if fitted is None else fitted)
    for name in data.observables:
        if name not in wanted:
            raise FitError(
                f"error says nothing of {shown(name)}; add it, as in error={{{shown(name)}: 'proportional'}}"
            )
        given = wanted[name]
        kind, of, df = ("student_t", given.of, given.df) if isinstance(given, StudentT) else (given, "", None)
        if not isinstance(kind, str) or kind not in ERRORS:
            raise FitError(f"error {shown(kind)} is not known{did_you_mean(kind, ERRORS)}")
        of = of or ("additive" if kind == "student_t" else "")
        mine = kept & (table["observable"] == name).to_numpy()
        values = table["value"].to_numpy(dtype=np.float64)[mine]
        rows = table["source_row"].to_numpy()[mine]
        _check(of or kind, name, values, rows, data, mine)
        _check_limits(kind, df, name, rows, data, mine)
        if kind in _DISCRETE:
            _check_counts(kind, name, values, rows, data, mine)
        size = np.abs(values[values != 0.0])
        typical = float(np.median(size)) if len(size) else 1.0
        floor = 1e-3 * float(size.min()) if len(size) else 1e-3
        found[name] = ErrorModel(kind, typical, floor, of, df, data.value_factor(name))
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
            "declare a limit of quantification when reading (lloq=), "
            "or take 'negative_binomial' for counts"
        )
    if kind in ("sd", "sd_scaled"):
        unknown = np.flatnonzero(np.isnan(data.standard_errors[mine]))
        if len(unknown):
            raise FitError(
                f"error {shown(kind)} needs the sd of every value, but "
                f"row {rows[unknown[0]]} of {data.origin} has none; "
                "name its column when reading (sd=, sem= or variance=), or choose another error model"
            )


def _check_counts(
    kind: str,
    name: str,
    values: FloatArray,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    data: Data,
    mine: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> None:
    """Counts are whole, fractions lie in 0 to 1 and are whole numbers of the cells that were looked at."""
    n, size = data.table["n"].to_numpy(dtype=np.float64)[mine], values * data.value_factor(name)
    fraction = kind != "negative_binomial"
    if not data.units[name].dimensionless:
        raise FitError(
            f"error {shown(kind)} needs {'fractions' if fraction else 'counts'}, "
            f"but {shown(name)} was measured in {data.units[name].text!r}; choose an error model for sizes"
        )
    if fraction and not (n > 1).any():
        raise FitError(
            f"error {shown(kind)} needs the number of cells behind each fraction of {shown(name)}; "
            "name its column when reading (n=)"
        )
    bad = np.flatnonzero((size < 0) | (fraction & (size > 1)))
    if len(bad):
        allowed = "0 to 1 (or 0 % to 100 %)" if fraction else "0 or more"
        hint = "; percent need the unit '%' with the value column" if fraction and values.max() > 1 else ""
        raise FitError(
            f"error {shown(kind)}: {shown(name)} is {values[bad[0]]:g} in row {rows[bad[0]]} of {data.origin}, "
            f"outside {allowed}{hint}"
        )
    total = size * n
    bad = np.flatnonzero(np.abs(total - np.round(total)) > _WHOLE)
    if len(bad):
        raise FitError(
            f"error {shown(kind)}: {shown(name)} is {values[bad[0]]:g} of n = {n[bad[0]]:g} in row {rows[bad[0]]} of "
            f"{data.origin}, which is {total[bad[0]]:g} and no whole number; give counts as they were counted, with n"
        )


def _check_limits(
    kind: str,
    df: float | None,
    name: str,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    data: Data,
    mine: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> None:
    """A censored row needs the probability of a whole range, which not every error model gives."""
    beyond = np.flatnonzero(data.censored[mine] != 0)
    if not len(beyond):
        return
    where = f"row {rows[beyond[0]]} of {data.origin} is beyond a limit of quantification"
    if kind in _DISCRETE:
        raise FitError(
            f"error {shown(kind)} of {shown(name)}: {where}, and there is no probability of that for counts; choose an "
            "error model that has one, such as 'lognormal' or 'combined' (leaving such rows out would bias the fit)"
        )
    if kind == "student_t" and df is None:
        raise FitError(f"error {shown(kind)} of {shown(name)}: {where}; give the degrees of freedom, student_t(df=4)")
