"""Comparisons of stochastic paths: closed forms, luck that arms share, the same numbers wherever they run."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.integrate import quad

import pkpd_mdr as mdr
from pkpd_mdr.run import extinct, happens, time_to_progression

BIRTH, DEATH = 0.3, 0.2  # per day
RUN = {"until": "20 day", "endpoints": [extinct(), "final_burden"]}


@pytest.fixture(scope="module")
def model():
    return mdr.Model(
        mdr.medium("A", unit="nM"),
        mdr.clone("S", growth=mdr.growth.birth_death(birth="0.3 1/day", death="0.2 1/day"), start=3),
        mdr.kill("A", on="S", slope="0.01 1/day/nM"),
    )


A = mdr.exposure("A", "20 nM", over="20 day")
ARMS = {"none": mdr.nothing(), "A": A, "A again": A}


def probability(birth, death, time, start):
    """P(extinct by t) of a linear birth-death process (Kendall 1948)."""
    growth = math.exp((birth - death) * time)
    return (death * (growth - 1) / (birth * growth - death)) ** start


@pytest.fixture(scope="module")
def paths(model):
    return mdr.compare(model, ARMS, stochastic=mdr.Stochastic(seed=5), replicates=400, **RUN)


def test_extinction_is_that_of_the_closed_form(paths):
    table = paths.table.xs("extinction", level="endpoint")
    assert table["statistic"].tolist() == ["probability"] * 3
    for arm, death in (("none", DEATH), ("A", DEATH + 0.2)):
        expected = probability(BIRTH, death, 20, 3)
        row = table.loc[arm]
        error = math.sqrt(expected * (1 - expected) / 400)
        assert abs(row["median"] - expected) < 3.3 * error
        assert row["lower"] < row["median"] < row["upper"]
        assert row["upper"] - row["lower"] == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert paths.best() == "A"
    gap = paths.difference("A", "none")
    assert gap.lower < probability(BIRTH, DEATH + 0.2, 20, 3) - probability(BIRTH, DEATH, 20, 3) < gap.upper


def test_a_swimmer_names_the_paths(model):
    given = {"stochastic": mdr.Stochastic(seed=5), "replicates": 3, "until": "20 day"}
    one = mdr.compare(model, {"A": A}, **given)
    several = mdr.compare(model, {"A": A}, parameters={"birth_S": [0.2, 0.3]}, **given)
    labels = [[text.get_text() for text in run.plot_swimmer("A").get_yticklabels()] for run in (one, several)]
    assert sorted(labels[0]) == ["path 0", "path 1", "path 2"]
    assert sorted(labels[1]) == [f"draw {draw}, path {path}" for draw in (0, 1) for path in (0, 1, 2)]


def test_arms_share_the_luck_of_a_patient(model, paths):
    assert np.array_equal(paths.values[1], paths.values[2])
    assert paths.difference("A", "A again").tied == 1.0
    assert "all arms treat a patient with the same luck" in str(paths)
    assert "intervals are those of chance alone" in str(paths)
    apart = mdr.compare(model, ARMS, stochastic=mdr.Stochastic(seed=5), replicates=60, luck="arm", **RUN)
    assert not np.array_equal(apart.values[1], apart.values[2])
    assert "luck of its own" in str(apart)


def test_paths_are_those_of_simulate_many_and_of_any_chunk(model, paths):
    many = mdr.simulate_many(
        model,
        {"A": A},
        until="20 day",
        endpoints="final_burden",
        stochastic=mdr.Stochastic(seed=5),
        replicates=40,
        chunk=7,
    )
    assert many.members["replicate"].tolist() == list(range(40))
    assert np.array_equal(many.endpoint_values[:, 0], paths.array("final_burden")[1, :40])
    assert many.provenance["stochastic"]["seed"] == 5
    many = mdr.simulate_many(
        model, ARMS, until="20 day", endpoints="extinction", stochastic=mdr.Stochastic(seed=5), replicates=400
    )
    table, ours = many.probabilities(), paths.table.xs("extinction", level="endpoint")
    assert table["probability"].tolist() == ours["median"].tolist()
    assert table["upper"].tolist() == pytest.approx(ours["upper"].tolist())
    assert table["members"].tolist() == [400] * 3
    with ThreadPoolExecutor(2) as pool:
        there = mdr.compare(model, ARMS, stochastic=mdr.Stochastic(seed=5), replicates=400, executor=pool, **RUN)
    assert there.values.tobytes() == paths.values.tobytes()
    assert str(there) == str(paths)
    single = model.simulate(A, until="20 day", stochastic=mdr.Stochastic(seed=5))
    assert single.endpoint("final_burden") == paths.array("final_burden")[1, 0]


def test_endpoints_of_paths_stay_with_the_rows(model):
    """Slopes of a path of whole cells are where it tends to; a cubic through them would pass rows that are extremes."""
    items = ["nadir", "burden_peak", "final_burden"]
    chance = mdr.Stochastic(seed=2)
    many = mdr.simulate_many(model, A, until="20 day", endpoints=items, stochastic=chance, replicates=100)
    rows = many.values[:, :, 0]
    assert many.endpoint_values[:, 0] == pytest.approx(rows.min(axis=1), abs=1e-9)
    assert (many.endpoint_values[:, 1] >= rows.max(axis=1)).all()
    assert many.endpoint_values[:, 1] == pytest.approx(np.round(many.endpoint_values[:, 1]), abs=1e-9)


def test_whole_numbers_cross_a_level_between_two_rows():
    """One cell is not less than one cell, however the way to it is rounded; and none is not there before the last dies.

    The time of extinction lies between the last row with a cell and the first without, in the mean where Kendall says.
    """
    count, start, end = 1500, 5, 10.0
    law = mdr.growth.birth_death(birth="1 1/day", death="1.2 1/day")
    dying = mdr.Model(mdr.clone("S", growth=law, start=start))
    options = {"times": "0.05 day", "stochastic": mdr.Stochastic(seed=3), "replicates": count}
    items = [
        "time_to_extinction",
        mdr.endpoints.time_below("1 cell", of="burden"),
        mdr.endpoints.time_to_threshold("12 cell"),
    ]
    many = mdr.simulate_many(dying, until="10 day", endpoints=items, **options)
    rows, (gone, without, above) = many.values[:, :, 0], many.endpoint_values.T
    extinct = rows[:, -1] == 0
    assert np.array_equal(np.isfinite(gone), extinct)
    assert np.isfinite(above)[(rows > 12).any(axis=1)].all()
    last = many.times[np.argmax(rows == 0, axis=1) - 1][extinct]
    assert (gone[extinct] > last).all()
    assert (gone[extinct] < last + 0.05 + 1e-9).all()
    assert without == pytest.approx(np.where(extinct, end - np.where(extinct, gone, 0.0), 0.0), abs=1e-9)
    mean = quad(lambda t: 1 - probability(1, 1.2, t, start), 0, end)[0]
    assert np.minimum(gone, end).mean() == pytest.approx(mean, abs=4 * 3.3 / math.sqrt(count))


def test_a_population_that_was_large_dies_out_between_two_rows():
    """Rows of a path that flowed before are no whole numbers; those around the last cell are."""
    law = mdr.growth.birth_death(birth="0.3 1/day", death="1.3 1/day")
    dying = mdr.Model(mdr.clone("S", growth=law, start=3000))
    options = {"until": "15 day", "times": "0.5 day", "replicates": 50, "stochastic": mdr.Stochastic(seed=3)}
    many = mdr.simulate_many(dying, endpoints="time_to_extinction", **options)
    rows, gone = many.values[:, :, 0], many.endpoint_values[:, 0]
    alive, closer = many.times[(rows > 0).sum(axis=1) - 1], 15 / 240  # days: the rows that endpoints read
    extinct = rows[:, -1] == 0
    assert extinct.sum() > 30
    between = (gone - alive)[extinct] % closer / closer  # 0 at the last row with a cell
    assert 0.1 < between.min() < between.max() < 0.9


def test_draws_with_several_paths(model):
    draws = [{"birth_S": value} for value in (0.25, 0.3, 0.35)]
    found = mdr.compare(model, ARMS, parameters=draws, stochastic=mdr.Stochastic(seed=1), replicates=50, **RUN)
    assert found.values.shape == (3, 150, 2)
    assert found.drawn == 3
    assert found.owner.tolist() == np.repeat([0, 1, 2], 50).tolist()
    assert found.draws["replicate"].max() == 49
    assert "3 parameter draws, the same for all arms, 50 paths each" in str(found)
    assert "a share of 150 paths has a standard error of up to 29 %" in str(found)
    first = mdr.compare(model, ARMS, parameters=draws[:1], stochastic=mdr.Stochastic(seed=1), replicates=50, **RUN)
    assert np.array_equal(first.values, found.values[:, :50])


def test_replicates_need_chance(model):
    with pytest.raises(mdr.SimulationError, match="every replicate is the same"):
        mdr.compare(model, ARMS, replicates=3, **RUN)
    with pytest.raises(mdr.SimulationError, match="every replicate is the same"):
        mdr.simulate_many(model, ARMS, until="2 day", replicates=3)
    adaptive = {"adaptive": mdr.adaptive(A, visit="5 day")}
    noisy = mdr.measured("burden", relative_sd=0.5)
    found = mdr.compare(model, adaptive, replicates=5, measure=noisy, until="20 day", endpoints=["final_burden"])
    assert len(np.unique(found.array("final_burden"))) > 1


def test_a_path_ends_at_the_first_row_beyond_a_level(model):
    options = {"until": "20 day", "endpoints": ["time_to_stop", "final_burden", "burden_peak"], "replicates": 60}
    chance = mdr.Stochastic(seed=5)
    free = mdr.simulate_many(model, mdr.nothing(), stochastic=chance, **options)
    held = mdr.simulate_many(model, mdr.nothing(), stochastic=chance, stop={"burden": "12 cell"}, **options)
    rows, times = free.values[:, :, 0], free.times
    first = [times[np.argmax(row >= 12)] if (row >= 12).any() else math.inf for row in rows]
    assert held.endpoint_values[:, 0] == pytest.approx(first)
    reached = np.isfinite(first)
    assert 10 < reached.sum() < 50
    assert (held.endpoint_values[reached, 1] >= 12).all()
    assert np.array_equal(held.endpoint_values[~reached, 1:], free.endpoint_values[~reached, 1:])
    found = mdr.compare(model, {"none": mdr.nothing()}, stochastic=chance, stop={"burden": "12 cell"}, **options)
    assert found.ends[0] == pytest.approx(np.minimum(first, 20))
    assert np.array_equal(found.array("time_to_stop")[0], held.endpoint_values[:, 0])
    adaptive = mdr.adaptive(mdr.exposure("A", "1 nM", over="20 day"), visit="3 day")
    runs = (
        model.simulate(adaptive, until="20 day", stochastic=mdr.Stochastic(seed=k), stop={"burden": "12 cell"})
        for k in range(30)
    )
    run = next(run for run in runs if run.course.stopped)
    assert run.frame["burden"].iloc[-1] >= 12 > run.frame["burden"].iloc[:-1].max()
    assert run.events["what"].iloc[-1] == "burden reaches 12 cell"


def test_luck_is_the_patient_s_or_the_arm_s(model):
    with pytest.raises(mdr.SimulationError, match="luck = 'patients' is not known; did you mean 'patient'"):
        mdr.compare(model, ARMS, luck="patients", until="2 day")


# -- levels that end runs --------------------------------------------------------------------------------


def test_runs_that_end_at_a_level(model):
    """S' = 0.1 S from 3 reaches 12 after log(4)/0.1 days, at which everything not reached by then is censored."""
    item = time_to_progression(growth=8, name="eight")
    options = {
        "until": "40 day",
        "endpoints": [item, "time_to_stop", happens(time_to_progression())],
        "stop": {"burden": "12 cell"},
    }
    found = mdr.compare(model, {"none": mdr.nothing(), "A": A}, **options)
    end = math.log(4) / 0.1
    assert found.ends[0, 0] == pytest.approx(end, rel=1e-6)
    assert found.array("time_to_stop")[0, 0] == pytest.approx(end, rel=1e-6)
    assert math.isinf(found.array("eight")[0, 0])
    assert found.bounded("eight")[:, 0] == pytest.approx([end, 40], rel=1e-6)
    assert found.gaps("none", "A", "time_to_stop") == pytest.approx([end - 40], rel=1e-6)
    assert found.survival("eight").query("arm == 'none'")["time"].tolist() == pytest.approx([0, end], rel=1e-6)
    assert found.given["median"]["A", "A"] == pytest.approx(20 * 480)
    assert "a run ends where burden reaches 12 cell" in str(found)


def test_what_is_given_ends_with_the_run(model):
    """Under 5 nM the clone grows by 0.05 a day, and 2 x 3 cells are reached before the exposure is over."""
    weak = mdr.exposure("A", "5 nM", over="20 day")
    found = mdr.compare(model, {"weak": weak}, until="40 day", stop={"burden": "6 cell"}, endpoints=["time_to_stop"])
    end = math.log(2) / 0.05
    assert found.given["median"]["weak", "A"] == pytest.approx(5 * 24 * end, rel=1e-6)
