"""Toxicity rules, ranges, dose modulation, rechallenge and published schedules: what they decide at visits."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import (
    Regimen,
    Strategy,
    Visit,
    adaptive,
    alternate,
    bolus,
    exposure,
    infusion,
    limit,
    limited,
    modulated,
    nothing,
    on_progression,
    range_bounded,
    rechallenge,
    rule,
    stupp,
)

WEEKLY = bolus("dox", "60 mg").every("7 day", times=8)
HELD = exposure("dox", "100 nM")
HOLD = limit("anc", below="1e9 1/L", recovered="1.5e9 1/L")
REDUCE = limit("anc", below="0.5e9 1/L", then="reduce")
STOP = limit("weight", below=0.8, of_baseline=True, then="stop")


def played(
    strategy: Strategy, burdens: list[float], **others: list[float]
) -> tuple[list[list[tuple[float, float]]], list[str]]:
    """Acts (day, amount) and notes of a sequence of visits."""
    visit, memory, found, notes = None, strategy.begin(), [], []
    for number, burden in enumerate(burdens):
        time, seen = number * strategy.visit_interval, {name: values[number] for name, values in others.items()}
        visit = Visit.first(burden, others=seen) if visit is None else visit.following(time, burden, others=seen)
        acts, memory, note = strategy.decide(visit, memory)
        assert all(time <= act.time < time + strategy.visit_interval for act in acts)
        assert all(act.time + act.span <= time + strategy.visit_interval + 1e-9 for act in acts)
        found.append([(act.time / 24, act.amount.value) for act in acts])
        notes.append(note)
    return found, notes


def total(found: list[list[tuple[float, float]]]) -> float:
    return sum(amount for acts in found for _, amount in acts)


# -- toxicity -----------------------------------------------------------------------------------------------------


def test_a_hold_delays_the_regimen_until_recovery() -> None:
    plan = limited(WEEKLY, HOLD, visit="7 day")
    found, notes = played(plan, [1.0] * 5, anc=[4e9, 0.9e9, 1.2e9, 1.5e9, 0.99e9])
    assert found == [[(0, 60)], [], [], [(21, 60)], []]
    assert notes == [
        "treatment starts",
        "treatment is held: anc below 1e+09 1/L",
        "",
        "treatment goes on",
        "treatment is held: anc below 1e+09 1/L",
    ]


def test_a_hold_never_brings_a_dose_forward() -> None:
    """Doses are due on days 0, 21, 42: a hold that is over by then delays nothing, a longer one all that follow."""
    plan = limited(bolus("dox", "60 mg").every("21 day", times=3), HOLD, visit="7 day")
    low, fine = 0.9e9, 4e9
    between, _ = played(plan, [1.0] * 8, anc=[fine, low, fine, fine, low, low, fine, fine])
    assert [dose for acts in between for dose in acts] == [(0, 60), (21, 60), (42, 60)]
    over, _ = played(plan, [1.0] * 10, anc=[fine, fine, low, low, fine, fine, fine, fine, fine, fine])
    assert [dose for acts in over for dose in acts] == [(0, 60), (28, 60), (49, 60)]


def test_a_share_of_nothing_is_refused_rather_than_never_passed() -> None:
    with pytest.raises(RegimenError, match=r"limit\('weight'\): weight is zero at the first visit and has no shares"):
        played(limited(WEEKLY, STOP, visit="7 day"), [1.0], weight=[0.0])


def test_a_reduction_is_made_once_per_episode_down_to_the_lowest_level() -> None:
    plan = limited(WEEKLY, REDUCE, visit="7 day")
    anc = [4e9, 0.4e9, 0.3e9, 2e9, 0.4e9, 2e9, 0.4e9]
    found, notes = played(plan, [1.0] * 7, anc=anc)
    assert [acts[0][1] for acts in found] == [60, 45, 45, 45, 30, 30, 30]
    assert notes[1] == "dose level 0.75: anc below 5e+08 1/L"
    assert notes[6] == ""


def test_a_stop_is_for_good() -> None:
    plan = limited(WEEKLY, STOP, visit="7 day")
    found, notes = played(plan, [1.0] * 4, weight=[70.0, 57.0, 55.9, 70.0])
    assert found == [[(0, 60)], [(7, 60)], [], []]
    assert notes[2:] == ["treatment stops: weight below 0.8 of baseline", ""]
    inner = rechallenge(WEEKLY, visit="7 day", holiday="7 day")
    found, notes = played(limited(inner, STOP), [1.0, 1.0, 2.0, 3.0], weight=[70.0, 55.0, 70.0, 70.0])
    assert (found[1:], notes[1:]) == ([[], [], []], ["treatment stops: weight below 0.8 of baseline", "", ""])


def test_escalation_waits_for_visits_without_toxicity() -> None:
    plan = limited(WEEKLY, REDUCE, visit="7 day", levels=(0.5, 1.0, 1.5), escalate_after=2)
    found, notes = played(plan, [1.0] * 7, anc=[4e9, 4e9, 4e9, 4e9, 0.4e9, 4e9, 4e9])
    assert [acts[0][1] for acts in found] == [60, 60, 90, 90, 60, 60, 90]
    assert notes[2] == "dose level 1.5: no limit passed"


def test_what_a_strategy_decides_during_a_hold_is_left_out() -> None:
    inner = adaptive(WEEKLY, visit="7 day")
    plan = limited(inner, HOLD)
    found, notes = played(plan, [10.0, 10.0, 4.0, 11.0], anc=[4e9, 0.9e9, 4e9, 4e9])
    assert found == [[(0, 60)], [], [], [(21, 60)]]
    assert notes[2] == "treatment goes on; treatment pauses"
    assert plan.planned == WEEKLY
    assert plan.needs == ("anc",)
    assert limited(plan, STOP).needs == ("anc", "weight")


def test_an_interrupted_infusion_goes_on_after_the_hold() -> None:
    plan = limited(infusion("dox", "100 mg", over="10 day"), HOLD, visit="4 day")
    found, _ = played(plan, [1.0] * 5, anc=[4e9, 0.9e9, 4e9, 4e9, 4e9])
    assert total(found) == pytest.approx(100.0)
    assert found[1] == []


COUNTS = st.lists(st.floats(1e8, 8e9), min_size=1, max_size=20)


@given(COUNTS)
def test_limits_never_give_more_than_the_plan(anc: list[float]) -> None:
    plan = limited(WEEKLY, HOLD, REDUCE, visit="7 day", escalate_after=1)
    found, _ = played(plan, [1.0] * len(anc), anc=anc)
    free, _ = played(limited(WEEKLY, HOLD, visit="7 day"), [1.0] * len(anc), anc=[8e9] * len(anc))
    seen = 0.0
    for limited_acts, free_acts in zip(found, free, strict=True):
        seen += total([free_acts]) - total([limited_acts])
        assert seen >= 0
    assert len(WEEKLY) >= sum(map(len, found))


@given(COUNTS)
def test_nothing_is_given_while_a_limit_is_passed(anc: list[float]) -> None:
    found, _ = played(limited(WEEKLY, HOLD, visit="7 day"), [1.0] * len(anc), anc=anc)
    assert all(not acts for acts, count in zip(found, anc, strict=True) if count < 1e9)


# -- ranges and modulation ----------------------------------------------------------------------------------------


def test_a_range_is_entered_from_above_and_left_below() -> None:
    plan = range_bounded(HELD, visit="7 day", lower="10 cell", upper="50 cell")
    found, notes = played(plan, [40.0, 51.0, 30.0, 9.0, 49.0, 50.1])
    assert [bool(acts) for acts in found] == [False, True, True, False, False, True]
    assert notes[:2] == ["the burden is below the range's upper level: no treatment yet", "treatment restarts"]
    assert notes[3:] == ["treatment pauses", "", "treatment restarts"]


@given(st.lists(st.floats(1.0, 100.0), min_size=1, max_size=20))
def test_a_range_depends_on_the_burden_alone(burdens: list[float]) -> None:
    found, _ = played(range_bounded(HELD, visit="7 day", lower="10 cell", upper="50 cell"), burdens)
    for burden, acts, before in zip(burdens, found, [[], *found], strict=False):
        assert bool(acts) == (burden > 50 or (bool(before) and burden >= 10))


def test_modulation_follows_the_burden() -> None:
    plan = modulated(WEEKLY, visit="7 day", step=0.5, tolerance=0.1, least=0.3, stop_below=0.2)
    found, notes = played(plan, [10.0, 8.0, 7.5, 5.0, 1.9, 2.5, 3.0])
    assert [acts[0][1] if acts else 0 for acts in found] == pytest.approx([60, 30, 30, 18, 0, 27, 40.5])
    assert notes == [
        "treatment starts",
        "dose becomes 0.5 of the plan",
        "",
        "dose becomes 0.3 of the plan",
        "treatment pauses",
        "treatment restarts",
        "dose becomes 0.675 of the plan",
    ]


@given(st.lists(st.floats(0.0, 1e12), min_size=2, max_size=20))
def test_modulated_doses_stay_in_their_bounds_and_follow_the_burden(burdens: list[float]) -> None:
    found, _ = played(modulated(HELD, visit="7 day", least=0.25, most=2.0), burdens)
    doses = [acts[0][1] for acts in found]
    assert all(25 - 1e-9 <= dose <= 200 + 1e-9 for dose in doses)
    for (first, then), (less, more) in zip(pairwise(burdens), pairwise(doses), strict=True):
        assert more >= less if then > first else more <= less


# -- rechallenge --------------------------------------------------------------------------------------------------


def test_rechallenge_after_a_holiday() -> None:
    plan = rechallenge(WEEKLY, visit="7 day", holiday="14 day")
    found, notes = played(plan, [10.0, 5.0, 6.1, 9.0, 9.0, 9.0, 12.0, 13.0])
    assert found == [[(0, 60)], [(7, 60)], [], [], [(28, 60)], [(35, 60)], [(42, 60)], [(49, 60)]]
    assert notes == [
        "treatment starts",
        "",
        "progression: holiday starts",
        "",
        "rechallenge 1 starts",
        "",
        "progression, and no rechallenge is left",
        "progression, and no rechallenge is left",
    ]


def test_a_bridge_is_given_during_the_holiday_and_planned() -> None:
    other = bolus("pac", "10 mg").every("7 day", times=2)
    plan = rechallenge(WEEKLY, visit="7 day", holiday="14 day", bridge=other, times=2)
    found, _ = played(plan, [10.0, 13.0, 13.0, 13.0])
    assert found == [[(0, 60)], [(7, 10)], [(14, 10)], [(21, 60)]]
    assert plan.planned is not None
    assert str(plan.planned.planned_total("dox")) == "1440 mg"
    assert str(plan.planned.planned_total("pac")) == "40 mg"
    assert rechallenge(HELD, visit="7 day", holiday="14 day").planned is None


@given(st.lists(st.floats(1.0, 100.0), min_size=1, max_size=30), st.integers(1, 3))
def test_holidays_last_as_long_as_they_should(burdens: list[float], times: int) -> None:
    found, notes = played(rechallenge(HELD, visit="7 day", holiday="20 day", times=times), burdens)
    starts = [k for k, note in enumerate(notes) if note.startswith("progression: holiday")]
    assert len(starts) <= times
    off = {k + n for k in starts for n in range(3)}  # 20 days are three visits of a week
    assert [k for k, acts in enumerate(found) if not acts] == sorted(k for k in off if k < len(burdens))


# -- rounding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doses", [1, 2, 3, 7])
@pytest.mark.parametrize("visit", ["0.1 day", "2.1 day", "7.3 h", "100 min"])
def test_no_dose_at_a_visit_is_lost_or_doubled_by_rounding(visit: str, doses: int) -> None:
    """Doses once, twice, three or seven times an interval whose multiples are no round numbers."""
    interval = adaptive(WEEKLY, visit=visit).visit_interval
    plan = bolus("dox", "60 mg").every((interval / doses, "h"), times=30 * doses)
    for strategy in (
        on_progression(plan, visit=visit, growth=1e9),
        adaptive(plan, visit=visit, stop_below=1e-12),
        modulated(plan, visit=visit, tolerance=0.9),
        rechallenge(plan, visit=visit, holiday="1 day", growth=1e9),
        limited(plan, HOLD, visit=visit),
    ):
        found, _ = played(strategy, [1.0] * 33, anc=[4e9] * 33)
        assert [len(acts) for acts in found] == [doses] * 30 + [0] * 3
    turns = alternate(plan, nothing((interval, "h")), every=visit)
    assert len(turns) == 30 * doses


# -- schedules ----------------------------------------------------------------------------------------------------


def test_the_stupp_schedule() -> None:
    plan = stupp(body_surface="2 m**2")
    fractions = [act.time / 24 for act in plan if act.port == "radiation"]
    drug = [(act.time / 24, act.amount.value) for act in plan if act.port == "tmz"]
    assert len(fractions) == 30
    assert (fractions[-1], all(day % 7 < 5 for day in fractions)) == (39, True)
    assert drug[:40] == [(day, 150.0) for day in range(40)]
    assert drug[40:45] == [(68 + day, 300.0) for day in range(5)]
    assert drug[45:50] == [(96 + day, 400.0) for day in range(5)]
    assert len(drug) == 40 + 30
    assert len(stupp(cycles=0).ports) == 2


# -- values, runs, refusals ---------------------------------------------------------------------------------------

PLANS = [
    limited(WEEKLY, HOLD, REDUCE, visit="7 day"),
    range_bounded(WEEKLY, visit="7 day", lower="1 cell", upper="5 cell"),
    modulated(WEEKLY, visit="7 day"),
    rechallenge(WEEKLY, visit="7 day", holiday="14 day"),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: type(plan).__name__)
def test_strategies_and_their_memories_are_values(plan: Strategy) -> None:
    start = Visit.first(10.0, others={"anc": 4e9})
    _, memory, _ = plan.decide(start, plan.begin())
    kept = repr(memory)
    later = start.following(168.0, 20.0, others={"anc": 0.4e9})
    assert plan.decide(later, memory) == plan.decide(later, memory)
    assert repr(memory) == kept
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert hash(plan) == hash(plan)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PLANS[0], "limits=(anc below 1e+09 1/L, anc below 5e+08 1/L), levels=(0.5, 0.75, 1.0)"),
        (PLANS[1], "lower=1 cell, upper=5 cell)"),
        (PLANS[2], "Modulated(regimen=<Regimen: 8 acts on dox, over 56 days>, step=0.5"),
        (PLANS[3], "holiday=14 days, times=1"),
        (adaptive(WEEKLY, visit="12 h"), "visit_interval=12 h)"),
    ],
)
def test_strategies_are_printed_with_the_units_of_their_times(plan: Strategy, words: str) -> None:
    assert words in repr(plan)
    assert "visit_interval=7 days" in repr(plan) or "12 h" in words
    assert repr(rule(played, visit="14 day")) == "Rule(function=played, visit_interval=14 days)"


@pytest.fixture(scope="module")
def model() -> mdr.Model:
    """A burden, and neutrophils that the drug's concentration lowers at once."""
    return mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day"), start=1e9),
        mdr.kill("dox", on="S", slope="0.004 1/day/nM"),
        mdr.parameter("normal", "5e9 1/L"),
        mdr.parameter("back", "0.2 1/day"),
        mdr.parameter("toxic", "0.002 1/day/nM"),
        mdr.state("anc", 5e9, unit="1/L"),
        mdr.process("loss", "toxic*C_dox*anc", {"anc": -1}),
        mdr.process("gain", "back*(normal - anc)", {"anc": 1}),
    )


def test_a_run_is_held_by_what_visits_show(model: mdr.Model) -> None:
    plan = limited(HELD, limit("anc", below="3e9 1/L", recovered="4e9 1/L"), visit="1 day")
    run = model.simulate(plan, until="60 day", times="1 day")
    free = model.simulate(HELD, until="60 day")
    assert "anc" in run.visits
    assert run.frame["anc"].min() > 2.6e9 > free.frame["anc"].min()
    assert run.endpoint("exposure_dox") < free.endpoint("exposure_dox")
    held = [what for what in run.events["what"] if "held" in what]
    assert len(held) > 2
    # the same through an ensemble, and with its own noise
    many = model.simulate_many({"a": plan}, until="60 day", endpoints=["exposure_dox"])
    assert many.endpoints["exposure_dox"].iloc[0] == pytest.approx(run.endpoint("exposure_dox"), rel=1e-5)


def test_a_comparison_scales_a_plan_within_a_plan(model: mdr.Model) -> None:
    course = exposure("dox", "100 nM", over="10 day")
    half = limited(adaptive(course.scaled(0.5), visit="1 day"), limit("anc", below="3e9 1/L"))
    found = mdr.compare(model, {"full": course, "half": limited(half, HOLD)}, until="20 day", fair="total_dose")
    scaled = found.plans["half"]
    assert isinstance(scaled, Strategy)
    assert scaled.planned == course
    with pytest.raises(RegimenError, match="'pac'"):
        model.simulate(limited(bolus("pac", "1 mg"), HOLD, visit="1 day"), until="5 day")


def test_levels_in_another_unit_are_refused_by_the_run(model: mdr.Model) -> None:
    plan = limited(HELD, limit("anc", below="3 mg"), visit="1 day")
    with pytest.raises(RegimenError, match=r"compares 'anc' with '3 mg', but the model shows it in '1/L'"):
        model.simulate(plan, until="5 day")
    plan = limited(HELD, limit("platelets", below="3 1/L"), visit="1 day")
    with pytest.raises(mdr.SimulationError, match=r"a strategy needs 'platelets' at visits"):
        model.simulate(plan, until="5 day")
    ranged = range_bounded(HELD, visit="1 day", lower="1 mg", upper="2 mg")
    with pytest.raises(RegimenError, match=r"compares 'burden' with '1 mg'"):
        model.simulate(ranged, until="5 day")


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: limit("anc"), r"limit\('anc'\): give one level"),
        (lambda: limit("anc", below="1 1/L", above="2 1/L"), r"give one level"),
        (lambda: limit("anc", below="1 1/L", then="wait"), r"then = 'wait' is not 'hold', 'reduce' or 'stop'"),
        (lambda: limit("anc", below="2 1/L", recovered="1 1/L"), r"not on the safe side of '2 1/L'"),
        (lambda: limit("anc", above="2 1/L", recovered="3 1/L"), r"not on the safe side"),
        (lambda: limit("w", below="3 kg", of_baseline=True), r"a share of baseline has no unit"),
        (lambda: limit("w", below="80 %", recovered=90, of_baseline=True), r"write a level in the same unit"),
        (lambda: limited(nothing(), HOLD, visit="7 day"), r"needs a regimen that gives something"),
        (lambda: limited(WEEKLY, visit="7 day"), r"needs one limit or more"),
        (lambda: limited(WEEKLY, HOLD), r"write visit='7 day'"),
        (lambda: limited(adaptive(WEEKLY, visit="7 day"), HOLD, visit="7 day"), r"leave out visit="),
        (lambda: limited(WEEKLY, HOLD, visit="7 day", levels=(0.5, 0.75)), r"are no dose levels"),
        (lambda: limited(WEEKLY, HOLD, visit="7 day", levels=("a", 1.0)), r"are no dose levels"),
        (lambda: limited(WEEKLY, HOLD, visit="7 day", escalate_after=0), r"escalate_after = 0 is no number"),
        (lambda: range_bounded(HELD, visit="7 day", lower="5 cell", upper="5 cell"), r"are not in order"),
        (lambda: range_bounded(HELD, visit="7 day", lower="5 mg", upper="50 cell"), r"are not in order"),
        (lambda: range_bounded(nothing(), visit="7 day", lower="5 cell", upper="50 cell"), r"gives something"),
        (lambda: modulated(HELD, visit="7 day", step=1.0), r"step = 1\.0 is not possible"),
        (lambda: modulated(HELD, visit="7 day", least=1.5, most=2.0), r"least = 1\.5 is not possible"),
        (lambda: modulated(HELD, visit="7 day", tolerance=-0.1), r"tolerance = -0\.1 is not possible"),
        (lambda: rechallenge(nothing(), visit="7 day", holiday="14 day"), r"gives something"),
        (lambda: rechallenge(HELD, visit="7 day", holiday="0 day"), r"the holiday is '0 day'"),
        (lambda: rechallenge(HELD, visit="7 day", holiday="9 day", times=0), r"times = 0 is no number"),
        (lambda: rechallenge(HELD, visit="7 day", holiday="9 day", growth=1.0), r"growth = 1\.0 cannot define"),
        (lambda: rechallenge(HELD, visit="7 day", holiday="9 day", bridge=5), r"bridge = 5 is no regimen"),
        (lambda: stupp(cycles=7), r"cycles = 7 is not possible"),
    ],
)
def test_refusals(attempt: object, sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        attempt()  # type: ignore[operator]


def test_a_rule_may_look_at_several_outputs(model: mdr.Model) -> None:
    def look(visit: Visit) -> Regimen | None:
        return HELD if visit.of("anc") > 4e9 and visit.burden > 5e8 else None

    run = model.simulate(rule(look, visit="2 day"), until="40 day", measure=["burden", "anc"])
    on = (run.visits["anc"] > 4e9) & (run.visits["burden"] > 5e8)
    assert len(run.course.acts) == on.sum()
    assert 0 < on.sum() < len(on)
