"""Rare events by splitting, against exact chances, the master equation and plain sampling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm
from scipy.stats import norm

import pkpd_mdr as mdr
from pkpd_mdr.run.splitting import Way

SMALL = {"particles": 200, "repeats": 10, "looks": 50}


def model(birth, death, start, capacity=None, *parts):
    limit = {} if capacity is None else {"capacity": f"{capacity} cell"}
    law = mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day", **limit)
    return mdr.Model(mdr.clone("S", growth=law, start=start), *parts)


def generator(birth, death, capacity, top=None):
    """Of the number of cells, 0 to the capacity (or as far as is of interest), per day."""
    n = np.arange((top or capacity) + 1.0)
    up, down = birth * n * (1 - n / capacity), death * n
    return np.diag(up[:-1], 1) + np.diag(down[1:], -1) - np.diag(up + down)


def test_extinction_of_independent_cells_is_that_of_the_closed_form():
    """(d/b)^n = 9.5e-7; up to day 8 it is 9.4e-7."""
    independent = model(1.0, 0.25, 10)
    exact = mdr.extinction(independent, until="8 day").probability
    assert exact == pytest.approx(0.25**10, rel=0.03)
    found = mdr.rare_event(independent, until="8 day", below="1 cell", stochastic=mdr.Stochastic(seed=1), **SMALL)
    assert found.lower < exact < found.upper
    assert found.upper < 10 * found.lower


def test_extinction_of_competing_cells_is_that_of_the_master_equation():
    """Cells at their plateau: `extinction` cannot say, sampling would need a million paths for one event."""
    competing = model(1.0, 0.4, 30, 50)
    with pytest.raises(mdr.SimulationError, match="depend"):
        mdr.extinction(competing, until="20 day")
    exact = expm(20 * generator(1.0, 0.4, 50))[30, 0]
    assert 1e-6 < exact < 2e-6
    found = mdr.rare_event(competing, until="20 day", below="1 cell", stochastic=mdr.Stochastic(seed=1), **SMALL)
    assert found.lower < exact < found.upper
    assert found.upper < 10 * found.lower


def test_plain_sampling_gives_the_same_where_both_work():
    competing, seed = model(1.0, 0.7, 10, 40), mdr.Stochastic(seed=2)
    exact = expm(8 * generator(1.0, 0.7, 40))[10, 0]
    found = mdr.rare_event(competing, until="8 day", below="1 cell", stochastic=seed, **SMALL)
    many = mdr.simulate_many(
        competing, until="8 day", stochastic=seed, replicates=1500, endpoints="extinction", reduce="endpoints"
    )
    share = many.probabilities().iloc[0]
    assert share["lower"] < exact < share["upper"]
    assert found.lower < exact < found.upper
    assert found.lower < share["upper"]
    assert share["lower"] < found.upper


def test_a_level_is_looked_for_at_the_looks():
    """A dwindling clone that outgrows its start: paths that are above the level at a look, by the master equation."""
    top, level, looks = 60, 20, 20
    step = expm(4.0 / looks * generator(1.0, 2.0, np.inf, top))
    alive, passed = np.eye(top + 1)[2], 0.0
    for _ in range(looks):
        alive = alive @ step
        passed += alive[level + 1 :].sum()
        alive[level + 1 :] = 0.0
    assert 1e-7 < passed < 1e-5
    found = mdr.rare_event(
        model(1.0, 2.0, 2), until="4 day", above=(level, "cell"), stochastic=mdr.Stochastic(seed=3), **SMALL
    )
    assert found.lower < passed < found.upper


def test_estimates_are_unbiased_whatever_the_guess(monkeypatch):
    """The guess is bent so far that paths are drawn to the wrong places: more noise, the same mean."""
    exact = expm(5 * generator(1.0, 0.5, 20))[6, 0]
    plain = Way.log_chance
    for bend in (0.3, 1.0, 1.5):
        monkeypatch.setattr(Way, "log_chance", lambda self, score, bend=bend: bend * plain(self, score))
        found = mdr.rare_event(model(1.0, 0.5, 6, 20), until="5 day", below="1 cell", particles=40, repeats=60, looks=8)
        assert abs(found.probability - exact) < 4 * found.standard_error
        assert found.standard_error < 0.2 * exact


def test_drugs_act_between_the_looks_as_they_do_everywhere():
    """Exposures that begin and end between looks, and a fraction killed at once, of independent cells: exact."""
    treated = model(
        0.8, 0.2, 40, None, mdr.medium("A", unit="nM"), mdr.kill("A", on="S", slope="0.1 1/day/nM"), mdr.resection()
    )
    plan = mdr.exposure("A", "12 nM", over="1.3 day", at="0.35 day") & mdr.surgery(0.6, at="2.1 day")
    exact = mdr.extinction(treated, plan, until="4 day").probability
    assert 5e-4 < exact < 1e-3
    options = {"until": "4 day", "below": "1 cell", "stochastic": mdr.Stochastic(seed=4)}
    found = mdr.rare_event(treated, plan, **options, particles=300, looks=60)
    assert found.lower < exact < found.upper
    assert found.upper < 5 * found.lower
    assert not found.notes
    few = mdr.rare_event(treated, plan, **options, particles=30, looks=30)
    assert "paths count effectively" in str(few)


EXPOSED = (mdr.medium("A", unit="nM"), mdr.kill("A", on="S", slope="0.1 1/day/nM"))


def test_a_strategy_that_never_changes_its_mind_is_its_regimen():
    """Cut at each visit and taken up again, with equal random numbers."""
    treated, plan = model(1.0, 0.4, 12, 40, *EXPOSED), mdr.exposure("A", "4 nM", over="3.5 day", at="0.5 day")
    options = {"until": "6 day", "below": "1 cell", "particles": 100, "repeats": 5, "looks": 24}
    one = mdr.rare_event(treated, plan, **options)
    other = mdr.rare_event(treated, mdr.on_progression(plan, visit="1 day", growth=1e9), **options)
    np.testing.assert_allclose(other.estimates, one.estimates, rtol=1e-9)


@pytest.mark.parametrize("error", [0.0, 0.4])
def test_a_strategy_decides_for_each_path_by_what_it_sees(error):
    """Treated while eight cells or more are seen: the master equation from visit to visit, split by what was seen."""
    free, treated = (expm(generator(1.0, death, 40)) for death in (0.4, 1.1))
    numbers, alive = np.arange(41), np.eye(41)[15]
    seen = numbers >= 8 if not error else norm.sf((7.5 / np.maximum(numbers, 1) - 1) / error)
    for _ in range(7):
        alive = (alive * seen) @ treated + (alive * (1 - seen)) @ free
    held = mdr.exposure("A", "7 nM")
    found = mdr.rare_event(
        model(1.0, 0.4, 15, 40, *EXPOSED),
        mdr.rule(lambda visit: held if visit.burden >= 7.5 else None, visit="1 day"),
        until="7 day",
        below="1 cell",
        measure=mdr.measured("burden", relative_sd=error),
        stochastic=mdr.Stochastic(seed=1),
        particles=200,
        repeats=20,
        looks=20,  # visits are no multiples of them
    )
    assert found.lower < alive[0] < found.upper
    assert found.upper < 2 * found.lower
    always = expm(7 * generator(1.0, 1.1, 40))[15, 0]
    assert alive[0] < 0.3 * always


def test_the_same_seed_gives_the_same_numbers():
    options = {"until": "5 day", "below": "1 cell", "particles": 30, "repeats": 5, "looks": 8}
    one, again, other = (
        mdr.rare_event(model(1.0, 0.4, 5, 20), stochastic=mdr.Stochastic(seed=seed), **options) for seed in (1, 1, 2)
    )
    assert one.estimates.tolist() == again.estimates.tolist()
    assert one.estimates.tolist() != other.estimates.tolist()
    assert "burden below 1 cell within 5 day: probability" in str(one)
    assert str(one.levels[-1]) == "1 cell"


def test_what_is_there_at_the_start_is_no_rare_event():
    found = mdr.rare_event(model(1.0, 0.4, 5), until="5 day", below="6 cell")
    assert (found.probability, found.lower, found.upper, found.shares) == (1.0, 1.0, 1.0, ())
    assert "there at the start" in str(found)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, mdr.SimulationError, "give one level"),
        ({"below": "1 cell", "above": "9 cell"}, mdr.SimulationError, "give one level"),
        ({"below": "1 cell", "of": "burdn"}, mdr.SimulationError, "did you mean 'burden'"),
        ({"below": "1 mg"}, mdr.UnitError, "level of 'burden'"),
        ({"below": "1 cell", "until": "0 day"}, mdr.SimulationError, "not after the start"),
        ({"below": "1 cell", "confidence": 95}, mdr.SimulationError, "confidence is 95, not a share"),
        ({"below": "1 cell", "repeats": 2}, mdr.SimulationError, "choose 5 or more"),
        ({"below": "1 cell", "particles": 0}, mdr.SimulationError, "particles is 0"),
        ({"below": "1 cell", "regimen": "dox"}, mdr.RegimenError, "'dox' is not a regimen"),
        ({"below": "1 cell", "measure": "anc", "regimen": mdr.rule(len, visit="1 day")}, mdr.SimulationError, "'anc'"),
        ({"below": "1 cell", "regimen": mdr.rule(lambda visit: 3, visit="1 day")}, mdr.RegimenError, "answered int"),
        ({"below": "1 cell", "parameters": pd.DataFrame({"birth_S": [1.0]})}, mdr.SimulationError, "once for each"),
        ({"below": "1 cell", "regimen": mdr.bolus("dox", "1 mg")}, mdr.RegimenError, "no drug"),
        ({"below": "-1 cell"}, mdr.SimulationError, "burden below -1 cell within 5 day: no path got there"),
        (
            {"above": "9 cell", "start": {"S": 0}},
            mdr.SimulationError,
            "no path comes nearer .* than burden = 0 .*start",
        ),
    ],
)
def test_refusals(options, error, words):
    given = {"until": "5 day", "particles": 20, "looks": 5} | options
    with pytest.raises(error, match=words):
        mdr.rare_event(model(1.0, 0.4, 5), given.pop("regimen", None), **given)


def test_a_path_that_cannot_go_on_says_why():
    with pytest.raises(mdr.SimulationError, match=r"a path cannot go on, because .*budget of 5"):
        mdr.rare_event(model(1.0, 0.4, 5), until="5 day", below="1 cell", stochastic=mdr.Stochastic(budget=5))
