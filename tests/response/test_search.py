"""The vectorised fit: exact curves are found, laws of scaling hold, the optimum is that of another optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from pkpd_mdr.response.estimates import Curves, curve_at, fit_stack, working_names
from pkpd_mdr.response.families import family
from pkpd_mdr.response.stack import Stack

X = np.repeat(np.array([0.0, *np.geomspace(0.01, 30.0, 9)]), 2)


def curves_of(y: np.ndarray, name: str = "LL.4", x: np.ndarray = X, **options: object) -> Curves:
    stack = Stack.of(np.repeat(np.arange(len(y)), len(x)), np.tile(x, len(y)), y.ravel())
    return fit_stack(stack, family(name), **options)  # type: ignore[arg-type]


def noisy(seed: int, count: int, noise: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low, e, h = (
        rng.uniform(0, 0.6, (count, 1)),
        np.exp(rng.uniform(-2, 2.5, (count, 1))),
        rng.uniform(0.6, 3, (count, 1)),
    )
    return low + (1 - low) / (1 + (X / e) ** h) + noise * rng.standard_normal((count, len(X)))


@pytest.mark.parametrize("name", ["LL.4", "LL.5", "W1.4", "W2.4", "LN.4", "G.4", "L.4", "BC.5", "CRS.5b", "BP.5"])
@pytest.mark.parametrize("rising", [False, True])
def test_an_exact_curve_is_found(name: str, rising: bool) -> None:
    chosen = family(name)
    theta = np.array([[0.3, 0.4, 0.5, 0.0, 0.9][: len(chosen.shape.parameters)]])
    if name == "BP.5":
        theta[0, 0] = 0.0
    linear = np.array([[1.0, 0.1, 0.0]]) if rising else np.array([[0.1, 1.0, 0.0]])
    if chosen.hump is not None:
        linear[0, 2] = -0.4 if rising else 0.4
    y = curve_at(chosen, theta, linear, X[None])
    found = curves_of(y, name)
    assert found.rss[0] < 1e-9
    np.testing.assert_allclose(found.predict(X[None]), y, atol=3e-5)


@settings(max_examples=20)
@given(st.floats(1e-6, 1e6), st.floats(0.01, 100.0), st.floats(-5.0, 5.0))
def test_units_do_not_matter(dose: float, size: float, shift: float) -> None:
    """Other units of dose and response move e, c and d, and nothing else."""
    y = noisy(3, 1)
    one, other = curves_of(y), curves_of(shift + size * y, x=X * dose)
    assert other.rss[0] == pytest.approx(size**2 * one.rss[0], rel=1e-6)
    assert other.theta[0, 0] == pytest.approx(one.theta[0, 0], abs=1e-4)
    assert other.theta[0, 1] - np.log(dose) == pytest.approx(one.theta[0, 1], abs=1e-4)


def test_a_curve_is_the_same_alone_and_among_others() -> None:
    y = noisy(4, 40)
    together = curves_of(y)
    for k in (0, 17, 39):
        alone = curves_of(y[k : k + 1])
        assert alone.rss[0] == pytest.approx(together.rss[k], rel=1e-9)
        np.testing.assert_allclose(alone.theta[0], together.theta[k], rtol=1e-5, atol=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    y = noisy(5, 1)
    turned = np.random.default_rng(1).permutation(len(X))
    assert curves_of(y[:, turned], x=X[turned]).rss[0] == pytest.approx(curves_of(y).rss[0], rel=1e-12)


def test_ragged_designs_find_the_optimum_of_shared_ones() -> None:
    y = noisy(6, 12)
    stack = Stack.of(
        np.repeat(np.arange(12), len(X)), np.tile(X, 12) * np.repeat(1.0 + 1e-9 * np.arange(12), len(X)), y.ravel()
    )
    np.testing.assert_allclose(fit_stack(stack, family("LL.4")).rss, curves_of(y).rss, rtol=1e-6)


@pytest.mark.parametrize("name", ["LL.4", "LL.3", "W1.4", "LN.4"])
def test_the_optimum_is_that_of_lmfit(name: str) -> None:
    """The best of four starts of lmfit has the same sum of squares to 1e-6."""
    from lmfit import Parameters, minimize

    chosen = family(name)
    held = {key: value for key, value in chosen.held(rising=False).items() if key in ("c", "d")}
    y = noisy(7, 8)
    found = curves_of(y, name, held=held)
    for k in range(len(y)):

        def residual(p: Parameters, k: int = k) -> np.ndarray:
            v = p.valuesdict()
            theta, linear = np.array([[v["b"], v["e"]]]), np.array([[v["c"], v["d"], 0.0]])
            return np.asarray(curve_at(chosen, theta, linear, X[None])[0] - y[k])

        ends = []
        for log_e in (-2.0, -0.5, 1.0, 2.5):
            start = Parameters()
            for key, value in zip(working_names(chosen), [0.2, log_e, 0.3, 1.0], strict=True):
                start.add(key, value=held.get(key, value), vary=key not in held)
            ends.append(minimize(residual, start, ftol=1e-12, xtol=1e-12).chisqr)
        assert found.rss[k] == pytest.approx(min(ends), rel=1e-6)


def test_bounds_are_kept_and_optimal() -> None:
    """With a bound on c the fit is that of the best held value."""
    y = noisy(8, 6)
    found = curves_of(y, bounds={"c": (0.35, 0.5)})
    assert np.all((found.linear[:, 0] >= 0.35 - 1e-12) & (found.linear[:, 0] <= 0.5 + 1e-12))
    grid = np.stack([curves_of(y, held={"c": value}).rss for value in np.linspace(0.35, 0.5, 31)])
    assert np.all(found.rss <= grid.min(axis=0) * (1 + 1e-6))


def test_weights_count_like_repeats() -> None:
    """A point of weight two is two points."""
    y = noisy(9, 1)[0]
    heavy = Stack.of(np.zeros(len(X), dtype=np.int64), X, y, np.where(np.arange(len(X)) == 5, 2.0, 1.0))
    twice = Stack.of(np.zeros(len(X) + 1, dtype=np.int64), np.append(X, X[5]), np.append(y, y[5]))
    assert fit_stack(heavy, family("LL.4")).rss[0] == pytest.approx(fit_stack(twice, family("LL.4")).rss[0], rel=1e-9)


def test_steps_tails_and_flat_curves_have_no_better_start() -> None:
    """Curves beyond the top dose, steps and noise: no start of a fine grid ends lower."""
    from dataclasses import replace

    from pkpd_mdr.response.separable import Block, descend
    from pkpd_mdr.response.shapes import Coordinates
    from pkpd_mdr.response.starts import bounds_of_shape

    rng = np.random.default_rng(10)
    x = np.geomspace(0.01, 30.0, 9)
    y = np.concatenate(
        [
            1 + 0.05 * rng.standard_normal((10, 9)),
            1 / (1 + (x / np.exp(rng.uniform(3.5, 5, (10, 1)))) ** 1.5) + 0.05 * rng.standard_normal((10, 9)),
            np.where(x > 1, 0.2, 1.0) + 0.05 * rng.standard_normal((10, 9)),
        ]
    )
    found = curves_of(y, x=x)
    nothing = np.zeros((1, 2))
    block = Block(family("LL.4"), Coordinates.of(x[None]), y, np.ones((1, 9)), {}, {}, nothing, nothing)
    low, high = bounds_of_shape(block)
    block = replace(block, low=low, high=high)
    best = np.full(len(y), np.inf)
    for log_b in np.linspace(-1.5, 3.5, 6):
        for log_e in np.linspace(-7, 9, 17):
            best = np.minimum(best, descend(block, np.tile([log_b, log_e], (len(y), 1)))[1].rss)
    assert np.mean(found.rss <= best * (1 + 1e-4)) >= 0.96


def hormesis(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Eight doses of a noisy Brain-Cousens curve."""
    rng, x = np.random.default_rng(seed), np.array([0.0, *np.geomspace(0.1, 100, 7)])
    c, b, e = rng.uniform(0, 0.2), rng.uniform(1.2, 4), 10 ** rng.uniform(0, 1.3)
    f = 3 * rng.uniform(0, 0.3) / e
    return x, c + (1 - c + f * x) / (1 + (x / e) ** b) + rng.uniform(0.01, 0.3) * rng.normal(size=8)


@pytest.mark.parametrize("seed", [3, 21, 62])
def test_no_hump_lies_below_the_fit(seed: int) -> None:
    """Dense least squares over slope and location, all else solved for; 21 is slow, 62 has an optimum at each dose."""
    x, y = hormesis(seed)

    def rss(u: np.ndarray) -> float:
        with np.errstate(divide="ignore"):
            s = 1 / (1 + np.exp(np.clip(np.exp(u[0]) * (np.log(x) - u[1]), -500, 500)))
        columns = np.stack([np.ones(8), s, x * s], axis=1)
        columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
        return float(np.sum((y - columns @ np.linalg.lstsq(columns, y, rcond=1e-9)[0]) ** 2))

    grid = [np.array([b, e]) for b in np.linspace(-1, 4, 26) for e in np.linspace(-6, 8, 50)]
    options = {"xatol": 1e-9, "fatol": 1e-15, "maxiter": 2000}
    near = sorted(grid, key=rss)[:6]
    least = min(minimize(rss, u, method="Nelder-Mead", options=options).fun for u in near)
    found = curves_of(y[None, :], "BC.5", x)
    assert found.rss[0] == pytest.approx(rss(found.theta[0]), rel=1e-9)
    assert found.rss[0] <= least * (1 + 1e-7)
    assert found.settled.all()
