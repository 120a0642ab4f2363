"""A small version of benchmarks/planted_winner.py: the better arm is found, equal arms are equal, intervals hold."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "planted_winner.py"


@pytest.fixture(scope="module")
def trials():
    return runpy.run_path(str(SCRIPT))


def test_a_planted_winner_is_found(trials):
    assert trials["planted"](6, 60) >= 5 / 6


def test_identical_arms_with_the_luck_of_patients_tie_always(trials):
    assert trials["identical"](2, 20, luck="patient") == (0.5, 0.5)


@pytest.mark.parametrize("adaptive", [False, True])
def test_identical_arms_with_luck_of_their_own_are_best_equally_often(trials, adaptive):
    share, _ = trials["identical"](5, 60, adaptive=adaptive)
    assert share != 0.5
    assert 0.41 <= share <= 0.59  # of 300 patients the standard error is 2.9 %


def test_intervals_hold_the_truth(trials):
    """Fewer than 20 of 25 happen once in a thousand times where the coverage is 95 %."""
    assert trials["coverage"](25, 60) >= 0.8
    means, shares = trials["coverage_of_means"](25, 40, everyone=1000)
    assert means >= 0.8
    assert shares >= 0.8
