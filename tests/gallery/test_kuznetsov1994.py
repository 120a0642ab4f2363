"""Equilibria and eigenvalues derived from the published parameters (science: card 2.22), to four digits."""

import numpy as np
import pytest
from scipy.optimize import root

from pkpd_mdr.engine import compile_model
from pkpd_mdr.gallery import kuznetsov1994

EQUILIBRIA = {
    "A, no tumour": ((3.155e5, 0.0), (0.1453, -0.0412)),
    "B, dormant": ((1.6081e6, 8.1864e6), (-0.00552 + 0.0634j, -0.00552 - 0.0634j)),
    "C, saddle": ((7.585e5, 2.6802e8), None),
    "D, escape": ((1.732e5, 4.4703e8), None),
}


@pytest.fixture(scope="module")
def model():
    return kuznetsov1994()


@pytest.fixture(scope="module")
def functions(model):
    compiled = compile_model(model)
    values = [item.internal for item in model.parameters.values()]

    def slope(y):
        return 24.0 * np.array(compiled.rhs(0.0, y, values))  # per day

    def jacobian(y):
        return 24.0 * np.reshape(compiled.jacobian(0.0, y, values), (2, 2))

    return slope, jacobian


@pytest.mark.parametrize("name", EQUILIBRIA)
def test_equilibria_to_four_digits(functions, name):
    slope, jacobian = functions
    expected, eigenvalues = EQUILIBRIA[name]
    found = root(lambda x: slope(x * 1e6) / 1e4, np.array(expected) / 1e6, jac=lambda x: jacobian(x * 1e6) * 1e2)
    assert found.success
    got = found.x * 1e6
    assert got == pytest.approx(expected, rel=2e-4, abs=1e-3)
    if eigenvalues is not None:
        values = sorted(np.linalg.eigvals(jacobian(got)), key=lambda v: (-v.real, -v.imag))
        assert values == pytest.approx(list(eigenvalues), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "positive"), [("A, no tumour", 1), ("B, dormant", 0), ("C, saddle", 1), ("D, escape", 0)]
)
def test_stability(functions, name, positive):
    _, jacobian = functions
    values = np.linalg.eigvals(jacobian(EQUILIBRIA[name][0]))
    assert int((values.real > 0).sum()) == positive


def test_damped_approach_to_the_dormant_state(model):
    run = model.simulate(until="2000 day", times="1 day")
    tumour = run.frame["T"].to_numpy()
    assert tumour[-1] == pytest.approx(8.1864e6, rel=1e-3)
    early, late = np.ptp(tumour[100:400]), np.ptp(tumour[600:900])
    assert 0 < late < 0.5 * early
