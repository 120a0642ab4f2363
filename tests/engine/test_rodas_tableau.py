"""Rodas5P: every order condition, and the slope of the error on problems with known solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

import numpy as np
import pytest

from pkpd_mdr.engine.machine import tableau

Tree = tuple["Tree", ...]


def order(tree: Tree) -> int:
    return 1 + sum(map(order, tree))


def density(tree: Tree) -> int:
    return order(tree) * prod(map(density, tree))


def trees(of: int) -> Iterator[Tree]:
    """All rooted trees with `of` vertices, each as the sorted tuple of its branches."""

    def forests(size: int, largest: Tree | None) -> Iterator[Tree]:
        if size == 0:
            yield ()
        for part in range(1, size + 1):
            for tree in trees(part):
                if largest is None or (order(tree), tree) <= (order(largest), largest):
                    for rest in forests(size - part, tree):
                        yield (tree, *rest)

    yield from forests(of - 1, None)


def weight(tree: Tree) -> np.ndarray:
    """Elementary weights by stage (Hairer & Wanner 1996, IV.7): beta below a single branch, alpha below several."""
    alpha, beta, _, _ = tableau.classical()
    matrix = beta if len(tree) == 1 else alpha
    return np.prod([matrix @ weight(branch) for branch in tree], axis=0) if tree else np.ones(tableau.STAGES)


def test_number_of_trees() -> None:
    assert [len(set(trees(n))) for n in range(1, 6)] == [1, 1, 2, 4, 9]


@pytest.mark.parametrize("tree", [t for n in range(1, 6) for t in trees(n)], ids=str)
def test_order_conditions(tree: Tree) -> None:
    _, _, b, embedded = tableau.classical()
    assert b @ weight(tree) == pytest.approx(1 / density(tree), abs=2e-12)
    if order(tree) <= 4:
        assert embedded @ weight(tree) == pytest.approx(1 / density(tree), abs=2e-12)


def test_what_the_weights_lack_of_order_six() -> None:
    """The defect adds nothing to the first five moments of time, and all that is missing to the sixth."""
    places = np.array([0.0, *tableau.ALPHA[1:5], 1.0])
    weights = tableau.classical()[2]
    for power in range(5):
        assert tableau.DEFECT @ places**power == pytest.approx(0.0, abs=1e-13)
    assert tableau.DEFECT @ places**5 + weights @ tableau.ALPHA**5 == pytest.approx(1.0 / 6.0, abs=1e-13)


@pytest.mark.parametrize("x", [0.1, 0.35, 0.8, 1.0])
@pytest.mark.parametrize("tree", [t for n in range(1, 5) for t in trees(n)], ids=str)
def test_order_conditions_of_dense_output(tree: Tree, x: float) -> None:
    gamma = np.linalg.inv(np.eye(8) / tableau.GAMMA - tableau.COUPLING)
    _, _, b, _ = tableau.classical()
    inner = (tableau.INNER[0] + x * (tableau.INNER[1] + x * tableau.INNER[2])) @ gamma
    assert (x * b + x * (1 - x) * inner) @ weight(tree) == pytest.approx(x ** order(tree) / density(tree), abs=2e-11)


def test_the_embedded_solution_is_not_of_order_five_and_the_method_is_stiffly_accurate() -> None:
    _, beta, b, embedded = tableau.classical()
    assert max(abs(embedded @ weight(t) - 1 / density(t)) for t in trees(5)) > 1e-5
    np.testing.assert_allclose(beta[-1], b, atol=1e-12)
    np.testing.assert_allclose(np.diag(tableau.COUPLING), 0.0)


def step(f: Callable, jac: Callable, ft: Callable, t: float, y: np.ndarray, h: float) -> np.ndarray:
    matrix = np.eye(len(y)) / (h * tableau.GAMMA) - jac(t, y)
    u = np.zeros((8, len(y)))
    for i in range(8):
        right = f(t + tableau.ALPHA[i] * h, y + tableau.WEIGHTS[i] @ u) + tableau.COUPLING[i] @ u / h
        u[i] = np.linalg.solve(matrix, right + h * tableau.SLOPES[i] * ft(t, y))
    return y + tableau.WEIGHTS[7] @ u + u[7]


PROBLEMS = {
    "logistic": (
        lambda t, y: y * (1 - y),
        lambda t, y: np.diag(1 - 2 * y),
        lambda t, y: 0 * y,
        lambda t: 1 / (1 + 9 * np.exp(-t)),
        [0.1],
    ),
    "forced": (
        lambda t, y: -3 * y + np.cos(t),
        lambda t, y: np.array([[-3.0]]),
        lambda t, y: np.array([-np.sin(t)]),
        lambda t: (3 * np.cos(t) + np.sin(t) - 3 * np.exp(-3 * t)) / 10,
        [0.0],
    ),
    "time times state": (
        lambda t, y: -2 * t * y**2,
        lambda t, y: np.diag(-4 * t * y),
        lambda t, y: -2 * y**2,
        lambda t: 1 / (1 + t**2),
        [1.0],
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_error_falls_with_the_fifth_power_of_the_step(name: str) -> None:
    f, jac, ft, exact, start = PROBLEMS[name]
    errors = []
    for steps in (16, 32, 64):
        y, h, worst = np.array(start), 2.0 / steps, 0.0
        for i in range(steps):
            y = step(f, jac, ft, i * h, y, h)
            worst = max(worst, abs(y[0] - exact((i + 1) * h)))
        errors.append(worst)
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert slopes.min() > 4.6
