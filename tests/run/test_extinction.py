"""Exact chances of extinction against closed forms, quadrature, stochastic paths and a published model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.stats import binomtest

import pkpd_mdr as mdr
from pkpd_mdr.engine import BoundPorts, build, compile_model
from pkpd_mdr.engine.stochastic.lines import Lines
from pkpd_mdr.gallery import Lesion, bozic2013
from pkpd_mdr.regimen import arrange
from pkpd_mdr.run import courses

BEGIN = 200.0


def law(birth, death):
    return mdr.growth.birth_death(birth=f"{birth} 1/day", death=f"{death} 1/day")


def one_type(birth, death, start):
    return mdr.Model(mdr.clone("R", growth=law(birth, death), start=start))


# -- closed forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("birth", "death", "cells"), [(1.0, 0.5, 20), (0.14, 0.13, 190), (1.0, 0.1, 6)])
def test_rare_extinction_is_the_ratio_of_rates_to_the_number_of_cells(birth, death, cells):
    """(d/b)^n near 1e-6: sampling would need many millions of paths."""
    found = mdr.extinction(one_type(birth, death, cells), until=(60 / (birth - death), "day"))
    assert 5e-7 < (death / birth) ** cells < 2e-6
    assert found.probability == pytest.approx((death / birth) ** cells, rel=1e-5)
    assert found.present_per_cell["R"] == pytest.approx(1 - death / birth, rel=1e-6)


@given(st.floats(0.05, 2), st.floats(0.05, 2), st.floats(0.1, 20), st.integers(1, 50))
@settings(max_examples=15, deadline=None)
def test_extinction_by_a_time_is_that_of_kendall(birth, death, days, cells):
    """Kendall 1948: d (e^(rt) - 1) / (b e^(rt) - d) for each line."""
    rate = birth - death
    if abs(rate) < 1e-3:
        return
    grown = math.exp(rate * days)
    gone = death * (grown - 1) / (birth * grown - death)
    found = mdr.extinction(one_type(birth, death, cells), until=(days, "day"))
    assert found.log_probability == pytest.approx(cells * math.log(gone), rel=1e-5, abs=1e-9)
    assert found.probability + found.present == pytest.approx(1.0)


def test_a_tiny_chance_of_resistance_keeps_its_digits():
    """One mutation in 1e12 divisions of a clone of constant rates: P = 1 - exp(-integral of u b S p(T - t))."""
    birth, death, u, start, days = 0.25, 0.15, 1e-12, 100.0, 40.0
    model = mdr.Model(
        mdr.clone("S", growth=law(birth, death), start=start), mdr.clone("R", growth=law(birth, death)),
        mdr.mutation("S", "R", probability=u),
    )  # fmt: skip
    r = birth - death

    def there(t):
        grown = math.exp(r * t)
        return 1 - death * (grown - 1) / (birth * grown - death)

    mean = quad(lambda t: u * birth * start * math.exp(r * t) * there(days - t), 0, days)[0]
    found = mdr.extinction(model, until=(days, "day"), of="R")
    assert mean < 1e-8
    assert found.present == pytest.approx(mean, rel=1e-5)
    large = mdr.extinction(model, until=(days, "day"), of="R", large="S")
    assert large.present == pytest.approx(mean, rel=1e-5)
    assert large.arrivals == pytest.approx(mean, rel=1e-5)


def test_drug_and_surgery_by_another_solver():
    """A drug that decays and a cut: the backward equation typed here, the concentration in closed form."""
    birth, death, kill, ke = 0.6, 0.3, 1.5, 2.4
    model = mdr.Model(
        mdr.pk.one_compartment("dox", V="10 L", CL="1 L/h", amount_unit="mg"),
        mdr.clone("R", growth=law(birth, death), start=30),
        mdr.kill("dox", on="R", emax=f"{kill} 1/day", ec50="2 mg/L"),
        mdr.resection(),
    )
    plan = mdr.bolus("dox", "100 mg") & mdr.surgery(0.4, at="3 day")

    def slope(back, w, end):
        t = end - back
        c = 10 * math.exp(-ke * t)
        return birth * (w - w**2) - (death + kill * c / (2 + c)) * w

    late = solve_ivp(slope, (0, 5), [1.0], args=(8.0,), rtol=1e-11, atol=1e-14).y[:, -1] * 0.6
    first = solve_ivp(slope, (0, 3), late, args=(3.0,), rtol=1e-11, atol=1e-14).y[0, -1]
    found = mdr.extinction(model, plan, until="8 day")
    assert found.present_per_cell["R"] == pytest.approx(first, rel=1e-5)
    assert found.probability == pytest.approx((1 - first) ** 30, rel=1e-4)


# -- the published model and paths ----------------------------------------------------------------------


def treated(lesion, begin):
    """Growth from a number of cells to the size of the lesion, then both drugs; and a late time, in days."""
    grown = math.log(lesion.cells / begin) / (lesion.birth - lesion.death)
    both = mdr.exposure("drug1", 1) & mdr.exposure("drug2", 1)
    return both.shift((grown, "day")), grown + 60 / (lesion.birth - lesion.death)


@pytest.mark.parametrize(("cells", "both", "failure"), [(8.5e8, 1, 0.677), (1e9, 1, 0.737), (8.5e8, 0, 0.001)])
def test_bozic_at_the_published_scale(cells, both, failure):
    """Table 1 and Fig 5 to 0.002 without the paper's approximations, and the integral of the gallery to 5 digits."""
    lesion = bozic2013(cells, sites_both=both)
    plan, late = treated(lesion, 1 / lesion.survival)
    found = mdr.extinction(lesion.model(), plan, until=(late, "day"), large="S")
    assert 1 - found.probability == pytest.approx(failure, abs=2e-3)
    assert found.probability == pytest.approx(lesion.eradication(), abs=2e-3)
    assert found.probability == pytest.approx(lesion.integrated_eradication(), abs=2e-5)


@pytest.mark.parametrize(("cost", "cure"), [(0.0, 0.47), (0.1, 0.68)])
def test_a_cost_of_resistance_helps_as_in_table_2(cost, cure):
    lesion = Lesion(1e11, birth=1.0, death=0.99, death_treated=1.03, cost=cost)
    plan, late = treated(lesion, 1 / lesion.survival)
    found = mdr.extinction(lesion.model(), plan, until=(late, "day"), large="S")
    assert found.probability == pytest.approx(cure, abs=5e-3)


def cured(lesion, plan, end, count):
    """The 99 % interval of the share of paths on which nothing is left: hybrid, large from 100 cells on.

    A lesion begins with 200 sensitive cells and as many singly resistant ones as it has then in the mean.
    """
    begin, model = BEGIN, lesion.model()
    compiled = compile_model(model)
    parameters = np.tile([item.internal for item in model.parameters.values()], (count, 1))
    starts = compiled.starts_of(parameters)
    mutants = begin * lesion.mutation / lesion.survival * math.log(begin * lesion.survival)
    young = {"S": begin, "R1": lesion.sites_1 * mutants, "R2": lesion.sites_2 * mutants}
    starts[:] = [young.get(name, 0.0) for name in compiled.states]
    found = courses(
        compiled, parameters, starts, plan, until=24 * end, times=np.array([24 * end]), outputs=["burden"], fill=False,
        stochastic=mdr.Stochastic(seed=1, threshold=100, fractions="draw"),
    )  # fmt: skip
    gone = sum(course.output("burden")[-1] == 0 for course in found)
    return binomtest(gone, count).proportion_ci(0.99)


@pytest.mark.parametrize("both", [0, 1])
def test_stochastic_paths_agree_with_bozic(both):
    """At 1e6 cells with u raised so that cure is neither rare nor certain, the closed form and the exact chance lie in
    the 99 % interval of 400 paths. The whole study is benchmarks/bozic.py.
    """
    pytest.importorskip("numba")
    lesion = Lesion(1e6, mutation=5e-7, sites_both=both)
    plan, late = treated(lesion, BEGIN)
    interval = cured(lesion, plan, late - 4500, 400)
    plan, late = treated(lesion, 1 / lesion.survival)
    exact = mdr.extinction(lesion.model(), plan, until=(late, "day"), large="S").probability
    assert interval.low < lesion.eradication() < interval.high
    assert interval.low < exact < interval.high


def in_turn(visit):
    """Nothing below 1e6 cells, then drug 1; drug 2 when a burden that had halved is back."""
    burdens, size = [burden for _, burden in visit.history], 1e6 * math.exp(-0.01 * 10)  # seen late by half a visit
    first = next((k for k, burden in enumerate(burdens) if burden >= size), None)
    if first is None:
        return mdr.nothing()
    halved = next((k for k in range(first, len(burdens)) if burdens[k] < size / 2), None)
    back = halved is not None and max(burdens[halved:]) >= size
    return mdr.exposure("drug2" if back else "drug1", 1)


def test_one_drug_after_the_other_agrees_with_bozic():
    """With one site for each drug: cure by the first drug, or else by the second of a relapse that meets it alone."""
    pytest.importorskip("numba")
    lesion = Lesion(1e6, mutation=5e-7, sites_1=1, sites_2=1)
    alone = Lesion(1e6, mutation=5e-7, sites_1=0, sites_2=0, sites_both=1).eradication()
    interval = cured(lesion, mdr.rule(in_turn, visit="20 day"), 2800, 100)
    assert interval.low < alone + (1 - alone) * alone < interval.high
    assert interval.high < 0.95  # well below both together
    assert lesion.eradication() > 0.999


def test_paths_that_end_in_exact_chances():
    """A path counts with the chance of its end: the same mean as to its very end, with far less scatter."""
    model = mdr.Model(
        mdr.medium("D", unit=""),
        mdr.clone("S", growth=law(1.0, 0.8), start=12),
        mdr.clone("R", growth=law(0.9, 0.8), start=2),
        mdr.kill("D", on="S", slope="2 1/day"),
        mdr.mutation("S", "R", probability=0.05),
    )
    pytest.importorskip("numba")
    drug = mdr.exposure("D", 1, over="4 day")
    from pkpd_mdr.engine.stochastic.solve import solve_stochastic

    compiled, count = compile_model(model), 500
    row = np.array([item.internal for item in model.parameters.values()])
    timeline = build(arrange(drug, [48.0]), BoundPorts(compiled, row[None]), stop=48.0)
    paths = solve_stochastic(
        compiled, np.tile(row, (count, 1)), None, [timeline] * count, ["S", "R"], stochastic=mdr.Stochastic(seed=4)
    )
    ends = np.array([member.values[-1] for member in paths.members])
    later = mdr.extinction(model, mdr.exposure("D", 1, over="2 day"), until="200 day", start={"S": 1, "R": 0})
    chances = later.given({"S": ends[:, 0], "R": ends[:, 1]})
    exact = mdr.extinction(model, drug, until="202 day").probability
    assert abs(chances.mean() - exact) < 4 * chances.std() / math.sqrt(count)
    assert chances.std() < 0.8 * math.sqrt(exact * (1 - exact))


# -- what is shown and what goes wrong ------------------------------------------------------------------


def test_it_says_what_it_found():
    found = mdr.extinction(one_type(1.0, 0.5, 20), until="100 day")
    assert "No cell of R after 100 day, from 20 R: probability 9.5367" in str(found)
    assert found.given({"R": [0, 1, 2]}) == pytest.approx([1.0, 0.5, 0.25])
    with pytest.raises(mdr.SimulationError, match="no cells are called 'Q'; known are 'R'"):
        found.given({"Q": 1})
    with pytest.raises(mdr.SimulationError, match="zero or more"):
        found.given({"R": -1})


def test_offspring_are_read_off_processes():
    model = mdr.Model(
        mdr.clone("S", growth=law(1, 0.7)), mdr.clone("R", growth=law(1, 0.7)), mdr.mutation("S", "R", probability=0.1)
    )
    found = {event.name: (event.parent, event.offspring) for event in Lines.of(compile_model(model)).events}
    assert found["birth_S"] == (0, ((0, 2),))
    assert found["death_R"] == (1, ())
    assert found[next(name for name in found if "mutation" in name)][0] == 0


K = mdr.parameter("K", "1e4 cell")


@pytest.mark.parametrize(
    ("make", "options", "error", "words"),
    [
        (
            lambda: mdr.Model(
                *(
                    mdr.clone(name, growth=mdr.growth.birth_death(birth="1 1/day", death="0.5 1/day", capacity=K))
                    for name in "SR"
                )
            ),
            {},
            mdr.SimulationError,
            "independent cells.*depends on 'R' and 'S'",
        ),
        (
            lambda: mdr.Model(
                mdr.clone("S", growth=mdr.growth.birth_death(birth="1 1/day", death="0.5 1/day", capacity=K))
            ),
            {},
            mdr.SimulationError,
            "not proportional to 'S'",
        ),
        (lambda: one_type(1, 0.5, 3), {"of": "S"}, mdr.SimulationError, "no cells called 'S'"),
        (lambda: one_type(1, 0.5, 3), {"of": []}, mdr.SimulationError, "of is empty"),
        (lambda: one_type(1, 0.5, 3), {"of": "R", "large": "R"}, mdr.SimulationError, "follows its mean"),
        (lambda: one_type(1, 0.5, 3), {"until": "0 day"}, mdr.SimulationError, "until"),
        (lambda: one_type(1, 0.5, 3), {"regimen": 3}, mdr.RegimenError, "not a regimen"),
        (
            lambda: one_type(1, 0.5, 3),
            {"regimen": mdr.rule(lambda visit: None, visit="1 day")},
            mdr.RegimenError,
            "strategy",
        ),
    ],
)
def test_what_is_not_possible_is_refused(make, options, error, words):
    with pytest.raises(error, match=words):
        mdr.extinction(make(), **{"until": "10 day", **options})


def test_cells_that_change_their_drug_are_refused():
    model = mdr.Model(
        mdr.parameter("k", "1e-6 1/h"),
        mdr.state("C", 1.0, unit="", kind="amount"),
        mdr.clone("S", growth=law(1, 0.5), start=3),
        mdr.process("uptake", "k*C*S", {"C": -1}),
        mdr.process("killing", "k*C*S", {"S": -1}),
    )
    with pytest.raises(mdr.SimulationError, match=r"process 'uptake', by which cells change 'C'"):
        mdr.extinction(model, until="10 day")
