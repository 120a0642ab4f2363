"""What can change nothing in a model is told, and nothing else is."""

from __future__ import annotations

import logging
import re

import pytest
import sympy as sp
from hypothesis import given, settings
from strategies.models import declarations

import pkpd_mdr as mdr
from pkpd_mdr.errors import ModelError
from pkpd_mdr.expression import symbol
from pkpd_mdr.gallery import MODELS, find
from pkpd_mdr.model import Mechanism, Model, Scope

LAW = mdr.growth.exponential(rate="0.1 1/day")
S, R = mdr.clone("S", growth=LAW), mdr.clone("R", growth=LAW, resistant=True)
DOX, TMZ = mdr.medium("dox"), mdr.medium("tmz")
PLASMA = mdr.pk.one_compartment("dox", CL="10 L/h", V="20 L", molar_mass="543.5 g/mol")
LATE = mdr.pk.one_compartment("dox", CL="10 L/h", V="20 L", keo="1 1/h", molar_mass="543.5 g/mol")
KILL = mdr.kill("dox", on=["S", "R"], slope="0.1 1/uM/h")
PATH = mdr.death.path("dox", on="S", slope="0.1 1/uM/h", via="transit")
TRANSIT = mdr.death.transit("S", rate="1 1/day")
PUMP = {"k0": "1 1/h", "vP": "9 uM/h", "Km": "1 uM"}
INSIDE = mdr.intracellular("dox", on="R", **PUMP)
SITE = {"kin": "1 1/h", "kout": "1 1/h"}
ADDUCTS = mdr.damage.adducts(formed_by={"tmz": "1 1/uM/h"}, on="S", repair="0.1 1/h")
CTL, ATTACK = mdr.immune.effector("CTL"), mdr.immune.attack("CTL", on="S", rate="1e-7 1/cell/day")
VESICLES = [mdr.vesicles.release({"R": "200 1/day"}, clearance="1 1/h"), mdr.vesicles.uptake("S", rate="1e-9 mL/h")]
MIR = mdr.vesicles.cargo("mir", load={"R": 10}, into="S")
IN_S, IN_S_KILL = mdr.intracellular("dox", on="S", k0="1 1/h"), mdr.kill("dox", on="S", site="S", slope="1 1/uM/h")
EXPORT = mdr.intracellular("dox", on="R", k0="1 1/h", ksort="1 1/h", into="EV")
EVASION = mdr.death.evasion("S", apoptosis=0.9)

IDLE: dict[str, tuple[list[Mechanism], str]] = {
    "stages beside kill": ([DOX, S, R, KILL, TRANSIT], r"^transit_S: no death of 'S' .*via='transit'.*kill"),
    "damaged cells beside kill": ([DOX, S, R, KILL, mdr.death.damaged("S", death="1 1/day")], "^damaged_S: .*via="),
    "evasion of kill": ([DOX, S, R, KILL, EVASION], "^evasion_S: 'S' dies by no death.path"),
    "evasion of another path": (
        [DOX, S, mdr.death.path("dox", path="other", on="S", slope="1 1/uM/h"), EVASION],
        "^evasion_S: .*path='apoptosis'",
    ),
    "P-gp beside kill": ([DOX, S, R, KILL, mdr.pgp.content("R", start=1)], "^pgp_R: the P-gp of 'R' .*vP="),
    "drug in cells beside kill by medium": (
        [DOX, S, R, KILL, mdr.pgp.content("R", start=1), INSIDE],
        r"^intracellular_dox_R: .*'dox@R'; write site='R' in kill\('dox'",
    ),
    "the same without states": (
        [DOX, S, R, KILL, mdr.intracellular("dox", on="R", form="quasi-steady", **PUMP)],
        "^intracellular_dox_R: .*'dox@R'",
    ),
    "a tumour beside kill by plasma": (
        [PLASMA, S, R, KILL, mdr.delivery.tumour("dox", volume="0.1 L", **SITE)],
        "^tumour_dox: .*site='tumour'",
    ),
    "an effect site beside kill by plasma": ([LATE, S, R, KILL], "^pk_dox: .*site='effect'"),
    "an inhibitor that inhibits nothing": ([DOX, S, R, KILL, mdr.medium("ver")], "^medium_ver: .*inhibitors"),
    "adducts that kill nothing": ([TMZ, S, ADDUCTS, mdr.kill("tmz", on="S", slope="1 1/uM/h")], "^adducts_S: "),
    "MGMT that repairs nothing": (
        [TMZ, S, ADDUCTS, mdr.damage.mgmt("S", start=9), mdr.death.path("adducts", on="S", slope="1e-4 1/h")],
        "^mgmt_S: .*suicide",
    ),
    "a cargo without effect": ([DOX, S, R, KILL, *VESICLES, MIR], "^cargo_mir: .*vesicles.effect"),
    "effectors without attack": ([S, CTL], "^effector_CTL: 'CTL' attack no clone"),
    "suppressors of nothing": ([S, CTL, ATTACK, mdr.immune.suppressor("Treg")], "^suppressor_Treg: "),
    "fibroblasts": ([S, mdr.stroma.cells("CAF")], "^stroma_CAF: .*stroma.support"),
    "antigen that is not looked at": (
        [S, CTL, mdr.immune.attack("CTL", on="S", rate="1 1/cell/h", by_antigen=False), mdr.immune.antigen({"S": 0.1})],
        "^antigen: nothing attacks 'S' by its antigen",
    ),
    "vessels in which nothing grows": (
        [S, mdr.delivery.vasculature(stimulation="1 1/day", inhibition="1 1/day", start=1e6)],
        r"^vasculature: .*formula\('vasculature'\)",
    ),
    "drug in vesicles that nobody loads": (
        [DOX, S, R, KILL, *VESICLES, mdr.vesicles.drug("dox")],
        "^dox_in_EV: dox_in_EV stays at zero",
    ),
}


@pytest.mark.parametrize("case", IDLE)
def test_what_changes_nothing_is_told_in_one_sentence(case: str, caplog: pytest.LogCaptureFixture) -> None:
    parts, words = IDLE[case]
    with caplog.at_level(logging.WARNING, "pkpd_mdr"):
        model = Model(*parts)
    assert [record.message for record in caplog.records] == list(model.notes)
    (note,) = model.notes
    assert re.search(words, note)
    assert len(note) < 200
    assert note in repr(model)


def test_what_acts_is_not_told() -> None:
    """The same parts put to use; what is measured for its own sake; what others become, receive or pass on."""
    fine = [
        [DOX, S, PATH, TRANSIT],
        [DOX, S, mdr.death.path("dox", on="S", slope="1 1/uM/h"), EVASION],
        [DOX, R, mdr.pgp.content("R"), INSIDE, mdr.kill("dox", on="R", site="R", slope="1 1/uM/h")],
        [DOX, S, R, *VESICLES, IN_S, EXPORT, mdr.vesicles.drug("dox", into="S"), IN_S_KILL],
        [mdr.pk.one_compartment("dox", CL="1 L/h", V="1 L"), mdr.delivery.csf("dox", volume="0.1 L", **SITE)],
        [S, R, mdr.pgp.content(["S", "R"]), mdr.pgp.contact(["S", "R"], rate="0.1 1/h")],
        [S, CTL, ATTACK, mdr.immune.effector("Tex"), mdr.immune.exhaustion("CTL", rate="1e-9 1/cell/h", into="Tex")],
        [S, CTL, ATTACK, mdr.cytokine("PSA", secretion={"S": "1 pg/mL/cell/h"})],
        [DOX, S, mdr.parameter("for_a_readout", 1.0)],
        [DOX, S, R, KILL, mdr.state("AUC", unit="uM*h"), mdr.process("add", "C_dox", {"AUC": 1})],
        [S, CTL, mdr.process("cull", "rate*CTL*S", {"S": -1}), mdr.parameter("rate", "1e-9 1/cell/day")],
    ]  # fmt: skip
    assert [Model(*parts).notes for parts in fine] == [()] * len(fine)


@pytest.mark.parametrize("name", MODELS)
def test_published_models_have_no_idle_part(name: str) -> None:
    made = find(name).make()
    assert not isinstance(made, Model) or made.notes == ()


@settings(max_examples=40)
@given(parts=declarations(most=5))
def test_without_what_is_told_no_clone_grows_or_dies_otherwise(parts: list[Mechanism]) -> None:
    model = Model(*parts, quiet=True)
    for label in {note.partition(":")[0] for note in model.notes}:
        try:
            less = model.without(label)
        except ModelError:
            continue  # another part, idle itself, asks for it
        gone = dict.fromkeys((symbol(name) for name in model.states if name not in less.states), 0)
        for clone in less.clones:
            one, other = less.derivatives[clone], model.derivatives[clone].subs(gone)
            assert one == other or sp.expand(one - other) == 0, (label, clone)  # a sum may stand factored


def test_it_is_said_once_and_only_if_wanted(caplog: pytest.LogCaptureFixture) -> None:
    model = Model(DOX, S, R, KILL, TRANSIT, quiet=True)
    assert len(model.notes) == 1
    assert not caplog.records
    assert len(model.plus(CTL).notes) == 2
    assert [record.message.partition(":")[0] for record in caplog.records] == ["effector_CTL"]
    assert model.without("transit_S").notes == ()
    assert model.with_parameters(growth_S="0.2 1/day").notes == model.notes


class Faster:
    """A mechanism of one's own: births of a clone are doubled."""

    def __init__(self, clone: str) -> None:
        self.clone, self.label = clone, f"faster_{clone}"

    def declare(self, scope: Scope) -> None:
        scope.scale("birth", self.clone, sp.Integer(2))

    def connect(self, scope: Scope) -> None:
        """Nothing is moved by it."""


def test_a_change_of_what_nobody_offers_is_told() -> None:
    clone = mdr.clone("S", growth=mdr.growth.exponential(rate="0.5 1/day"))
    assert mdr.Model(clone, Faster("S"), quiet=True).notes == ()
    notes = mdr.Model(clone, Faster("s"), quiet=True).notes
    assert notes == ("faster_s: there is no birth of 's' to change; did you mean 'S'?",)
