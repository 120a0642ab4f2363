"""Which mechanism: simulated truths are found, rivals are refused, and a design that cannot tell says so."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import Fit, Selection, compare_models
from pkpd_mdr.fit.held_out import find_folds, hold_out
from pkpd_mdr.fit.nesting import mixture_p
from pkpd_mdr.units import Quantity, Unit

CELL = Unit.of("cell")
LAW = mdr.growth.exponential(rate="0.03 1/h")
SELECTION, TRANSFER, INDUCED = "selection", "contact transfer", "induced by the drug"
HOURS = [0.0, 12.0, 24.0, 36.0, 48.0, 72.0]
DRUG = mdr.exposure("dox", "300 nM", over="72 h")


def plate(*mechanism: mdr.model.Mechanism) -> mdr.Model:
    """Sensitive and resistant cells; acquired ones (A) keep the colour of the sensitive ones."""
    return mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=LAW, start=1000),
        mdr.clone("R", growth=LAW, start=1000, resistant=True),
        mdr.clone("A", growth=LAW, start=0, resistant=True),
        mdr.kill("dox", on="S", emax="0.08 1/h", ec50="100 nM"),
        mdr.observable("green", "S + A", "cell"),
        mdr.observable("red", "R", "cell"),
        *mechanism,
    )


RIVALS = {
    SELECTION: plate(),
    TRANSFER: plate(mdr.contact_transfer("R", "S", "A", rate="0.01 1/h")),
    INDUCED: plate(mdr.switching("S", "A", induced_by="dox", emax="0.01 1/h", ec50="100 nM")),
}
RATE = {TRANSFER: "contact_S_A", INDUCED: "switching_emax_dox_S_A"}
FREE = {"growth_S": ("0.005 1/h", "0.1 1/h"), "growth_R": ("0.005 1/h", "0.1 1/h"), "emax_dox_S": (0.01, 0.3)}


def simulated(truth: str, shares: tuple[float, ...], seed: int = 1, sd: float = 0.05) -> mdr.Data:
    """Mixtures of green and red cells, with and without drug."""
    noise, rows, conditions = np.random.default_rng(seed), [], []
    for share in shares:
        for drug, given_ in (("no drug", mdr.nothing()), ("dox", DRUG)):
            name = f"{share:g} red, {drug}"
            known = {"S0": Quantity(2000 * (1 - share), CELL), "R0": Quantity(2000 * share, CELL)}
            conditions.append(Condition(name, {"share": share, "drug": drug}, given_, known))
            model = RIVALS[truth].with_parameters(S0=2000 * (1 - share), R0=2000 * share)
            run = model.simulate(given_, until="72 h", times=[(hour, "h") for hour in HOURS])
            for colour in ("green", "red"):
                values = run.frame[colour].to_numpy()
                if values.max() > 0:
                    values = values * np.exp(sd * noise.normal(size=len(values)))
                    rows += [(name, colour, hour, value) for hour, value in zip(HOURS, values, strict=True)]
    frame = pd.DataFrame(rows, columns=["condition", "observable", "time", "value"])
    return from_frame(frame, conditions, units={"green": "cell", "red": "cell"})


def fits(data: mdr.Data) -> dict[str, Fit]:
    free = {name: FREE | ({RATE[name]: (0.0, 0.1)} if name in RATE else {}) for name in RIVALS}
    return {name: mdr.fit(model, data, free[name], error="lognormal", starts=1) for name, model in RIVALS.items()}


@cache
def judged(truth: str, shares: tuple[float, ...] = (0.1, 0.5, 0.9), seed: int = 1) -> Selection:
    return compare_models(fits(simulated(truth, shares, seed)), held_out="condition")


@pytest.mark.parametrize("truth", [TRANSFER, INDUCED])
def test_a_real_mechanism_is_found_and_its_rivals_are_refused(truth: str) -> None:
    found = judged(truth)
    assert found.best == truth
    assert SELECTION in found.ruled_out
    assert found.table.loc[SELECTION, "p"] < 1e-5
    assert found.conclusion.startswith(f"'{truth}' is the only one of these models that the data support")


def test_selection_is_not_called_transfer() -> None:
    found = judged(SELECTION)
    assert found.best == SELECTION
    assert found.table.loc[SELECTION, "p"] > 0.05
    assert found.conclusion.startswith("'selection' suffices. Nothing asks for")
    assert set(found.rivals) == {TRANSFER, INDUCED}


def test_a_design_that_cannot_tell_says_so() -> None:
    """One mixture under drug: with the kill free, contact and induction make the same acquired cells."""
    data = simulated(TRANSFER, (0.5,), sd=0.1).only(drug="dox")
    found = compare_models({name: fit for name, fit in fits(data).items() if name != SELECTION})
    assert len(found.rivals) == 1
    assert found.conclusion.startswith("These data cannot tell")
    assert "No condition was held out" in found.conclusion


def test_the_better_model_predicts_what_it_has_not_seen() -> None:
    found = judged(TRANSFER)
    table, rows = found.table, found.predictions
    assert table.loc[TRANSFER, "held_out"] > table.loc[SELECTION, "held_out"] + 10
    assert table.loc[TRANSFER, "rmse_log"] == pytest.approx(0.05, rel=0.35)
    assert set(rows["fold"]) == set(rows["condition"])
    assert len(rows) == 3 * len(simulated(TRANSFER, (0.1, 0.5, 0.9)))
    sums = rows.groupby("model")["log_density"].sum()
    assert sums[TRANSFER] == pytest.approx(table.loc[TRANSFER, "held_out"])


# -- held-out prediction against a closed form -----------------------------------------------------------------

MEAN = mdr.Model(mdr.observable("y", "a"), mdr.parameter("a", 1.0))
SLOPE = mdr.Model(mdr.observable("y", "a + b*t"), mdr.parameter("a", 1.0), mdr.parameter("b", "0 1/h"))


def groups() -> mdr.Data:
    y = [1.0, 1.2, 0.7, 1.4, 0.9, 1.3, 1.1, 0.6, 1.0]
    frame = pd.DataFrame({"g": list("aaabbbccc"), "h": [1, 2, 3] * 3, "y": y})
    return mdr.read_assay(frame, time="h [h]", value="y [1]", observable="y", by="g")


def test_predictive_density_of_a_mean_in_closed_form() -> None:
    """Left-out values are normal around the mean of the others, with s^2*(1 + 1/n) and s^2 over n - 1."""
    data = groups()
    fit = mdr.fit(MEAN, data, {"a": (-9, 9)}, starts=1)
    fold = find_folds(fit, {"g": "c"})[0]
    found = hold_out(fit, fold)
    rest, left = data.only(g=["a", "b"]).table["value"], data.only(g="c").table["value"]
    variance = rest.var(ddof=1) * (1 + 1 / len(rest))
    expected = -0.5 * np.log(2 * np.pi * variance) - (left - rest.mean()) ** 2 / (2 * variance)
    assert np.allclose(found["predicted"], rest.mean(), rtol=1e-6)
    assert np.allclose(found["log_density"], expected, rtol=1e-6)


def test_controls_settle_factors_of_their_plate_only() -> None:
    """A plate's factor comes from its controls; the slope stays that of the other plates."""
    frame = pd.DataFrame({"plate": list("aaaabbbb"), "x": [0.0, 0, 1, 1] * 2, "y": [1, 1.02, 3, 3.1, 2, 2.02, 7, 7.1]})
    frame["is_b"] = (frame["plate"] == "b").astype(float)
    columns = {"value": "y [1]", "observable": "y", "by": "plate", "repeats": "number"}
    data = mdr.read_assay(frame, **columns, covariates={"x": "x [1]", "is_b": "is_b [1]"})
    names = {"x": 0.0, "is_b": 0.0, "k": 1.0, "f_a": 1.0, "f_b": 1.0}
    parameters = [mdr.parameter(name, value) for name, value in names.items()]
    model = mdr.Model(mdr.observable("y", "(f_a*(1 - is_b) + f_b*is_b)*(1 + k*x)"), *parameters)
    fit = mdr.fit(model, data, {"k": (0, 9), "f_a": (0.1, 9), "f_b": (0.1, 9)}, error="lognormal", starts=1)
    fold = find_folds(fit, {"plate": "b"}, {"x": 0})[0]
    assert len(fold.controls) == len(fold.scored) == 1
    found = hold_out(fit, fold, factors=["f_b"])
    assert found["predicted"].to_numpy() == pytest.approx([2.01 * 3.05 / 1.01] * 2, rel=1e-3)
    blind = hold_out(fit, find_folds(fit, {"plate": "b"})[0])
    assert not np.isclose(blind["predicted"].iloc[-1], 2.01 * 3.05 / 1.01, rtol=0.1) or fit.values["f_b"] > 2


def test_labels_and_groups_of_conditions() -> None:
    fit = mdr.fit(SLOPE, groups(), {"a": (-9, 9), "b": (-9, 9)}, starts=1)
    assert [fold.name for fold in find_folds(fit, "g")] == ["g a", "g b", "g c"]
    assert len(find_folds(fit, "condition")) == 3
    assert [len(fold.scored) for fold in find_folds(fit, {"g": ["a", "b"]})] == [2]


def test_a_scale_that_is_solved_for_counts_as_a_parameter() -> None:
    """A readout written as a parameter is the same model, and none within the other."""
    free, b = {"b": (-9, 9)}, mdr.parameter("b", "0.1 1/h")
    solved = mdr.fit(mdr.Model(mdr.observable("y", "1 + b*t"), b), groups(), free, readout={"y": "scale"})
    model = mdr.Model(mdr.observable("y", "a*(1 + b*t)"), mdr.parameter("a", 1.0), b)
    written = mdr.fit(model, groups(), free | {"a": (-9, 9)})
    assert compare_models({"solved": solved, "written": written}).table["within"].tolist() == ["", ""]


def test_bad_choices_are_refused() -> None:
    both = {
        "mean": mdr.fit(MEAN, groups(), {"a": (-9, 9)}),
        "slope": mdr.fit(SLOPE, groups(), {"a": (-9, 9), "b": (-9, 9)}),
    }
    for given_, words in (
        ({"held_out": "gg"}, "no label 'gg'; did you mean 'g'"),
        ({"held_out": {"g": "d"}}, "no condition has g = 'd'"),
        ({"held_out": {"g": ["a", "b", "c"]}}, "leaves no condition to fit"),
        ({"held_out": 3}, "write 'condition'"),
        ({"control": {"g": "a"}}, "say which, as in held_out="),
        ({"nested": {"slope": "mean"}}, "'slope' has 3 parameters and 'mean' 2; a special case has fewer"),
        ({"nested": {"mean": "mean"}}, "a special case has fewer"),
        ({"held_out": "g", "factors": "c"}, "factors names 'c', which is not free"),
        ({"held_out": "g", "control": {"g": ["a", "b", "c"]}}, "holds out controls only"),
    ):
        with pytest.raises(FitError, match=words.replace("(", r"\(")):
            compare_models(both, **given_)
    for fits, words in (
        (list(both.values()), "fits is a list, not a dict"),
        ({1: both["mean"], 2: both["slope"]}, "fits: 1 is a Fit; write names in quotes"),
        (both | {"model": SLOPE}, "fits: 'model' is .*, each with its Fit"),
    ):
        with pytest.raises(FitError, match=words):
            compare_models(fits)  # type: ignore[arg-type]


# -- likelihood ratios on a bound ------------------------------------------------------------------------------


@given(st.floats(0.01, 60.0), st.integers(1, 5), st.integers(0, 5))
def test_the_mixture_is_a_tail_between_its_ends(ratio: float, extra: int, on_bound: int) -> None:
    p = mixture_p(ratio, extra, on_bound)
    assert 0.0 <= p <= float(chi2.sf(ratio, extra)) * (1 + 1e-12)
    assert p <= mixture_p(ratio, extra, max(on_bound - 1, 0)) * (1 + 1e-12)
    assert (
        mixture_p(ratio, extra, 1) == pytest.approx((chi2.sf(ratio, extra) + chi2.sf(ratio, extra - 1)) / 2, rel=1e-9)
        if extra > 1
        else True
    )


def test_a_rate_on_its_bound_has_the_mixture_distribution() -> None:
    """Without a slope, and with the slope kept from falling below zero, p is below 0.2 in a fifth of all data."""
    x, small = np.linspace(0.5, 8.0, 40), []
    for seed in range(60):
        y = 3 + 0.3 * np.random.default_rng(seed).normal(size=len(x))
        data = mdr.read_assay(pd.DataFrame({"h": x, "y": y}), time="h [h]", value="y [1]", observable="y")
        pair = {
            "flat": mdr.fit(SLOPE, data, {"a": (-99, 99)}, starts=1),
            "rising": mdr.fit(SLOPE, data, {"a": (-99, 99), "b": ("0 1/h", "9 1/h")}, starts=1),
        }
        small.append(float(compare_models(pair).table.loc["flat", "p"]) < 0.2)
    assert 0.08 < np.mean(small) < 0.34


# -- the page --------------------------------------------------------------------------------------------------


def test_the_page_and_the_pictures() -> None:
    found = judged(TRANSFER)
    assert found.report() == f"{found}\n\n{found.conclusion}"
    assert "held-out log density" in found.conclusion
    assert "<table" in found._repr_html_()
    for axes in (found.plot(), found.plot_held_out(models=[TRANSFER, SELECTION], observable="green")):
        assert axes.get_xlabel()
    with pytest.raises(FitError, match="did you mean 'selection'"):
        found.plot_held_out(models="selectoin")
    alone = compare_models(fits(simulated(TRANSFER, (0.5,))))
    with pytest.raises(FitError, match="no condition was held out"):
        alone.plot_held_out()
