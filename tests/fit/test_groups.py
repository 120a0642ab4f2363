"""Parameters that differ between groups of conditions beside shared, fixed and tied ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import DataError, FitError, UnitError
from pkpd_mdr.fit import Draws, Estimates, fit
from pkpd_mdr.regimen import exposure, nothing

MODEL = mdr.Model(
    mdr.medium("dox", unit="uM"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="500 cell"),
    mdr.clone("R", growth=mdr.growth.exponential(rate=mdr.formula("growth_S")), start="50 cell", resistant=True),
    mdr.kill("dox", on="S", emax="0.1 1/h", ec50="100 nM"),
    mdr.kill("dox", on="R", emax="0.1 1/h", ec50=mdr.formula("fold*ec50_dox_S")),
    mdr.parameter("fold", 20.0),
)
TRUTH = {"A": 60.0, "B": 240.0}  # ec50 in nM of each line
FREE: dict[str, Any] = {"ec50_dox_S": ("1 nM", "10 uM"), "growth_S": ("0.001 1/h", "0.1 1/h")}


def lines(*, noise: float = 0.0) -> mdr.Data:
    rng, times = np.random.default_rng(1), np.array([0.0, 24, 48, 72])
    conditions, frames = [], []
    for line, ec50 in TRUTH.items():
        for level in (0, 50, 200, 800):
            regimen = exposure("dox", f"{level} nM") if level else nothing()
            name = f"{line} {level}"
            conditions.append(Condition(name, {"line": line, "plate": level % 3}, regimen))
            model = MODEL.with_parameters(ec50_dox_S=f"{ec50} nM", growth_S="0.025 1/h")
            run = model.simulate(regimen, until="72 h", times=[f"{t} h" for t in times])
            values = run.frame["burden"].to_numpy() * np.exp(noise * rng.normal(size=len(times)))
            frames.append(pd.DataFrame({"condition": name, "time": times, "value": values}))
    return from_frame(pd.concat(frames), conditions, units={"burden": "cell"})


@pytest.fixture(scope="module")
def grouped() -> mdr.Fit:
    return fit(MODEL, lines(noise=0.05), FREE, per={"ec50_dox_S": "line"}, error="lognormal", starts=1)


def test_each_group_has_its_parameter_and_the_rest_is_shared(grouped: mdr.Fit) -> None:
    assert list(grouped.values) == ["ec50_dox_S[A]", "ec50_dox_S[B]", "growth_S"]
    assert grouped.values["ec50_dox_S[A]"] == pytest.approx(60, rel=0.15)
    assert grouped.values["ec50_dox_S[B]"] == pytest.approx(240, rel=0.15)
    assert grouped.values["growth_S"] == pytest.approx(0.025, rel=0.05)


def test_one_value_for_all_groups_is_a_special_case_and_on_no_bound(grouped: mdr.Fit) -> None:
    common = fit(MODEL, lines(noise=0.05), FREE, error="lognormal", starts=1)
    row = mdr.compare_models({"common": common, "grouped": grouped}).table.loc["common"]
    ratio = 2 * (grouped.log_likelihood - common.log_likelihood)
    assert row["within"] == "grouped"
    assert row["p"] == pytest.approx(chi2.sf(ratio, 1), rel=1e-6)
    both = fit(MODEL, lines(noise=0.05), FREE, per=dict.fromkeys(FREE, "line"), error="lognormal", starts=1)
    table = mdr.compare_models({"common": common, "grouped": grouped, "both": both}).table
    assert table["within"].to_dict() == {"common": "grouped", "grouped": "both", "both": ""}
    assert table.loc["grouped", "p"] == pytest.approx(chi2.sf(2 * (both.log_likelihood - grouped.log_likelihood), 1))


def test_without_shared_parameters_it_is_one_fit_for_each_group() -> None:
    """Known sds leave nothing in common, so the joint fit must give what two separate fits give."""
    frame = lines(noise=0.05)
    table = frame.table.assign(sd=30.0)
    data = from_frame(table[["condition", "time", "value", "sd"]], frame.conditions, units={"burden": "cell"})
    both = fit(MODEL, data, FREE, per=dict.fromkeys(FREE, "line"), error="sd", starts=1)
    for line in TRUTH:
        alone = fit(MODEL, data.only(line=line), FREE, error="sd", starts=1)
        for name in FREE:
            assert both.values[f"{name}[{line}]"] == pytest.approx(alone.values[name], rel=1e-4)
            width = both.estimates.loc[f"{name}[{line}]", "se"] / alone.estimates.loc[name, "se"]
            assert width == pytest.approx(1.0, rel=1e-3)


def test_derivatives_belong_to_the_group() -> None:
    target = fit(MODEL, lines(noise=0.05), FREE, per={"ec50_dox_S": ["line"]}, starts=1).objective.problem
    u, step = target.space.start + 0.1, 1e-5
    here = target.predict(u)
    for j in range(len(u)):
        shift = step * np.eye(len(u))[j]
        slope = (target.predict(u + shift).values - target.predict(u - shift).values) / (2 * step)
        assert np.allclose(slope, here.by[:, j], rtol=2e-3, atol=2e-3 * np.abs(here.by).max())
    other = np.array([target.members[m].condition.labels["line"] != "A" for m in target.rows.member])
    assert not here.by[other, 0].any()
    assert here.by[~other, 0].any()


def test_models_and_draws_for_a_group(grouped: mdr.Fit) -> None:
    model = grouped.found.apply(MODEL, line="B")
    assert model.parameters["ec50_dox_S"].value == pytest.approx(grouped.values["ec50_dox_S[B]"])
    assert grouped.model_for(line="B").content_hash == model.content_hash
    draws = grouped.draws(50, seed=1)
    assert list(draws.frame.columns) == list(grouped.values)
    mine = draws.of(line="A")
    assert list(mine.frame.columns) == ["ec50_dox_S", "growth_S"]
    assert np.array_equal(mine.frame["ec50_dox_S"], draws.frame["ec50_dox_S[A]"])
    assert mine.rows(MODEL).shape == (50, len(MODEL.parameters))
    read = Estimates.from_json(grouped.to_json())
    assert read.items == grouped.found.items
    for refused, sentence in [
        (
            lambda: grouped.found.apply(MODEL),
            r"'ec50_dox_S' differs by 'line' \('A', 'B'\); say for which one, as in line='A'",
        ),
        (lambda: draws.rows(MODEL), "differs by 'line'"),
        (lambda: draws.of(line="C"), "no group has line = 'C'; known are 'A', 'B'"),
        (lambda: draws.of(lines="A"), "no parameter differs by 'lines'; did you mean 'line'"),
    ]:
        with pytest.raises(FitError, match=sentence):
            refused()


def test_draws_of_all_groups_are_not_a_table_of_runs(grouped: mdr.Fit) -> None:
    """Whoever takes draws says which groups there are, and how to hand in one."""
    draws, arms = grouped.draws(5, seed=1), {"dox": exposure("dox", "50 nM")}
    sentence = (
        "the parameter draws hold 'ec50_dox_S' for each group of conditions (line is 'A' or 'B'), and a run needs one "
        "of them; hand in the draws of one group, as in fit.draws(500, seed=1).of(line='A')"
    )
    with pytest.raises(DataError) as refused:
        mdr.compare(MODEL, arms, parameters=draws, until="48 h", endpoints=["nadir"])
    assert str(refused.value) == sentence
    with pytest.raises(DataError, match=r"the parameters hold 'ec50_dox_S' .*of\(line='A'\)"):
        mdr.simulate_many(MODEL, arms, parameters=draws, until="48 h")
    with pytest.raises(DataError, match=r"the draws hold 'ec50_dox_S' .*of\(line='A'\)"):
        mdr.patients(MODEL, 5, draws=draws, seed=1)
    bare = draws.frame.rename(columns={"ec50_dox_S[A]": "ec50_dox_S[231]"})
    with pytest.raises(UnitError, match=r"brackets hold units, and draws of several groups"):
        mdr.compare(MODEL, arms, parameters=bare, until="48 h", endpoints=["nadir"])
    with pytest.raises(
        FitError, match=r"'ec50_dox_S' differs by 'line' \('A', 'B'\); say for which one, as in line='A'"
    ):
        draws.of()
    one = mdr.compare(MODEL, arms, parameters=draws.of(line="B"), until="48 h", endpoints=["nadir"])
    assert len(one.draws) == 5


def test_draws_bring_their_units_along(grouped: mdr.Fit) -> None:
    """A model that declares the same parameter in another unit must not read nM as uM."""
    other = mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="1 1/day"), start="500 cell"),
        mdr.clone("R", growth=mdr.growth.exponential(rate=mdr.formula("growth_S")), start="50 cell", resistant=True),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="0.1 uM"),
        mdr.kill("dox", on="R", emax="0.1 1/h", ec50=mdr.formula("fold*ec50_dox_S")),
        mdr.parameter("fold", 20.0),
    )
    draws, arms = grouped.draws(4, seed=1).of(line="A"), {"dox": exposure("dox", "50 nM")}
    options = {"parameters": draws, "until": "48 h", "endpoints": ["nadir"]}
    ours, theirs = (mdr.compare(model, arms, **options).array("nadir") for model in (MODEL, other))
    np.testing.assert_allclose(theirs, ours, rtol=1e-6)


def test_a_group_that_no_condition_had_has_no_draws() -> None:
    """Labels that exist apart but not together must not leave a parameter out in silence."""
    frame = pd.DataFrame({"ec50[A, 1]": [1.0], "ec50[B, 2]": [2.0]})
    groups = {"ec50[A, 1]": (("line", "A"), ("plate", 1)), "ec50[B, 2]": (("line", "B"), ("plate", 2))}
    draws = Draws(frame, dict.fromkeys(frame, ""), 1, groups={name: ("ec50", group) for name, group in groups.items()})
    assert draws.of(line="B", plate=2).frame["ec50"].tolist() == [2.0]
    with pytest.raises(FitError, match="no condition had line = 'A' and plate = 2, so 'ec50' has no value there"):
        draws.of(line="A", plate=2)


def test_profile_of_a_group(grouped: mdr.Fit) -> None:
    profile = grouped.profile("ec50_dox_S[A]")
    assert profile.lower < 60 < profile.upper


def test_several_labels_and_the_condition_itself() -> None:
    found = fit(MODEL, lines(), {"growth_S": FREE["growth_S"]}, per={"growth_S": ("line", "plate")}, starts=1)
    assert list(found.values)[:3] == ["growth_S[A, 0]", "growth_S[A, 2]", "growth_S[B, 0]"]
    each = fit(MODEL, lines(), {"growth_S": FREE["growth_S"]}, per={"growth_S": "condition"}, starts=1)
    assert len(each.values) == 8


def test_groups_may_have_bounds_of_their_own() -> None:
    bounds = {"A": ("1 nM", "0.1 uM"), "B": ("100 nM", "200 nM", "5 uM")}
    found = fit(MODEL, lines(), FREE | {"ec50_dox_S": bounds}, per={"ec50_dox_S": "line"}, error="lognormal", starts=1)
    space = found.objective.problem.space
    assert [item.lower for item in space.free[:2]] == pytest.approx([1, 100])
    assert [item.upper for item in space.free[:2]] == pytest.approx([100, 5000])
    assert space.free[1].start == pytest.approx(200)
    assert found.values["ec50_dox_S[B]"] == pytest.approx(240, rel=1e-3)
    two = {(line, plate): (0.01, 0.1) for line in "AB" for plate in (0, 2)}
    both = fit(MODEL, lines(), {"growth_S": two}, per={"growth_S": ("line", "plate")}, starts=1)
    assert len(both.values) == 4


@pytest.mark.parametrize(
    ("bounds", "per", "sentence"),
    [
        ({"A": (1, 9)}, "line", "'ec50_dox_S': no bounds are given for the group 'B'; give them once"),
        ({"A": (1, 9), "b": (1, 9)}, "line", "no condition is of the group 'b'; did you mean 'B'"),
        ({"A": (1, 9), "B": (9, 1)}, "line", "'ec50_dox_S', group 'B': the lower bound 9 nM is not below"),
        ({"A": (1, 9), "B": (5, 20, 9)}, "line", "'ec50_dox_S', group 'B': the start 20 nM is outside the bounds"),
        ({"A": (1, 9), "B": (1, 9)}, None, "it is one parameter for all conditions; fit with per="),
        ({}, "line", "no group has bounds"),
    ],
)
def test_bounds_of_groups_that_cannot_be(bounds: Any, per: str | None, sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        fit(MODEL, lines(), FREE | {"ec50_dox_S": bounds}, per={"ec50_dox_S": per} if per else None)


@pytest.mark.parametrize(
    ("per", "sentence"),
    [
        ({"ec50_dox_s": "line"}, "per names 'ec50_dox_s', which is not free; did you mean 'ec50_dox_S'"),
        ({"ec50_dox_S": "lines"}, "condition 'A 0' has no label 'lines'; did you mean 'line'"),
        ({"ec50_dox_S": 3}, "3 is no label of the conditions"),
        ({"ec50_dox_S": ()}, "is no label of the conditions"),
    ],
)
def test_what_cannot_be_grouped(per: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        fit(MODEL, lines(), FREE, per=per)
