"""Failure times computed from the published equations with tight tolerance (science: card 2.8), to 0.1 %."""

import pytest

import pkpd_mdr as mdr
from pkpd_mdr.gallery import greene2019

START = 2.398  # when V first reaches 0.1
TIMES = {  # alpha: (constant, pulsed)
    0.0: (89.671, 14.392),
    0.01: (44.694, 61.364),
}


def failure(alpha: float, regimen: mdr.Regimen) -> float:
    run = greene2019(alpha).simulate(regimen, until="120 day", accuracy=mdr.Accuracy(rtol=1e-9))
    # growth from 0.1 passes 0.9 upwards only at failure
    return run.endpoint(mdr.endpoints.time_to_threshold(0.9))


@pytest.fixture(scope="module")
def begin() -> str:
    run = greene2019().simulate(until="10 day", accuracy=mdr.Accuracy(rtol=1e-10))
    found = run.endpoint(mdr.endpoints.time_to_threshold(0.1))
    assert found == pytest.approx(START, abs=6e-4)
    return f"{found!r} day"


@pytest.mark.parametrize("alpha", TIMES)
def test_failure_times(alpha, begin):
    constant = mdr.exposure("u", 1.5).shift(begin)
    pulsed = mdr.exposure("u", 1.5, over="1 day").every("4 day", times=40).shift(begin)
    expected = TIMES[alpha]
    assert failure(alpha, constant) == pytest.approx(expected[0], rel=1e-3)
    assert failure(alpha, pulsed) == pytest.approx(expected[1], rel=1e-3)


def test_induction_flips_the_ranking(begin):
    """The published message: constant treatment wins without induction, pulses win with it."""
    constant = mdr.exposure("u", 1.5).shift(begin)
    pulsed = mdr.exposure("u", 1.5, over="1 day").every("4 day", times=40).shift(begin)
    assert failure(0.0, constant) > failure(0.0, pulsed)
    assert failure(0.01, constant) < failure(0.01, pulsed)
