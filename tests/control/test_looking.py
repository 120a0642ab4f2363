"""Strategies that look ahead: against exhaustive search, alone and together, and what knowing is worth."""

from __future__ import annotations

import itertools
import math
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr import control
from pkpd_mdr import distributions as dist
from pkpd_mdr.control.planning import Planner, ranked
from pkpd_mdr.control.swarm import Swarm
from pkpd_mdr.engine import Accuracy, compile_model
from pkpd_mdr.units import Unit

NET = {"A": np.array([-0.05, 0.03]), "B": np.array([0.02, -0.06])}  # of n1, n2, per day
MENU = {drug: mdr.exposure(drug, 1) for drug in "AB"}
SCAN = mdr.measured("burden", relative_sd=0.1)


@pytest.fixture(scope="module")
def yoon():
    return mdr.gallery.yoon2018()


def exhaustive(cells, ahead, days, goal=np.sum):
    """The first drug of the sequence with the least burden after it."""
    ends = {
        course: goal(cells * np.exp(days * sum(NET[drug] for drug in course)))
        for course in itertools.product("AB", repeat=ahead)
    }
    return min(ends, key=lambda course: ends[course])[0]


@pytest.mark.parametrize(("ahead", "beam"), [(1, 1), (3, 4), (4, 8)])
def test_the_best_course_is_that_of_exhaustive_search(yoon, ahead, beam):
    compiled = compile_model(yoon)
    goal = control.smallest("burden")
    items = Planner.items(tuple(MENU.values()), 10 * 24.0)
    planner = Planner(items, 240.0, ahead, ahead, beam, goal)
    own = np.array([part.internal for part in yoon.parameters.values()])
    rng = np.random.default_rng(2)
    patients, wanted = [], []
    for _ in range(15):
        cells = 1e6 * rng.lognormal(0, 1.5, 2)
        states = compiled.start(own)[None]
        states[0, [compiled.states.index(name) for name in ("n1", "n2")]] = cells
        patients.append((Swarm(own[None], states, np.ones(1)), ()))
        wanted.append("AB".index(exhaustive(cells, ahead, 10)))
    assert planner.best(compiled, patients, 0.0, Accuracy()) == wanted
    assert len(set(wanted)) == 2


def test_expectations_are_over_particles(yoon):
    """What is best for the mean of particles is not what is best for each or for the middle one."""
    compiled = compile_model(yoon)
    own = np.array([part.internal for part in yoon.parameters.values()])
    states = np.tile(compiled.start(own), (3, 1))
    clones = [compiled.states.index(name) for name in ("n1", "n2")]
    states[:, clones] = [[1e3, 1e6], [1e3, 1e6], [1e10, 1e3]]
    patient = Swarm(np.tile(own, (3, 1)), states, np.full(3, 1 / 3)), ()
    for log, expected in ((True, 1), (False, 0)):
        planner = Planner(Planner.items(tuple(MENU.values()), 240.0), 240.0, 1, 1, 1, control.smallest(log=log))
        assert planner.best(compiled, [patient], 0.0, Accuracy()) == [expected]


def test_ranking_breaks_ties_by_the_next_key_and_then_by_order():
    scores = np.array([[1.0, 2.0], [1.0 + 1e-13, 3.0], [0.0, 9.0], [1.0, 3.0]])
    assert ranked(scores) == [1, 3, 0, 2]
    assert ranked(np.array([[-np.inf], [0.0], [np.inf]])) == [2, 1, 0]


def test_times_to_a_level_are_exact_for_exponential_growth():
    times = np.array([0.0, 10.0, 20.0])
    values = np.exp(0.3 * times)[None, None]
    outlook = control.Outlook(times, {"burden": values})
    assert outlook.time_above("burden", math.exp(4.2))[0, 0] == pytest.approx(14)
    assert outlook.time_above("burden", math.exp(9.0))[0, 0] == 20
    assert outlook.time_above("burden", 0.5)[0, 0] == 0
    with pytest.raises(mdr.SimulationError, match="does not show 'burdn'; did you mean 'burden'"):
        outlook.of("burdn")


def test_knowing_all_it_gives_what_the_closed_form_gives(yoon):
    plan = mdr.informed(yoon, MENU, visit="10 day", ahead=3)
    run = yoon.simulate(plan, until="150 day", times="10 day", start={"n1": 4e6, "n2": 2e5})
    given = [act.port for act in run.course.acts]
    states = run.frame[["n1", "n2"]].to_numpy()
    assert given == [exhaustive(cells, 3, 10) for cells in states[:15]]
    assert set(given) == {"A", "B"}


def test_it_stays_in_the_window_of_collateral_sensitivity(yoon):
    """Both clones shrink, so the share of time on A is inside 2/7 to 2/3."""
    run = yoon.simulate(mdr.informed(yoon, MENU, visit="5 day", ahead=4), until="300 day", times="5 day")
    late = [act.port for act in run.course.acts if act.time >= 100 * 24]
    assert 2 / 7 < late.count("A") / len(late) < 2 / 3
    assert run.frame["n1"].iloc[-1] < 1e5
    assert run.frame["n2"].iloc[-1] < 1e5


@pytest.mark.parametrize("late", [{"lag": "5 h"}, {"lag": "10 day"}, {"zero_order": "9 day"}])
def test_what_is_foreseen_is_what_comes(late):
    """Absorption and lag go on across visits in the outlook as they do in the run, over more than one visit, too."""
    model = mdr.Model(
        mdr.pk.one_compartment("dox", CL="1 L/h", V="40 L", ka="0.02 1/h", **late),
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/day", capacity="1e10 cell"), start="1e9 cell"),
        mdr.kill("dox", on="S", emax="0.3 1/day", ec50="1 mg/L"),
    )
    foreseen = []

    def remember(outlook):
        ends = outlook.of("burden")[:, :, 1].mean(axis=1)
        if len(ends) == 2:
            foreseen.append(ends)
        return np.roll([1.0, 0.0], len(foreseen) - 1)[: len(ends)]

    menu = {"dox": mdr.oral("dox", "100 mg").every("22 h", times=8), "rest": mdr.nothing()}
    plan = mdr.informed(model, menu, visit="7 day", objective=remember)
    run = model.simulate(plan, until="42 day", times="7 day")
    taken = [0 if what == "gives dox" else 1 for what in run.events["what"] if what.startswith("gives")]
    assert len(foreseen) == 6
    assert taken == [0, 1] * 3
    for place, burden in enumerate(run.frame["burden"].iloc[1:]):
        assert foreseen[place][place % 2] == pytest.approx(burden, rel=1e-4)


def test_doses_that_arrive_after_the_next_visit_are_neither_lost_nor_given_twice():
    """Against sums of Bateman functions, one a dose: in the outlook, and in what a filter believes."""
    CL, V, ka, lag = 1.0, 40.0, 0.02, 240.0
    model = mdr.Model(mdr.pk.one_compartment("dox", CL=(CL, "L/h"), V=(V, "L"), ka=(ka, "1/h"), lag=(lag, "h")))
    foreseen = []

    class Goal:
        needs, levels = ("C_dox",), ()

        def scores(self, outlook):
            foreseen.append(outlook.of("C_dox")[:, 0, 1])
            return outlook.of("C_dox")[:, :, -1].mean(axis=1)

    menu = {"dox": mdr.oral("dox", "100 mg").every("22 h", times=8), "rest": mdr.nothing()}
    see = mdr.measured("C_dox", sd="1 mg/L")
    belief = pd.DataFrame({"lag_dox [h]": np.linspace(230.0, 250.0, 21)})
    plans = [
        mdr.informed(model, menu, visit="7 day", objective=Goal(), ahead=2, horizon="28 day"),
        mdr.look_ahead(model, menu, visit="7 day", objective=Goal(), belief=belief, measure=see, ahead=2),
    ]
    for plan in plans:
        foreseen.clear()
        run = model.simulate(plan, until="42 day", times="7 day", measure=see, seed=3)
        assert len(run.course.acts) > 30
        for visit, seen in enumerate(foreseen, start=1):
            t = np.array([24 * 7 * visit - act.time for act in run.course.acts if act.time < 24 * 7 * visit])
            t = np.maximum(t[:, None] - (belief.to_numpy().T if plan is plans[1] else lag), 0)
            each = 100 * ka / (V * ka - CL) * (np.exp(-CL / V * t) - np.exp(-ka * t))
            low, high = each.sum(axis=0).min(), each.sum(axis=0).max()
            assert low * (1 - 1e-4) <= seen[0] <= high * (1 + 1e-4)


@pytest.fixture(scope="module")
def belief(yoon):
    recipe = {name: dist.lognormal("1e6 cell", sd=1.5) for name in ("n10", "n20")}
    return mdr.patients(yoon, 200, recipe, seed=1)


@pytest.fixture(scope="module")
def plan(yoon, belief):
    return mdr.look_ahead(
        yoon, MENU, belief=belief, visit="15 day", measure=SCAN, filter=mdr.particle_filter(60), planning=20
    )


@pytest.fixture(scope="module")
def truth(yoon):
    recipe = {name: dist.lognormal("1e6 cell", sd=1.5) for name in ("n10", "n20")}
    return mdr.patients(yoon, 10, recipe, seed=9)


OPTIONS = {"until": "120 day", "endpoints": ["final_burden"], "measure": SCAN, "seed": 4, "times": "120 day"}


def test_a_patient_is_treated_the_same_alone_and_among_others(yoon, plan, truth):
    whole = yoon.simulate_many(plan, parameters=truth, chunk=10, **OPTIONS).endpoints["final_burden"]
    parts = yoon.simulate_many(plan, parameters=truth, chunk=3, **OPTIONS).endpoints["final_burden"]
    assert whole.tolist() == parts.tolist()
    again = pickle.loads(pickle.dumps(plan))
    assert yoon.simulate_many(again, parameters=truth, **OPTIONS).endpoints["final_burden"].tolist() == whole.tolist()


def test_a_study_with_it_goes_on_from_its_checkpoint(yoon, plan, truth, tmp_path):
    first = yoon.simulate_many(plan, parameters=truth.take([0, 1]), checkpoint=tmp_path / "study", **OPTIONS)
    again = yoon.simulate_many(plan, parameters=truth.take([0, 1]), checkpoint=tmp_path / "study", **OPTIONS)
    assert first.endpoints["final_burden"].tolist() == again.endpoints["final_burden"].tolist()


def test_knowledge_is_worth_something(yoon, belief, plan, truth):
    """Perfect knowledge beats learning, and learning beats the same policy with a scan that says nothing."""
    blind = mdr.look_ahead(
        yoon,
        MENU,
        belief=belief,
        visit="15 day",
        measure=mdr.measured("burden", relative_sd=50),
        filter=mdr.particle_filter(60),
        planning=20,
    )
    arms = {"informed": mdr.informed(yoon, MENU, visit="15 day"), "learning": plan, "blind": blind}
    comparison = mdr.compare(
        yoon, arms, parameters=truth, until="120 day", endpoints=["final_burden"], measure=SCAN, seed=4
    )
    logs = np.log(comparison.values[:, :, 0]).mean(axis=1)
    assert logs[0] <= logs[1] + 1e-9
    assert logs[1] < logs[2] - 0.3
    assert "with errors of measurement" in str(comparison)
    assert "'informed' knows the parameters and the state of each patient exactly" in str(comparison)


def test_the_model_that_is_believed_in_may_be_wrong(yoon, belief):
    """A strategy can believe in other rates than those of the patient, and still decides."""
    wrong = yoon.with_parameters(slope_A_n1="0.2 1/day")
    plan = mdr.look_ahead(
        wrong, MENU, belief=belief, visit="30 day", measure=SCAN, filter=mdr.ensemble_filter(40), planning=10
    )
    run = yoon.simulate(plan, until="90 day", measure=SCAN, seed=2)
    assert run.status.ok
    assert len(run.visits) == 3


def test_states_that_are_lost_make_a_course_the_worst():
    values = np.array([[[1.0, np.inf]], [[1.0, 5.0]]])
    outlook = control.Outlook(np.array([0.0, 1.0]), {"burden": values})
    assert ranked(control.smallest("burden").scores(outlook)) == [1, 0]
    assert ranked(control.latest("3 cell").scores(outlook))[0] == 1


@pytest.mark.parametrize(
    ("changes", "kind", "sentence"),
    [
        ({"menu": {"A": MENU["A"]}}, mdr.RegimenError, "the menu has fewer than two items"),
        ({"menu": {"A": MENU["A"], "B": 3}}, mdr.RegimenError, "the menu has 3 as 'B'"),
        ({"menu": MENU | {"C": mdr.exposure("C", 1)}}, mdr.RegimenError, "menu, 'C': the model has no drug"),
        ({"visit": "0 day"}, mdr.RegimenError, "the visit interval is '0 day'"),
        ({"belief": None}, mdr.DataError, "the belief is missing"),
        ({"belief": pd.DataFrame({"n10": [1.0, 1.0]})}, mdr.DataError, "no parameter that varies"),
        ({"measure": "burdn"}, mdr.SimulationError, "'burdn'"),
        ({"objective": "burdn"}, mdr.SimulationError, "objective: the model has no output 'burdn'"),
        ({"objective": 3}, mdr.SimulationError, "objective is 3; write the name of an output"),
        ({"objective": control.latest("3 mg")}, mdr.SimulationError, "'burden' is compared with '3 mg'"),
        ({"ahead": 0}, mdr.SimulationError, "ahead is 0, not a whole number from 1 to 1,000,000"),
        ({"ahead": 3, "horizon": "15 day"}, mdr.SimulationError, "ends before the last of 3 decisions"),
        ({"horizon": "30 year", "planning": 1000}, mdr.SimulationError, "one decision would simulate"),
        ({"filter": "particle"}, mdr.SimulationError, "filter is 'particle', not a filter"),
    ],
)
def test_refusals(yoon, belief, changes, kind, sentence):
    options = {"menu": MENU, "belief": belief, "visit": "15 day", "measure": SCAN} | changes
    with pytest.raises(kind, match=sentence):
        mdr.look_ahead(yoon, options.pop("menu"), **options)


def test_refusals_in_a_run(yoon, belief, plan):
    odd = mdr.informed(yoon, MENU, visit="15 day", objective=lambda outlook: np.array([1.0, np.nan]))
    with pytest.raises(mdr.SimulationError, match="give one number a course"):
        yoon.simulate(odd, until="30 day")
    drugs = (mdr.medium(drug, unit="") for drug in "AB")
    other = mdr.Model(*drugs, mdr.clone("n1", start=1), mdr.observable("advantage", "n1", "cell"))
    with pytest.raises(mdr.RegimenError, match="the simulated model has no parameter"):
        other.simulate(mdr.informed(yoon, MENU, visit="15 day"), until="30 day")
    inner = mdr.informed(yoon, MENU, visit="15 day")
    with pytest.raises(mdr.RegimenError, match="decides by the truth, which only a simulation can tell"):
        inner.decide(mdr.regimen.Visit.first(1e6), inner.begin())
    with pytest.raises(mdr.SimulationError, match="it has to be above zero, as in latest"):
        control.latest("0 cell")


def test_a_missed_value_teaches_nothing(yoon, belief, plan):
    """Where nothing was measured the belief is carried on and not updated; what is decided is still foreseen."""
    from pkpd_mdr.regimen import Visit

    first = Visit.first(2e6)
    _, mind, _ = plan.decide(first, plan.begin())
    later = plan.visit_interval
    shown = plan.decide(first.following(later, 2e6), mind)[1]
    missed = plan.decide(first.following(later, 2e6, missed=["burden"]), mind)[1]
    carried = plan.learner.carried([mind], later)[0]
    assert np.array_equal(missed.swarm.weights, carried.swarm.weights)
    assert np.array_equal(missed.swarm.states, carried.swarm.states)
    assert missed.visit == shown.visit == 1
    assert not np.array_equal(shown.swarm.states, carried.swarm.states)


def test_what_was_given_at_the_visit_before_is_known_whatever_the_interval(yoon, belief):
    """Multiples of 2.1 days differ by more or less than 2.1 days; an exposure that is forgotten would never end."""
    from pkpd_mdr.regimen import Visit

    menu = {"A": mdr.exposure("A", (1.0, ""), over="50.4 h"), "none": mdr.nothing()}
    plan = mdr.look_ahead(yoon, menu, belief=belief, visit="2.1 day", measure=SCAN)
    interval = plan.visit_interval
    mind = plan.learner.fresh()
    for number in range(25):
        acts = plan._acts(plan.regimens[0], 0.0, Visit.first(1e6, time=number * interval))
        mind = replace(mind, time=number * interval).given(acts, plan.learner.compiled)
        assert [act.time for act in mind.acts] == [k * interval for k in (number - 1, number) if k >= 0]


@pytest.mark.parametrize(("then", "level"), [("hold", None), ("reduce", 0.5)])
@pytest.mark.parametrize("twice", [False, True])
def test_what_a_limit_changes_is_believed_as_given(plan, then, level, twice):
    """A hold gives nothing and a reduction half: the belief goes on from that, not from what was decided."""
    from pkpd_mdr.regimen import Visit

    care = mdr.limited(plan, mdr.limit("anc", below="1e9 1/L", then=then), levels=(0.5, 1.0))
    care = mdr.limited(care, mdr.limit("anc", below="1 1/L", then="hold")) if twice else care
    acts, memory, note = care.decide(Visit.first(1e6, others={"anc": 1e8}), care.begin())
    mind = memory.inner.inner if twice else memory.inner
    assert mind.acts == acts
    assert [act.amount.value for act in acts] == ([] if level is None else [level])
    assert ("meanwhile decided: gives" in note) is (then == "hold")


def tumour(volume, time):
    """One tumour of 200 mm**3, whose drug shrinks it, declared in any units."""
    return mdr.Model(
        mdr.medium("x", unit=""),
        mdr.state("V", (200e-6 / Unit.of(volume).factor, volume), unit=volume, kind="cells"),
        mdr.parameter("g", (0.05 / 24 * Unit.of(time).factor, f"1/{time}")),
        mdr.process("growth", "g*(1 - 3*C_x)*V", {"V": 1}),
        mdr.observable("burden", "V", volume),
    )


UNITS = [("mm**3", "week"), ("L", "h"), ("dm**3", "day")]


def given_to(model, objective):
    plan = mdr.informed(model, {"rest": mdr.nothing(), "x": mdr.exposure("x", 1)}, visit="7 day", objective=objective)
    return [what for what in model.simulate(plan, until="21 day").events["what"] if what.startswith("gives")]


@pytest.mark.parametrize(("volume", "time"), UNITS)
def test_a_tumour_measured_in_volumes_shrinks_in_whatever_units(volume, time):
    """A floor of 1e-3 litres made all tumours below a cubic centimetre alike: nothing was given, as the menu begins."""
    assert given_to(tumour(volume, time), "burden") == ["gives x"]
    assert given_to(tumour(volume, time), control.latest("1000 mm**3")) == ["gives x"]


@pytest.mark.parametrize(("volume", "time"), UNITS)
def test_a_function_of_an_outlook_sees_the_units_of_the_model(volume, time):
    level = 250e-6 / Unit.of(volume).factor
    seen = []

    def rested(outlook):
        seen.append(float(outlook.of("burden")[0, 0, 0]))
        return outlook.time_above("burden", level).mean(axis=1)

    given_to(tumour(volume, time), rested)
    assert seen[0] == pytest.approx(200e-6 / Unit.of(volume).factor)


def test_what_is_left_of_a_tumour_that_is_gone_is_a_share_of_it_or_of_a_cell():
    values = {"burden": np.array([[[1e6, 0.0]], [[1e6, 1e-2]]])}
    times = np.array([0.0, 1.0])
    cells = control.Outlook(times, values, {"burden": Unit.of("cell")})
    volumes = control.Outlook(times, values, {"burden": Unit.of("mm**3")})
    assert control.smallest().scores(cells)[:, 0] == pytest.approx(-np.log([1e-3, 1e-2]))
    assert control.smallest().scores(volumes)[:, 0] == pytest.approx(-np.log([1e-6, 1e-2]))
    gone = control.Outlook(times, {"burden": np.zeros((1, 1, 2))})
    assert np.isfinite(control.smallest().scores(gone)).all()
