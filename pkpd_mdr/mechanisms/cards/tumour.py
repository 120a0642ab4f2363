"""Cards of how clones grow, change into each other and hand resistance on."""

from __future__ import annotations

from pkpd_mdr.mechanisms import growth, pgp, vesicles
from pkpd_mdr.mechanisms.cards.card import Card
from pkpd_mdr.mechanisms.clone import clone, seeding
from pkpd_mdr.mechanisms.contact_transfer import contact_transfer
from pkpd_mdr.mechanisms.exosomes import exosomes
from pkpd_mdr.mechanisms.genotypes import genotypes
from pkpd_mdr.mechanisms.intracellular import intracellular
from pkpd_mdr.mechanisms.medium import medium
from pkpd_mdr.mechanisms.persisters import epigenetic_memory, persisters
from pkpd_mdr.mechanisms.stem_hierarchy import stem_hierarchy
from pkpd_mdr.mechanisms.switching import cost, mutation, switching
from pkpd_mdr.mechanisms.switching_modulation import switching_modulation
from pkpd_mdr.mechanisms.trait_axis import trait_axis
from pkpd_mdr.mechanisms.user import parameter

__all__ = ["CARDS"]

GROWTH, CHANGE = "Growth", "Resistance dynamics"
EXOSOMES, CONTACT = "Exosomes", "Contact transfer of P-gp"

LAW = growth.exponential(rate="0.01 1/day")
S, R = clone("S", growth=LAW, start=1e6), clone("R", growth=LAW, start=1e3)
DOX = medium("dox", start="1 uM")
EV = vesicles.release({"R": "200 1/day"}, clearance="0.2 1/h")
TAKEN = vesicles.uptake("S", rate="1e-9 mL/h")
MIR = vesicles.cargo("mir", load={"R": 10}, into="S", decay="0.03 1/h")
NET = (0.003, 0.7, "published: 0.01 1/day (melanoma, Bozic 2013) to 0.5 1/day (pancreatic line, Zhu 2015); wider here")
CAPACITY = (1e9, 1e13, "published: 1e11 cells (glioma, Kronik 2008); wider here")
LOSS = (
    0.05,
    1.0,
    "published: 0.053 to 0.28 1/h in mice (half-lives of 149 to 792 min, Kim 2019); to 1 1/h in medium is recalled",
)
RELEASE = (9.0, 1e4, "recalled: 1e2 to 1e4 a day in assays; Wang 2017 counted about 220 per cell in conditioned medium")
SWITCH = "recalled: 1e-6 to 1e-2 per generation, at about one generation a day"
DIVISION = (1e-9, 1e-6, "published: 1e-9 per base, about 50 sites per drug (Bozic 2013); wider here")
TURNOVER = (0.004, 0.05, "recalled: P-gp half-life of 14 h in dividing cells to several days")
SORTING = "published: paclitaxel into vesicles 31 1/h (Wang 2017); lower bound assumed"
ENTRY = "recalled: entry of anthracyclines"
CONTACTS = (0.005, 0.1, "recalled: start values for co-cultures of 24 to 96 h")

GROWING = (
    Card(
        "clone",
        GROWTH,
        "a population of tumour cells that respond alike, such as sensitive or resistant ones",
        (clone("S", start=1e6, death="0.1 1/day"),),
    ),
    Card(
        "seeding",
        GROWTH,
        "a tumour that starts with resistant cells among the others",
        (seeding(total="1e9 cell", R=0.01),),
        (clone("S"), clone("R")),
    ),
    Card("growth.exponential", GROWTH, "growth without limit", (clone("S", growth=LAW),), known={"growth_S": NET}),
    Card(
        "growth.logistic",
        GROWTH,
        "growth up to a capacity, and competition of clones for it",
        (clone("S", growth=growth.logistic(rate="0.027 1/day", capacity="1e11 cell")),),
        known={"growth_S": NET, "capacity_S": CAPACITY},
    ),
    Card(
        "growth.gompertz",
        GROWTH,
        "growth that slows as the tumour grows",
        (clone("S", growth=growth.gompertz(rate="0.01 1/day", capacity="1e12 cell")),),
        known={"growth_S": NET, "capacity_S": CAPACITY},
    ),
    Card(
        "growth.exponential_linear",
        GROWTH,
        "xenografts: exponential, then linear",
        (clone("S", growth=growth.exponential_linear(rate="0.3 1/day", linear="1e8 cell/day")),),
        known={"growth_S": NET, "psi_S": (5.0, 100.0, "published: fixed at 20 (Simeoni 2004); wider here")},
    ),
    Card(
        "growth.birth_death",
        GROWTH,
        "division and death apart: turnover, which sets how fast mutants arise",
        (clone("S", growth=growth.birth_death(birth="0.14 1/day", death="0.13 1/day")),),
        known={
            "birth_S": (0.05, 1.0, "published: 0.14 1/day (melanoma, Bozic 2013); wider here"),
            "death_S": (0.01, 1.0, "published: 0.13 1/day, 0.17 under a drug (melanoma, Bozic 2013); wider here"),
        },
    ),
    Card(
        "growth.formula",
        GROWTH,
        "growth by an equation that you write yourself",
        (clone("S", growth=growth.formula("speed*(1 - S/1e12)")), parameter("speed", "0.01 1/day")),
        known={"speed": NET},
    ),
)

CHANGING = (
    Card(
        "mutation",
        CHANGE,
        "resistance mutations, at division or in time",
        (mutation("S", "R", probability=5e-8),),
        (S, R),
        {"mutation_S_R": DIVISION},
    ),
    Card(
        "genotypes",
        CHANGE,
        "genotype by drug: cross-resistance, collateral sensitivity, successive drug generations",
        (
            genotypes(
                {"WT": {"dox": "0.5 uM"}, "M": {"dox": "10 uM"}},
                emax="0.1 1/day",
                growth=LAW,
                start={"WT": 1e9},
                mutations={("WT", "M"): 1e-8},
                costs={"M": 0.1},
            ),
        ),
        (DOX,),
        {
            "ec50_dox_M": (
                1.0,
                60.0,
                "published: 10 to 22 times in K562, 2 to 109 times in MCF-7/Dox; recalled 20 to 200 times",
            ),
            "mutation_WT_M": DIVISION,
        },
    ),
    Card("cost", CHANGE, "what resistance costs in growth", (cost("R", 0.2),), (R,)),
    Card(
        "switching",
        CHANGE,
        "cells that change state by themselves, under a drug, and back: plasticity, epigenetic resistance",
        (switching("S", "R", rate="1e-4 1/day", induced_by="dox", slope="1e-3 1/uM/day", back="0.01 1/day"),),
        (S, R, DOX),
        {
            "switching_S_R": (1e-6, 1e-2, SWITCH),
            "switching_R_S": (0.01, 1.0, "recalled: kept for 1 to 100 generations, at about one generation a day"),
        },
    ),
    Card(
        "switching_modulation",
        CHANGE,
        "epigenetic drugs that slow or speed a switch",
        (switching_modulation("dox", "S", "R", emax=-0.9, ec50="1 uM"),),
        (S, R, DOX, switching("S", "R", rate="0.01 1/day")),
        {"modulation_emax_dox_S_R": (-1.0, 10.0, "wide prior: from a stopped switch to ten times more")},
    ),
    Card(
        "persisters",
        CHANGE,
        "drug-tolerant persisters: slow-cycling and reversible",
        (persisters("P", of="S", entry="1e-4 1/day", exit="0.02 1/day", growth=LAW, cycling=0.05),),
        (S,),
    ),
    Card(
        "epigenetic_memory",
        CHANGE,
        "the longer cells were induced, the longer they take to return",
        (epigenetic_memory(["S", "R", "A"], rate="0.1 1/day", back="0.2 1/day", slowing=0.5),),
        (S, R, clone("A")),
    ),
    Card(
        "stem_hierarchy",
        CHANGE,
        "cancer stem cells, their progeny, and the way back",
        (stem_hierarchy("R", "S", asymmetric=0.7, differentiation=0.09, dedifferentiation="1e-3 1/day"),),
        (S, R),
        {
            "asymmetric_R_S": (
                0.0,
                1.0,
                "published: 1.6 of 2.2 divisions a day (Sigal 2019); all that is possible here",
            ),
            "differentiation_R_S": (
                0.0,
                1.0,
                "published: 0.2 of 2.2 divisions a day (Sigal 2019); all that is possible",
            ),
            "switching_S_R": (1e-5, 1e-2, "published: 1.8e-4 1/day (Sigal 2019); wider here"),
        },
    ),
    Card(
        "trait_axis",
        CHANGE,
        "resistance as a continuous level, by small steps",
        (
            trait_axis(
                "x",
                growth=LAW,
                start=1e6,
                diffusion="1e-5 1/day",
                points=3,
                cost=0.2,
                drug="dox",
                emax="0.1 1/day",
                ec50=("0.5 uM", "10 uM"),
            ),
        ),
        (DOX,),
    ),
)

HANDED = (
    Card(
        "exosomes",
        EXOSOMES,
        "vesicles of resistant cells that make sensitive cells resistant; a reduced form S + R -> A",
        (exosomes("R", "S", "R", secretion="200 1/day", uptake="1e-9 mL/h", clearance="0.2 1/h", conversion=1e-3),),
        (S, R),
        {"secretion_exosomes_R": RELEASE, "clearance_exosomes": LOSS},
    ),
    Card(
        "vesicles.release",
        EXOSOMES,
        "exosomes that cancer cells, fibroblasts or immune cells secrete, and their clearance",
        (vesicles.release({"R": "200 1/day"}, clearance="0.2 1/h", depletion="0.1 1/h"),),
        (S, R),
        {"secretion_EV_R": RELEASE, "clearance_EV": LOSS},
    ),
    Card(
        "vesicles.uptake",
        EXOSOMES,
        "vesicles that recipient cells take up, up to a limit",
        (vesicles.uptake("S", rate="1e-9 mL/h", saturation="1e9 vesicle/mL"),),
        (S, R, EV),
    ),
    Card(
        "vesicles.induction",
        EXOSOMES,
        "drugs that make cells secrete more",
        (vesicles.induction("dox", on="R", emax=2, ec50="0.5 uM"),),
        (S, R, DOX, EV),
    ),
    Card(
        "vesicles.inhibition",
        EXOSOMES,
        "GW4869, omeprazole: less secretion",
        (vesicles.inhibition("dox", on="R", emax=0.8, ec50="5 uM"),),
        (S, R, DOX, EV),
    ),
    Card("vesicles.removal", EXOSOMES, "sessions that remove vesicles from blood", (vesicles.removal(),), (S, R, EV)),
    Card(
        "vesicles.cargo", EXOSOMES, "miRNA and other cargo per cell, with decay and dilution", (MIR,), (S, R, EV, TAKEN)
    ),
    Card(
        "vesicles.effect",
        EXOSOMES,
        "what cargo does: efflux, metabolism, repair, energy, stemness, epigenetic state; negative sizes resensitise",
        (vesicles.effect("mir", on="S", what="efflux", drug="dox", size=2, half=500),),
        (
            S,
            R,
            EV,
            TAKEN,
            MIR,
            DOX,
            intracellular("dox", on="S", k0="1 1/h", vP="9 uM/h", Km="1 uM"),
            pgp.content("S", start=1),
        ),
        {
            "size_mir_efflux_dox_S": (
                -1.0,
                4.0,
                "published: 5 times less sensitive by exosomes (A2780); -1 is full resensitisation",
            )
        },
    ),
    Card(
        "vesicles.pgp",
        EXOSOMES,
        "P-gp that leaves the donor in vesicles and arrives in cells that take them up",
        (vesicles.pgp({"R": 1e-4}, into="S"),),
        (S, R, EV, TAKEN, pgp.content(["S", "R"], start=1)),
    ),
    Card(
        "vesicles.drug",
        EXOSOMES,
        "drug exported in vesicles, and vesicles as decoys",
        (
            vesicles.drug("dox", into="S", kon="1e-12 mL/h", koff="0.1 1/h", outside_volume="1 mL"),
            intracellular("dox", on=["S", "R"], k0="1 1/h", ksort="0.1 1/h", into="EV"),
        ),
        (S, R, EV, TAKEN, DOX),
        {
            "k0_dox_S": (0.1, 3.0, ENTRY),
            "k0_dox_R": (0.1, 3.0, ENTRY),
            "ksort_dox_S": (1e-3, 31.0, SORTING),
            "ksort_dox_R": (1e-3, 31.0, SORTING),
            "vcell_dox_S": (0.5, 5.0, "recalled: mammalian cells"),
            "vcell_dox_R": (0.5, 5.0, "recalled: mammalian cells"),
            "koff_dox_in_EV": (0.01, 1.0, "published: release of paclitaxel 0.105 1/h (Wang 2017); wider here"),
        },
    ),
    Card(
        "pgp.content",
        CONTACT,
        "P-gp per cell: made, induced, degraded and diluted by division",
        (pgp.content("S", start=1, synthesis="0.02 1/h", degradation="0.02 1/h"),),
        (S,),
        {"degradation_pgp_S": TURNOVER},
    ),
    Card(
        "pgp.contact",
        CONTACT,
        "cells that hand P-gp to neighbours, the mean-content form",
        (pgp.contact(["S", "R"], rate="0.05 1/h"),),
        (S, R, pgp.content("S"), pgp.content("R", start=1)),
        {"contact_pgp": CONTACTS},
    ),
    Card(
        "pgp.grid",
        CONTACT,
        "cells that hand P-gp to neighbours, structured by content",
        (pgp.grid("M", largest=1, bins=3, tau="0.05 1/h", f=0.25, degradation="0.02 1/h", start={0: 1e6}),),
        known={"tau_M": CONTACTS, "degradation_pgp_M": TURNOVER},
    ),
    Card(
        "contact_transfer",
        CONTACT,
        "tunnelling: resistance handed on by contact, lost without drug, fixed under it; a reduced form",
        (contact_transfer("R", "S", "A", rate="0.05 1/h", loss="0.01 1/h", fixation="1e-3 1/h"),),
        (S, R, clone("A")),
        {"contact_S_A": CONTACTS},
    ),
)

CARDS: tuple[Card, ...] = (*GROWING, *CHANGING, *HANDED)
