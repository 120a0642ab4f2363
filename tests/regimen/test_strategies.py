from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import (
    Strategy,
    Visit,
    adaptive,
    bolus,
    exposure,
    infusion,
    nothing,
    on_progression,
    rule,
)

DOX = bolus("dox", "60 mg").every("21 day", times=4)
PAC = bolus("pac", "280 mg").every("21 day", times=4)


def played(strategy: Strategy, burdens: list[float]) -> tuple[list[list[tuple[str, float]]], list[str]]:
    """Acts (port, day) and notes of a sequence of visits."""
    visit, memory, given, notes = None, strategy.begin(), [], []
    for number, burden in enumerate(burdens):
        time = number * strategy.visit_interval
        visit = Visit.first(burden) if visit is None else visit.following(time, burden)
        acts, memory, note = strategy.decide(visit, memory)
        assert all(time <= act.time < time + strategy.visit_interval for act in acts)
        assert all(act.time + act.span <= time + strategy.visit_interval + 1e-9 for act in acts)
        given.append([(act.port, act.time / 24) for act in acts])
        notes.append(note)
    return given, notes


def test_a_visit_keeps_history_baseline_and_nadir() -> None:
    last = Visit.first(10.0).following(24.0, 4.0).following(48.0, 7.0)
    assert (last.baseline, last.nadir, last.number, last.burden) == (10.0, 4.0, 2, 7.0)
    assert last.history == ((0.0, 10.0), (24.0, 4.0), (48.0, 7.0))


# -- on progression -----------------------------------------------------------------------------------------------


def test_progression_switches_at_the_visit_and_resets_the_reference() -> None:
    plan = on_progression(DOX, PAC, growth=1.2, visit="14 day")
    given, notes = played(plan, [10.0, 12.0, 12.1, 14.0, 14.6])
    assert given == [[("dox", 0)], [("dox", 21)], [("pac", 28)], [("pac", 49)], []]
    assert notes == ["line 1 starts", "", "progression: line 2 starts", "", "progression on line 2, the last one"]


def test_progression_from_the_nadir() -> None:
    burdens = [10.0, 5.0, 5.9, 6.1]
    by_nadir = played(on_progression(DOX, PAC, reference="nadir", visit="14 day"), burdens)[1]
    by_baseline = played(on_progression(DOX, PAC, visit="14 day"), burdens)[1]
    assert by_nadir[3] == "progression: line 2 starts"
    assert by_baseline[3] == ""


def test_progression_plan_is_every_line_in_turn() -> None:
    assert on_progression(DOX, PAC, visit="14 day").planned == DOX.then(PAC)
    held = exposure("dox", "5 nM")
    assert on_progression(held, PAC, visit="14 day").planned is None
    assert on_progression(PAC, held, visit="14 day").planned == PAC.then(held)


# -- adaptive -----------------------------------------------------------------------------------------------------


def test_adaptive_cycle_of_a_continuous_exposure() -> None:
    plan = adaptive(exposure("dox", "100 nM"), visit="7 day")
    given, notes = played(plan, [10.0, 6.0, 4.9, 8.0, 10.0, 10.1, 9.0])
    assert given == [[("dox", 0)], [("dox", 7)], [], [], [], [("dox", 35)], [("dox", 42)]]
    assert notes == ["treatment starts", "", "treatment pauses", "", "", "treatment restarts", ""]


def test_adaptive_gives_the_next_dose_at_the_restart_and_keeps_distances() -> None:
    plan = adaptive(DOX, visit="14 day")
    given, _ = played(plan, [10.0, 4.0, 11.0, 11.0, 11.0, 11.0, 11.0, 11.0])
    # paused after 14 days; the dose of day 21 of the regimen is given at day 28, the later ones 21 days apart
    assert given == [[("dox", 0)], [], [("dox", 28)], [("dox", 49)], [], [("dox", 70)], [], []]


def test_adaptive_says_when_the_regimen_is_used_up() -> None:
    plan = adaptive(bolus("dox", "60 mg").every("7 day", times=2), visit="7 day")
    given, notes = played(plan, [10.0, 9.0, 9.0])
    assert given == [[("dox", 0)], [("dox", 7)], []]
    assert notes[2] == "no dose of the regimen is left"


def test_adaptive_interrupts_an_infusion_and_goes_on_with_the_rest() -> None:
    plan = adaptive(infusion("dox", "100 mg", over="10 day"), visit="4 day")
    start = Visit.first(10.0)
    first, memory, _ = plan.decide(start, plan.begin())
    assert first[0].amount.value == pytest.approx(40.0)
    off, memory, _ = plan.decide(pause := start.following(96.0, 4.0), memory)
    assert off == ()
    again, memory, _ = plan.decide(pause.following(192.0, 11.0), memory)
    assert again[0].amount.value == pytest.approx(40.0)
    assert (again[0].time, again[0].duration) == (192.0, 96.0)


def test_adaptive_keeps_its_clock_at_unequal_visits() -> None:
    plan = adaptive(DOX, visit="14 day")
    start = Visit.first(10.0)
    _, memory, _ = plan.decide(start, plan.begin())
    acts, _, _ = plan.decide(start.following(10 * 24.0, 9.0), memory)
    assert [act.time / 24 for act in acts] == [21.0]


# -- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [on_progression(DOX, PAC, visit="14 day"), adaptive(DOX, visit="14 day")])
def test_memory_is_a_value_that_members_can_share(plan: Strategy) -> None:
    start = Visit.first(10.0)
    _, memory, _ = plan.decide(start, plan.begin())
    kept = repr(memory)
    low = plan.decide(start.following(336.0, 2.0), memory)
    high = plan.decide(start.following(336.0, 20.0), memory)
    assert low[1] != high[1]
    assert repr(memory) == kept
    assert plan.decide(start.following(336.0, 2.0), memory) == low
    with pytest.raises(FrozenInstanceError):
        setattr(memory, fields(memory)[0].name, 5)
    assert hash(plan) == hash(plan)


# -- rules --------------------------------------------------------------------------------------------------------


def test_a_rule_is_relative_to_its_visit_and_cut_at_the_next() -> None:
    plan = rule(lambda visit: DOX if visit.burden > 5 else None, visit="21 day")
    given, _ = played(plan, [10.0, 4.0, 6.0])
    assert given == [[("dox", 0)], [], [("dox", 42)]]
    assert plan.planned is None


def test_a_rule_that_answers_nonsense_is_refused_with_its_time() -> None:
    plan = rule(lambda visit: 5, visit="21 day")  # type: ignore[arg-type, return-value]
    with pytest.raises(RegimenError, match=r"the rule answered int at the visit at 0 h"):
        plan.decide(Visit.first(1.0), plan.begin())


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: on_progression(visit="28 day"), r"needs one regimen or more"),
        (lambda: on_progression(DOX, visit="0 day"), r"visit interval is '0 day'"),
        (lambda: on_progression(DOX, growth=1.0, visit="28 day"), r"growth = 1\.0 cannot define progression"),
        (lambda: on_progression(DOX, reference="best", visit="28 day"), r"reference = 'best' is not known"),
        (lambda: adaptive(DOX, stop_below=1.2, restart_above=1.0, visit="7 day"), r"are not in order"),
        (lambda: adaptive(DOX, stop_below=0.0, visit="7 day"), r"are not in order"),
        (lambda: adaptive(nothing(), visit="7 day"), r"needs a regimen that gives something"),
        (lambda: rule(DOX, visit="7 day"), r"needs a function of a visit, not Regimen"),
    ],
)
def test_refusals(attempt: object, sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        attempt()  # type: ignore[operator]
