"""How resistance arises and goes: switching, persisters, memory, hierarchy, genotypes, the continuous trait."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

import pkpd_mdr as mdr
from pkpd_mdr.errors import PkpdMdrError
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism
from pkpd_mdr.model.scope import Scope

EXACT = mdr.Accuracy(rtol=1e-10)
STAY = mdr.growth.exponential(rate="0 1/h")


def last(run: mdr.Run, name: str) -> float:
    return float(run.frame[name].iloc[-1])


# -- switching: offers, sums, modulation --------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaled:
    """Stands for whatever scales or adds to a switch from outside, such as exosome cargo."""

    factor: float = 1.0
    addend: float = 0.0
    label: str = "scaled"

    def declare(self, scope: Scope) -> None:
        scope.scale("switching", "S>R", lambda: sp.Float(self.factor))
        scope.add("switching", "S>R", lambda: sp.Float(self.addend) * symbol("one"))

    def connect(self, scope: Scope) -> None:
        """Nothing more."""


def two(*parts: Mechanism) -> mdr.Model:
    return mdr.Model(mdr.clone("S", start=1e6), mdr.clone("R"), mdr.medium("dox", unit="uM"), *parts)


def test_a_switching_rate_is_offered_and_can_be_scaled_and_added_to() -> None:
    switch = mdr.switching("S", "R", rate="0.01 1/h", induced_by="dox", slope="0.02 L/umol/h", back="0.03 1/h")
    one = mdr.parameter("one", "1 1/h")
    plain, changed = two(switch, one), two(switch, Scaled(3.0, 0.5), one)
    S, q, slope, C = (symbol(name) for name in ("S", "switching_S_R", "switching_slope_dox_S_R", "medium_dox"))
    assert sp.expand(plain.processes["switching_S_R"].rate - (q + slope * C) * S) == 0
    expected = 3.0 * (q + slope * C + 0.5 * symbol("one")) * S
    assert sp.expand(changed.processes["switching_S_R"].rate - expected) == 0
    assert changed.processes["switching_R_S"].rate == plain.processes["switching_R_S"].rate


def test_declarations_for_one_switch_add_up_in_one_process() -> None:
    model = two(
        mdr.medium("pac", unit="uM"),
        mdr.switching("S", "R", rate="0.01 1/h"),
        mdr.switching("S", "R", induced_by="dox", slope="0.02 L/umol/h"),
        mdr.switching("S", "R", induced_by="pac", slope="0.04 L/umol/h"),
    )
    assert [name for name in model.processes if name.startswith("switching")] == ["switching_S_R"]
    run = model.simulate(mdr.exposure("dox", "1 uM") & mdr.exposure("pac", "2 uM"), until="10 h", accuracy=EXACT)
    assert last(run, "S") == pytest.approx(1e6 * np.exp(-0.11 * 10), rel=1e-8)


@given(emax=st.floats(-1.0, 3.0), level=st.floats(0.01, 100.0))
@settings(max_examples=15)
def test_modulation_scales_a_switch(emax: float, level: float) -> None:
    model = two(
        mdr.switching("S", "R", rate="0.01 1/h"),
        mdr.switching_modulation("dox", "S", "R", emax=emax, ec50="1 uM"),
    )
    run = model.simulate(mdr.exposure("dox", (level, "uM")), until="20 h", accuracy=EXACT)
    rate = 0.01 * (1 + emax * level / (1 + level))
    assert last(run, "S") == pytest.approx(1e6 * np.exp(-20 * rate), rel=1e-7)
    assert last(run, "burden") == pytest.approx(1e6, rel=1e-9)


# -- Gunnarsson et al. 2020: tolerance as a switch ----------------------------------------------------------------


def tolerant(back: float, *, rate: float = 0.01) -> mdr.Model:
    """Sensitive cells die at 0.05/h, tolerant ones grow at 0.01/h."""
    return mdr.Model(
        mdr.clone("S", growth=STAY, death="0.05 1/h", start=1e6),
        mdr.clone("P", growth=mdr.growth.exponential(rate="0.01 1/h"), start=1e6),
        mdr.switching("S", "P", rate=(rate, "1/h"), back=(back, "1/h")),
    )


def long_run_rate(model: mdr.Model, plan: Any = None, *, period: float = 0.0, until: float = 1800.0) -> float:
    """Per hour, over the last part of a run (a whole number of periods)."""
    span = 300.0 if not period else period * round(300.0 / period)
    run = model.simulate(plan, until=(until, "h"), times=[(until - span, "h"), (until, "h")])
    first, second = run.frame["burden"].to_numpy()
    return float(np.log(second / first) / span)


def test_a_slightly_shorter_retention_turns_failure_into_success() -> None:
    """The rate is zero at b = g1 (1 + a/|g0|) = 0.012/h: 0.0115 fails and 0.0125 succeeds."""
    for back in (0.0115, 0.0125):
        A, B, a = -0.05 - 0.01, 0.01 - back, 0.01
        expected = (A + B + np.sqrt((A - B) ** 2 + 4 * a * back)) / 2
        assert long_run_rate(tolerant(back)) == pytest.approx(expected, rel=1e-5)
    assert long_run_rate(tolerant(0.0115)) > 0 > long_run_rate(tolerant(0.0125))


@pytest.mark.law("I14")
@given(a=st.floats(0.001, 0.05), b=st.floats(0.001, 0.05), g0=st.floats(-0.05, 0.02), g1=st.floats(-0.02, 0.03))
@settings(max_examples=15)
def test_long_run_rate_and_composition_of_two_types(a: float, b: float, g0: float, g1: float) -> None:
    """I14, reached from any start."""

    def law(net: float) -> dict[str, Any]:
        return {"growth": mdr.growth.exponential(rate=(max(net, 0.0), "1/h")), "death": (max(-net, 0.0), "1/h")}

    model = mdr.Model(
        mdr.clone("S", start=1e6, **law(g0)),
        mdr.clone("R", **law(g1), resistant=True),
        mdr.switching("S", "R", rate=(a, "1/h"), back=(b, "1/h")),
    )
    A, B = g0 - a, g1 - b
    rate = (A + B + np.sqrt((A - B) ** 2 + 4 * a * b)) / 2
    x = a / (rate - B)
    slow = 30 / np.sqrt((A - B) ** 2 + 4 * a * b)
    run = model.simulate(until=(slow, "h"), times=[(slow * 0.8, "h"), (slow, "h")], accuracy=EXACT)
    burden = run.frame["burden"].to_numpy()
    assert np.log(burden[1] / burden[0]) / (0.2 * slow) == pytest.approx(rate, rel=1e-4, abs=1e-7)
    assert last(run, "resistant_share") == pytest.approx(x / (1 + x), rel=1e-4)


CONSTANT = (0.0, 0.1, 0.5, 1.0, 3.0, 10.0)
PULSES = ((6.0, 6.0), (6.0, 12.0), (12.0, 24.0))


def induced(uniform: bool) -> mdr.Model:
    """The drug drives cells into tolerance and keeps them there: by its dose, or the same at every dose."""
    into: dict[str, Any] = {"slope": "0.01 1/h"}
    if uniform:
        into = {"emax": "0.01 1/h", "ec50": 1e-9}
    return mdr.Model(
        mdr.medium("u", unit=""),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e6),
        mdr.clone("P", growth=mdr.growth.exponential(rate="0.005 1/h"), start=1e4),
        mdr.kill("u", on="S", emax="0.12 1/h", ec50=1.0),
        mdr.switching("S", "P", induced_by="u", back="0.02 1/h", **into),
        mdr.switching_modulation("u", "P", "S", emax=-1.0, ec50=1e-9 if uniform else 10.0),
    )


@pytest.mark.parametrize("uniform", [False, True])
def test_how_a_drug_induces_tolerance_decides_the_regimen(uniform: bool) -> None:
    """Gunnarsson: linear induction favours a constant low dose, uniform one alternating a large dose with none."""
    model = induced(uniform)
    constant = {dose: long_run_rate(model, mdr.exposure("u", dose) if dose else None, until=900.0) for dose in CONSTANT}
    pulsed = {}
    for on, off in PULSES:
        plan = mdr.exposure("u", 10.0, over=(on, "h")).every((on + off, "h"), times=int(900 / (on + off)) + 1)
        pulsed[on, off] = long_run_rate(model, plan, period=on + off, until=900.0)
    best = min(constant, key=constant.__getitem__)
    if uniform:
        assert min(pulsed.values()) < constant[best] - 0.003
    else:
        assert constant[best] < min(pulsed.values()) - 0.003
        assert CONSTANT[0] < best < CONSTANT[-1]


# -- persisters ---------------------------------------------------------------------------------------------------


def test_persisters_are_the_plain_switch_of_a_slow_clone() -> None:
    law = mdr.growth.exponential(rate="0.03 1/h")
    base = [mdr.clone("S", growth=law, start=1e6), mdr.medium("dox", unit="uM")]
    induction = {"induced_by": "dox", "slope": "0.01 L/umol/h"}
    named = mdr.Model(
        *base,
        mdr.persisters("P", of="S", entry="1e-3 1/h", exit="0.02 1/h", growth=law, cycling=0.25, **induction),
    )
    slow = mdr.growth.exponential(rate="0.0075 1/h")
    typed = mdr.Model(
        *base, mdr.clone("P", growth=slow), mdr.switching("S", "P", rate="1e-3 1/h", back="0.02 1/h", **induction)
    )
    plan = mdr.exposure("dox", "2 uM", over="24 h")
    one, other = (model.simulate(plan, until="96 h", times="12 h", accuracy=EXACT) for model in (named, typed))
    np.testing.assert_allclose(one.frame[["S", "P"]], other.frame[["S", "P"]], rtol=1e-8)
    assert set(named.without("persisters_P").states) == {"S", "medium_dox"}


def test_persisters_survive_a_pulse_and_reseed_a_sensitive_tumour() -> None:
    law = mdr.growth.exponential(rate="0.03 1/h")
    model = mdr.Model(
        mdr.clone("S", growth=law, start=1e6),
        mdr.medium("dox", unit="uM"),
        mdr.kill("dox", on="S", slope="0.2 L/umol/h"),
        mdr.persisters("P", of="S", entry="1e-4 1/h", exit="0.01 1/h"),
    )
    run = model.simulate(mdr.exposure("dox", "2 uM", over="96 h"), until="960 h", times="96 h")
    share = (run.frame["P"] / run.frame["burden"]).to_numpy()
    assert share[1] > 0.9
    assert share[-1] < 0.01
    assert last(run, "burden") > 1e5


# -- epigenetic memory --------------------------------------------------------------------------------------------


def remembering(depth: int, slowing: float = 1.0) -> mdr.Model:
    names = ["S", *(f"E{k}" for k in range(1, depth + 1))]
    return mdr.Model(
        *(mdr.clone(name, start=1e6 if name == "S" else 0.0) for name in names),
        mdr.medium("dox", unit="uM"),
        mdr.epigenetic_memory(
            names,
            back="0.05 1/h",
            induced_by="dox",
            slope="0.05 L/umol/h",
            slowing=slowing if slowing < 1 and depth > 1 else None,
        ),
    )


def mean_return_time(model: mdr.Model, induction: float) -> float:
    """Mean time after induction at which cells that were induced are naive again."""
    stop = induction + 3000.0
    run = model.simulate(mdr.exposure("dox", "1 uM", over=(induction, "h")), until=(stop, "h"), times="1 h")
    times = run.frame.index.to_numpy() * run.time_unit.factor
    induced = (run.frame["burden"] - run.frame["S"]).to_numpy()
    after = times >= induction
    return float(trapezoid(induced[after], times[after]) / induced[after][0])


def test_the_longer_cells_were_induced_the_longer_they_take_to_return() -> None:
    times = [mean_return_time(remembering(4), hours) for hours in (2, 24, 96)]
    assert all(late > early * 1.2 for early, late in pairwise(times))
    assert times[0] == pytest.approx(20, rel=0.1)
    assert mean_return_time(remembering(4, 0.7), 96) > times[-1] * 1.2


def test_one_step_has_no_memory() -> None:
    """The limit: a chain of one step is switching."""
    short, long = (mean_return_time(remembering(1), hours) for hours in (2, 96))
    assert short == pytest.approx(long, rel=1e-3)
    S, E1 = symbol("S"), symbol("E1")
    derivative = remembering(1).derivatives["E1"]
    assert sp.expand(derivative - symbol("memory_slope_dox_S") * symbol("medium_dox") * S) == sp.expand(
        -symbol("memory_back_S") * E1
    )


@given(depth=st.integers(1, 5), slowing=st.floats(0.1, 1.0))
@settings(max_examples=10)
def test_memory_moves_cells_and_makes_none(depth: int, slowing: float) -> None:
    run = remembering(depth, slowing).simulate(mdr.exposure("dox", "3 uM", over="48 h"), until="200 h", accuracy=EXACT)
    np.testing.assert_allclose(run.frame["burden"], 1e6, rtol=1e-9)


# -- stem hierarchy -----------------------------------------------------------------------------------------------


def test_sigal_2019() -> None:
    """C' = (0.41 - 0.1 - 0.2) C + 1.8e-4 P; P' = 1.6 C + 0.4 C + 0.04 P - 1.8e-4 P, per day."""
    divisions = 0.41 + 1.6 + 0.2
    model = mdr.Model(
        mdr.clone("C", growth=mdr.growth.birth_death(birth=(divisions, "1/day"), death="0.1 1/day"), start=10.0),
        mdr.clone("P", growth=mdr.growth.exponential(rate="0.04 1/day")),
        mdr.stem_hierarchy(
            "C", "P", asymmetric=1.6 / divisions, differentiation=0.2 / divisions, dedifferentiation="1.8e-4 1/day"
        ),
    )
    matrix = np.array([[0.41 - 0.1 - 0.2, 1.8e-4], [1.6 + 0.4, 0.04 - 1.8e-4]])
    values, vectors = np.linalg.eig(matrix)
    times = np.array([0.0, 10.0, 60.0])
    run = model.simulate(until="60 day", times=[(t, "day") for t in times], accuracy=EXACT)
    for row, t in enumerate(times):
        exact = vectors @ (np.exp(values * t) * np.linalg.solve(vectors, [10.0, 0.0]))
        np.testing.assert_allclose(run.frame[["C", "P"]].to_numpy()[row], exact.real, rtol=1e-7, atol=1e-12)


@given(asymmetric=st.floats(0.0, 0.5), differentiation=st.floats(0.0, 0.5))
@settings(max_examples=15)
def test_divisions_of_stem_cells_make_one_cell_each(asymmetric: float, differentiation: float) -> None:
    law = mdr.growth.exponential(rate="0.03 1/h")
    model = mdr.Model(
        mdr.clone("C", growth=law),
        mdr.clone("P"),
        mdr.stem_hierarchy("C", "P", asymmetric=asymmetric, differentiation=differentiation),
    )
    total = sp.expand(model.derivatives["C"] + model.derivatives["P"])
    assert sp.expand(total - symbol("growth_C") * symbol("C")) == 0
    run = model.simulate(start={"C": 1.0}, until="50 h", accuracy=EXACT)
    net = 0.03 * (1 - asymmetric - 2 * differentiation)
    assert last(run, "C") == pytest.approx(np.exp(50 * net), rel=1e-7)


# -- genotypes ----------------------------------------------------------------------------------------------------

EGFR = {
    "WT": {"gef": "20 nM", "dac": "5 nM", "osi": "10 nM"},
    "T790M": {"gef": "5 uM", "dac": "1 uM", "osi": "10 nM"},
    "C797S": {"gef": "20 nM", "dac": "5 nM", "osi": "5 uM"},
    "both": {"gef": "5 uM", "dac": "1 uM", "osi": "5 uM"},
}
"""1st and 2nd generation fail by T790M, the 3rd by C797S, which alone stays sensitive to dacomitinib. Numbers ours."""

GRAPH = {
    ("WT", "T790M"): 1e-7,
    ("WT", "C797S"): 1e-7,
    ("T790M", "both"): 1e-7,
    ("C797S", "both"): 1e-7,
}


def egfr(table: Any = EGFR, **changes: Any) -> mdr.Model:
    options = {
        "emax": "0.2 1/day",
        "growth": mdr.growth.exponential(rate="0.05 1/day"),
        "start": {"WT": 1e9},
        "mutations": GRAPH,
        "costs": {"T790M": 0.1},
        **changes,
    }
    drugs = [mdr.medium(drug, unit="nM") for drug in ("gef", "dac", "osi")]
    return mdr.Model(*drugs, mdr.genotypes(table, **options))


@pytest.mark.parametrize(
    ("drug", "escapes", "falls"),
    [("gef", "T790M", "C797S"), ("dac", "T790M", "C797S"), ("osi", "C797S", "T790M")],
)
def test_each_generation_fails_by_its_own_mutation(drug: str, escapes: str, falls: str) -> None:
    model = egfr(start={"WT": 1e9, "T790M": 1e3, "C797S": 1e3})
    run = model.simulate(mdr.exposure(drug, "100 nM"), until="300 day", times="100 day")
    frame = run.frame
    assert frame[escapes].iloc[-1] > 1e3
    assert frame[falls].iloc[-1] < 10 + 1e-3 * frame[escapes].iloc[-1]
    assert frame["WT"].iloc[-1] < 1


def test_c797s_alone_is_still_sensitive_to_dacomitinib() -> None:
    """After osimertinib fails, dacomitinib works unless T790M is there too."""
    for who, survives in (("C797S", False), ("both", True)):
        run = egfr(start={who: 1e6}, mutations={}).simulate(mdr.exposure("dac", "100 nM"), until="200 day")
        assert (last(run, who) > 1e6) == survives


def test_a_third_generation_first_leaves_the_second_for_later() -> None:
    """Through the strategy: each line is given until progression."""
    model = egfr(start={"WT": 1e9, "C797S": 1e4})
    lines = [mdr.exposure(drug, "100 nM") for drug in ("osi", "dac")]
    run = model.simulate(mdr.on_progression(*lines, visit="14 day"), until="600 day", times="10 day")
    assert any("line 2 starts" in str(event) for event in run.events.to_numpy().ravel())
    alone = model.simulate(lines[0], until="600 day", times="10 day")
    assert last(run, "C797S") < last(alone, "C797S")


def test_a_table_is_the_separate_declarations() -> None:
    law = mdr.growth.exponential(rate="0.05 1/day")
    emax, hill = mdr.parameter("emax_dac", "0.2 1/day"), mdr.parameter("hill_dac", 1.0)
    by_hand = mdr.Model(
        mdr.medium("dac", unit="nM"),
        mdr.clone("A", growth=law, start=1e9),
        mdr.clone("B", growth=law, resistant=True),
        mdr.kill("dac", on="A", emax=emax, hill=hill, ec50="5 nM"),
        mdr.kill("dac", on="B", emax=emax, hill=hill, ec50="1 uM"),
        mdr.cost("B", 0.1),
        mdr.mutation("A", "B", probability=1e-7),
    )
    called = mdr.Model(
        mdr.medium("dac", unit="nM"),
        mdr.genotypes(
            {"A": {"dac": "5 nM"}, "B": {"dac": "1 uM"}},
            emax="0.2 1/day",
            growth=law,
            start={"A": 1e9},
            costs={"B": 0.1},
            mutations={("A", "B"): 1e-7},
        ),
    )
    assert dict(called.derivatives) == dict(by_hand.derivatives)
    assert {n: p.internal for n, p in called.parameters.items()} == {
        n: p.internal for n, p in by_hand.parameters.items()
    }
    assert dict(called.clones) == {"A": False, "B": True}


def test_a_frame_and_folds_say_the_same() -> None:
    frame = pd.DataFrame(
        {"gef": [20, 5000, 20, 5000], "dac": [5, 1000, 5, 1000], "osi": [10.0, 10, 5000, 5000]}, index=list(EGFR)
    )
    folds = frame / frame.iloc[0]
    reference = {"gef": "20 nM", "dac": "5 nM", "osi": "10 nM"}
    plan = mdr.exposure("osi", "50 nM") & mdr.exposure("gef", "50 nM")
    runs = [
        model.simulate(plan, until="100 day", times="50 day", accuracy=EXACT).frame[list(EGFR)]
        for model in (egfr(), egfr(frame, unit="nM"), egfr(folds, reference=reference))
    ]
    for other in runs[1:]:
        np.testing.assert_allclose(other, runs[0], rtol=1e-8)
    assert {"ec50_gef", "fold_gef_T790M"} <= set(egfr(folds, reference=reference).parameters)


def test_bozic_2013_in_the_mean() -> None:
    """Card 2.11, n12 = 0: 1.27e4 cells resistant to one drug at 1e9; relapse 1128 d later on it; 0.16 to both."""
    u, sites, b, d, M = 1e-9, 50, 0.14, 0.13, 1e9
    s = 1 - d / b
    never, always = "inf", "1 nM"
    table = {
        "none": {"one": always, "two": always},
        "r1": {"one": never, "two": always},
        "r2": {"one": always, "two": never},
        "r12": {"one": never, "two": never},
    }
    arrows = [("none", "r1"), ("none", "r2"), ("r1", "r12"), ("r2", "r12")]
    model = mdr.Model(
        mdr.medium("one", unit="nM"),
        mdr.medium("two", unit="nM"),
        mdr.genotypes(
            table,
            emax="0.04 1/day",
            hill=4,
            growth=mdr.growth.birth_death(birth=(b, "1/day"), death=(d, "1/day")),
            start={"none": 1 / s},  # what one surviving lineage is worth
            mutations=dict.fromkeys(arrows, u * sites),
        ),
    )
    grown = np.log(M * s) / (b - d)
    run = model.simulate(until=(grown, "day"), times=[(grown, "day")], accuracy=EXACT)
    assert last(run, "burden") == pytest.approx(M, rel=1e-6)
    assert last(run, "r1") == pytest.approx(1.27e4, rel=0.005)
    assert last(run, "r12") == pytest.approx(0.16, rel=0.02)
    start = {name: last(run, name) for name in table}
    plan, later = mdr.exposure("one", "100 nM"), (1128, "day")
    relapse = model.simulate(plan, start=start, until=later, times=[later])
    # dying cells still divide and yield u*n1*b*M/0.04 = 175 more resistant ones, 1.4 %
    assert last(relapse, "burden") == pytest.approx(M * (1 + 175 / 1.27e4), rel=0.005)
    both = model.simulate(plan & mdr.exposure("two", "100 nM"), start=start, until=later, times=[later])
    assert last(both, "burden") == pytest.approx(0.16 * np.exp(11.28), rel=0.1)


def test_where_a_drug_does_not_act_there_is_no_kill() -> None:
    frame = pd.DataFrame({"gef": [20.0, np.inf]}, index=["WT", "R"])
    model = mdr.Model(mdr.medium("gef"), mdr.genotypes(frame, unit="nM", emax="0.2 1/day"))
    assert [name for name in model.processes if name.startswith("kill")] == ["kill_gef_WT"]


BAD_TABLES: dict[str, tuple[Any, str]] = {
    "a gap": (lambda: mdr.genotypes({"A": {"x": "1 nM"}, "B": {}}, emax="1 1/h"), "'B' has no value for 'x'"),
    "an extra drug": (
        lambda: mdr.genotypes({"A": {"x": "1 nM"}, "B": {"x": "1 nM", "y": "1 nM"}}, emax="1 1/h"),
        "'A' has no value for 'y'",
    ),
    "a missing number": (
        lambda: mdr.genotypes(pd.DataFrame({"x": [1.0, np.nan]}, index=["A", "B"]), emax="1 1/h", unit="nM"),
        "'x' for 'B' is missing",
    ),
    "no unit": (
        lambda: mdr.Model(mdr.medium("x"), mdr.genotypes({"A": {"x": 5.0}}, emax="1 1/h")),
        "ec50_x_A",
    ),
    "a name": (lambda: mdr.genotypes({"T790M/C797S": {"x": "1 nM"}}, emax="1 1/h"), "is no name"),
    "a list": (lambda: mdr.genotypes(["A"], emax="1 1/h"), "is not a table"),
    "an unknown mutant": (
        lambda: mdr.genotypes({"A": {"x": "1 nM"}}, emax="1 1/h", mutations={("A", "B"): 1e-7}),
        "'B', which is no genotype",
    ),
    "an unknown cost": (
        lambda: mdr.genotypes({"T790M": {"x": "1 nM"}}, emax="1 1/h", costs={"T790m": 0.1}),
        "did you mean 'T790M'",
    ),
    "no emax": (lambda: mdr.genotypes({"A": {"x": "1 nM"}}, emax={"y": "1 1/h"}), "emax has no value for 'x'"),
    "a negative fold": (
        lambda: mdr.Model(
            mdr.medium("x"), mdr.genotypes({"A": {"x": -1.0}}, emax="1 1/h", reference={"x": "1 nM"})
        ),
        "fold_x_A",
    ),
    "a chain of one": (lambda: mdr.epigenetic_memory(["S"], back="1 1/h", rate="1 1/h"), "two or more"),
    "slowing of one step": (
        lambda: mdr.epigenetic_memory(["S", "E"], back="1 1/h", rate="1 1/h", slowing=0.5),
        "three states",
    ),
    "no way deeper": (lambda: mdr.epigenetic_memory(["S", "E"], back="1 1/h"), "nothing leads deeper"),
    "shares above one": (lambda: mdr.stem_hierarchy("C", "P", asymmetric=0.7, differentiation=0.4), "add up to 1.1"),
    "a hierarchy of nothing": (lambda: mdr.stem_hierarchy("C", "P"), "at least one"),
    "a stem cell that does not divide": (
        lambda: mdr.Model(mdr.clone("C"), mdr.clone("P"), mdr.stem_hierarchy("C", "P", asymmetric=0.5)),
        "no growth law",
    ),
    "persisters from nothing": (lambda: mdr.persisters("P", of="S", exit="1 1/h"), "nothing makes 'S' enter"),
    "cycling without growth": (lambda: mdr.persisters("P", of="S", entry="1 1/h", cycling=0.1), "growth law too"),
    "persisters of nobody": (
        lambda: mdr.Model(mdr.clone("S"), mdr.persisters("P", of="s", entry="1 1/h")),
        "did you mean 'S'",
    ),
    "modulation of no switch": (
        lambda: two(mdr.switching_modulation("dox", "S", "R", emax=-1, ec50="1 uM")),
        "'S' does not switch to 'R'",
    ),
    "modulation below nothing": (
        lambda: two(
            mdr.switching("S", "R", rate="1 1/h"), mdr.switching_modulation("dox", "S", "R", emax=-2, ec50="1 uM")
        ),
        "modulation_emax",
    ),
    "one point": (lambda: mdr.trait_axis(growth=STAY, start=1e6, diffusion="1 1/h", points=1), "from 2 to 400"),
    "half a drug": (
        lambda: mdr.trait_axis(growth=STAY, start=1e6, diffusion="1 1/h", drug="dox"),
        "belong together",
    ),
    "one ec50": (
        lambda: mdr.trait_axis(
            growth=STAY, start=1e6, diffusion="1 1/h", drug="dox", emax="1 1/h", ec50=(1.0, "nM")
        ),
        "not a pair",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_refusals(case: str) -> None:
    make, words = BAD_TABLES[case]
    with pytest.raises(PkpdMdrError, match=words):
        make()


# -- collateral sensitivity: when cycling works, and the myopic rule ----------------------------------------------

G1A, G1B, G2A, G2B = -0.06, 0.02, 0.03, -0.05
"""Net rates per day of types 1 and 2 under drugs A and B: each drug selects for the type that the other kills."""


def collateral() -> mdr.Model:
    law = mdr.growth.exponential(rate="0.03 1/day")
    return mdr.Model(
        mdr.medium("A", unit=""),
        mdr.medium("B", unit=""),
        mdr.clone("N1", growth=mdr.growth.exponential(rate=(G1B, "1/day")), start=1e6),
        mdr.clone("N2", growth=law, start=1e6),
        mdr.kill("A", on="N1", slope=(G1B - G1A, "1/day")),
        mdr.kill("B", on="N2", slope=(G2A - G2B, "1/day")),
    )


def cycled(share: float) -> mdr.Regimen:
    """Ten-day cycles with A for a share of each and B for the rest."""
    a = mdr.exposure("A", 1.0, over=(10 * share, "day"))
    b = mdr.exposure("B", 1.0, over=(10 * (1 - share), "day"), at=(10 * share, "day"))
    return a.every("10 day", times=20) & b.every("10 day", times=20)


LOWER, UPPER = G1B / (G1B + abs(G1A)), abs(G2B) / (G2A + abs(G2B))


@pytest.mark.parametrize(
    ("share", "shrinks"),
    [
        (LOWER - 0.02, (False, True)),
        (LOWER + 0.02, (True, True)),
        (UPPER - 0.02, (True, True)),
        (UPPER + 0.02, (True, False)),
    ],
)
def test_the_window_in_which_cycling_shrinks_both(share: float, shrinks: tuple[bool, bool]) -> None:
    """Card 2.27: both shrink iff g1B/(g1B+|g1A|) < phi < |g2B|/(g2A+|g2B|), which needs g1B g2A < |g1A| |g2B|."""
    assert (LOWER < UPPER) == (abs(G1A) * abs(G2B) > G1B * G2A)
    run = collateral().simulate(cycled(share), until="200 day", times="100 day", accuracy=EXACT)
    assert (last(run, "N1") < 1e6, last(run, "N2") < 1e6) == shrinks
    expected = 1e6 * np.exp(200 * (share * G1A + (1 - share) * G1B))
    assert last(run, "N1") == pytest.approx(expected, rel=1e-5)


@given(share=st.floats(0.01, 0.99))
@settings(max_examples=20)
def test_the_myopic_rule_picks_the_drug_that_lowers_the_burden_faster(share: float) -> None:
    """Give A while n1 (g1B - g1A) > n2 (g2A - g2B)."""
    n1, n2 = 1e6 * share, 1e6 * (1 - share)
    start = {"N1": n1, "N2": n2}
    left = {
        drug: last(
            collateral().simulate(mdr.exposure(drug, 1.0), start=start, until="0.01 day", accuracy=EXACT), "burden"
        )
        for drug in "AB"
    }
    advantage = n1 * (G1B - G1A) - n2 * (G2A - G2B)
    if abs(advantage) > 100:
        assert (left["A"] < left["B"]) == (advantage > 0)


# -- turnover and pre-existing resistance -------------------------------------------------------------------------


@pytest.mark.parametrize("turnover", [0.0, 0.5, 0.9])
def test_tomasetti_and_levy_2010(turnover: float) -> None:
    """R(t1) = u t1 M with t1 = ln(M/N0)/(L - D): at fixed L the load rises with turnover."""
    L, u, M = 0.14, 1e-7, 1e9
    law = mdr.growth.birth_death(birth=(L, "1/day"), death=(turnover * L, "1/day"))
    model = mdr.Model(
        mdr.clone("N", growth=law, start=1.0),
        mdr.clone("R", growth=law, resistant=True),
        mdr.mutation("N", "R", rate=(u, "1/day")),
    )
    t1 = np.log(M) / (L * (1 - turnover))
    run = model.simulate(until=(t1, "day"), accuracy=EXACT)
    assert last(run, "burden") == pytest.approx(M, rel=1e-6)
    assert last(run, "R") == pytest.approx(u * t1 * M, rel=1e-3)


# -- the continuous trait -----------------------------------------------------------------------------------------


def axis(points: int, *, diffusion: float = 2e-5, drug: bool = True, **changes: Any) -> mdr.Model:
    options: dict[str, Any] = {
        "growth": mdr.growth.exponential(rate="0.03 1/h"),
        "start": 1e6,
        "mean": 0.4,
        "width": 0.15,
        "cost": 0.3,
        **changes,
    }
    if drug:
        options |= {"drug": "dox", "emax": "0.08 1/h", "ec50": ("20 nM", "2 uM")}
    return mdr.Model(
        mdr.medium("dox", unit="nM"), mdr.trait_axis("x", points=points, diffusion=(diffusion, "1/h"), **options)
    )


def test_diffusion_along_the_axis_conserves_cells_and_widens_as_2_D_t() -> None:
    model = axis(16, drug=False, growth=STAY, cost=None, diffusion=1e-5, mean=0.5, width=0.08)
    run = model.simulate(until="100 h", times="50 h", accuracy=EXACT)
    np.testing.assert_allclose(run.frame["burden"], 1e6, rtol=1e-10)
    np.testing.assert_allclose(run.frame["mean_x"], 0.5, rtol=1e-9)
    gained = np.diff(run.frame["variance_x"])
    np.testing.assert_allclose(gained, 2 * 1e-5 * 50, rtol=1e-4)


@pytest.mark.slow
def test_the_axis_converges_to_its_continuum() -> None:
    """Errors fall with the square of the width of a cell: 4 per doubling."""
    plan = mdr.exposure("dox", "100 nM")
    found = [
        axis(points).simulate(plan, until="72 h", accuracy=EXACT).frame[["burden", "mean_x", "variance_x"]].iloc[-1]
        for points in (6, 12, 24)
    ]
    first, second = np.abs(found[1] - found[0]), np.abs(found[2] - found[1])
    assert np.all(np.array(first / second) > 3)
    np.testing.assert_allclose(found[2], found[1], rtol=1e-2)


def test_two_points_are_two_clones_that_switch() -> None:
    model = axis(2, cost=None, width=0.0, mean=0.0, diffusion=0.01 / 4)
    typed = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("x0", growth=mdr.growth.exponential(rate="0.03 1/h"), start=1e6),
        mdr.clone("x1", growth=mdr.growth.exponential(rate="0.03 1/h")),
        mdr.switching("x0", "x1", rate="0.01 1/h", back="0.01 1/h"),
        mdr.kill("dox", on="x0", emax="0.08 1/h", ec50=(20 * 100**0.25, "nM")),
        mdr.kill("dox", on="x1", emax="0.08 1/h", ec50=(20 * 100**0.75, "nM")),
    )
    plan = mdr.exposure("dox", "100 nM")
    one, other = (item.simulate(plan, until="72 h", times="24 h", accuracy=EXACT) for item in (model, typed))
    np.testing.assert_allclose(one.frame[["x0", "x1"]], other.frame[["x0", "x1"]], rtol=1e-7)


def test_therapy_selects_and_less_alteration_narrows_the_tumour() -> None:
    """Lavi 2013: therapy raises the mean level; lowering the rate of alteration first lowers the heterogeneity."""
    plan = mdr.exposure("dox", "100 nM")
    drug, none = axis(12).simulate(plan, until="96 h"), axis(12).simulate(until="96 h")
    assert last(drug, "mean_x") > last(none, "mean_x") + 0.02
    wide, narrow = (axis(12, diffusion=d).simulate(plan, until="96 h") for d in (5e-5, 5e-6))
    assert last(narrow, "variance_x") < last(wide, "variance_x")


def test_levels_that_change_at_division_stand_still_without_growth() -> None:
    moving = axis(11, drug=False, cost=None, diffusion=1e-4)
    assert len(moving.processes) == 11 + 20
    options = {"diffusion": 1e-4, "per_division": True, "start": 1e6, "points": 11, "mean": 0.5}
    for rate, moves in (("0.03 1/h", True), ("0 1/h", False)):
        model = mdr.Model(mdr.trait_axis("x", growth=mdr.growth.exponential(rate=rate), **options))
        run = model.simulate(until="48 h")
        assert (last(run, "variance_x") > 1e-4) == moves
