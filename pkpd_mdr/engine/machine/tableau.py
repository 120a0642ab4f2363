"""The Rosenbrock method Rodas5P: order 5, L-stable, embedded order 4, dense output of order 4.

Coefficients: G. Steinebach (2023), Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the
Julia Differential Equations package, BIT Numerical Mathematics 63:27. In the form without matrix products (Hairer &
Wanner 1996, section IV.7) one step from y of length h solves, for stages i = 1..8,

    (I/(h*gamma) - J) u_i = f(t + alpha_i*h, w_i) + sum_j C_ij/h * u_j + h*d_i*df/dt,   w_i = y + sum_j A_ij u_j

with J = df/dy at (t, y). The new state is w_8 + u_8, u_8 estimates the error, and inside the step

    y(t + x*h) = (1 - x)*y + x*(y_new + (1 - x)*(k_1 + x*(k_2 + x*k_3))),   k_l = sum_j H_lj u_j.

`ALPHA` and `SLOPES` (d) follow from the rest; a test checks all order conditions up to order 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["ALPHA", "COUPLING", "DEFECT", "GAMMA", "INNER", "SLOPES", "STAGES", "WEIGHTS", "classical"]

FloatArray = npt.NDArray[np.float64]

STAGES: Final = 8
GAMMA: Final = 0.21193756319429014
"""The diagonal coefficient."""


def _lower(rows: list[list[float]]) -> FloatArray:
    table = np.zeros((STAGES, STAGES))
    for i, row in enumerate(rows, start=1):
        table[i, : len(row)] = row
    return table


_FIFTH = [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946]

WEIGHTS: Final = _lower(
    [
        [3.0],
        [2.849394379747939, 0.45842242204463923],
        [-6.954028509809101, 2.489845061869568, -10.358996098473584],
        [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641],
        _FIFTH,
        [*_FIFTH, 1.0],
        [*_FIFTH, 1.0, 1.0],
    ]
)
"""A: how much of each earlier stage stands in the argument of a stage, shape (8, 8)."""

COUPLING: Final = _lower(
    [
        [-14.155112264123755],
        [-17.97296035885952, -2.859693295451294],
        [147.12150275711716, -1.41221402718213, 71.68940251302358],
        [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306],
        [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471],
        [
            30.91273214028599,
            -3.1208243349937974,
            77.79954646070892,
            34.28646028294783,
            -19.097331116725623,
            -28.087943162872662,
        ],
        [
            37.80277123390563,
            -3.2571969029072276,
            112.26918849496327,
            66.9347231244047,
            -40.06618937091002,
            -54.66780262877968,
            -9.48861652309627,
        ],
    ]
)
"""C: how much of each earlier stage stands on the right-hand side of a stage, shape (8, 8)."""

INNER: Final = np.array(
    [
        [
            25.948786856663858,
            -2.5579724845846235,
            10.433815404888879,
            -2.3679251022685204,
            0.524948541321073,
            1.1241088310450404,
            0.4272876194431874,
            -0.17202221070155493,
        ],
        [
            -9.91568850695171,
            -0.9689944594115154,
            3.0438037242978453,
            -24.495224566215796,
            20.176138334709044,
            15.98066361424651,
            -6.789040303419874,
            -6.710236069923372,
        ],
        [
            11.419903575922262,
            2.8879645146136994,
            72.92137995996029,
            80.12511834622643,
            -52.072871366152654,
            -59.78993625266729,
            -0.15582684282751913,
            4.883087185713722,
        ],
    ]
)
"""H: dense output, shape (3, 8)."""


def classical() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The method in its original form, for order conditions.

    Returns
    -------
    alpha, beta : ndarray, shape (8, 8)
        beta = alpha + gamma, gamma with its diagonal.
    b, b_hat : ndarray, shape (8,)
        Weights of the solution and of the embedded one.

    Examples
    --------
    >>> round(float(classical()[2].sum()), 12)
    1.0
    """
    gamma = np.linalg.inv(np.eye(STAGES) / GAMMA - COUPLING)
    alpha = WEIGHTS @ gamma
    last = np.eye(STAGES)[-1]
    return alpha, alpha + gamma, (WEIGHTS[-1] + last) @ gamma, WEIGHTS[-1] @ gamma


ALPHA: Final = classical()[0].sum(axis=1)
"""Where in the step each stage lies, shape (8,)."""

SLOPES: Final = np.linalg.inv(np.eye(STAGES) / GAMMA - COUPLING).sum(axis=1)
"""d: how much of h*df/dt each stage takes, shape (8,)."""


def _defect() -> FloatArray:
    nodes = np.array([0.0, *ALPHA[1:5], 1.0])
    apart = nodes[:, None] - nodes + np.eye(len(nodes))
    missing = 1.0 / 6.0 - float(classical()[2] @ ALPHA**5)
    return np.asarray(missing / apart.prod(axis=1))


DEFECT: Final = _defect()
"""What the weights lack of a quadrature of order 6: at the begin, at stages 2 to 5, at the end; shape (6,).

For h times a function of time alone, the method is a quadrature of order 5 at these six places in the step. Their fifth
divided difference, times what the method leaves of the fifth moment, is the leading term of its error.
"""
