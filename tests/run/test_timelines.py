"""Timelines are made once for what is given again, and anew where anything about them differs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.engine import compile_model
from pkpd_mdr.run.rows import Rows
from pkpd_mdr.run.timelines import timeline_of

MODEL = mdr.Model(
    mdr.pk.one_compartment("dox", CL="5 L/h", V="50 L", ka="1 1/h", F=0.8, lag="2 h"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e6 cell"),
)
WITH_INFUSIONS = mdr.Model(
    mdr.pk.one_compartment("dox", CL="5 L/h", V="50 L", ka="1 1/h", F=0.8, lag="2 h", iv=mdr.pk.route()),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start="1e6 cell"),
)
COMPILED = compile_model(MODEL)
VALUES = np.array([item.internal for item in MODEL.parameters.values()])
ACTS = mdr.oral("dox", "50 mg").every("12 h", times=4).acts
WINDOW = (0.0, math.inf)


def rows(*times: float, until: float = 60.0) -> Rows:
    return Rows.of(np.array(times), until, np.empty(0), True)


def test_the_same_question_has_the_same_answer() -> None:
    first = timeline_of(COMPILED, ACTS, VALUES, WINDOW, rows(1.0, 30.0))
    again = timeline_of(COMPILED, ACTS, VALUES.copy(), WINDOW, rows(1.0, 30.0))
    assert first[0] is again[0]
    with pytest.raises(ValueError, match="read-only"):
        again[1][0] = True


@pytest.mark.parametrize("what", ["lag", "rows", "end", "window", "acts"])
def test_what_differs_is_made_anew(what: str) -> None:
    usual = {"acts": ACTS, "values": VALUES, "window": WINDOW, "rows": rows(1.0, 30.0)}
    other = {
        "lag": {"values": np.where(np.arange(len(VALUES)) == [*MODEL.parameters].index("lag_dox"), 3.0, VALUES)},
        "rows": {"rows": rows(1.0, 30.1)},
        "end": {"rows": rows(1.0, 30.0, until=61.0)},
        "window": {"window": (0.0, 24.0), "rows": rows(1.0, 30.0).between(0.0, 24.0)},
        "acts": {"acts": mdr.oral("dox", "50 mg").every("12 h", times=3).acts},
    }
    lines = [
        timeline_of(COMPILED, item["acts"], item["values"], item["window"], item["rows"])[0]
        for item in (usual, usual | other[what])
    ]
    assert list(lines[0]) != list(lines[1])


def test_parameters_that_decide_nothing_about_doses_share_a_timeline() -> None:
    faster = VALUES * np.where(np.arange(len(VALUES)) == [*MODEL.parameters].index("growth_S"), 2.0, 1.0)
    lines = [timeline_of(COMPILED, ACTS, values, WINDOW, rows(1.0))[0] for values in (VALUES, faster)]
    assert lines[0] is lines[1]
    regimen = mdr.Regimen(ACTS)
    runs = [MODEL.simulate(regimen, until="60 h", parameters=p) for p in ({}, {"growth_S": "0.2 1/day"})]
    ends = [run.frame["S"].iloc[-1] for run in runs]
    assert ends[1] / ends[0] == pytest.approx(math.exp(0.1 * 60 / 24), rel=1e-6)


def test_what_a_user_has_to_know_is_told_each_time() -> None:
    acts = (replace(mdr.oral("dox", "50 mg").acts[0], interval=1.5, steady=1),)
    for _ in range(2):
        with pytest.warns(UserWarning, match="the lag of 2 h is not shorter than the interval of 1.5 h"):
            timeline_of(COMPILED, acts, VALUES, WINDOW, rows(1.0))


@given(minutes=st.lists(st.integers(0, 3600), max_size=20), low=st.sampled_from([0.0, 24.0]))
def test_rows_that_are_added_change_nothing_else(minutes: list[int], low: float) -> None:
    """Against a timeline that is made with them; an infusion ends, and delayed doses act, between rows."""
    acts = (*ACTS, *mdr.infusion("dox", "50 mg", over="3 h", route="iv", at="20.4 h").acts)
    compiled = compile_model(WITH_INFUSIONS)
    values = np.array([item.internal for item in WITH_INFUSIONS.parameters.values()])
    own = Rows.of(np.arange(0.0, 60.0, 5.0), 60.0, np.array([24.0]), filled=True).between(low, 60.0)
    new = np.unique([k / 60 for k in minutes if k / 60 > low])
    added, shown = timeline_of(compiled, acts, values, (low, math.inf), own, new)
    together = replace(own, hidden=np.union1d(own.hidden, new))
    made, wanted = timeline_of(compiled, acts, values, (low, math.inf), together)
    assert added.steps == made.steps
    np.testing.assert_allclose(added.marks.times, made.marks.times, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(added.marks.after, made.marks.after)
    np.testing.assert_array_equal(shown, wanted)
