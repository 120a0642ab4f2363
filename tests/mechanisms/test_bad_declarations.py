"""What cannot be meant is refused in one sentence that names the place and the repair."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sympy as sp

from pkpd_mdr import mechanisms as mdr
from pkpd_mdr.errors import ExpressionError, ModelError, PkpdMdrError, UnitError
from pkpd_mdr.model import Mechanism, Model

EXPONENTIAL = mdr.growth.exponential(rate="0.5 1/day")
LOGISTIC = mdr.growth.logistic(rate="0.5 1/day", capacity=1e9)


def with_clones(*parts: Mechanism) -> Model:
    return Model(mdr.clone("S", growth=LOGISTIC), mdr.clone("R", growth=LOGISTIC), mdr.medium("dox"), *parts)


def kill(**changes: object) -> Mechanism:
    return mdr.kill("dox", **{"on": "S", "emax": "1 1/day", "ec50": "50 nM", **changes})


def vesicles(**changes: object) -> Mechanism:
    given = {"secretion": "200 1/day", "uptake": "1e-9 mL/h", "clearance": "0.2 1/h", "conversion": 0.1}
    return mdr.exosomes(**{"source": "R", "target": "S", "into": "R", **given, **changes})


def combined(by: str = "loewe", strength: float | None = None, **changes: object) -> Mechanism:
    one = {"on": "S", "emax": "1 1/day", "ec50": "50 nM", "hill": 2.0}
    return mdr.combined_kill(mdr.kill("dox", **one), mdr.kill("pac", **{**one, **changes}), by=by, strength=strength)


def compartment(**changes: object) -> Mechanism:
    return mdr.pk.one_compartment("x", **{"CL": "1 L/h", "V": "20 L", **changes})


BAD: dict[str, tuple[Callable[[], object], type[PkpdMdrError], str]] = {
    # unknown names, with the nearest
    "kill of an unknown clone": (lambda: with_clones(kill(on="s")), ModelError, "did you mean 'S'"),
    "kill by an unknown drug": (
        lambda: with_clones(mdr.kill("dx", on="S", emax="1 1/day", ec50="1 uM")),
        ModelError,
        "did you mean 'dox'",
    ),
    "kill at an unknown site": (lambda: with_clones(kill(site="effect")), ModelError, "'dox@effect'"),
    "kill in an unknown form": (lambda: kill(form="hazzard"), ModelError, "did you mean 'hazard'"),
    "switching of an unknown clone": (
        lambda: with_clones(mdr.switching("S", "Rr", rate="1 1/day")),
        ModelError,
        "did you mean 'R'",
    ),
    "induction by an unknown drug": (
        lambda: with_clones(mdr.switching("S", "R", induced_by="dax", slope="1 1/day/uM")),
        ModelError,
        "'dox'",
    ),
    "mutation of an unknown clone": (
        lambda: with_clones(mdr.mutation("Q", "R", rate="1 1/day")),
        ModelError,
        "'Q'.*known are 'S', 'R'",
    ),
    "cost of an unknown clone": (lambda: with_clones(mdr.cost("r", 0.1)), ModelError, "did you mean 'R'"),
    "vesicles of an unknown clone": (lambda: with_clones(vesicles(source="T")), ModelError, "'T'"),
    "contact with an unknown clone": (
        lambda: with_clones(mdr.contact_transfer("R", "S", "A", rate="1 1/day")),
        ModelError,
        "'A'",
    ),
    "competition with an unknown clone": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.logistic(rate="1 1/h", capacity=1, competition={"s": 2.0}))),
        ModelError,
        "did you mean 'S'",
    ),
    "radiation of an unknown clone": (lambda: with_clones(mdr.radiotherapy({"T": "0.3 1/Gy"})), ModelError, "'T'"),
    "operation on an unknown clone": (lambda: with_clones(mdr.resection("T")), ModelError, "'T'"),
    "share for an unknown clone": (lambda: with_clones(mdr.seeding(total=1e9, r=0.1)), ModelError, "did you mean 'R'"),
    "an unknown option of a drug": (lambda: compartment(Ka="1 1/h"), ModelError, "did you mean 'ka'"),
    "doses into an unknown state": (
        lambda: Model(mdr.state("A", unit="mg"), mdr.dosing("x", into="a", unit="mg")),
        ModelError,
        "did you mean 'A'",
    ),
    "a process with an unknown name": (
        lambda: with_clones(mdr.process("p", "growth_s*S", {"S": 1})),
        ExpressionError,
        "did you mean 'growth_S'",
    ),
    "a SymPy process with an unknown name": (
        lambda: with_clones(mdr.process("p", sp.Symbol("growth_s") * sp.Symbol("S"), {"S": 1})),
        ModelError,
        "did you mean 'growth_S'",
    ),
    "a process that moves an unknown state": (
        lambda: with_clones(mdr.process("p", "S/t", {"s": 1})),
        ModelError,
        "did you mean 'S'",
    ),
    "a formula with an unknown name": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.exponential(rate=mdr.formula("speed*2")))),
        ExpressionError,
        "'speed' is not declared",
    ),
    "an unknown kind of state": (lambda: mdr.state("A", kind="amont"), ModelError, "did you mean 'amount'"),
    # values out of bounds
    "a negative emax": (lambda: with_clones(kill(emax="-1 1/day")), ModelError, r"emax_dox_S.*\[0, inf\]"),
    "a negative ec50": (lambda: with_clones(kill(ec50="-1 nM")), ModelError, "ec50_dox_S"),
    "an ec50 of zero": (lambda: with_clones(kill(ec50="0 nM")), ModelError, "ec50_dox_S"),
    "a hill of zero": (lambda: with_clones(kill(hill=0)), ModelError, "hill_dox_S"),
    "a cytostatic emax above one": (
        lambda: with_clones(kill(emax=1.2, form="cytostatic")),
        ModelError,
        r"emax_dox_S.*\[0, 1\]",
    ),
    "a shared hill below zero": (
        lambda: with_clones(kill(hill=mdr.parameter("h", -1.0))),
        ModelError,
        "'h': -1 is outside its bounds",
    ),
    "a probability above one": (
        lambda: with_clones(mdr.mutation("S", "R", probability=2)),
        ModelError,
        r"mutation_S_R.*\[0, 1\]",
    ),
    "a negative switching rate": (
        lambda: with_clones(mdr.switching("S", "R", rate="-1 1/day")),
        ModelError,
        "switching_S_R",
    ),
    "a cost above one": (lambda: with_clones(mdr.cost("R", 1.5)), ModelError, r"cost_R.*\[0, 1\]"),
    "a negative growth rate": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.exponential(rate="-1 1/h"))),
        ModelError,
        "growth_S",
    ),
    "a capacity of zero": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.gompertz(rate="1 1/h", capacity=0))),
        ModelError,
        "capacity_S",
    ),
    "a negative start": (lambda: Model(mdr.clone("S", start=-1.0)), ModelError, "S0"),
    "a conversion above one": (lambda: with_clones(vesicles(conversion=1.1)), ModelError, "conversion_exosomes_S_R"),
    "an inhibition above one": (lambda: with_clones(vesicles(inhibition=1.1)), ModelError, "inhibition_exosomes"),
    "a volume of zero": (lambda: Model(compartment(V="0 L")), ModelError, "V_x"),
    "a negative clearance": (lambda: Model(compartment(CL="-1 L/h")), ModelError, "CL_x"),
    "a negative bioavailability": (lambda: Model(compartment(F=-0.5)), ModelError, "F_x"),
    "a half-life of zero": (lambda: Model(mdr.medium("x", half_life="0 h")), ModelError, "half_life_x"),
    "a share above one": (lambda: with_clones(mdr.seeding(total=1, R=1.5)), ModelError, "cannot exceed 1"),
    "a negative share": (lambda: with_clones(mdr.seeding(total=1, R=-0.5)), ModelError, "R0_share"),
    "a negative radiosensitivity": (
        lambda: with_clones(mdr.radiotherapy({"S": "-0.3 1/Gy"})),
        ModelError,
        "alpha_radiation_S",
    ),
    # units
    "a rate without unit": (lambda: with_clones(kill(emax=1.2)), UnitError, "emax_dox_S.*no unit"),
    "a rate as a length": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 mm"))),
        UnitError,
        "'0.5 mm'.*'1/h'",
    ),
    "an ec50 in mg/L without molar mass": (lambda: with_clones(kill(ec50="1 mg/L")), UnitError, "molar_mass"),
    "a clearance in mg": (lambda: Model(compartment(CL="1 mg")), UnitError, "'1 mg'.*'L/h'"),
    "a molar mass in grams": (lambda: compartment(molar_mass="543.5 g"), ModelError, "g/mol"),
    "a shared parameter of another unit": (
        lambda: with_clones(kill(ec50=mdr.parameter("c", "1 mg"))),
        UnitError,
        "'c' is in 'mg'",
    ),
    "a process in the wrong unit": (
        lambda: with_clones(mdr.process("p", "S", {"S": 1})),
        UnitError,
        r"process 'p'.*pure number.*'1/h'",
    ),
    "an observable in the wrong unit": (
        lambda: with_clones(mdr.observable("o", "C_dox", "mg/L")),
        UnitError,
        "observable 'o'",
    ),
    "doses in another unit than the state": (
        lambda: Model(mdr.state("A", unit="mg"), mdr.dosing("x", into="A", unit="umol")),
        ModelError,
        "'umol'.*'mg'",
    ),
    "clones in unlike units": (
        lambda: Model(mdr.clone("S"), mdr.clone("R", unit="mm**3")),
        ModelError,
        "'cell'.*'mm\\*\\*3'",
    ),
    "vesicles of a volume": (
        lambda: Model(mdr.clone("S", unit="mm**3"), mdr.clone("R", unit="mm**3"), vesicles()),
        ModelError,
        "number of cells",
    ),
    # parts that do not make a whole
    "an effect without ec50": (lambda: kill(ec50=None), ModelError, "emax and ec50, or slope"),
    "an effect with emax and slope": (lambda: kill(slope="1 1/day/uM"), ModelError, "one of the two forms"),
    "a linear cytostatic effect": (
        lambda: mdr.kill("dox", on="S", slope=1, form="cytostatic"),
        ModelError,
        "share of growth",
    ),
    "kill of nothing": (lambda: kill(on=[]), ModelError, "not the name of a clone"),
    "kill of a clone twice": (lambda: kill(on=["S", "S"]), ModelError, "twice"),
    "two kills by one drug": (
        lambda: with_clones(kill(), kill()),
        ModelError,
        "'S' by 'dox' is declared twice.*death.path",
    ),
    "slowing a clone that does not grow": (
        lambda: Model(mdr.medium("dox"), mdr.clone("S"), kill(emax=0.5, form="cytostatic")),
        ModelError,
        "no growth law",
    ),
    "a cost for a clone that does not grow": (
        lambda: Model(mdr.clone("S"), mdr.cost("S", 0.1)),
        ModelError,
        "no growth law",
    ),
    "mutation at division without division": (
        lambda: Model(mdr.clone("S"), mdr.clone("R"), mdr.mutation("S", "R", probability=0.1)),
        ModelError,
        "no growth law",
    ),
    "mutation by two measures": (
        lambda: mdr.mutation("S", "R", probability=0.1, rate="1 1/h"),
        ModelError,
        "probability .* or rate",
    ),
    "mutation into itself": (lambda: mdr.mutation("S", "S", rate="1 1/h"), ModelError, "itself"),
    "switching without a rate": (lambda: mdr.switching("S", "R"), ModelError, "give rate"),
    "induction without a drug": (lambda: mdr.switching("S", "R", slope="1 1/h/uM"), ModelError, "need induced_by"),
    "induction without an effect": (lambda: mdr.switching("S", "R", induced_by="dox"), ModelError, "emax and ec50"),
    "vesicles that change nothing": (lambda: vesicles(into="S"), ModelError, "another clone"),
    "contact with oneself": (lambda: mdr.contact_transfer("S", "S", "A", rate="1 1/h"), ModelError, "'S'"),
    "contact by an unknown rule": (
        lambda: mdr.contact_transfer("R", "S", "A", rate="1 1/h", dependence="dense"),
        ModelError,
        "did you mean 'density'",
    ),
    "fixation into the same clone": (
        lambda: mdr.contact_transfer("R", "S", "R", rate="1 1/h", fixation="1 1/h"),
        ModelError,
        "leave it out",
    ),
    "a drug that stays for ever": (lambda: mdr.pk.one_compartment("x", V="1 L"), ModelError, "give CL"),
    "half of Michaelis and Menten": (lambda: compartment(Vmax="1 mg/h"), ModelError, "Vmax and Km belong together"),
    "absorption by the iv route": (lambda: compartment(ka="1 1/h", route="iv"), ModelError, "into the blood"),
    "F for one route and the other": (
        lambda: compartment(F=0.5, iv=mdr.pk.route(lag="1 h")),
        ModelError,
        "belong to the iv route",
    ),
    "an odd amount unit": (lambda: compartment(amount_unit="mol"), ModelError, "amount_unit 'mol'"),
    "a drug in plasma and medium": (lambda: Model(compartment(), mdr.medium("x")), ModelError, "twice"),
    "a medium with two losses": (
        lambda: mdr.medium("x", half_life="1 h", loss="1 1/h"),
        ModelError,
        "give one of them",
    ),
    "growth that is none": (lambda: mdr.clone("S", growth="fast"), ModelError, "not a growth law"),  # type: ignore[arg-type]
    "two death rates": (
        lambda: Model(mdr.clone("S", growth=mdr.growth.birth_death(birth="2 1/h", death="1 1/h"), death="1 1/h")),
        ModelError,
        "death rate already",
    ),
    "a clone twice": (lambda: Model(mdr.clone("S"), mdr.clone("S")), ModelError, "'S' is declared twice"),
    "a clone with the name of a start": (
        lambda: Model(mdr.clone("c1", start=3), mdr.clone("c10")),
        ModelError,
        "a state 'c1' starts at a parameter 'c10'",
    ),
    "a name with a blank": (lambda: mdr.clone("S 1"), ExpressionError, "the name of a clone"),
    "shares of all clones": (lambda: with_clones(mdr.seeding(total=1, S=0.5, R=0.5)), ModelError, "no clone is left"),
    "shares of too few clones": (
        lambda: Model(*(mdr.clone(name) for name in "SRA"), mdr.seeding(total=1, R=0.1)),
        ModelError,
        "'S', 'A'",
    ),
    "a share and a start": (
        lambda: Model(mdr.clone("S"), mdr.clone("R", start=1), mdr.seeding(total=1, R=0.1)),
        ModelError,
        "start of its own",
    ),
    "radiation of nothing": (lambda: mdr.radiotherapy({}), ModelError, "at least one clone"),
    "one parameter with two values": (
        lambda: Model(mdr.parameter("K", 1.0), mdr.parameter("K", 2.0)),
        ModelError,
        "different values",
    ),
    "an observable that the clones give": (
        lambda: with_clones(mdr.observable("burden", "2*S")),
        ModelError,
        "choose another name",
    ),
    "a transfer that makes cells": (
        lambda: with_clones(mdr.process("p", "growth_S*S", {"S": -1, "R": 2}, transfer=True)),
        ModelError,
        "transfer",
    ),
    "observables in a circle": (
        lambda: Model(mdr.observable("a", "b + 1"), mdr.observable("b", "a + 1")),
        ModelError,
        "circle",
    ),
    "a process that moves nothing": (lambda: mdr.process("p", "1", {}), ModelError, "what moves"),
    "text that runs code": (
        lambda: Model(mdr.state("x"), mdr.process("p", "__import__('os').getcwd()", {"x": 1})),
        ExpressionError,
        "p",
    ),
    "a SymPy function without meaning": (
        lambda: mdr.process("p", sp.Function("f")(sp.Symbol("x")), {"x": 1}),
        ModelError,
        "not allowed",
    ),
    "a formula that is none": (lambda: mdr.formula(3.0), ModelError, "neither a formula text"),  # type: ignore[arg-type]
    "a formula in another unit than its slot": (
        lambda: Model(
            mdr.pk.one_compartment("x", CL=mdr.formula("CL_pop*(WT/70)**0.75"), V="20 L"),
            mdr.parameter("CL_pop", "1 L/h"),
            mdr.parameter("WT", "70 kg"),
        ),
        UnitError,
        r"formula of 'CL_x' is in .*; it has CL_pop in L/h, WT in kg; a quotient of equal units is a number",
    ),
    # combinations
    "a combination of one": (lambda: mdr.combined_kill(kill()), ModelError, "at least two different drugs"),
    "a combination of what is no kill": (lambda: mdr.combined_kill(kill(), mdr.clone("S")), ModelError, "kill"),
    "an unknown rule": (lambda: combined("blis"), ModelError, "did you mean 'bliss'"),
    "Loewe with unequal hill": (lambda: combined(hill=3.0), ModelError, "equal hill; 2.0 and 3.0"),
    "Loewe with unequal emax": (lambda: combined(emax="2 1/day"), ModelError, "equal emax"),
    "Loewe of a line and a curve": (
        lambda: combined(emax=None, ec50=None, slope="1 1/day/uM"),
        ModelError,
        "simply add",
    ),
    "different clones": (lambda: combined(on="R"), ModelError, "same clones"),
    "interaction without strength": (lambda: combined("interaction"), ModelError, "strength"),
    "strength without interaction": (lambda: combined("bliss", strength=1.0), ModelError, "strength"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused_in_one_sentence(case: str) -> None:
    make, kind, words = BAD[case]
    with pytest.raises(kind, match=words) as caught:
        make()
    message = str(caught.value).split("\n    ")[0]  # a formula is shown below with a caret
    assert "\n" not in message
    assert len(message) < 400


def test_bounds_hold_for_later_values() -> None:
    model = with_clones(kill(hill=mdr.parameter("h", 1.0)))
    with pytest.raises(ModelError, match="'h': 0 is outside"):
        model.with_parameters(h=0.0)
    with pytest.raises(ModelError, match="ec50_dox_S"):
        model.with_parameters(ec50_dox_S="-5 nM")
