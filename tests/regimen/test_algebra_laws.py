"""Two ways to say one regimen are one regimen to a model: laws of the algebra, units and tables, by trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies.regimens import plans

import pkpd_mdr as mdr
from pkpd_mdr.regimen import Regimen

MASS = 250.0  # g/mol
TUMOUR = mdr.Model(
    mdr.pk.two_compartment(
        "a", CL="2 L/h", V1="10 L", Q="1 L/h", V2="20 L", ka="0.7 1/h", molar_mass=(MASS, "g/mol"),
        iv=mdr.pk.route(duration="2 h", rate="30 umol/h"),
    ),
    mdr.pk.one_compartment("b", CL="1 L/h", V="10 L", lag="0.75 h", amount_unit="mg", molar_mass=(MASS, "g/mol")),
    mdr.pk.one_compartment("c", V="10 L", Vmax="5 mg/h", Km="2 mg/L", zero_order="1.5 h"),
    mdr.clone("S", growth=mdr.growth.logistic(rate="0.03 1/h", capacity="1e7 cell"), start=1e6),
    mdr.kill("a", on="S", emax="0.1 1/h", ec50="20 uM"),
    mdr.kill("b", on="S", emax="0.08 1/h", ec50="5 mg/L"),
)  # fmt: skip
FINE = mdr.Accuracy(rtol=1e-9)
TIMES = np.linspace(0.0, 160.0, 33)


def course(regimen: Regimen, until: str = "160 h") -> np.ndarray:
    frame = TUMOUR.simulate(regimen, until=until, times=(TIMES, "h"), accuracy=FINE).frame
    return frame[["S", "C_a", "C_b", "C_c", "AUC_a", "AUC_b", "AUC_c"]].to_numpy()


def same(one: np.ndarray, other: np.ndarray) -> None:
    scale = np.abs(other).max(axis=0).clip(1e-6)
    np.testing.assert_allclose(one / scale, other / scale, rtol=1e-6, atol=1e-7)


def hours(x: float) -> tuple[float, str]:
    return (x, "h")


Two = tuple[Regimen, Regimen]
LAWS: dict[str, Callable[[Regimen, Regimen, float, float], Two]] = {
    "& commutes": lambda r, s, x, y: (r & s, s & r),
    "& associates": lambda r, s, x, y: ((r & s) & r.shift(hours(x)), r & (s & r.shift(hours(x)))),
    "then associates": lambda r, s, x, y: (r.then(s).then(r), r.then(s.then(r))),
    "then is & of what is shifted": lambda r, s, x, y: (r.then(s, gap=hours(x)), r & s.shift(hours(r.length + x))),
    "shifts add up": lambda r, s, x, y: (r.shift(hours(x)).shift(hours(y)), r.shift(hours(x + y))),
    "shift goes into &": lambda r, s, x, y: ((r & s).shift(hours(x)), r.shift(hours(x)) & s.shift(hours(x))),
    "until is idempotent": lambda r, s, x, y: (r.until(hours(x)).until(hours(x)), r.until(hours(x))),
    "the earlier until counts": lambda r, s, x, y: (r.until(hours(x)).until(hours(y)), r.until(hours(min(x, y)))),
    "until goes into &": lambda r, s, x, y: ((r & s).until(hours(x)), r.until(hours(x)) & s.until(hours(x))),
    "parts make the whole": lambda r, s, x, y: (r.until(hours(x)).then(r.between(hours(x))), r),
    "between is between": lambda r, s, x, y: (
        r.between(hours(x)).until(hours(y)),
        r.between(hours(x), hours(x + y)),
    ),
    "every is written out": lambda r, s, x, y: (
        r.every(hours(x), times=3),
        r & r.shift(hours(x)) & r.shift(hours(2 * x)) & mdr.nothing(hours(3 * x)),
    ),
    "every of every": lambda r, s, x, y: (
        r.every(hours(x), times=2).every(hours(2 * x), times=2),
        r.every(hours(x), times=4),
    ),
    "every goes into &": lambda r, s, x, y: (
        (r & s).every(hours(x), times=2),
        r.every(hours(x), times=2) & s.every(hours(x), times=2),
    ),
    "every until": lambda r, s, x, y: (
        r.every(hours(y), until=hours(x)),
        r.every(hours(y), times=math.ceil(x / y)).until(hours(x)),
    ),
    "days are shifts": lambda r, s, x, y: (r.on_days([3, 1]), r & r.shift("2 day") & mdr.nothing("3 day")),
    "scaling back": lambda r, s, x, y: (r.scaled(0.3).scaled(1 / 0.3), r),
    "scaling goes into &": lambda r, s, x, y: ((r & s).scaled(0.3), s.scaled(0.3) & r.scaled(0.3)),
    "scaling goes into until": lambda r, s, x, y: (r.scaled(0.3).until(hours(x)), r.until(hours(x)).scaled(0.3)),
    "turns with nothing": lambda r, s, x, y: (
        mdr.alternate(r.until(hours(x)), mdr.nothing(hours(x)), every=hours(x)),
        r.until(hours(x)) & mdr.nothing(hours(2 * x)),
    ),
}
PLANS = plans().map(lambda both: both[0])
RECORDS = plans(records=True).map(lambda both: both[0])
SIZES = st.integers(1, 60).map(lambda n: n / 4)


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=8)
@given(PLANS, PLANS, SIZES, SIZES)
def test_two_ways_to_say_one_regimen(law: str, r: Regimen, s: Regimen, x: float, y: float) -> None:
    one, other = LAWS[law](r, s, x, y)
    assert one.length == pytest.approx(other.length, rel=1e-12)
    same(course(one), course(other))


@settings(max_examples=50)
@given(PLANS, PLANS, SIZES)
def test_totals_add_up(r: Regimen, s: Regimen, x: float) -> None:
    for both, times in ((r & s, 1), (r.then(s), 1), ((r & s).every(hours(x), times=3), 3)):
        for port in both.ports:
            parts = [one.planned_total(port).internal for one in (r, s) if port in one.ports]
            assert both.planned_total(port).internal == pytest.approx(times * sum(parts))


def reworded(regimen: Regimen, mass: tuple[str, float], time: tuple[str, float]) -> Regimen:
    """The same by builders in other units, each with how many of them are 1 mg or 1 h."""
    found = mdr.nothing((regimen.length * time[1], time[0]))
    for act in regimen:
        amount = (act.amount.value * mass[1], mass[0])
        at, kind = (act.time * time[1], time[0]), {"route": act.route}
        if act.rate is not None:
            rate = (act.rate.value * mass[1] / time[1], f"{mass[0]}/{time[0]}")
            found = found & mdr.infusion(act.port, amount, rate=rate, at=at, **kind)
        elif act.duration:
            found = found & mdr.infusion(act.port, amount, over=(act.duration * time[1], time[0]), at=at, **kind)
        else:
            found = found & mdr.bolus(act.port, amount, at=at, **kind)
    return found


MASSES = [("g", 1e-3), ("ug", 1e3), ("kg", 1e-6), ("umol", 1e3 / MASS), ("nmol", 1e6 / MASS), ("mol", 1e-3 / MASS)]
SPANS = [("day", 1 / 24), ("min", 60.0), ("week", 1 / 168), ("s", 3600.0)]


@settings(max_examples=40)
@given(PLANS, st.sampled_from(MASSES), st.sampled_from(SPANS))
def test_units_change_nothing(regimen: Regimen, mass: tuple[str, float], time: tuple[str, float]) -> None:
    if "mol" in mass[0]:  # drug c has no molar mass
        regimen = Regimen(tuple(act for act in regimen if act.port != "c"))
    same(course(reworded(regimen, mass, time)), course(regimen))


@pytest.mark.filterwarnings("ignore:.*the lag of:UserWarning")
@settings(max_examples=40)
@given(RECORDS, st.sampled_from(MASSES[:3]), st.sampled_from(SPANS))
def test_a_regimen_from_the_table_of_its_rows(
    regimen: Regimen, mass: tuple[str, float], time: tuple[str, float]
) -> None:
    if any(act.steady for act in regimen if act.port == "c"):  # saturable: its steady state is not what is asked here
        regimen = Regimen(tuple(act for act in regimen if act.port != "c"))
    options = {"compartments": TABLE, "amount_unit": mass[0], "time_unit": time[0]}
    table = mdr.write_doses(regimen, **options)
    if not len(table):
        return
    again = mdr.read_doses(table, allow_duplicates=True, **options).subject(1).regimen()
    same(course(again), course(regimen))


TABLE = {1: ("a", "oral"), 2: ("a", "iv"), 3: ("b", "iv"), 4: ("c", "oral"), 5: ("c", "iv")}


# -- strategies that change nothing, and media --------------------------------------------------------------------

UNCHANGED: dict[str, Callable[[Regimen, float], mdr.regimen.Strategy]] = {
    "on_progression": lambda r, x: mdr.on_progression(r, visit=hours(x), growth=1e9),
    "adaptive": lambda r, x: mdr.adaptive(r, visit=hours(x), stop_below=1e-12),
    "limited": lambda r, x: mdr.limited(r, mdr.limit("S", above=1e30), visit=hours(x)),
    "modulated": lambda r, x: mdr.modulated(r, visit=hours(x), tolerance=0.999, most=1.0, least=1.0),
    "rechallenge": lambda r, x: mdr.rechallenge(r, visit=hours(x), holiday="1 day", growth=1e9),
}
VISITS = st.integers(8, 60).map(lambda n: n / 2)


@pytest.mark.parametrize("name", UNCHANGED)
@settings(max_examples=8)
@given(PLANS.filter(lambda r: len(r) > 0), VISITS)
def test_a_strategy_that_changes_nothing_is_its_regimen(name: str, r: Regimen, x: float) -> None:
    same(course(UNCHANGED[name](r, x)), course(r))


MEDIA = mdr.Model(
    mdr.medium("A", unit="nM"),
    mdr.medium("B", unit="nM", half_life="9 h"),
    mdr.clone("S", growth=mdr.growth.exponential(rate="0.02 1/h"), start=1e6),
    mdr.kill("A", on="S", slope="0.005 1/h/nM"),
    mdr.kill("B", on="S", slope="0.01 1/h/nM"),
)


@st.composite
def exposures(draw: st.DrawFn) -> Regimen:
    """Of two drugs; later ones replace those that run."""
    number = st.integers(1, 60)
    found = mdr.nothing()
    for _ in range(draw(st.integers(1, 4))):
        level, length, at = draw(st.integers(1, 9)), draw(number), draw(st.integers(0, 60))
        one = mdr.exposure(draw(st.sampled_from("AB")), (level, "nM"), over=(length, "h"), at=(at, "h"))
        found = found & one
    return found


def in_medium(plan: Regimen | mdr.regimen.Strategy) -> np.ndarray:
    run = MEDIA.simulate(plan, until="130 h", times=(np.linspace(0, 130, 53), "h"), accuracy=FINE)
    return run.frame[["S", "C_A", "C_B", "AUC_A", "AUC_B"]].to_numpy()


@pytest.mark.parametrize("name", UNCHANGED)
@settings(max_examples=10)
@given(exposures(), VISITS)
def test_a_medium_has_one_level_at_visits_as_without_them(name: str, r: Regimen, x: float) -> None:
    same(in_medium(UNCHANGED[name](r, x)), in_medium(r))


@settings(max_examples=20)
@given(exposures(), st.integers(1, 100))
def test_levels_times_hours_are_the_area_that_cells_saw(r: Regimen, x: int) -> None:
    """Of a medium that does not decay: the planned total, and the parts of a plan cut anywhere."""
    found = in_medium(r)
    planned = r.planned_total("A").value if "A" in r.ports else 0.0
    assert planned == pytest.approx(found[-1, 3], rel=1e-9)
    parts = r.until((x, "h")).then(r.between((x, "h")))
    same(in_medium(parts)[:, [1, 3]], found[:, [1, 3]])
