"""Surfaces with parameters, MuSyC and BRAID: limits projected out, bounded search from several starts, states.

Both surfaces are linear in their limits once the other parameters are known, so these are solved for exactly
(variable projection) and the search runs over potencies, slopes and interactions on log scales.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pkpd_mdr.errors import DataError, did_you_mean, is_flag, shown
from pkpd_mdr.response.combination import braid, musyc
from pkpd_mdr.response.combination.reading import Wells
from pkpd_mdr.response.combination.single import Hills

__all__ = ["SURFACES", "Design", "Fitted", "Surface", "check_fixed", "fit_surface", "starts_of"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
_STARTS = 10
_NEAR = 1e-3  # distance to a bound, on the working scale, that counts as at the bound


@dataclass(frozen=True, slots=True)
class Surface:
    """A family of surfaces of two drugs.

    Attributes
    ----------
    name : str
    working : tuple of str
        Parameters of the search.
    limits : tuple of str
        Parameters that are solved for.
    basis : callable
        From doses (cells, 2) and working parameters to the weights of the limits, shape (cells, limits).
    low, high : mapping
        Bounds on the reported scale; those of doses are factors of the lowest and highest dose.
    neutral : mapping
        Interaction parameters without interaction.
    """

    name: str
    working: tuple[str, ...]
    limits: tuple[str, ...]
    basis: Callable[[FloatArray, Mapping[str, float]], FloatArray]
    low: Mapping[str, float]
    high: Mapping[str, float]
    neutral: Mapping[str, float]
    balanced: bool = False

    def value(self, cells: FloatArray, given: Mapping[str, float]) -> FloatArray:
        """Responses at doses (cells, 2)."""
        return np.asarray(self.basis(cells, given) @ np.array([given[name] for name in self.limits]))


def _musyc_basis(cells: FloatArray, p: Mapping[str, float]) -> FloatArray:
    return musyc.occupancy(
        cells[:, 0], cells[:, 1], c1=p["C1"], c2=p["C2"], h1=p["h1"], h2=p["h2"], alpha12=p["alpha12"],
        alpha21=p["alpha21"], gamma12=p["gamma12"], gamma21=p["gamma21"],
    )  # fmt: skip


def _braid_basis(cells: FloatArray, p: Mapping[str, float]) -> FloatArray:
    part = braid.share(
        cells[:, 0], cells[:, 1], idm1=p["IDM1"], idm2=p["IDM2"], n1=p["n1"], n2=p["n2"], kappa=p["kappa"],
        a1=p["a1"], a2=p["a2"],
    )  # fmt: skip
    return np.stack([1.0 - part, part], axis=1)


SURFACES = {
    "musyc": Surface(
        "musyc", ("C1", "C2", "h1", "h2", "alpha12", "alpha21", "gamma12", "gamma21"), ("E0", "E1", "E2", "E3"),
        _musyc_basis,
        {"C1": 1e-2, "C2": 1e-2, "h1": 0.1, "h2": 0.1, "alpha12": 1e-4, "alpha21": 1e-4, "gamma12": 0.05,
         "gamma21": 0.05},
        {"C1": 1e2, "C2": 1e2, "h1": 10.0, "h2": 10.0, "alpha12": 1e4, "alpha21": 1e4, "gamma12": 20.0,
         "gamma21": 20.0},
        {"alpha12": 1.0, "alpha21": 1.0, "gamma12": 1.0, "gamma21": 1.0},
    ),
    "braid": Surface(
        "braid", ("IDM1", "IDM2", "n1", "n2", "kappa", "a1", "a2"), ("E0", "Ef"), _braid_basis,
        {"IDM1": 1e-2, "IDM2": 1e-2, "n1": 0.1, "n2": 0.1, "kappa": -1.99, "a1": 1e-3, "a2": 1e-3},
        {"IDM1": 1e2, "IDM2": 1e2, "n1": 10.0, "n2": 10.0, "kappa": 100.0, "a1": 1.0, "a2": 1.0},
        {"kappa": 0.0},
    ),
}  # fmt: skip


def check_fixed(fixed: Mapping[str, float], models: Sequence[str]) -> None:
    """Refuse parameters that no chosen surface has, and values that are not possible."""
    known = [name for model in models if model in SURFACES for name in SURFACES[model].working]
    for key, value in fixed.items():
        if key not in known:
            raise DataError(f"fixed: {shown(key)} is no parameter of the chosen surfaces{did_you_mean(key, known)}")
        bottom = -2.0 if key == "kappa" else 0.0
        top = 1.0 if key in ("a1", "a2") else np.inf
        if is_flag(value) or not isinstance(value, (int, float)) or not bottom < value <= top or np.isinf(value):
            raise DataError(
                f"fixed: {key} = {shown(value)} is not possible; {key} is a number above {bottom:g}"
                + (" up to 1" if top == 1 else "")
            )


@dataclass(frozen=True, slots=True)
class Design:
    """Cells, weights and bounds of a search; `tied` gives parameters that follow from others."""

    surface: Surface
    cells: FloatArray
    root: FloatArray
    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    held: Mapping[str, float]
    detailed_balance: bool = False

    @classmethod
    def of(cls, surface: Surface, wells: Wells, held: Mapping[str, float], *, detailed_balance: bool) -> Design:
        """The design of a table."""
        given = dict(held)
        if detailed_balance and surface.name == "musyc":
            given |= {"gamma12": 1.0, "gamma21": 1.0, "alpha21": np.nan}
        names = tuple(name for name in surface.working if name not in given)
        low, high = [], []
        for name in names:
            scale = (1.0, 1.0)
            if name in ("C1", "C2", "IDM1", "IDM2"):
                doses = wells.cells[:, int(name[-1]) - 1]
                scale = (float(doses[doses > 0].min()), float(doses.max()))
            low.append(_log(name, surface.low[name] * scale[0]))
            high.append(_log(name, surface.high[name] * scale[1]))
        root = np.sqrt(wells.n.astype(np.float64))
        return cls(surface, wells.cells, root, names, np.array(low), np.array(high), given, detailed_balance)

    def parameters(self, theta: FloatArray) -> dict[str, float]:
        """Working parameters on the reported scale."""
        found = {name: _exp(name, float(value)) for name, value in zip(self.names, theta, strict=True)}
        found |= self.held
        if self.detailed_balance and self.surface.name == "musyc":
            found["alpha21"] = found["alpha12"] ** (found["h2"] / found["h1"])
        return {name: float(found[name]) for name in self.surface.working}

    def solve(self, theta: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Limits and weighted residuals."""
        basis = self.surface.basis(self.cells, self.parameters(theta)) * self.root[:, None]
        limits = np.linalg.lstsq(basis, y * self.root, rcond=1e-9)[0]
        return np.asarray(limits, dtype=np.float64), np.asarray(basis @ limits - y * self.root)

    def jacobian(self, theta: FloatArray, limits: FloatArray) -> FloatArray:
        """Derivatives of the weighted responses by working parameters and limits, by differences within the bounds."""

        def at(moved: FloatArray) -> FloatArray:
            """Weighted basis of the surface at moved parameters, shape (cells, coefficients)."""
            return np.asarray(self.surface.basis(self.cells, self.parameters(moved)) * self.root[:, None])

        step = 1e-5
        moves = np.eye(len(theta)) * step
        columns = []
        for k, move in enumerate(moves):
            more, less = np.minimum(theta + move, self.high), np.maximum(theta - move, self.low)
            columns.append((at(more) - at(less)) @ limits / (more[k] - less[k]))
        return np.column_stack([*columns, at(theta)]) if columns else at(theta)


def _log(name: str, value: float) -> float:
    return float(np.log(value + 2.0)) if name == "kappa" else float(np.log(value))


def _exp(name: str, value: float) -> float:
    return float(np.exp(value) - 2.0) if name == "kappa" else float(np.exp(value))


@dataclass(frozen=True, slots=True)
class Fitted:
    """The best fit of a surface.

    Attributes
    ----------
    values : dict
        All parameters on the reported scale.
    rss : float
        Weighted sum of squares of the cell means (without the scatter of replicates).
    at_bound : dict of str to str
        Parameters that ended at a bound of the search.
    unit_error : dict
        Standard errors on the working scale (logarithm) per unit of residual error; NaN where the data do not fix it.
    """

    design: Design
    theta: FloatArray
    values: dict[str, float]
    rss: float
    at_bound: dict[str, str]
    unit_error: dict[str, float]

    def value(self, cells: FloatArray) -> FloatArray:
        """Responses at doses (cells, 2)."""
        return self.design.surface.value(cells, self.values)


def fit_surface(design: Design, y: FloatArray, starts: list[FloatArray]) -> Fitted:
    """The best of the descents from all starts."""
    from scipy.optimize import least_squares

    def residual_of(theta: FloatArray) -> FloatArray:
        """Weighted differences at the best linear coefficients, shape (wells,)."""
        return design.solve(theta, y)[1]

    best: tuple[float, FloatArray] | None = None
    inset = 1e-9 * (design.high - design.low)
    for start in starts:
        if not len(design.names):
            best = (0.0, np.zeros(0))
            break
        inside = np.clip(start, design.low + inset, design.high - inset)
        found = least_squares(
            residual_of, inside, bounds=(design.low, design.high), x_scale="jac",
            ftol=1e-12, xtol=1e-10, gtol=1e-12, max_nfev=300,
        )  # fmt: skip
        if best is None or found.cost < best[0]:
            best = (float(found.cost), np.asarray(found.x))
    assert best is not None
    theta = best[1]
    limits, residual = design.solve(theta, y)
    values = design.parameters(theta) | dict(zip(design.surface.limits, map(float, limits), strict=True))
    bound = {}
    for k, name in enumerate(design.names):
        if name in ("a1", "a2") and design.high[k] - theta[k] < _NEAR:
            continue  # a drug that reaches the largest effect alone is no failure
        if theta[k] - design.low[k] < _NEAR:
            bound[name] = "at its lower bound"
        elif design.high[k] - theta[k] < _NEAR:
            bound[name] = "at its upper bound"
    return Fitted(design, theta, values, float(residual @ residual), bound, _errors(design, theta, limits))


def _errors(design: Design, theta: FloatArray, limits: FloatArray) -> dict[str, float]:
    jacobian = design.jacobian(theta, limits)
    scale = np.sqrt((jacobian**2).sum(axis=0))
    safe = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh((jacobian / safe).T @ (jacobian / safe))
    known = values > 1e-12
    variance = (vectors**2 / np.where(known, values, np.inf)).sum(axis=1)
    lost = (vectors[:, ~known] ** 2).sum(axis=1) > 1e-6
    none = scale <= 1e-12 * scale[len(design.names) :].max(initial=0.0)
    errors = np.where(lost | none, np.nan, np.sqrt(variance) / safe)
    return dict(zip((*design.names, *design.surface.limits), map(float, errors), strict=True))


def starts_of(design: Design, hills: Hills, count: int = _STARTS, seed: int = 0) -> list[FloatArray]:
    """Starts from the fitted single drugs, with interactions spread over both sides; the same for the same table."""
    rng = np.random.default_rng(seed)
    centre = {}
    for k, pair in enumerate((("C1", "IDM1", "h1", "n1"), ("C2", "IDM2", "h2", "n2"))):
        doses = design.cells[:, k][design.cells[:, k] > 0]
        middle = float(np.exp(np.log(doses).mean()))
        fine = bool(hills.usable[0, k]) and doses.min() / 10 < hills.ec50[0, k] < doses.max() * 10
        for name in pair[:2]:
            centre[name] = float(hills.ec50[0, k]) if fine else middle
        for name in pair[2:]:
            centre[name] = float(np.clip(hills.hill[0, k], 0.3, 4.0)) if fine else 1.0
    centre |= {"alpha12": 1.0, "alpha21": 1.0, "gamma12": 1.0, "gamma21": 1.0, "kappa": 0.0, "a1": 0.95, "a2": 0.95}
    base = np.array([_log(name, centre[name]) for name in design.names])
    spread = np.array(
        [1.5 if n.startswith("alpha") else 0.7 if n in ("kappa", "a1", "a2") else 0.4 for n in design.names]
    )
    found = [base]
    for _ in range(count - 1):
        moved = base + spread * rng.standard_normal(len(base))
        found.append(np.clip(moved, design.low, design.high))
    return found
