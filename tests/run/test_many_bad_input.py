"""What `simulate_many` refuses, and in which words."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.ensembles import FAST, treated

import pkpd_mdr as mdr

DAILY = mdr.oral("dox", "50 mg").every("1 day", times=2)
FRAME = pd.DataFrame


@pytest.fixture(scope="module")
def model():
    return treated()


def run(model, regimens=DAILY, **options):
    return mdr.simulate_many(model, regimens, **({"until": "2 day", "accuracy": FAST} | options))


CASES = [
    # tables of parameters
    ({"parameters": FRAME({"ec50_dox_s": [1.0]})}, "no parameter of the model; did you mean 'ec50_dox_S'?"),
    (
        {"parameters": FRAME({"S": [1.0]})},
        "the column 'S', which is no parameter of the model but a state; give it in starts=",
    ),
    ({"parameters": FRAME({"CL_dox": []})}, "the table of parameters has no row; give it at least one"),
    ({"parameters": []}, "the table of parameters has no row"),
    ({"parameters": {}}, None),
    ({"parameters": FRAME({"CL_dox [mg]": [1.0]})}, "is in 'mg', but the parameter 'CL_dox' is in 'L/h'"),
    ({"parameters": FRAME({"CL_dox [foo/h]": [1.0]})}, "the column 'CL_dox [foo/h]' of parameters: unit 'foo/h'"),
    ({"parameters": FRAME([[1.0, 2.0]], columns=["CL_dox", "CL_dox"])}, "the column 'CL_dox' twice"),
    ({"parameters": FRAME({"CL_dox": [1.0], "CL_dox [L/day]": [2.0]})}, "the column 'CL_dox' twice"),
    ({"parameters": FRAME({"CL_dox": [1.0, "high"]})}, "row 1 of parameters: CL_dox: 'high' has no number"),
    (
        {"parameters": FRAME({"CL_dox": [True, False]}, dtype=object)},
        "row 0 of parameters: CL_dox is True, which is not",
    ),
    (
        {"parameters": FRAME({"CL_dox": [math.nan]})},
        "row 0 of parameters: 'CL_dox' is nan, which is not a finite number",
    ),
    (
        {"parameters": FRAME({"CL_dox": [math.inf]})},
        "row 0 of parameters: 'CL_dox' is inf, which is not a finite number",
    ),
    ({"parameters": FRAME({"CL_dox": [None, -3.0]})}, "no member can be run; row 0 of parameters: 'CL_dox' is nan"),
    ({"parameters": FRAME({"CL_dox": [-3.0]})}, "'CL_dox' is -3.0, which is outside its bounds"),
    (
        {"parameters": {"CL_dox": [1.0, 2.0], "V_dox": [1.0, 2.0, 3.0]}},
        "different numbers of rows ('CL_dox' 2, 'V_dox' 3)",
    ),
    ({"parameters": "CL_dox"}, "parameters is 'CL_dox'; give a DataFrame"),
    ({"parameters": 3}, "parameters is 3; give a DataFrame"),
    ({"parameters": [3]}, "row 0 of parameters is 3; give a dict from name to value"),
    ({"parameters": np.ones((2, 3))}, "an array of shape (2, 3)"),
    ({"parameters": np.ones(10)}, "an array of shape (10,)"),
    # starts
    ({"parameters": FRAME({"site": ["a"]})}, "columns that name rows are kept by id= or labels="),
    ({"starts": {"CL_dox": [1.0]}}, "no state of the model but a parameter; give it in parameters="),
    ({"starts": {"Q": [1.0]}}, "the column 'Q', which is no state of the model"),
    ({"starts": {"S": [-1.0]}}, "row 0 of starts: 'S' is -1.0, which is outside its bounds [0, inf] cell"),
    ({"starts": [{"S": 1.0}, {"R": 1.0}]}, "row 1 of starts has no 'S', which other rows have"),
    # ids, labels, joining
    (
        {"parameters": FRAME({"id": [1, 1], "CL_dox": [1, 2]}), "id": "id"},
        "rows 0 and 1 of parameters have the same 'id', 1",
    ),
    ({"parameters": FRAME({"id": [1, None], "CL_dox": [1, 2]}), "id": "id"}, "row 1 of parameters has no 'id'"),
    ({"id": "patient"}, "no table has the column 'patient', which is named by id= or labels=; no table was given"),
    ({"id": 3}, "id is 3; give the name of a column"),
    ({"labels": 3}, "labels is 3; give the names of columns"),
    ({"labels": ["time"], "parameters": FRAME({"time": [1]})}, "a label cannot be called 'time'"),
    (
        {"labels": "CL_dox", "parameters": {"CL_dox": [1.0]}},
        "'CL_dox' is a parameter of the model and cannot be a label",
    ),
    ({"combine": "zip"}, "combine = 'zip' is not known; choose 'product'"),
    (
        {"combine": "rows", "parameters": {"CL_dox": [1.0, 2.0]}, "starts": {"S": [1.0, 2.0, 3.0]}},
        "row by row, 2 parameters, 3 starts do not match",
    ),
    (
        {"combine": "rows", "regimens": [DAILY, DAILY, DAILY], "parameters": {"CL_dox": [1.0, 2.0]}},
        "row by row, 2 parameters, 3 regimens do not match",
    ),
    (
        {"combine": "rows", "regimens": {"a": DAILY}, "parameters": FRAME({"regimen": ["a", None], "CL_dox": [1, 2]})},
        "row 1 of parameters has no regimen; name one in its column 'regimen'",
    ),
    (
        {"combine": "rows", "regimens": {"arm": DAILY}, "parameters": FRAME({"regimen": ["arms"], "CL_dox": [1]})},
        "there is no regimen 'arms'; did you mean 'arm'?",
    ),
    (
        {"combine": "rows", "parameters": FRAME({"regimen": ["a"], "CL_dox": [1]})},
        "regimens have no names; give a dict from name to regimen",
    ),
    (
        {
            "combine": "rows",
            "id": "p",
            "parameters": FRAME({"p": ["a", "b"], "CL_dox": [1, 2]}),
            "starts": FRAME({"p": ["a", "c"], "S": [1, 2]}),
        },
        "row 1 of parameters: 'p' 'b' has no start",
    ),
    ({"parameters": FRAME({"regimen": ["a"], "CL_dox": [1]})}, "the column 'regimen', which is no parameter"),
    # regimens
    ({"regimens": {}}, "there is no regimen"),
    ({"regimens": 7}, "regimens is 7; give a regimen"),
    ({"regimens": {"a": 7}}, "regimen 'a' is 7; give a regimen or a strategy"),
    ({"regimens": {1: DAILY}}, "the regimen 1 is not named by text"),
    ({"regimens": {"a": mdr.oral("dxo", "50 mg")}}, "regimen 'a': "),
    ({"regimens": mdr.adaptive(DAILY, visit="1 day"), "measure": "burdn"}, "strategies are shown 'burdn'"),
    # the rest
    ({"until": "0 day"}, "until = '0 day' is not after the start"),
    ({"until": "2 mg"}, "until"),
    ({"times": "0 day"}, "is not a spacing"),
    ({"outputs": ["burdn"]}, "did you mean 'burden'?"),
    ({"outputs": []}, "outputs is empty"),
    ({"outputs": 3}, "outputs is 3"),
    ({"endpoints": "nadr"}, "endpoint 'nadr' is neither known"),
    ({"endpoints": ["nadir", "nadir"]}, "the endpoint 'nadir' is given twice"),
    ({"endpoints": mdr.endpoints.nadir_of(name="start")}, "an endpoint cannot be called 'start'"),
    (
        {"endpoints": "nadir", "labels": ["nadir"], "parameters": FRAME({"nadir": [1]})},
        "a label cannot be called 'nadir'",
    ),
    ({"endpoints": ["exposure_dxo"]}, "the model has no drug 'dxo'; did you mean 'dox'?"),
    ({"reduce": "mean"}, "reduce = 'mean' is not known; choose 'quantiles' or 'endpoints'"),
    ({"reduce": "endpoints"}, "name endpoints"),
    ({"reduce": "endpoints", "endpoints": "nadir", "outputs": ["S"]}, "leave outputs out"),
    ({"executor": 4}, "executor is 4, not an executor of concurrent.futures"),
    ({"executor": "dask"}, "client.get_executor() of Dask"),
    ({"chunk": 0}, "chunk is 0, not a whole number of 1 or more"),
    ({"threads": -1}, "threads is -1, not a whole number of 1 or more"),
    ({"retries": -1}, "retries is -1"),
    ({"progress": "yes"}, "progress is 'yes', not True, False, or a function of (done, total)"),
    ({"checkpoint": 3}, "checkpoint is 3, not a folder"),
    ({"accuracy": 1e-6}, "accuracy is 1e-06"),
    ({"seed": 1.5}, "seed is 1.5"),
]


@pytest.mark.parametrize(("options", "words"), CASES, ids=[str(words)[:50] for _, words in CASES])
def test_it_is_refused_in_one_sentence(model, options, words):
    if words is None:
        assert len(run(model, **options)) == 1
        return
    with pytest.raises(mdr.PkpdMdrError) as caught:
        run(model, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_is_needed():
    with pytest.raises(mdr.SimulationError, match="model is 3, not a model"):
        mdr.simulate_many(3, until="1 day")


def test_a_closed_executor(model):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(mdr.SimulationError, match=r"the executor takes no work: .*; give one that is open"):
        run(model, executor=pool)


def test_quantiles_of_a_summary(model):
    ran = run(model)
    with pytest.raises(mdr.SimulationError, match=r"quantiles = \[5\] are not shares between 0 and 1"):
        ran.summary([5])
    with pytest.raises(mdr.SimulationError, match="there is no label 'cohort'"):
        ran.summary(by="cohort")


@given(
    st.dictionaries(
        st.sampled_from(["CL_dox", "CL_dox [L/day]", "V_dox", "nonsense", "id", ""]),
        st.lists(
            st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.just("5 L/h")),
            min_size=0,
            max_size=3,
        ),
        max_size=3,
    )
)
def test_any_table_is_run_or_refused(model, table):
    """Nothing but our own errors comes out, and no member is dropped."""
    try:
        ran = run(model, parameters=table)
    except mdr.PkpdMdrError:
        return
    assert len(ran) == max([1, *map(len, table.values())])
    assert len(ran.endpoints) + len(ran.failed) == len(ran)
    assert np.isfinite(ran.values[ran.ok]).all()


def test_a_frame_of_another_model_is_not_read_in_the_units_of_this_one():
    law = mdr.growth.exponential
    weekly = mdr.Model(mdr.clone("S", growth=law(rate="0.7 1/week"), start=100))
    daily = mdr.Model(mdr.clone("S", growth=law(rate="0.1 1/day"), start=100))
    table = pd.DataFrame({"growth_S": [0.7, 1.4]})
    arms = {"a": mdr.nothing(), "b": mdr.nothing()}
    known = mdr.compare(weekly, arms, until="7 day", parameters=table, endpoints=["final_burden"]).parameters
    again = {"until": "7 day", "endpoints": ["final_burden"]}
    with pytest.raises(mdr.UnitError, match=r"'growth_S' of parameters is in '1/week' by attrs.*in '1/day'; write"):
        daily.simulate_many(parameters=known, **again)
    renamed = known.rename(columns={"growth_S": "growth_S [1/week]"})
    found = daily.simulate_many(parameters=renamed, **again).endpoint_values
    assert found == pytest.approx(weekly.simulate_many(parameters=known, **again).endpoint_values)
    assert found[:, 0] == pytest.approx(100 * np.exp([0.7, 1.4]))
