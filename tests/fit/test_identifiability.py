"""What can be known: textbook cases with known answers, before any data and from a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd_mdr as mdr
from pkpd_mdr.errors import FitError
from pkpd_mdr.fit import Identifiability
from pkpd_mdr.fit.combinations import Terrain, combinations_of, groups_of
from pkpd_mdr.fit.free import Free, Space
from pkpd_mdr.units import Unit

HOURS = [f"{t} h" for t in (0, 0.5, 1, 2, 4, 8, 12, 24)]


def texts(found: Identifiability) -> list[str]:
    return [item.text for item in found.combinations]


def culture(*doses: float, replicates: int = 1, hours: list[str] = HOURS) -> list[mdr.Planned]:
    return [
        mdr.planned(
            f"{dose:g} nM", mdr.exposure("dox", f"{dose} nM") if dose else None, times=hours, replicates=replicates
        )
        for dose in doses
    ]


def killed(emax: str = "0.1 1/h", ec50: str = "100 nM") -> mdr.Model:
    return mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start="900 cell"),
        mdr.kill("dox", on="S", emax=emax, ec50=ec50),
    )


KILLED = {
    "growth_S": ("0.001 1/h", "1 1/h"),
    "emax_dox_S": ("0.001 1/h", "100 1/h"),
    "ec50_dox_S": ("1 nM", "1e6 nM"),
    "S0": ("100 cell", "10000 cell"),
}


# -- textbook cases ----------------------------------------------------------------------------------------


def test_an_oral_dose_gives_bioavailability_over_volume_and_kinetics_that_flip() -> None:
    """F and V only as F/V; ka and k may change places (flip-flop), with F/V multiplied by ka/k."""
    oral = mdr.Model(
        mdr.observable("c", "F*100*ka/(V*(ka - k))*(exp(-k*t) - exp(-ka*t))"),
        mdr.parameter("F", 0.6, lower=0, upper=1),
        mdr.parameter("ka", "1 1/h"),
        mdr.parameter("k", "0.2 1/h"),
        mdr.parameter("V", 30.0),
    )
    free = {"F": (0.01, 1), "ka": ("0.01 1/h", "10 1/h"), "k": ("0.01 1/h", "10 1/h"), "V": (1, 1000)}
    found = mdr.identifiable(oral, mdr.planned("oral", times=HOURS[1:], observables="c"), free, starts=2)
    assert found.rank == 3
    assert found.identifiable == ("ka", "k")
    assert texts(found) == ["F / V"]
    (other,) = found.elsewhere
    assert dict(zip(other.names, other.there, strict=True)) == pytest.approx(
        {"ka": 0.2, "k": 1.0, "F / V": 0.1}, rel=1e-6
    )
    assert not found.globally
    assert "locally, but not globally" in str(found)
    assert found.table.loc["F", "verdict"] == "not identifiable alone, only in F / V"


def test_a_plateau_gives_clearance_as_a_product() -> None:
    plateau = mdr.Model(
        mdr.observable("c", "rate/(V*k)", unit="mg/L"),
        mdr.parameter("rate", "10 mg/h"),
        mdr.parameter("V", "5 L"),
        mdr.parameter("k", "0.2 1/h"),
    )
    found = mdr.identifiable(plateau, mdr.planned("infusion", observables="c"), ["V", "k"], starts=0)
    assert (found.rank, texts(found)) == (1, ["V * k"])


def test_logistic_growth_is_known_from_counts_and_up_to_a_factor_from_an_unscaled_signal() -> None:
    model = mdr.Model(
        mdr.clone("S", growth=mdr.growth.logistic(rate="0.1 1/h", capacity="5000 cell"), start="300 cell"),
        mdr.parameter("a", 0.01),
        mdr.observable("signal", "a*S", unit="cell"),
    )
    free = ["growth_S", "capacity_S", "S0"]
    assert mdr.identifiable(model, mdr.planned("w", times=HOURS, observables="S"), free, starts=0).all
    found = mdr.identifiable(model, mdr.planned("w", times=HOURS, observables="signal"), [*free, "a"], starts=0)
    assert found.identifiable == ("growth_S",)
    assert texts(found) == ["capacity_S / S0", "capacity_S * a"]


def test_two_clones_counted_in_total() -> None:
    """With one rate only the sum of the starts; with two, labels may be exchanged; birth and death as a difference."""
    one = mdr.parameter("g", "0.03 1/h")
    law = mdr.growth.exponential(rate=one)
    alike = mdr.Model(mdr.clone("S", growth=law, start="900 cell"), mdr.clone("R", growth=law, start="100 cell"))
    plan = mdr.planned("w", times=HOURS)
    assert texts(mdr.identifiable(alike, plan, ["g", "S0", "R0"], starts=0)) == ["S0 + R0"]
    two = mdr.Model(
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.2 1/h"), start="500 cell"),
        mdr.clone("R", growth=mdr.growth.exponential(rate="0.02 1/h"), start="300 cell"),
    )
    free = dict.fromkeys(("growth_S", "growth_R"), ("0.001 1/h", "3 1/h"))
    found = mdr.identifiable(two, plan, free | dict.fromkeys(("S0", "R0"), ("1 cell", "1e5 cell")), starts=1)
    assert found.all
    assert found.elsewhere[0].there == pytest.approx([0.02, 0.2, 300, 500], rel=0.01)
    dying = mdr.Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), death="0.01 1/h", start="9 cell"))
    assert texts(mdr.identifiable(dying, plan, ["growth_S", "death_S", "S0"], starts=0)) == ["growth_S - death_S"]


def test_two_compartments_with_two_losses_give_sums_and_a_product() -> None:
    """The classical answer: V, k10 + k12, k21 + k20 and k12*k21."""
    rates = {"k10": 0.2, "k12": 0.3, "k21": 0.1, "k20": 0.05}
    model = mdr.Model(
        mdr.state("A1", unit="mg", start="100 mg"),
        mdr.state("A2", unit="mg", start="0 mg"),
        *(mdr.parameter(name, f"{value} 1/h") for name, value in rates.items()),
        mdr.parameter("V", "10 L"),
        mdr.process("out1", rate="k10*A1", moves={"A1": -1}),
        mdr.process("there", rate="k12*A1", moves={"A1": -1, "A2": 1}),
        mdr.process("back", rate="k21*A2", moves={"A2": -1, "A1": 1}),
        mdr.process("out2", rate="k20*A2", moves={"A2": -1}),
        mdr.observable("c", "A1/V", unit="mg/L"),
    )
    found = mdr.identifiable(model, mdr.planned("iv", times=HOURS, observables="c"), [*rates, "V"], starts=0)
    assert found.identifiable == ("V",)
    assert set(texts(found)) == {"k10 + k12", "k21 + k20", "k12 * k21"}
    assert "measuring at more times between the first and the last would not help" in found.notes


def test_a_kill_law_needs_several_doses_and_times_are_told_from_structure() -> None:
    free = ["growth_S", "emax_dox_S", "ec50_dox_S"]
    assert mdr.identifiable(killed(), culture(0, 30, 100), free, starts=2).globally
    one = mdr.identifiable(killed(), culture(100), free, starts=0)
    assert one.rank == 1
    assert not one.combinations[0].exact
    late = mdr.identifiable(killed(), culture(0, 30, 100, hours=["24 h"]), [*free, "S0"], starts=0)
    assert late.rank == 3
    assert late.notes[-1].startswith("measuring at more times would determine growth_S")
    far = mdr.identifiable(killed(), culture(0, 1e-3, 2e-3), free, starts=2)
    assert far.all
    assert not far.elsewhere, "a flat valley is no second solution"
    assert "only very exact measurements" in str(far)


def test_a_parameter_without_effect_is_named() -> None:
    model = mdr.Model(
        mdr.observable("y", "a*b*t + 0*d"),
        *(mdr.parameter(n, v) for n, v in {"a": 2.0, "b": "1 1/h", "d": 1.0}.items()),
    )
    found = mdr.identifiable(model, mdr.planned("w", times=HOURS[1:], observables="y"), ["a", "b", "d"], starts=0)
    assert found.table.loc["d", "verdict"] == "not identifiable: no output depends on it"
    assert texts(found) == ["a * b"]


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), power=st.sampled_from([(1, 1), (1, -1), (2, 1), (1, -3)]))
def test_a_monomial_is_found_whatever_else_is_there(seed: int, power: tuple[int, int]) -> None:
    """The null space of f = a**p * b**q and of d, with a and b hidden behind f."""
    rng = np.random.default_rng(seed)
    space = Space(tuple(Free(name, Unit.of(""), 1e-3, 1e3, 1.0, True) for name in "adb"))
    blind = np.array([[-power[1]], [0.0], [power[0]]], dtype=float)
    blind /= np.linalg.norm(blind)
    terrain = Terrain(space, np.exp(rng.normal(size=(3, 3))), (blind,) * 3, 1e-6)
    (group,) = groups_of(blind, 1e-6)
    (found,) = combinations_of(terrain, group)
    here = terrain.values[0]
    moved = here * np.exp(0.3 * blind[:, 0])
    assert found.value(moved) == pytest.approx(found.value(here), rel=1e-9)
    assert found.exact
    assert set(found.parameters) == {"a", "b"}


# -- from a fit --------------------------------------------------------------------------------------------


def fitted(doses: tuple[float, ...]) -> mdr.Fit:
    truth = killed("0.5 1/h", "1000 nM")
    hours = [f"{t} h" for t in (0, 12, 24, 36, 48, 72)]
    data = mdr.simulated_data(truth, culture(*doses, replicates=3, hours=hours), noise=("lognormal", 0.1), seed=1)
    return mdr.fit(truth, data, KILLED, error="lognormal", starts=1)


def test_far_below_saturation_only_the_slope_of_the_kill_is_known() -> None:
    fit = fitted((0, 10, 20, 40))
    found = fit.identifiability()
    assert "ec50_dox_S" in found.not_identifiable
    assert texts(found) == ["emax_dox_S / ec50_dox_S"]
    assert "exact measurements would determine" in str(found)
    assert fit.identifiability(kind="structural").all
    slope = found.combinations[0].value(fit.found.space.internal(fit.found.space.start))
    truth = found.combinations[0].value(fit.found.space.internal(np.log([0.03, 0.5, 1000, 900])))
    assert slope == pytest.approx(truth, rel=0.2)
    assert fitted((0, 100, 1000, 3000)).identifiability().all


def test_the_spectrum_names_the_sloppy_direction() -> None:
    spectrum = fitted((0, 10, 20, 40)).spectrum()
    assert np.all(np.diff(spectrum.eigenvalues) <= 0)
    last = dict(zip(spectrum.names, spectrum.directions[-1], strict=True))
    assert last["emax_dox_S"] * last["ec50_dox_S"] > 0.3
    assert spectrum.errors[-1] > 20 * spectrum.errors[-2]
    assert "ec50_dox_S +0.7" in spectrum.table["direction"].iloc[-1]
    assert 3 < spectrum.decades < 8


# -- exosomes, the done-when line --------------------------------------------------------------------------


def test_exosome_transfer_is_recovered_from_co_cultures_and_not_identifiable_from_monocultures() -> None:
    law = {name: mdr.growth.exponential(rate=rate) for name, rate in (("S", "0.035 1/h"), ("R", "0.028 1/h"))}
    truth = mdr.Model(
        mdr.clone("S", growth=law["S"], start="1000 cell"),
        mdr.clone("R", growth=law["R"], start="1000 cell", resistant=True),
        mdr.exosomes(
            "R", "S", "R", secretion="100 vesicle/h", uptake="5e-8 mL/h", clearance="0.05 1/h",
            conversion=0.01, volume="0.1 mL",
        ),
    )  # fmt: skip
    hours = [f"{t} h" for t in (12, 24, 48, 72)]

    def well(s: int, r: int, *observables: str) -> mdr.Planned:
        known = {"S0": f"{s} cell", "R0": f"{r} cell"}
        return mdr.planned(f"{s}:{r}", times=hours, observables=observables, covariates=known, replicates=3)

    rates = dict.fromkeys(("growth_S", "growth_R"), ("0.005 1/h", "0.2 1/h"))
    carried = {
        "secretion_exosomes_R": ("1 vesicle/h", "1e4 vesicle/h"),
        "clearance_exosomes": ("0.002 1/h", "1 1/h"),
        "conversion_exosomes_S_R": (1e-5, 1),
    }
    alone = [well(2000, 0, "S"), well(0, 2000, "R")]
    mono = mdr.identifiable(truth, alone, rates | carried, starts=0)
    assert mono.not_identifiable == tuple(carried)
    assert mono.identifiable == tuple(rates)
    counted = mdr.identifiable(truth, [*alone, well(1000, 1000, "S", "R")], rates | carried, starts=0)
    assert texts(counted) == ["secretion_exosomes_R * conversion_exosomes_S_R"]
    design = [*alone, well(1000, 1000, "S", "R", "exosomes"), well(1800, 200, "S", "R", "exosomes")]
    assert mdr.identifiable(truth, design, rates | carried, starts=0).all
    noise = {"S": ("lognormal", 0.1), "R": ("lognormal", 0.1), "exosomes": ("additive", "1e6 vesicle/mL")}
    errors = {"S": "lognormal", "R": "lognormal", "exosomes": "additive"}
    fit = mdr.fit(
        truth, mdr.simulated_data(truth, design, noise=noise, seed=3), rates | carried, error=errors, starts=1
    )
    assert fit.identifiability().all
    profiles = fit.profiles(list(carried))
    for name in carried:
        low, high = profiles.interval(name)
        assert low < truth.parameters[name].value < high < 2 * low


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"points": 1}, "points = 1 is not possible"),
        ({"starts": -1}, "starts = -1 is not possible"),
        ({"design": "wells"}, "is no plan"),
        ({"design": [mdr.planned("a"), mdr.planned("a")]}, "two plans are called 'a'"),
        ({"design": mdr.planned("a", observables="Sx")}, "no state or observable 'Sx'; did you mean"),
        ({"free": ["ec50"]}, "no parameter 'ec50'"),
    ],
)
def test_bad_questions_are_refused_in_a_sentence(arguments: dict[str, Any], sentence: str) -> None:
    asked = {"design": culture(0, 10), "free": ["growth_S"]} | arguments
    with pytest.raises(FitError, match=sentence.replace("(", r"\(")):
        mdr.identifiable(killed(), **asked)


def test_a_fit_refuses_odd_kinds_and_factors() -> None:
    fit = fitted((0, 1000))
    with pytest.raises(FitError, match="not 'practical' or 'structural'"):
        fit.identifiability(kind="global")
    with pytest.raises(FitError, match="factor = 1 is not above 1"):
        fit.identifiability(factor=1)


# -- plans and simulated experiments -----------------------------------------------------------------------


def test_simulated_data_are_the_model_and_their_noise_has_the_size_asked_for() -> None:
    model = killed()
    plan = culture(0, 100, hours=["24 h"], replicates=2000)
    exact = mdr.simulated_data(model, culture(0, hours=["24 h"])).table["value"].to_numpy()
    assert exact == pytest.approx(900 * np.exp(0.03 * 24), rel=1e-6)
    for kind, size, sd in (("lognormal", 0.1, None), ("proportional", 0.1, None), ("additive", "50 cell", 50.0)):
        values = mdr.simulated_data(model, plan, noise=(kind, size), seed=2).table
        control = values.loc[values["condition"].str.startswith("0 nM"), "value"].to_numpy()
        spread = np.std(np.log(control)) if kind == "lognormal" else np.std(control)
        wanted = 0.1 if kind == "lognormal" else 0.1 * exact[0] if sd is None else sd
        assert spread == pytest.approx(wanted, rel=0.06), kind


def test_a_condition_has_its_own_stream_of_errors() -> None:
    model, noise = killed(), ("lognormal", 0.1)
    few, many = (mdr.simulated_data(model, culture(*doses), noise=noise, seed=4).table for doses in ((0,), (0, 10)))
    alone = few["value"].to_numpy()
    assert np.array_equal(many.loc[many["plan"] == "0 nM", "value"].to_numpy(), alone)


@pytest.mark.parametrize(
    ("noise", "sentence"),
    [
        (("normal", 0.1), "'normal' is not known"),
        ("lognormal", "is no pair of kind and size"),
        (("lognormal", 0), "is not above zero"),
        ({"S": ("lognormal", 0.1)}, "noise says nothing of 'burden'"),
    ],
)
def test_odd_noise_is_refused(noise: Any, sentence: str) -> None:
    with pytest.raises(FitError, match=sentence):
        mdr.simulated_data(killed(), culture(0), noise=noise)
