from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd_mdr.errors import PkpdMdrError, RegimenError, UnitError
from pkpd_mdr.regimen import (
    Act,
    Regimen,
    alternate,
    bolus,
    exposure,
    infusion,
    nothing,
    oral,
    radiation,
    surgery,
)
from pkpd_mdr.units import Quantity, Unit, quantity

MG = Unit.of("mg")
times = st.integers(0, 400).map(float)
amounts = st.integers(1, 500).map(float)


@st.composite
def acts(draw: st.DrawFn) -> Act:
    time, port = draw(times), draw(st.sampled_from(["dox", "pac"]))
    how = draw(st.sampled_from(["bolus", "over", "rate"]))
    duration = draw(st.integers(1, 48)) if how == "over" else 0.0
    rate = Quantity(draw(amounts), Unit.of("mg/h")) if how == "rate" else None
    return Act(time, port, "dose", Quantity(draw(amounts), MG), duration=float(duration), rate=rate)


regimens = st.lists(acts(), min_size=1, max_size=6).map(lambda many: Regimen(tuple(many)))


def totals(regimen: Regimen) -> dict[str, float]:
    return {port: regimen.planned_total(port).internal for port in regimen.ports}


# -- laws ---------------------------------------------------------------------------------------------------------


@given(regimens, times, times)
def test_shifts_add_up(regimen: Regimen, a: float, b: float) -> None:
    assert regimen.shift((a, "h")).shift((b, "h")) == regimen.shift((a + b, "h"))
    back = regimen.shift((a, "h")).shift((-a, "h"))
    assert back.acts == regimen.acts
    assert back.length == pytest.approx(regimen.length)


@given(regimens, regimens)
def test_merge_commutes_as_a_multiset(a: Regimen, b: Regimen) -> None:
    assert Counter((a & b).acts) == Counter((b & a).acts)
    assert (a & b).length == (b & a).length == max(a.length, b.length)


@given(regimens, regimens, regimens)
def test_merge_and_then_associate(a: Regimen, b: Regimen, c: Regimen) -> None:
    assert (a & b) & c == a & (b & c)
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert left.length == pytest.approx(right.length)
    assert [act.time for act in left] == pytest.approx([act.time for act in right])


@given(regimens)
def test_nothing_is_neutral(regimen: Regimen) -> None:
    assert regimen & nothing() == regimen == nothing() & regimen
    assert nothing().then(regimen) == regimen == regimen.then(nothing())


@given(regimens, st.floats(0.01, 20))
def test_scaling_scales_totals_and_keeps_infusion_lengths(regimen: Regimen, factor: float) -> None:
    scaled = regimen.scaled(factor)
    for port, total in totals(regimen).items():
        assert totals(scaled)[port] == pytest.approx(factor * total)
    assert [act.span for act in scaled] == pytest.approx([act.span for act in regimen])


@given(regimens, st.integers(1, 50).map(float), st.integers(1, 6))
def test_every_is_what_is_written_out(regimen: Regimen, period: float, count: int) -> None:
    written = nothing()
    for k in range(count):
        written = written & regimen.shift((k * period, "h"))
    repeated = regimen.every((period, "h"), times=count)
    assert Counter(repeated.acts) == Counter(written.acts)
    assert repeated.length == max(written.length, count * period)


@given(st.integers(1, 10), st.integers(1, 10))
def test_first_of_a_course_is_a_shorter_course(count: int, kept: int) -> None:
    one = infusion("dox", "60 mg", over="1 h")
    assert one.every("21 day", times=count).first(kept) == one.every("21 day", times=min(kept, count))


@given(regimens, st.integers(1, 500).map(float))
def test_cut_and_rest_are_the_whole(regimen: Regimen, edge: float) -> None:
    before = regimen.until((edge, "h"))
    rest = regimen.between((edge, "h"))
    together = before & rest.shift((edge, "h"))
    for port, total in totals(regimen).items():
        assert totals(together)[port] == pytest.approx(total)
    assert before.length <= edge
    assert all(act.time < edge for act in before)


@given(regimens, st.integers(1, 100).map(float))
def test_alternating_keeps_every_amount(regimen: Regimen, turn: float) -> None:
    other = bolus("cis", "5 mg").every("40 h", times=3)
    mixed = alternate(regimen, other, every=(turn, "h"))
    for port, total in totals(regimen & other).items():
        assert totals(mixed)[port] == pytest.approx(total)


@given(regimens)
def test_acts_are_sorted_and_length_covers_them(regimen: Regimen) -> None:
    assert [act.time for act in regimen] == sorted(act.time for act in regimen)
    assert regimen.length >= max(act.time + act.span for act in regimen)


# -- examples -----------------------------------------------------------------------------------------------------


def test_then_starts_after_the_last_cycle_and_the_gap() -> None:
    dox = infusion("dox", "60 mg", over="1 h").every("21 day", times=6)
    pac = infusion("pac", "280 mg", over="3 h").every("21 day", times=6)
    both = dox.then(pac, gap="7 day")
    assert [act.time / 24 for act in both if act.port == "pac"] == [133 + 21 * k for k in range(6)]
    assert both.length == 24 * (126 + 7 + 126)


def test_every_until_stops_everything_there() -> None:
    daily = infusion("dox", "24 mg", over="24 h").every("1 day", until="60 h")
    assert [act.time for act in daily] == [0.0, 24.0, 48.0]
    assert daily.planned_total("dox").internal == pytest.approx(60.0)
    assert daily.length == 60.0


def test_an_infusion_at_a_fixed_rate_is_cut_with_its_rate() -> None:
    cut = infusion("dox", "100 mg", rate="10 mg/h").until("4 h").acts[0]
    assert cut.amount.value == pytest.approx(40.0)
    assert cut.rate == quantity("10 mg/h")


def test_an_exposure_keeps_its_level_when_cut() -> None:
    cut = exposure("dox", "100 nM").until("6 h").acts[0]
    assert (cut.amount, cut.duration) == (quantity("100 nM"), 6.0)


def test_additional_doses_are_cut_one_by_one() -> None:
    train = Regimen((Act(0.0, "dox", "dose", quantity("5 mg"), interval=8.0, additional=5),))
    assert train.length == 48.0
    assert str(train.planned_total("dox")) == "30 mg"
    assert [act.time for act in train.until("20 h")] == [0.0, 8.0, 16.0]
    assert [act.time for act in train.first(4)] == [0.0, 8.0, 16.0, 24.0]


def test_alternate_takes_turns() -> None:
    dox = infusion("dox", "60 mg", over="1 h").every("21 day", times=3)
    pac = infusion("pac", "280 mg", over="3 h").every("21 day", times=1)
    mixed = alternate(dox, pac, every="21 day")
    assert [(act.port, act.time / 24) for act in mixed] == [("dox", 0), ("pac", 21), ("dox", 42), ("dox", 63)]
    assert mixed.length == 4 * 504.0


def test_days_of_a_cycle() -> None:
    weeks = radiation("2 Gy").on_days([1, 2, 3, 4, 5]).every("7 day", times=2)
    assert [act.time / 24 for act in weeks] == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]


def test_planned_totals_in_mixed_units_and_of_exposures() -> None:
    assert (bolus("dox", "1 g") & bolus("dox", "500 mg", at="1 h")).planned_total("dox").internal == 1500.0
    assert exposure("dox", "2 uM", over="3 h").planned_total("dox").internal == pytest.approx(6.0)


def test_surgery_is_not_scaled_unless_named() -> None:
    plan = surgery(0.4) & bolus("dox", "10 mg")
    assert [act.amount.value for act in plan.scaled(2.0)] == [0.4, 20.0]
    assert [act.amount.value for act in plan.scaled(2.0, port="surgery")] == [0.8, 10.0]


def test_amounts_per_body_size() -> None:
    assert str(bolus("dox", "25 mg/kg", weight="20 g").acts[0].amount) == "0.5 mg"
    assert str(infusion("dox", "75 mg/m**2", over="1 h", body_surface="1.8 m**2").acts[0].amount) == "135 mg"
    per_hour = infusion("dox", "2 mg/kg", rate="1 mg/kg/h", weight="10 kg").acts[0]
    assert (per_hour.rate, per_hour.span) == (quantity("10 mg/h"), 2.0)


def test_oral_is_a_route() -> None:
    assert oral("erl", "150 mg") == bolus("erl", "150 mg", route="oral")


def test_text_of_a_regimen() -> None:
    plan = infusion("dox", "60 mg", over="1 h").every("21 day", times=2) & exposure("pac", "5 nM")
    assert repr(plan) == "<Regimen: 3 acts on dox, pac, without end>"
    lines = plan.describe().splitlines()
    assert lines[0].split() == ["time", "[day]", "on", "amount", "route", "how"]
    assert "over 1 h" in lines[1]
    assert "until further notice" in lines[2]
    assert lines[3].split()[0] == "21"
    assert repr(plan.until("9 week")) == "<Regimen: 3 acts on dox, pac, over 63 days>"
    uneven = plan & bolus("dox", "1 mg", at="7 h")  # no short number of days
    assert [line.split()[0] for line in uneven.describe().splitlines()[1:]] == ["0", "0", "7", "504"]


# -- refusals -----------------------------------------------------------------------------------------------------

DOX = infusion("dox", "60 mg", over="1 h")
HELD = exposure("dox", "100 nM")
MODELLED = Regimen((Act(0.0, "dox", "dose", quantity("5 mg"), modelled="duration"),))
STEADY = Regimen((Act(0.0, "dox", "dose", quantity("5 mg"), duration=8.0, interval=12.0, steady=1),))


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: bolus("dox", "-75 mg"), r"dose of 'dox' at 0 h: '-75 mg' is not above zero"),
        (lambda: bolus("dox", "0 mg"), r"'0 mg' is not above zero"),
        (lambda: bolus("", "5 mg"), r"names no drug"),
        (lambda: bolus("dox", "75 mg", at="-1 day"), r"at = '-1 day' is before the regimen's zero"),
        (lambda: infusion("dox", "75 mg", over="0 h"), r"over = '0 h' has to be above zero; use bolus"),
        (lambda: infusion("dox", "75 mg", over="-1 h"), r"over = '-1 h' has to be above zero"),
        (lambda: infusion("dox", "75 mg"), r"either over='1 h' or rate="),
        (lambda: infusion("dox", "75 mg", over="1 h", rate="5 mg/h"), r"one of the two"),
        (lambda: infusion("dox", "75 mg", rate="0 mg/h"), r"'0 mg/h' is not above zero"),
        (lambda: infusion("dox", "75 mg", rate="5 nM/h"), r"is not 'mg' per time"),
        (lambda: exposure("dox", "0 nM"), r"exposure to 'dox': '0 nM' is not above zero"),
        (lambda: exposure("dox", "5 nM", over="0 h"), r"over = '0 h' has to be above zero"),
        (lambda: radiation("-2 Gy"), r"radiation dose: '-2 Gy' is not above zero"),
        (lambda: surgery(0), r"surgery cannot remove a share of 0"),
        (lambda: surgery(1.2), r"share of 1\.2"),
        (lambda: nothing("-1 h"), r"cannot be -1 h long"),
        (lambda: bolus("dox", "25 mg/kg"), r"'25 mg/kg' is per body size; give weight="),
        (lambda: bolus("dox", "75 mg/m**2"), r"give body_surface="),
        (lambda: bolus("dox", "25 mg", weight="20 g"), r"is not per kg, so leave out weight='20 g'"),
        (lambda: bolus("dox", "25 mg/kg", weight="0 g"), r"weight = '0 g' has to be above zero"),
        (lambda: bolus("dox", "1 mg/kg", weight="20 g", body_surface="1 m**2"), r"not both"),
        (lambda: DOX.every("0 day", times=3), r"the period of every\(\) is '0 day'"),
        (lambda: DOX.every("21 day", times=0), r"0 is not a number of times"),
        (lambda: DOX.every("21 day", times=2.5), r"2\.5 is not a number of times"),
        (lambda: DOX.every("21 day", times=True), r"True is not a number of times"),
        (lambda: DOX.every("21 day"), r"give either times=6 or until='180 day'"),
        (lambda: DOX.every("21 day", times=2, until="3 day"), r"one of the two"),
        (lambda: DOX.every("1 h", times=10**6), r"would hold 1000000 acts"),
        (
            lambda: HELD.every("21 day", times=3),
            r"100 nM of 'dox' at 0 h never ends, so the regimen cannot be repeated",
        ),
        (lambda: HELD.then(DOX), r"never ends, so the regimen cannot be followed"),
        (lambda: alternate(HELD, DOX, every="7 day"), r"never ends, so the regimen cannot be alternated"),
        (lambda: HELD.planned_total("dox"), r"no planned total"),
        (lambda: alternate(DOX, every="7 day"), r"needs two regimens"),
        (lambda: DOX.then(DOX, gap="-1 h"), r"gap of then\(\) is '-1 h'"),
        (lambda: DOX.shift("-1 h"), r"60 mg of 'dox' at 0 h cannot be shifted by -1 h"),
        (lambda: DOX.first(0), r"0 is not a number of times"),
        (lambda: DOX.until("0 h"), r"from 0 h to 0 h is empty"),
        (lambda: DOX.between("5 h", "4 h"), r"from 5 h to 4 h is empty"),
        (lambda: DOX.scaled(0), r"cannot be scaled by 0"),
        (lambda: DOX.scaled(-1.0), r"cannot be scaled by -1"),
        (lambda: DOX.scaled(math.nan), r"cannot be scaled by nan"),
        (lambda: DOX.scaled(2.0, port="dux"), r"does nothing on 'dux'; did you mean 'dox'"),
        (lambda: surgery(0.9).scaled(2.0, port="surgery"), r"a share of at most 1"),
        (lambda: DOX.planned_total("pac"), r"does nothing on 'pac'"),
        (
            lambda: (DOX & bolus("dox", "5 umol")).planned_total("dox"),
            r"cannot be added to amounts in 'mg'|in one unit",
        ),
        (lambda: DOX & 3, r"can only be merged with a regimen, not with int"),
        (lambda: DOX.on_days([0, 1]), r"days \[0, 1\]"),
        (lambda: DOX.on_days([2, 2]), r"each once"),
        (lambda: MODELLED.until("5 h"), r"5 mg of 'dox' at 0 h: an infusion whose duration is modelled cannot be cut"),
        (lambda: STEADY.until("5 h"), r"a steady-state infusion cannot be cut"),
    ],
)
def test_refusals_are_one_sentence_with_place_and_repair(attempt: object, sentence: str) -> None:
    with pytest.raises(RegimenError, match=sentence) as caught:
        attempt()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: bolus("dox", "75 mgg"),
        lambda: bolus("dox", "75 mg", at=5),
        lambda: DOX.every(21, times=3),
        lambda: DOX.every("21 mg", times=3),
        lambda: radiation("2 mg"),
    ],
)
def test_missing_and_wrong_units_are_refused(attempt: object) -> None:
    with pytest.raises(UnitError):
        attempt()  # type: ignore[operator]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time": -1.0},
        {"time": math.nan},
        {"amount": Quantity(-5.0, MG)},
        {"amount": Quantity(0.0, MG)},
        {"amount": Quantity(0.0, MG), "steady": 1, "interval": 12.0},
        {"action": "give"},
        {"duration": -1.0},
        {"duration": math.inf},
        {"duration": 1.0, "modelled": "rate"},
        {"modelled": "lag"},
        {"rate": Quantity(-1.0, Unit.of("mg/h"))},
        {"steady": 3},
        {"steady": 1},
        {"additional": 2},
        {"additional": -1, "interval": 5.0},
        {"interval": -5.0},
        {"action": "act", "steady": 1, "interval": 5.0},
    ],
)
def test_impossible_acts_are_refused(wrong: dict[str, object]) -> None:
    possible: dict[str, object] = {"time": 3.0, "port": "dox", "action": "dose", "amount": Quantity(5.0, MG)}
    Act(**possible)  # type: ignore[arg-type]
    with pytest.raises(PkpdMdrError):
        Act(**{**possible, **wrong})  # type: ignore[arg-type]
