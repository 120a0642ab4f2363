"""Combinations: laws that hold for any parameters, reference models against their definitions, states and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.plates import with_commas

import pkpd_mdr as mdr
from pkpd_mdr.errors import DataError
from pkpd_mdr.response.combination import braid, musyc

DOSES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
positive = st.floats(0.1, 10.0)
slope = st.floats(0.4, 3.0)


def hill(dose: np.ndarray, emax: float = 1.0, ec50: float = 1.0, h: float = 1.5) -> np.ndarray:
    u = (dose / ec50) ** h
    return 1.0 - emax * u / (1.0 + u)


def grid(doses: tuple[float, ...] = DOSES, replicates: int = 1) -> pd.DataFrame:
    a, b = (axis.ravel() for axis in np.meshgrid(doses, doses, indexing="ij"))
    return pd.DataFrame({"a": np.repeat(a, replicates), "b": np.repeat(b, replicates)})


def judged(table: pd.DataFrame, model: str | tuple[str, ...], **options: object) -> mdr.Combination:
    columns = options.pop("doses", {"a": "a", "b": "b"})
    options.setdefault("scale", "viability")
    options.setdefault("draws", 0)
    return mdr.combination(table, doses=columns, response="v", model=model, **options)  # type: ignore[arg-type]


# -- laws --------------------------------------------------------------------------------------------------------


def chain(d1: float, d2: float, p: dict[str, float]) -> np.ndarray:
    """Stationary shares of the four states from the linear system of the chain, with rates not scaled by C."""
    r1, r2 = p["c1"] ** -p["h1"], p["c2"] ** -p["h2"]
    rates = {
        (0, 1): r1 * d1 ** p["h1"],
        (1, 0): r1 * p["c1"] ** p["h1"],
        (0, 2): r2 * d2 ** p["h2"],
        (2, 0): r2 * p["c2"] ** p["h2"],
        (1, 3): r2 ** p["gamma12"] * (p["alpha12"] * d2) ** (p["gamma12"] * p["h2"]),
        (3, 1): (r2 * p["c2"] ** p["h2"]) ** p["gamma12"],
        (2, 3): r1 ** p["gamma21"] * (p["alpha21"] * d1) ** (p["gamma21"] * p["h1"]),
        (3, 2): (r1 * p["c1"] ** p["h1"]) ** p["gamma21"],
    }
    q = np.zeros((4, 4))
    for (i, j), rate in rates.items():
        q[j, i] += rate
        q[i, i] -= rate
    q[3] = 1.0
    return np.linalg.solve(q, np.array([0.0, 0.0, 0.0, 1.0]))


MUSYC = ("c1", "c2", "h1", "h2", "alpha12", "alpha21", "gamma12", "gamma21")


@given(st.tuples(*[st.floats(0.4, 2.5)] * len(MUSYC)), st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_musyc_is_the_stationary_state_of_its_chain(values: tuple[float, ...], d1: float, d2: float) -> None:
    p = dict(zip(MUSYC, values, strict=True))
    assert musyc.occupancy(d1, d2, **p) == pytest.approx(chain(d1, d2, p), abs=1e-12)


@pytest.mark.law("I26")
@given(positive, positive, slope, slope, positive, positive, st.floats(0.05, 0.9), st.floats(0.05, 0.9))
def test_musyc_without_interaction_is_bliss(
    c1: float, c2: float, h1: float, h2: float, d1: float, d2: float, e1: float, e2: float
) -> None:
    def response(x: float, y: float) -> float:
        return float(musyc.occupancy(x, y, c1=c1, c2=c2, h1=h1, h2=h2) @ np.array([1.0, e1, e2, e1 * e2]))

    assert response(d1, d2) == pytest.approx(response(d1, 0.0) * response(0.0, d2), rel=1e-12)


@given(positive, positive, slope, slope, st.floats(0.1, 10.0), positive, positive)
def test_musyc_with_detailed_balance_has_equilibrium_shares(
    c1: float, c2: float, h1: float, h2: float, alpha: float, d1: float, d2: float
) -> None:
    found = musyc.occupancy(d1, d2, c1=c1, c2=c2, h1=h1, h2=h2, alpha12=alpha, alpha21=alpha ** (h2 / h1))
    u, v = (d1 / c1) ** h1, (d2 / c2) ** h2
    weights = np.array([1.0, u, v, u * v * alpha**h2])
    assert found == pytest.approx(weights / weights.sum(), rel=1e-9)


@given(positive, slope, st.floats(0.0, 10.0), st.floats(0.0, 10.0))
def test_braid_at_zero_is_dose_additivity_of_a_drug_with_itself(c: float, h: float, d1: float, d2: float) -> None:
    together = braid.share(d1, d2, idm1=c, idm2=c, n1=h, n2=h, kappa=0.0)
    alone = braid.share(d1 + d2, 0.0, idm1=c, idm2=c, n1=h, n2=h, kappa=5.0)
    assert float(together) == pytest.approx(float(alone), rel=1e-9, abs=1e-12)


@pytest.mark.law("I26")
@pytest.mark.parametrize("dilution", [1.0, 7.0])
def test_a_drug_with_itself_is_additive_under_loewe(dilution: float) -> None:
    table = grid()
    table["v"] = hill(table["a"].to_numpy() + table["b"].to_numpy(), emax=0.9)
    table["b"] *= dilution
    found = judged(table, "loewe").frame
    assert found["excess"].notna().sum() >= 30
    assert found["excess"].abs().max() < 1e-6
    near = found["combination_index"].dropna()
    assert near.to_numpy() == pytest.approx(1.0, abs=1e-4)


def test_independent_drugs_have_no_excess_over_bliss_and_zip() -> None:
    table = grid()
    table["v"] = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy(), ec50=3.0, emax=0.8, h=1.0)
    found = judged(table, ("bliss", "zip")).frame
    assert found["excess"].abs().max() < 1e-5


def test_three_drugs_multiply_and_the_strongest_counts() -> None:
    doses = (0.0, 1.0, 4.0)
    a, b, c = (axis.ravel() for axis in np.meshgrid(doses, doses, doses, indexing="ij"))
    table = pd.DataFrame({"a": a, "b": b, "c": c})
    table["v"] = hill(a) * hill(b, emax=0.5) * hill(c, ec50=2.0)
    found = judged(table, ("bliss", "hsa"), doses={name: name for name in "abc"}).frame
    bliss = found[found["model"] == "bliss"]
    assert len(bliss) == 27 - 1 - 6
    assert bliss["excess"].abs().max() < 1e-12
    hsa = found[found["model"] == "hsa"]
    least = np.min([hill(hsa["a"]), hill(hsa["b"], emax=0.5), hill(hsa["c"], ec50=2.0)], axis=0)
    assert hsa["expected"].to_numpy() == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize("model", ["bliss", "hsa", "loewe", "zip", "chou_talalay", "braid", "musyc"])
def test_nothing_depends_on_the_unit_of_a_dose(model: str) -> None:
    rng = np.random.default_rng(3)
    table = grid(DOSES[:6], 2)
    table["v"] = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy(), ec50=3.0, emax=0.8, h=1.0)
    table["v"] = table["v"] * 0.98 + 0.01 * rng.standard_normal(len(table)).clip(-2, 2) ** 2
    one = judged(table, model).frame
    table["a"] *= 1000.0
    other = judged(table, model).frame
    assert other["excess"].to_numpy() == pytest.approx(one["excess"].to_numpy(), abs=2e-5, nan_ok=True)


def test_viability_and_inhibition_give_the_same_excess() -> None:
    rng = np.random.default_rng(5)
    table = grid(DOSES[:5], 2)
    table["v"] = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy()) + 0.02 * rng.standard_normal(len(table))
    models = ("bliss", "hsa", "loewe", "zip")
    one = judged(table, models).frame["excess"]
    table["v"] = 100.0 * (1.0 - table["v"])
    other = judged(table, models, scale="percent inhibition").frame["excess"] / 100.0
    assert other.to_numpy() == pytest.approx(one.to_numpy(), abs=1e-6, nan_ok=True)


# -- intervals, states, parameters -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synergistic() -> mdr.Combination:
    rng = np.random.default_rng(11)
    table = grid(DOSES, 3)
    share = musyc.occupancy(table["a"], table["b"], c1=1.0, c2=2.0, h1=1.2, h2=1.0, alpha12=4.0, alpha21=2.0)
    table["v"] = share @ np.array([1.0, 0.4, 0.3, 0.05]) + 0.02 * rng.standard_normal(len(table))
    return judged(table, ("bliss", "loewe", "musyc"), draws=60)


def test_synergy_is_found_with_an_interval_and_a_test(synergistic: mdr.Combination) -> None:
    summary = synergistic.summary().set_index("model")
    assert (summary["mean_lower"] > 0).all()
    assert (summary["mean_lower"] < summary["mean_excess"]).all()
    assert (summary["mean_excess"] < summary["mean_upper"]).all()
    assert (summary["p_surface"] < 0.05).all()
    frame = synergistic.frame
    assert (frame[frame["model"] == "bliss"]["state"] == "synergy").any()
    assert not (frame["state"] == "antagonism").any()


def test_parameters_of_musyc_are_recovered(synergistic: mdr.Combination) -> None:
    table = synergistic.parameters().set_index("parameter")
    truth = {"E0": 1.0, "E1": 0.4, "E2": 0.3, "E3": 0.05, "C1": 1.0, "C2": 2.0, "alpha12": 4.0}
    for name, value in truth.items():
        row = table.loc[name]
        assert row["state"] == "estimated"
        width = row["upper"] - row["lower"]
        assert row["lower"] - width <= value <= row["upper"] + width
    assert table.loc["alpha12", "lower"] > 1.0


def test_a_parameter_at_a_bound_is_no_number() -> None:
    rng = np.random.default_rng(2)
    table = grid(DOSES[:6], 2)
    table["v"] = hill(table["a"].to_numpy(), emax=0.02) * hill(table["b"].to_numpy())
    table["v"] += 0.02 * rng.standard_normal(len(table))
    found = judged(table, "musyc", draws=20).parameters()
    lost = found[found["state"].str.startswith("not identifiable")]
    assert len(lost) > 0
    assert lost["estimate"].isna().all()


@pytest.mark.parametrize(("model", "ends", "derived"), [("braid", ["Ef"], ["Ef1", "Ef2"]), ("musyc", ["E2"], ["beta"])])
def test_a_largest_effect_that_lies_anywhere_is_no_number(model: str, ends: list[str], derived: list[str]) -> None:
    """Doses far below half of the effect: resamples put the plateau further down than ten ranges of the responses."""
    table = grid((0.0, 0.1, 0.2, 0.4), 2)
    table["v"] = 1.0 / (1.0 + (table["a"] + table["b"]) / 3.0)
    table["v"] += 0.02 * np.random.default_rng(1).standard_normal(len(table))
    found = judged(table, model, draws=20)
    fit, rows = found.outcome(model).fit, found.parameters().set_index("parameter")
    assert fit is not None
    for name in ends:
        assert np.isfinite(fit.values[name])
        assert name not in fit.at_bound
        assert rows.loc[name, "upper"] - rows.loc[name, "lower"] > 10.0 * np.ptp(found.outcome(model).observed)
        assert (
            rows.loc[name, "state"] == "not identifiable: limits are more than 10 times as far apart as the responses"
        )
    for name in derived:
        assert rows.loc[name, "state"].startswith("not identifiable: it follows from")
    assert rows.loc[[*ends, *derived], "estimate"].isna().all()


def test_without_replicates_there_is_no_interval_but_a_note() -> None:
    table = grid()
    table["v"] = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy())
    found = judged(table, "bliss", draws=50)
    assert found.frame["lower"].isna().all()
    assert (found.frame["state"] == "no interval").all()
    assert "no cell has replicates" in found.report()


def test_loewe_says_where_it_has_no_solution() -> None:
    table = grid()
    a, b = table["a"].to_numpy(), table["b"].to_numpy()
    table["v"] = hill(a, emax=0.3) * hill(b, emax=0.95)
    found = judged(table, "loewe").frame
    lost = found["expected"].isna()
    assert lost.any()
    assert not lost.all()
    assert found.loc[lost, "state"].str.contains("largest effect of a").all()
    # exactly where drug b alone already does more than drug a can
    assert (hill(found["b"].to_numpy(), emax=0.95)[lost] < 0.7 + 1e-6).all()


def test_intervals_and_tests_are_calibrated_without_interaction() -> None:
    """Three replicates under exact Bliss; at nominal 95 % and 5 % the bounds fail less than once in 1000 by chance."""
    table = grid((0.0, 0.3, 1.0, 3.0, 10.0), 3)
    truth = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy(), ec50=2.0, emax=0.8)
    inside = wrong = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        table["v"] = truth + 0.05 * rng.standard_normal(len(table))
        row = judged(table, "bliss", draws=200, seed=seed).summary().iloc[0]
        inside += int(row["mean_lower"] <= 0 <= row["mean_upper"])
        wrong += int(row["p_surface"] < 0.05)
    assert inside >= 86
    assert wrong <= 14


def test_a_flat_plate_has_no_parameters() -> None:
    rng = np.random.default_rng(21)
    table = grid(DOSES[:6], 2)
    table["v"] = 1.0 + 0.05 * rng.standard_normal(len(table))
    found = judged(table, ("musyc", "braid"), draws=20).parameters()
    free = found[found["state"] != "held"]
    assert free["state"].str.startswith("not identifiable").all()
    assert free["estimate"].isna().all()


def test_replicates_without_scatter_have_no_test() -> None:
    found = judged(small(), ("bliss", "loewe"), draws=30)
    assert found.summary()["p_surface"].isna().all()
    assert "equal to the last digit" in found.report()


def test_scatter_that_differs_between_cells_is_noted() -> None:
    rng = np.random.default_rng(4)
    table = grid(DOSES[:5], 6)
    spread = np.where(table["a"] > 0.5, 0.1, 0.005)
    table["v"] = hill(table["a"].to_numpy()) + spread * rng.standard_normal(len(table))
    assert "scatter of replicates differs" in judged(table, "bliss", draws=30).report()
    own = judged(table, "bliss", draws=200, resample="cells").frame
    width = (own["upper"] - own["lower"]).to_numpy()
    assert width[own["a"] > 0.5].mean() > 2.0 * width[own["a"] < 0.5].mean()


@pytest.mark.parametrize("name", ["model", "n", "", 3])
def test_a_drug_needs_a_name_of_its_own(name: object) -> None:
    with pytest.raises(DataError, match="cannot be the name of a drug"):
        judged(small(), "bliss", doses={name: "a", "b": "b"})


@pytest.mark.parametrize(("level", "points"), [(float("nan"), 5), ("half", 5), (0.5, 1)])
def test_an_isobole_needs_a_level_and_points(level: object, points: int) -> None:
    with pytest.raises(DataError, match="isobole"):
        judged(small(), "bliss").isobole(level, points=points)  # type: ignore[arg-type]


def test_isoboles_end_at_the_doses_alone(synergistic: mdr.Combination) -> None:
    table = synergistic.isobole(0.7, model="musyc", points=5)
    assert (table["state"] == "in range").all()
    assert table["b"].iloc[0] == 0
    assert table["a"].iloc[-1] == 0
    fit = synergistic.outcome("musyc").fit
    assert fit is not None
    assert fit.value(table[["a", "b"]].to_numpy()) == pytest.approx(0.7, abs=1e-9)
    line = synergistic.isobole(0.7, model="loewe", points=5)
    share = line["a"] / line["a"].iloc[0] + line["b"] / line["b"].iloc[-1]
    assert share.to_numpy() == pytest.approx(1.0)
    assert (synergistic.isobole(0.01, model="musyc", points=3)["state"] == "not reached").all()


def test_the_same_seed_gives_the_same_intervals() -> None:
    rng = np.random.default_rng(1)
    table = grid(DOSES[:4], 2)
    table["v"] = hill(table["a"].to_numpy()) + 0.02 * rng.standard_normal(len(table))
    one, two = (judged(table, "hsa", draws=30, seed=4).summary() for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_pictures_are_drawn(synergistic: mdr.Combination) -> None:
    from pkpd_mdr.plot.combination import plot_isoboles

    ax = synergistic.plot(model="loewe")
    assert ax.get_xlabel() == "a"
    assert len(plot_isoboles(synergistic, 0.7).lines) == 3


# -- bad input ---------------------------------------------------------------------------------------------------


def small() -> pd.DataFrame:
    table = grid(DOSES[:4], 2)
    table["v"] = hill(table["a"].to_numpy()) * hill(table["b"].to_numpy())
    return table


def test_decimal_commas_give_the_same_combinations() -> None:
    table = pd.concat([small().assign(pH=6.5), small().assign(pH=7.4)], ignore_index=True)
    found = judged(with_commas(table), "bliss", by="pH", decimal=",")
    pd.testing.assert_frame_equal(found.frame, judged(table, "bliss", by="pH").frame, rtol=0)
    with pytest.raises(DataError, match="say decimal=',' if it is a decimal comma"):
        judged(with_commas(table), "bliss", by="pH")


def test_a_bad_well_is_left_out_and_named() -> None:
    table = small()
    table.loc[5, "a"], table.loc[7, "v"] = -1.0, np.nan
    notes = " ".join(judged(table, "bliss").wells[0].notes)
    assert "column 'a', row 5: the dose is negative" in notes
    assert "column 'v', row 7: the response is missing" in notes
    assert "replicates" in notes


def test_missing_single_drugs_are_refused_by_name() -> None:
    table = small()
    with pytest.raises(DataError, match="no well has 'b' alone"):
        judged(table[(table["a"] > 0) | (table["b"] == 0)], "bliss")
    one = table[~((table["a"] == 0) & (table["b"] == 0.3))]
    found = judged(one, "bliss").frame
    lost = found["b"] == 0.3
    assert found.loc[lost, "expected"].isna().all()
    assert found.loc[lost, "state"].str.contains("no well with b 0.3 alone").all()
    assert found.loc[~lost, "expected"].notna().all()


def test_no_untreated_wells_are_noted_or_refused() -> None:
    table = small()
    table = table[(table["a"] > 0) | (table["b"] > 0)]
    assert any("no untreated wells" in note for note in judged(table, "bliss").wells[0].notes)
    with pytest.raises(DataError, match="needs untreated wells"):
        judged(table, "bliss", normalise=True)


def test_one_faulty_combination_does_not_stop_the_others() -> None:
    good, bad = small().assign(line="x"), small().assign(line="y")
    table = pd.concat([good, bad[bad["a"] == 0]], ignore_index=True)
    found = judged(table, "bliss", by="line")
    assert found.labels == ["x"]
    assert any("y: no well has 'a' alone" in note for note in found.wells[0].notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "blis"}, "did you mean 'bliss'"),
        ({"model": "bliss", "scale": None}, "needs a scale"),
        ({"model": "bliss", "scale": "percent"}, "looks like a fraction"),
        ({"model": "bliss", "doses": {"a": "a"}}, "a combination has two or more"),
        ({"model": "bliss", "doses": {"a": "a", "b": "a"}}, "one column twice"),
        ({"model": "bliss", "doses": {"a": "a", "b": "bb"}}, "bb"),
        ({"model": "musyc", "fixed": {"gama12": 1}}, "did you mean 'gamma12'"),
        ({"model": "braid", "fixed": {"kappa": -3}}, "above -2"),
        ({"model": "bliss", "draws": 5}, "at least 20"),
        ({"model": "bliss", "confidence": 95}, "confidence is 95, not a share"),
        ({"model": "bliss", "centre": "mode"}, "centre"),
    ],
)
def test_what_cannot_be_is_refused_in_words(options: dict[str, object], words: str) -> None:
    model = options.pop("model")
    with pytest.raises(DataError, match=words):
        judged(small(), model, **options)  # type: ignore[arg-type]


def test_two_drug_models_refuse_three() -> None:
    table = small().assign(c=0.0)
    with pytest.raises(DataError, match="is for two drugs; 3 were given"):
        judged(table, "musyc", doses={name: name for name in "abc"})


def test_a_surface_with_more_parameters_than_cells_is_refused() -> None:
    table = grid(DOSES[3:5] + (0.0,), 3)
    table["v"] = hill(table["a"].to_numpy())
    with pytest.raises(DataError, match="12 parameters"):
        judged(table, "musyc").report()
