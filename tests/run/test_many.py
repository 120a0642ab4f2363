"""Ensembles: the same numbers as single runs, whatever the chunks; reductions; failures that touch nobody else."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from strategies.ensembles import FAST, arms, population, treated

import pkpd_mdr as mdr
from pkpd_mdr.run import end_of


@pytest.fixture(scope="module")
def model():
    return treated()


@pytest.fixture(scope="module")
def many(model):
    return mdr.simulate_many(
        model,
        arms(),
        parameters=population(12),
        until="20 day",
        times="2 day",
        outputs=["burden", "R"],
        endpoints=["time_to_progression", "nadir", "exposure_dox"],
        accuracy=FAST,
    )


def same(left: mdr.Many, right: mdr.Many) -> bool:
    """Bitwise the same numbers, and the same failures."""
    pairs = [(left.values, right.values), (left.endpoint_values, right.endpoint_values), (left.reached, right.reached)]
    return left.failures == right.failures and all(
        one is other or one.tobytes() == other.tobytes() for one, other in pairs
    )


# -- numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["rodas", "auto"])
def test_members_are_those_of_single_runs(model, method):
    accuracy, table = mdr.Accuracy(method=method, rtol=1e-8), population(3)
    names = ["time_to_progression", "nadir", "exposure_dox"]
    ran = mdr.simulate_many(
        model, arms(), parameters=table, until="20 day", times="2 day", outputs=["burden", "S"], endpoints=names,
        starts={"R": 2e3}, accuracy=accuracy,
    )  # fmt: skip
    for member, (name, row) in enumerate((name, row) for name in arms() for row in range(3)):
        values = {key: float(table[key][row]) for key in table}
        run = mdr.simulate(
            model, arms()[name], parameters=values, start={"R": 2e3}, until="20 day", times="2 day", accuracy=accuracy
        )
        assert ran.values[member] == pytest.approx(run.frame[["burden", "S"]].to_numpy(), rel=1e-6)
        assert ran.endpoint_values[member] == pytest.approx([run.endpoint(item) for item in names], rel=1e-6)


def test_affine_models_take_the_compiled_engine_if_it_takes_them(monkeypatch):
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    assert mdr.simulate_many(model, until="1 day").provenance["method"] == "rodas"
    asked = mdr.Accuracy(method="expm")
    assert mdr.simulate_many(model, until="1 day", accuracy=asked).provenance["method"] == "expm"

    def refuse(*arguments, **options):
        raise mdr.SimulationError("no machine code")

    monkeypatch.setattr("pkpd_mdr.run.many.ensemble.solve", refuse)
    assert mdr.simulate_many(model, until="1 day").provenance["method"] == "auto"


def test_growth_alone_is_the_closed_form():
    model = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e6))
    rates, begins = np.array([0.05, 0.1, 0.2]), np.array([1e3, 1e6])
    ran = mdr.simulate_many(model, parameters={"growth_S": rates}, starts={"S": begins}, until="10 day", times="5 day")
    expected = begins[None, :, None] * np.exp(np.outer(rates, [0, 5, 10]))[:, None]
    assert ran.values[:, :, 0] == pytest.approx(expected.reshape(6, 3), rel=1e-6)
    assert ran.members["parameters"].tolist() == [0, 0, 1, 1, 2, 2]
    assert ran.members["start"].tolist() == [0, 1] * 3


@pytest.mark.parametrize("size", [1, 5, 7, 1000])
@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_and_threads_change_no_bit(model, many, size, threads):
    again = mdr.simulate_many(
        model,
        arms(),
        parameters=population(12),
        until="20 day",
        times="2 day",
        outputs=["burden", "R"],
        endpoints=["time_to_progression", "nadir", "exposure_dox"],
        accuracy=FAST,
        chunk=size,
        threads=threads,
    )
    assert same(many, again)


def test_the_order_of_rows_changes_no_bit(model, many):
    back = mdr.simulate_many(
        model,
        arms(),
        parameters=population(12).iloc[::-1],
        until="20 day",
        times="2 day",
        outputs=["burden", "R"],
        accuracy=FAST,
        endpoints=["time_to_progression", "nadir", "exposure_dox"],
    )
    assert back.values.reshape(2, 12, 11, 2)[:, ::-1].tobytes() == many.values.tobytes()


def test_starts_follow_the_parameters(model):
    """The model's own start is an expression of parameters, evaluated for each member."""
    free = mdr.Model(
        mdr.parameter("n", "1e6 cell"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=mdr.formula("2*n")),
    )
    ran = mdr.simulate_many(free, parameters={"n": [1.0, 5.0]}, until="1 day", times="1 day")
    assert ran.values[:, 0, 0].tolist() == [2.0, 10.0]


# -- joining ---------------------------------------------------------------------------------------------


def test_row_by_row_with_ids_and_named_regimens(model):
    parameters = pd.DataFrame({"patient": ["a", "b", "c"], "CL_dox": [5.0, 10.0, 20.0], "regimen": ["x", "y", "x"]})
    starts = pd.DataFrame({"patient": ["c", "a", "b"], "S [cell]": [3e6, 1e6, 2e6], "site": ["lung", "skin", "skin"]})
    plans = {"x": mdr.nothing(), "y": mdr.oral("dox", "50 mg")}
    ran = mdr.simulate_many(
        model, plans, parameters=parameters, starts=starts, combine="rows", id="patient", labels="site",
        until="5 day", times="5 day", outputs=["S"], accuracy=FAST,
    )  # fmt: skip
    assert ran.values[:, 0, 0].tolist() == [1e6, 2e6, 3e6]
    assert ran.members["regimen"].tolist() == ["x", "y", "x"]
    assert ran.members["site"].tolist() == ["skin", "skin", "lung"]
    single = mdr.simulate(
        model, plans["y"], parameters={"CL_dox": 10.0}, start={"S": 2e6}, until="5 day", times="5 day", accuracy=FAST
    )
    assert ran.values[1, 1, 0] == pytest.approx(single.frame["S"].iloc[-1], rel=1e-6)


def test_an_index_may_hold_the_id(model):
    table = population(2).assign(patient=["a", "b"]).set_index("patient")
    ran = mdr.simulate_many(model, parameters=table, id="patient", until="1 day", times="1 day", accuracy=FAST)
    assert ran.frame["patient"].tolist() == ["a", "a", "b", "b"]


def test_every_regimen_with_rows_that_belong_together(model):
    ran = mdr.simulate_many(
        model, arms(), parameters=population(3), starts={"S": [1e6, 2e6, 3e6]}, combine="rows", until="5 day",
        times="5 day", outputs=["S"], accuracy=FAST,
    )  # fmt: skip
    assert ran.members["regimen"].tolist() == ["daily"] * 3 + ["adaptive"] * 3
    assert ran.values[:, 0, 0].tolist() == [1e6, 2e6, 3e6] * 2


def test_each_member_has_a_regimen_of_its_own(model):
    doses = [20.0, 40.0, 80.0]
    plans = [mdr.oral("dox", (dose, "mg")) for dose in doses]
    ran = mdr.simulate_many(
        model, plans, parameters=population(3), combine="rows", until="1 day", times="1 h", outputs="C_dox",
        accuracy=FAST,
    )  # fmt: skip
    twice = mdr.simulate_many(
        model, [mdr.oral("dox", (2 * dose, "mg")) for dose in doses], parameters=population(3), combine="rows",
        until="1 day", times="1 h", outputs="C_dox", accuracy=mdr.Accuracy(method="rodas", rtol=1e-10),
    )  # fmt: skip
    assert 2 * ran.values == pytest.approx(twice.values, rel=1e-4, abs=1e-9)


def test_bioavailability_by_member_scales_the_exposure():
    """Members with other dosing parameters get timelines of their own: AUC = F*dose/CL."""
    model = mdr.Model(mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", ka="1 1/h", F=0.5))
    share = np.array([0.2, 0.5, 0.9, 0.5])
    name = next(item for item in model.parameters if item.startswith("F"))
    ran = mdr.simulate_many(
        model, mdr.oral("dox", "50 mg"), parameters={name: share}, until="10 day", endpoints=["exposure_dox"],
        reduce="endpoints", accuracy=FAST,
    )  # fmt: skip
    assert ran.endpoint_values[:, 0] == pytest.approx(5.0 * share, rel=1e-5)


# -- tables ----------------------------------------------------------------------------------------------


def test_the_long_table(many):
    frame = many.frame
    assert list(frame) == ["member", "regimen", "parameters", "time [day]", "burden", "R"]
    assert len(frame) == 24 * 11
    assert frame["time [day]"].tolist()[:3] == [0.0, 2.0, 4.0]
    assert frame.attrs["units"] == {"burden": "cell", "R": "cell"}
    assert frame["R"].to_numpy().reshape(24, 11).tobytes() == many.values[:, :, 1].copy().tobytes()


def test_units_of_the_result_are_those_of_the_model():
    model = mdr.Model(mdr.pk.one_compartment("dox", CL="10 L/h", V="50 L", molar_mass="500 g/mol"))
    ran = mdr.simulate_many(model, mdr.bolus("dox", "50 mg"), until="1 day", times="1 day", outputs=["C_dox"])
    run = mdr.simulate(model, mdr.bolus("dox", "50 mg"), until="1 day", times="1 day")
    assert ran.values[0, :, 0] == pytest.approx(run.frame["C_dox"].to_numpy())
    assert ran.outputs["C_dox"].text == run.frame.attrs["units"]["C_dox"]


def test_headers_carry_units(model):
    plain = mdr.simulate_many(model, arms()["daily"], parameters={"CL_dox": [10.0, 20.0]}, until="2 day", accuracy=FAST)
    other = mdr.simulate_many(
        model,
        arms()["daily"],
        parameters=pd.DataFrame({"CL_dox [L/day]": [240.0, 480.0]}),
        until="2 day",
        accuracy=FAST,
    )
    text = mdr.simulate_many(
        model, arms()["daily"], parameters={"CL_dox": ["10 L/h", "480 L/day"]}, until="2 day", accuracy=FAST
    )
    assert other.values == pytest.approx(plain.values, rel=1e-12)
    assert text.values == pytest.approx(plain.values, rel=1e-12)


def test_an_array_has_all_parameters_in_order(model):
    own = np.array([part.value for part in model.parameters.values()])
    table = np.stack([own, 1.1 * own])
    ran = mdr.simulate_many(model, arms()["daily"], parameters=table, until="2 day", accuracy=FAST)
    named = {name: float(value) for name, value in zip(model.parameters, table[1], strict=True)}
    run = mdr.simulate(model, arms()["daily"], parameters=named, until="2 day", accuracy=FAST)
    assert ran.values[1, :, 0] == pytest.approx(run.frame["burden"].to_numpy(), rel=1e-6)


def test_xarray_has_units(many):
    xarray = pytest.importorskip("xarray")
    found = many.xarray()
    assert isinstance(found, xarray.Dataset)
    assert found["burden"].attrs["units"] == "cell"
    assert found["time"].attrs["units"] == "day"
    assert found["nadir"].dims == ("member",)
    assert found["R"].sel(time=4.0).to_numpy().tolist() == many.values[:, 2, 1].tolist()


def test_a_missing_package_is_named(many, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr("pkpd_mdr.run.many.result.import_module", missing)
    with pytest.raises(mdr.SimulationError, match=r"pip install 'pkpd-mdr\[xarray\]'"):
        many.xarray()


def test_summaries(many):
    table = many.summary([0.1, 0.5], by="regimen")
    for k, regimen in enumerate(["daily", "adaptive"]):
        part = many.values[12 * k : 12 * (k + 1), 3, 0]
        row = table.loc[(regimen, "burden", 6.0)]
        assert row[[0.1, 0.5]].tolist() == pytest.approx(np.quantile(part, [0.1, 0.5]).tolist())
        assert row["members"] == 12
    ends = many.endpoint_summary([0.5]).loc[("daily", "nadir")]
    assert ends[0.5] == pytest.approx(np.median(many.endpoint_values[:12, 1]))
    everyone = many.summary([0.5], by=[])
    assert everyone.loc[("R", 20.0), 0.5] == pytest.approx(np.median(many.values[:, -1, 1]))


def test_a_missing_label_is_a_group_of_its_own(model):
    table = population(4).assign(site=["lung", None, "lung", None])
    ran = mdr.simulate_many(model, parameters=table, labels="site", until="1 day", times="1 day", accuracy=FAST)
    assert ran.summary([0.5], by="site")["members"].tolist() == [2] * 4


def test_it_prints_well(many):
    text = str(many)
    assert text.startswith("Ensemble of 24 members, 2 regimens, 11 times to 20 day\n  outputs: burden [cell], R [cell]")
    assert "adaptive time_to_progression" in text
    assert max(len(line) for line in text.split("\n")) <= 120


# -- reductions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 40])
def test_reduced_quantiles_are_the_exact_ones_to_a_thousandth(model, size):
    options = {"parameters": population(60), "until": "20 day", "times": "4 day", "outputs": ["burden", "C_dox"]}
    full = mdr.simulate_many(model, arms(), **options, accuracy=FAST)
    less = mdr.simulate_many(model, arms(), **options, accuracy=FAST, reduce="quantiles", chunk=size)
    shares = [0.0, 0.05, 0.31, 0.5, 0.95, 1.0]
    exact, found = full.summary(shares), less.summary(shares)
    assert found.index.equals(exact.index)
    assert found.to_numpy() == pytest.approx(exact.to_numpy(), rel=1e-3, abs=1e-300)
    with pytest.raises(mdr.SimulationError, match="reduce='quantiles'"):
        _ = less.frame


def test_reduced_to_endpoints(model, many):
    less = mdr.simulate_many(
        model, arms(), parameters=population(12), until="20 day", times="2 day",
        endpoints=["time_to_progression", "nadir", "exposure_dox"], reduce="endpoints", accuracy=FAST,
    )  # fmt: skip
    assert less.outputs == {}
    assert less.endpoint_values.tobytes() == many.endpoint_values.tobytes()
    with pytest.raises(mdr.SimulationError, match="endpoint_summary"):
        less.summary()


# -- failures --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_members_among_2000_touch_nobody(model):
    """One NaN and one blow-up: 1/sqrt(S) = 1/sqrt(S0) - super*t/2 is zero at t = 2/(super*sqrt(S0)) = 40 h."""
    table = population(2000)
    table["super"] = 1e-9
    options = {
        "until": "4 day",
        "times": "1 day",
        "outputs": ["S", "R"],
        "starts": {"S": 1e4},
        "accuracy": mdr.Accuracy(method="rodas", rtol=1e-4),
    }
    good = mdr.simulate_many(model, parameters=table, **options)
    assert good.ok.all()
    table.loc[1234, "super"] = 5e-4
    table.loc[77, "CL_dox"] = math.nan
    bad = mdr.simulate_many(model, parameters=table, **options, chunk=700)
    assert sorted(bad.failures) == [77, 1234]
    assert bad.values[bad.ok].tobytes() == good.values[bad.ok].tobytes()
    sentences = bad.failed["sentence"].tolist()
    assert sentences[0] == "row 77 of parameters: 'CL_dox' is nan, which is not a finite number"
    assert "'S'" in sentences[1] or " S" in sentences[1]
    assert bad.failed["time [day]"].tolist()[1] == pytest.approx(40 / 24, rel=1e-2)
    frame = bad.frame
    assert frame["member"].eq(77).sum() == 0
    assert frame["member"].eq(1234).sum() == 2
    assert not frame.isna().any().any()
    assert "2 of 2000 members failed" in str(bad)
    assert len(bad.endpoints) == 1998


def test_a_rule_that_fails_for_one_member_fails_that_member(model):
    def picky(visit):
        if visit.burden > 2e6:
            raise ValueError("too large")

    ran = mdr.simulate_many(
        model, mdr.rule(picky, visit="5 day"), starts={"S": [1e6, 3e6, 1e5]}, until="10 day", times="5 day",
        outputs=["S"], accuracy=FAST,
    )  # fmt: skip
    assert list(ran.failures) == [1]
    assert "too large" in ran.failures[1].sentence


def test_an_endpoint_that_is_not_defined_is_a_failure(model):
    ran = mdr.simulate_many(
        model, starts={"S": [1e6, 0.0], "R": [0.0, 0.0]}, until="5 day", endpoints=["best_response"], accuracy=FAST
    )
    assert "'best_response' is not defined" in ran.failures[1].sentence
    assert ran.endpoints.index.tolist() == [0]


def test_none_left_is_an_error_with_what_there_is(model):
    with pytest.raises(mdr.SimulationError, match="none of 2 members was finished; member 0: the endpoint") as caught:
        mdr.simulate_many(
            model, starts={"S": [0.0, 0.0], "R": [0.0, 0.0]}, until="5 day", endpoints=["best_response"], accuracy=FAST
        )
    assert isinstance(caught.value.partial, mdr.Many)


def test_own_endpoints_and_slopes(model):
    ran = mdr.simulate_many(
        model, parameters=population(2), until="3 day", endpoints=[end_of("R", name="last")], accuracy=FAST
    )
    assert ran.endpoints["last"].to_numpy() == pytest.approx(
        1e3 * np.exp(3 * population(2)["growth_R"].to_numpy()), rel=1e-5
    )


def test_a_picture(many):
    ax = many.plot("R")
    assert ax.get_ylabel() == "R [cell]"
    assert len(ax.lines) == 2
    with pytest.raises(mdr.SimulationError, match="did you mean 'burden'"):
        many.plot("burdn")
