"""Order and bookkeeping of instructions: one test per rule."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd_mdr.engine.timeline import Instruction, Kind, Outputs, PortValues, Timeline, build, periods
from pkpd_mdr.errors import RegimenError
from pkpd_mdr.regimen import (
    Act,
    Change,
    Entry,
    Give,
    Mark,
    Reset,
    arrange,
    bolus,
    exposure,
    infusion,
    nothing,
    radiation,
)
from pkpd_mdr.units import Quantity, Unit, quantity

NAMES = ("dox", "pac", "radiation")
MG = Unit.of("mg")


class Named:
    """One port per name; values may depend on the parameter row."""

    def __init__(self, **values: PortValues | Sequence[PortValues]) -> None:
        self.given = values

    def find(self, act: Act) -> int:
        return NAMES.index(act.port)

    def amount(self, index: int, given: Quantity) -> float:
        return given.internal

    def values(self, index: int, row: int) -> PortValues:
        found = self.given.get(NAMES[index], PortValues())
        return found if isinstance(found, PortValues) else found[row]


def dose(time: float, amount: float = 100.0, port: str = "dox", **more: object) -> Give:
    return Give(Act(time, port, "dose", Quantity(amount, MG), **more))  # type: ignore[arg-type]


def steps(timeline: Timeline) -> list[tuple[float, str, float]]:
    return [(step.time, step.kind.name, step.value) for step in timeline if step.kind is not Kind.END]


def made(*entries: Entry, stop: float = 100.0, **values: PortValues | Sequence[PortValues]) -> list[Instruction]:
    return list(build(entries, Named(**values), stop=stop))


def brief(
    *entries: Entry, stop: float = 100.0, **values: PortValues | Sequence[PortValues]
) -> list[tuple[float, str, float]]:
    return steps(build(entries, Named(**values), stop=stop))


# -- order at equal times -----------------------------------------------------------------------------------------


def test_entries_at_one_time_run_in_file_order() -> None:
    assert [kind for _, kind, _ in brief(Mark(5.0, 0), dose(5.0), Mark(5.0, 1))] == ["MARK", "JUMP", "MARK"]


def test_additional_doses_run_before_entries_at_their_time() -> None:
    found = brief(dose(0.0, interval=12.0, additional=1), Mark(12.0, 0))
    assert found == [(0.0, "JUMP", 100.0), (12.0, "JUMP", 100.0), (12.0, "MARK", 0.0)]


def test_lagged_doses_run_before_entries_at_their_time() -> None:
    found = brief(dose(0.0), Mark(3.0, 0), dox=PortValues(lag=3.0))
    assert found == [(3.0, "JUMP", 100.0), (3.0, "MARK", 0.0)]


def test_ends_of_infusions_run_before_entries_at_their_time() -> None:
    found = brief(dose(0.0, duration=4.0), Mark(4.0, 0))
    assert found == [(0.0, "RATE", 25.0), (4.0, "RATE", -25.0), (4.0, "MARK", 0.0)]


def test_an_infusion_ends_before_a_dose_starts_at_the_same_time() -> None:
    found = brief(dose(0.0, duration=12.0, interval=12.0, additional=1), stop=30.0)
    assert [value for _, _, value in found] == pytest.approx([100 / 12, -100 / 12, 100 / 12, -100 / 12])


def test_reset_runs_before_the_dose_of_its_record() -> None:
    assert [kind for _, kind, _ in brief(Reset(5.0), dose(5.0))] == ["RESET", "JUMP"]


def test_scheduled_events_run_before_a_reset_at_their_time() -> None:
    found = brief(dose(0.0, interval=5.0, additional=3), Reset(5.0))
    assert [kind for _, kind, _ in found] == ["JUMP", "JUMP", "RESET"]


def test_an_output_is_before_the_dose_unless_asked() -> None:
    regimen = bolus("dox", "75 mg", at="3 h")
    assert [type(entry) for entry in arrange(regimen, [3.0])] == [Mark, Give]
    assert [type(entry) for entry in arrange(regimen, [3.0], after=True)] == [Give, Mark]


def test_rounding_does_not_part_a_dose_from_its_record() -> None:
    found = brief(dose(0.1, interval=0.1, additional=9), Mark(0.1 + 0.2, 0), Mark(0.7, 1), stop=2.0)
    order = [time if kind == "JUMP" else kind for time, kind, _ in found]
    assert order.index("MARK") == 3
    assert order[4:].index("MARK") == 4
    assert [time for time, _, _ in found] == sorted(time for time, _, _ in found)


def test_copies_count_from_the_parent_without_drift() -> None:
    jumps = [step.time for step in made(dose(0.0, interval=0.1, additional=900)) if step.kind is Kind.JUMP]
    assert jumps == [k * 0.1 for k in range(901)]


# -- what a dose does ---------------------------------------------------------------------------------------------


def test_bioavailability_scales_a_bolus_and_is_kept_as_share() -> None:
    step = made(dose(0.0), dox=PortValues(0.4))[0]
    assert (step.value, step.share) == (pytest.approx(40.0), 100.0)
    assert step.source is not None
    assert step.source.rule == "bolus"


def test_bioavailability_changes_the_duration_at_a_fixed_rate() -> None:
    found = brief(dose(0.0, rate=quantity("10 mg/h")), dox=PortValues(0.5))
    assert found == [(0.0, "RATE", 10.0), (5.0, "RATE", -10.0)]


def test_bioavailability_changes_the_rate_at_a_fixed_duration() -> None:
    found = brief(dose(0.0, duration=4.0), dox=PortValues(0.5))
    assert found == [(0.0, "RATE", 12.5), (4.0, "RATE", -12.5)]


def test_modelled_rate_and_duration() -> None:
    values = PortValues(0.5, 0.0, rate=5.0, duration=20.0)
    assert brief(dose(0.0, modelled="rate"), dox=values) == [(0.0, "RATE", 5.0), (10.0, "RATE", -5.0)]
    assert brief(dose(0.0, modelled="duration"), dox=values) == [(0.0, "RATE", 2.5), (20.0, "RATE", -2.5)]


def test_no_bioavailability_means_no_infusion() -> None:
    assert brief(dose(0.0, rate=quantity("10 mg/h")), dox=PortValues(0.0)) == []


def test_infusions_superpose() -> None:
    found = brief(dose(0.0, duration=4.0), dose(2.0, duration=4.0))
    assert [time for time, _, _ in found] == [0.0, 2.0, 4.0, 6.0]
    assert sum(value for _, _, value in found) == 0.0


def test_lag_applies_to_every_copy_and_marks_times_for_gradients() -> None:
    found = made(dose(0.0, duration=2.0, interval=12.0, additional=2), dox=PortValues(lag=3.0))[:-1]
    assert [step.time for step in found] == [3.0, 5.0, 15.0, 17.0, 27.0, 29.0]
    assert all(step.lagged for step in found)
    assert [step.ended for step in found] == [False, True] * 3


def test_values_of_the_record_hold_for_its_copies() -> None:
    rows = (PortValues(1.0, 0.0), PortValues(0.5, 2.0))
    found = brief(dose(0.0, interval=10.0, additional=1), Change(5.0, 1), dose(20.0), dox=rows)
    assert found == [(0.0, "JUMP", 100.0), (5.0, "CHANGE", 0.0), (10.0, "JUMP", 100.0), (22.0, "JUMP", 50.0)]


def test_what_lies_beyond_the_stop_is_left_out() -> None:
    timeline = build([dose(0.0, interval=6.0, additional=10_000), dose(30.0), Reset(40.0)], Named(), stop=12.0)
    assert [step.time for step in timeline] == [0.0, 6.0, 12.0, 12.0]
    assert timeline.steps[-1].kind is Kind.END


def test_events_of_radiation_carry_their_amount() -> None:
    (step, _) = build(arrange(radiation("2 Gy"), []), Named(), stop=1.0)
    assert (step.kind, step.port) == (Kind.JUMP, 2)
    assert step.value == quantity("2 Gy").internal


# -- exposures ----------------------------------------------------------------------------------------------------


def test_an_exposure_is_set_and_washed_out() -> None:
    found = build(arrange(exposure("dox", "100 mg/L", over="5 h", at="1 h"), []), Named(), stop=10.0)
    assert steps(found) == [(1.0, "SET", 100.0), (6.0, "SET", 0.0)]
    assert found.steps[1].ended


def test_a_later_exposure_replaces_a_running_one() -> None:
    both = exposure("dox", "100 mg/L", over="24 h") & exposure("dox", "50 mg/L", over="24 h", at="12 h")
    assert brief(*arrange(both, [])) == [(0.0, "SET", 100.0), (12.0, "SET", 50.0), (36.0, "SET", 0.0)]


def test_an_exposure_cut_in_two_has_no_gap_between() -> None:
    cut = exposure("dox", "100 mg/L", over="10 h")
    found = brief(*arrange(cut.until("4 h").then(cut.between("4 h")), [4.0]))
    assert found == [(0.0, "SET", 100.0), (4.0, "MARK", 0.0), (4.0, "SET", 100.0), (10.0, "SET", 0.0)]


def test_an_endless_exposure_has_no_end() -> None:
    assert brief(*arrange(exposure("dox", "1 mg/L"), [])) == [(0.0, "SET", 1.0)]


# -- resets -------------------------------------------------------------------------------------------------------


def test_reset_stops_infusions_and_cancels_pending_doses() -> None:
    entries = (dose(0.0, duration=8.0, interval=24.0, additional=3), Reset(5.0), dose(6.0, 50.0))
    assert brief(*entries) == [(0.0, "RATE", 12.5), (5.0, "RESET", 1.0), (6.0, "JUMP", 50.0)]


def test_pending_doses_may_survive_a_reset() -> None:
    entries = (dose(0.0, duration=8.0, interval=24.0, additional=1), Reset(5.0, cancel=False))
    assert brief(*entries) == [(0.0, "RATE", 12.5), (5.0, "RESET", 1.0), (24.0, "RATE", 12.5), (32.0, "RATE", -12.5)]


def test_copies_of_a_reset_dose_do_not_reset_again() -> None:
    found = brief(Reset(0.0), dose(0.0, interval=10.0, additional=2), stop=25.0)
    assert [kind for _, kind, _ in found] == ["RESET", "JUMP", "JUMP", "JUMP"]


# -- steady state -------------------------------------------------------------------------------------------------


def test_steady_state_then_the_dose_itself() -> None:
    steady, jump, _ = made(dose(10.0, interval=24.0, steady=1))
    assert steady.steady is not None
    assert (steady.steady.amount, steady.steady.phase, steady.steady.add) == (100.0, 24.0, False)
    assert (jump.time, jump.value) == (10.0, 100.0)


def test_steady_state_1_cancels_what_runs_and_what_is_pending() -> None:
    entries = (dose(0.0, duration=8.0), dose(0.0, interval=7.0, additional=9), dose(5.0, 50.0, interval=12.0, steady=1))
    assert [step[:2] for step in brief(*entries)] == [(0.0, "RATE"), (0.0, "JUMP"), (5.0, "STEADY"), (5.0, "JUMP")]


def test_steady_state_1_cancels_a_lagged_dose() -> None:
    entries = (dose(0.0), dose(3.0, interval=12.0, steady=1))
    found = brief(*entries, stop=11.0, dox=PortValues(lag=6.0))
    assert [step[:2] for step in found] == [(3.0, "STEADY"), (9.0, "JUMP")]


def test_steady_state_2_keeps_what_runs_and_what_is_pending() -> None:
    entries = (dose(0.0, duration=8.0), dose(0.0, interval=7.0, additional=1), dose(5.0, 50.0, interval=12.0, steady=2))
    kinds = [step[:2] for step in brief(*entries)]
    assert kinds == [(0.0, "RATE"), (0.0, "JUMP"), (5.0, "STEADY"), (5.0, "JUMP"), (7.0, "JUMP"), (8.0, "RATE")]


def test_steady_state_1_of_one_drug_leaves_another_going() -> None:
    other = dose(0.0, port="pac", duration=8.0, interval=12.0, additional=1)
    found = made(other, dose(5.0, interval=12.0, steady=1), stop=30.0)
    assert [(step.time, step.port, round(step.value, 6)) for step in found if step.kind is Kind.RATE] == [
        (0.0, 1, 12.5),
        (5.0, 1, 12.5),  # rates are zero after STEADY, so what goes on is switched on again
        (8.0, 1, -12.5),
        (12.0, 1, 12.5),
        (20.0, 1, -12.5),
    ]


def test_infusions_longer_than_the_interval_run_on_after_steady_state() -> None:
    found = brief(dose(0.0, rate=quantity("8 mg/h"), interval=5.0, steady=1))  # 12.5 h each
    assert found == [
        (0.0, "STEADY", 0.0),
        (0.0, "RATE", 16.0),
        (0.0, "RATE", 8.0),
        (2.5, "RATE", -8.0),
        (7.5, "RATE", -8.0),
        (12.5, "RATE", -8.0),
    ]


@pytest.mark.parametrize(("share", "running"), [(0.412, 0), (0.824, 1), (1.236, 2)])
def test_an_infusion_of_whole_intervals_ends_with_the_last_one(share: float, running: int) -> None:
    found = made(dose(0.0, rate=quantity("4.12 mg/h"), interval=10.0, steady=1), dox=PortValues(share))
    assert found[0].steady is not None
    assert found[0].steady.duration == 10.0 * (running + 1)
    assert sum(step.value for step in found if step.time == 0.0) == pytest.approx(4.12 * (running + 1))


def test_lagged_steady_state_is_late_in_its_period() -> None:
    found = made(dose(0.0, duration=8.0, interval=24.0, steady=1), dox=PortValues(lag=20.0))
    assert found[0].steady is not None
    assert found[0].steady.phase == 4.0
    # the dose before acted 4 h ago and runs 4 h more; the dose itself acts at the lag
    assert [(step.time, step.value) for step in found[1:-1]] == [(0.0, 12.5), (4.0, -12.5), (20.0, 12.5), (28.0, -12.5)]


def test_a_lag_longer_than_the_interval_warns_and_stays_periodic() -> None:
    with pytest.warns(UserWarning, match=r"lag of 30 h is not shorter than the interval of 24 h"):
        timeline = build([dose(0.0, interval=24.0, steady=1)], Named(dox=PortValues(lag=30.0)), stop=100.0)
    assert timeline.steps[0].steady is not None
    assert timeline.steps[0].steady.phase == 18.0
    assert steps(timeline)[1:] == [(6.0, "JUMP", 100.0), (30.0, "JUMP", 100.0)]
    assert len(timeline.notes) == 1


def test_a_lag_of_one_interval_lets_the_earlier_dose_act_at_the_record() -> None:
    entries = [dose(0.0, interval=24.0, steady=1), Mark(0.0, 0)]
    with pytest.warns(UserWarning, match="lag of 24 h"):
        timeline = build(entries, Named(dox=PortValues(lag=24.0)), stop=30.0)
    assert [step[:2] for step in steps(timeline)] == [(0.0, "STEADY"), (0.0, "JUMP"), (0.0, "MARK"), (24.0, "JUMP")]


def test_constant_infusion_stops_at_its_record() -> None:
    record = Give(Act(3.0, "dox", "dose", Quantity(0.0, MG), rate=quantity("10 mg/h"), steady=1))
    found = made(record, dox=PortValues(0.5, 4.0))
    assert [step.kind for step in found] == [Kind.STEADY, Kind.END]
    steady = found[0].steady
    assert steady is not None
    assert (steady.rate, steady.interval, steady.lag) == (10.0, 0.0, 0.0)


def test_additional_doses_of_a_steady_state_record_are_plain() -> None:
    found = brief(dose(0.0, interval=12.0, steady=1, additional=2), stop=30.0)
    assert [step[:2] for step in found] == [(0.0, "STEADY"), (0.0, "JUMP"), (12.0, "JUMP"), (24.0, "JUMP")]


# -- laws ---------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0, 20),
    st.sampled_from([6.0, 7.3, 24.0]),
    st.integers(1, 8),
    st.sampled_from([{}, {"duration": 5.0}, {"duration": 30.0}, {"modelled": "rate"}]),
    st.floats(0, 30),
)
def test_additional_equals_written_out(
    time: float, interval: float, count: int, how: dict[str, object], lag: float
) -> None:
    train = dose(time, interval=interval, additional=count, **how)
    values = PortValues(0.8, lag, rate=9.0)
    apart = [Give(act) for act in train.act.written_out()]
    one, other = brief(train, dox=values, stop=500.0), brief(*apart, dox=values, stop=500.0)
    assert sorted(step[2] for step in one) == pytest.approx(sorted(step[2] for step in other))
    assert [step[0] for step in one] == pytest.approx([step[0] for step in other])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 40), st.integers(0, 5)), min_size=1, max_size=6))
def test_times_never_decrease_and_every_infusion_ends(doses: list[tuple[float, float, int]]) -> None:
    entries = [dose(t, duration=d, interval=7.0, additional=n) for t, d, n in sorted(doses)]
    timeline = build(entries, Named(), stop=200.0)
    times = [step.time for step in timeline]
    assert times == sorted(times)
    assert sum(step.value for step in timeline) == pytest.approx(0.0, abs=1e-9)


TIMES = st.sampled_from([0.0, 1.0, 3.0, 5.0, 6.0, 8.0, 12.0, 12.5, 24.0, 0.1 + 0.2, 30.0])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            TIMES,
            st.sampled_from([0.0, 2.0, 3.0, 6.0]),
            st.sampled_from([(0.0, 0, 0), (6.0, 2, 0), (6.0, 0, 1), (12.0, 1, 2)]),
            st.sampled_from(["dox", "pac"]),
        ),
        max_size=5,
    ),
    st.lists(st.tuples(TIMES, st.booleans()), max_size=8),
    st.sampled_from([0.0, 3.0, 6.5]),
)
def test_outputs_come_where_marks_among_the_entries_would(
    doses: list[tuple[float, float, tuple[float, int, int], str]], wanted: list[tuple[float, bool]], lag: float
) -> None:
    gives = [
        dose(time, duration=length, interval=interval, additional=more, steady=steady, port=port)
        for time, length, (interval, more, steady), port in sorted(doses)
    ]
    wanted = sorted(wanted)
    marks = [(time, 2 * after, Mark(time, index)) for index, (time, after) in enumerate(wanted)]
    together = sorted([*marks, *((give.time, 1, give) for give in gives)], key=lambda item: item[:2])
    outputs = Outputs(np.array([t for t, _ in wanted], dtype=float), np.array([a for _, a in wanted], dtype=bool))
    ports = Named(dox=PortValues(0.8, lag))
    with warnings.catch_warnings(action="ignore"):
        one = build([entry for _, _, entry in together], ports, stop=40.0)
        other = build(gives, ports, stop=40.0, outputs=outputs)
    assert list(one) == list(other)
    assert list(Timeline.of(one, 0.0, 40.0)) == list(one)


def test_outputs_stand_beside_marks_among_the_entries() -> None:
    entries = [Mark(1.0, 7), dose(2.0), Mark(2.0, 8)]
    found = build(entries, Named(), stop=3.0, outputs=Outputs.before(np.array([0.0, 2.0, 3.0])))
    assert [(step.time, step.kind.name, step.index) for step in found] == [
        (0.0, "MARK", 0), (1.0, "MARK", 7), (2.0, "MARK", 1), (2.0, "JUMP", -1), (2.0, "MARK", 8), (3.0, "MARK", 2),
        (3.0, "END", -1),
    ]  # fmt: skip


def test_periods_up_to_rounding() -> None:
    assert [periods(lag, 0.1) for lag in (0.0, 0.05, 0.1, 0.1 + 0.2)] == [0, 0, 1, 3]


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "values", "sentence"),
    [
        ([dose(5.0), dose(4.0)], {}, r"100 mg of 'dox' at 4 h comes after an entry at 5 h"),
        ([Mark(101.0, 3)], {}, r"output 3 at 101 h lies after the stop at 100 h"),
        ([Mark(math.nan, 0)], {}, r"mark at nan h: its time is not finite"),
        ([dose(0.0)], {"dox": PortValues(-0.1)}, r"bioavailability of its port is -0\.1"),
        ([dose(0.0)], {"dox": PortValues(math.nan)}, r"bioavailability of its port is nan"),
        ([dose(0.0)], {"dox": PortValues(1.0, -2.0)}, r"lag of its port is -2 h"),
        ([dose(0.0, modelled="rate")], {}, r"its rate is modelled .* its port has no rate"),
        ([dose(0.0, modelled="duration")], {"dox": PortValues(duration=0.0)}, r"modelled duration of its port is 0"),
        ([dose(0.0, interval=1e-4, additional=99_999)] * 2, {}, r"more than 100000 doses"),
        ([dose(0.0, interval=1e-4, duration=50.0, steady=1)], {}, r"doses of its steady state overlap"),
    ],
)
def test_refusals_name_the_act_and_its_time(entries: list[Entry], values: dict[str, PortValues], sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        build(entries, Named(**values), stop=100.0)


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([1.0, 101.0], r"output 1 at 101 h lies after the stop at 100 h"),
        ([-1.0], r"mark at -1 h comes before the start of the run at 0 h"),
        ([2.0, 1.0], r"mark at 1 h comes after an entry at 2 h"),
        ([0.0, math.nan, 2.0], r"mark at nan h: its time is not finite"),
    ],
)
def test_refusals_of_outputs(times: list[float], sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence):
        build([], Named(), stop=100.0, outputs=Outputs.before(np.array(times)))


def test_refusals_of_the_span() -> None:
    with pytest.raises(RegimenError, match="run from 5 h to 1 h"):
        build([], Named(), start=5.0, stop=1.0)
    with pytest.raises(RegimenError, match="comes before the start of the run at 5 h"):
        build([dose(1.0)], Named(), start=5.0, stop=10.0)


def test_nothing_gives_an_empty_timeline() -> None:
    timeline = build(arrange(nothing(), [0.0, 1.0]), Named(), stop=1.0)
    assert len(timeline.marks) == 2
    assert len(timeline) == 3


def test_describe_has_a_line_per_instruction() -> None:
    timeline = build(arrange(infusion("dox", "75 mg", over="1 h"), [2.0]), Named(), stop=3.0)
    assert timeline.describe().splitlines()[0].split() == ["0", "RATE", "port", "0", "75"]
    assert len(timeline.describe().splitlines()) == len(timeline)
