"""Cards of what happens to drugs, and of what drugs do to cells."""

from __future__ import annotations

from pkpd_mdr.mechanisms import damage, death, delivery, growth, pgp, pk
from pkpd_mdr.mechanisms.cards.card import Card
from pkpd_mdr.mechanisms.clone import clone
from pkpd_mdr.mechanisms.dosing import dosing
from pkpd_mdr.mechanisms.intracellular import intracellular
from pkpd_mdr.mechanisms.kill import combined_kill, kill
from pkpd_mdr.mechanisms.medium import medium
from pkpd_mdr.mechanisms.peak import peak, peak_kill
from pkpd_mdr.mechanisms.tolerance import fading, tolerance
from pkpd_mdr.mechanisms.user import parameter, process, state

__all__ = ["CARDS"]

PK, DELIVERY, INSIDE = "Pharmacokinetics and culture", "Drug delivery", "Intracellular drug"
DEATH, KILL = "Damage, repair and death", "Kill"

S, R = clone("S", growth=growth.exponential(rate="0.03 1/h"), start=1e6), clone("R", start=1e3)
DOX = medium("dox", start="1 uM")
VER = medium("ver")
PLASMA = pk.one_compartment("dox", CL="50 L/h", V="18 L", ka="1 1/h", molar_mass="543.5 g/mol")
INHIBITOR = "recalled: verapamil on P-gp; published: cyclosporin A 4.1 uM (PubMed 18384156)"
IC50 = (0.1, 60.0, "recalled: doxorubicin, 0.1-0.5 uM in MCF-7 and 5-60 uM in its resistant line")
FIRST = {
    "CL_dox": (
        0.1,
        500.0,
        "published: 10 L/h (temozolomide, Ostermann 2004) to 285 L/h (paclitaxel, DDMODEL00000186); wider here",
    ),
    "V_dox": (5.0, 2000.0, "published: 30.3 L (temozolomide) to 986 L (osimertinib, Brown 2017); wider here"),
    "ka_dox": (
        0.1,
        10.0,
        "published: 0.24 1/h (osimertinib, Brown 2017) to 5.8 1/h (temozolomide, Ostermann 2004); wider",
    ),
}

PHARMACOKINETICS = (
    Card(
        "pk.one_compartment",
        PK,
        "a drug in plasma with one half-life, after an infusion or by mouth",
        (PLASMA,),
        known=FIRST,
    ),
    Card(
        "pk.two_compartment",
        PK,
        "a drug that distributes into tissue and returns: two half-lives",
        (pk.two_compartment("dox", CL="35.5 L/h", V1="23.4 L", Q="8.64 L/h", V2="12 L"),),
        known={
            "CL_dox": (10.0, 500.0, "published: 35.5 (cisplatin, Urien) to 285 L/h (paclitaxel, DDMODEL00000186)"),
            "V1_dox": (5.0, 500.0, "published: 23.4 L (cisplatin, Urien) to 290 L (paclitaxel, DDMODEL00000186)"),
            "Q_dox": (1.0, 300.0, "published: 8.64 L/h (cisplatin, Urien) to 204 L/h (paclitaxel, DDMODEL00000186)"),
            "V2_dox": (5.0, 2000.0, "published: 12 L (cisplatin, Urien) to 995 L (paclitaxel, DDMODEL00000186)"),
        },
    ),
    Card(
        "pk.three_compartment",
        PK,
        "a drug with a shallow and a deep tissue: anthracyclines",
        (
            pk.three_compartment(
                "dox", CL="53.3 L/h", V1="17.7 L", Q2="58.7 L/h", V2="1830 L", Q3="21.8 L/h", V3="71.6 L"
            ),
        ),
        known={
            "CL_dox": (20.0, 150.0, "published: doxorubicin 53.3 L/h at 1.8 m2 (Mody 2023); wider here"),
            "V1_dox": (5.0, 60.0, "published: doxorubicin 17.7 L (Mody 2023); wider here"),
            "V2_dox": (500.0, 5000.0, "published: doxorubicin 1830 L (Mody 2023); wider here"),
            "Q2_dox": (20.0, 200.0, "published: doxorubicin 58.7 L/h (Mody 2023); wider here"),
            "Q3_dox": (7.0, 70.0, "published: doxorubicin 21.8 L/h (Mody 2023); wider here"),
            "V3_dox": (20.0, 200.0, "published: doxorubicin 71.6 L (Mody 2023); wider here"),
        },
    ),
    Card(
        "pk.route",
        PK,
        "what is lost and delayed on a second way in, such as an infusion beside a tablet",
        (
            pk.one_compartment(
                "dox", CL="50 L/h", V="18 L", ka="1 1/h", F=0.119, iv=pk.route(lag="0.1 h"), molar_mass="543.5 g/mol"
            ),
        ),
        known={**FIRST, "F_dox": (0.05, 1.0, "published: oral paclitaxel 0.119 (He 2022) to 1")},
    ),
    Card(
        "pk.kpd",
        PK,
        "dosing without measured concentrations: a virtual compartment that empties",
        (pk.kpd("dox", KDE="8.3 1/month"),),
        known={
            "KDE_dox": (
                0.1,
                300.0,
                "published: 0.24 (PCV, Ribba 2012) and 8.3 1/month (Mazzocco 2015) to 8.3 1/day (Perez-Garcia 2019)",
            )
        },
    ),
    Card(
        "pk.saturable_distribution",
        PK,
        "tissue that fills up, as with paclitaxel",
        (pk.saturable_distribution("dox", Vmax="177 umol/h", Km="1.61 uM", back="1.21 1/h"),),
        (PLASMA,),
        {
            "Vmax_saturable_dox": (50.0, 500.0, "published: paclitaxel 177 umol/h (Janssen/Crombag); wider here"),
            "Km_saturable_dox": (0.3, 10.0, "published: paclitaxel 1.61 uM (Janssen/Crombag); wider here"),
            "back_saturable_dox": (0.3, 5.0, "published: paclitaxel 1.21 1/h (Janssen/Crombag); wider here"),
        },
    ),
    Card(
        "pk.autoinduction",
        PK,
        "a drug that speeds up its own metabolism, as lorlatinib does",
        (pk.autoinduction("dox", rate="0.48 1/day", baseline=0.5),),
        (PLASMA,),
        {"kc_dox": (0.05, 5.0, "published: lorlatinib 0.48 1/day (Braniff); wider here")},
    ),
    Card(
        "pk.gut_efflux",
        PK,
        "P-gp in the gut wall that keeps oral drugs out, and inhibitors such as encequidar",
        (pk.gut_efflux("dox", loss="3 1/h", inhibitors={"ver": "0.1 uM"}),),
        (PLASMA, VER),
    ),
    Card(
        "medium",
        PK,
        "a drug in culture medium, washed out or decaying",
        (medium("dox", half_life="20 h", start="1 uM"),),
    ),
    Card(
        "dosing",
        PK,
        "doses of a drug into equations that you wrote yourself",
        (dosing("tmz", into="A_tmz", unit="mg", F=0.9),),
        (
            state("A_tmz", unit="mg", kind="amount"),
            process("leave", "k*A_tmz", {"A_tmz": -1}),
            parameter("k", "0.4 1/h"),
        ),
        {"F_tmz": (0.05, 1.0, "bounds: a share")},
    ),
)

PLACES = (
    Card(
        "delivery.tumour",
        DELIVERY,
        "a tumour behind stroma and poor vessels: less drug arrives, later",
        (delivery.tumour("dox", kin="0.5 1/h", kout="0.5 1/h", fu=0.05, barrier=0.6),),
        (PLASMA,),
    ),
    Card(
        "delivery.blood_brain_barrier",
        DELIVERY,
        "the blood-brain barrier with P-gp, and its inhibitor",
        (
            delivery.blood_brain_barrier(
                "dox", kin="0.1 1/h", kout="0.1 1/h", Vmax="1 uM/h", Km="0.5 uM", inhibitors={"ver": "2 uM"}
            ),
        ),
        (PLASMA, VER),
        {"Ki_ver_dox_brain": (1.0, 10.0, INHIBITOR)},
    ),
    Card(
        "delivery.csf",
        DELIVERY,
        "a drug in the cerebrospinal fluid",
        (delivery.csf("dox", kin="7.2e-4 1/h", kout="0.76 1/h", volume="0.14 L"),),
        (PLASMA,),
        {
            "kin_dox_csf": (1e-4, 1e-2, "published: temozolomide 7.2e-4 1/h (Ostermann 2004); wider here"),
            "kout_dox_csf": (0.1, 5.0, "published: temozolomide 0.76 1/h (Ostermann 2004); wider here"),
            "V_dox_csf": (0.1, 0.2, "recalled: cerebrospinal fluid of adults, about 0.14 L"),
        },
    ),
    Card(
        "delivery.vasculature",
        DELIVERY,
        "vessels that a tumour grows and that limit its size; angiogenesis inhibitors",
        (
            clone("V", growth=growth.gompertz(rate="0.192 1/day", capacity="1e9 cell"), start="1e8 cell"),
            delivery.vasculature(
                stimulation="5.85 1/day", inhibition="8e-6 1/day", start="3e8 cell", blocked_by={"dox": "0.1 1/uM/day"}
            ),
        ),
        (DOX,),
        {
            "growth_V": (0.05, 1.0, "published: 0.192 1/day (Hahnfeldt 1999); wider here"),
            "stimulation_vasculature": (1.0, 20.0, "published: 5.85 1/day (Hahnfeldt 1999); wider here"),
        },
    ),
    Card(
        "delivery.carrier",
        DELIVERY,
        "liposomes and nano-carriers that lodge in the tumour by leaky vessels and release the drug",
        (
            delivery.carrier(
                "pld",
                drug="dox",
                CL="0.04 L/h",
                V="4 L",
                uptake="1e-3 1/h",
                release="0.06 1/h",
                leakage="1e-3 1/h",
                molar_mass="543.5 g/mol",
            ),
        ),
        (PLASMA, delivery.tumour("dox", kin="0.5 1/h", kout="0.5 1/h", volume="0.1 L")),
        {"release_pld": (0.006, 0.6, "published: best at about 0.06 1/h (liposomes, Harashima 1999); wider here")},
    ),
    Card(
        "delivery.consumption",
        DELIVERY,
        "cells that use up the drug around them",
        (delivery.consumption("dox", by="S", clearance="1e-3 nL/h", volume="0.1 mL"),),
        (DOX, S),
    ),
)

CELLS = (
    Card(
        "intracellular",
        INSIDE,
        "drug inside cells: entry, P-gp efflux and its inhibitor, target binding, vesicles, metabolism, dilution",
        (
            intracellular(
                "dox",
                on="R",
                k0="1 1/h",
                vP="9 uM/h",
                Km="1 uM",
                inhibitors={"ver": "2 uM"},
                kb="1 1/uM/h",
                kd="0.5 1/h",
                Bmax="10 uM",
                kseq="0.1 1/h",
                krel="0.05 1/h",
                kmet="0.05 1/h",
                ksort="0.1 1/h",
            ),
        ),
        (DOX, VER, R, pgp.content("R", start=1)),
        {
            "k0_dox_R": (0.1, 3.0, "recalled: entry of anthracyclines"),
            "vP_dox_R": (0.0, 90.0, "recalled: vP/(k0 Km) from 0 in parental cells to 30"),
            "ksort_dox_R": (1e-3, 31.0, "published: paclitaxel into vesicles 31 1/h (Wang 2017); lower bound assumed"),
            "Ki_ver_dox_R": (1.0, 10.0, INHIBITOR),
            "vcell_dox_R": (0.5, 5.0, "recalled: mammalian cells"),
        },
    ),
)

DYING = (
    Card(
        "damage.adducts",
        DEATH,
        "DNA adducts, their repair, and their suicidal repair by MGMT, one for one",
        (damage.adducts(formed_by={"dox": "2 1/uM/h"}, on="S", repair="0.02 1/h", suicide="1e-4 1/h", start=10),),
        (DOX, S, damage.mgmt("S", start=5e4)),
    ),
    Card(
        "damage.mgmt",
        DEATH,
        "MGMT in the cells of a clone, made and used up",
        (damage.mgmt("S", start=5e4, synthesis="500 1/h", degradation="0.01 1/h"),),
        (S,),
    ),
    Card(
        "death.path",
        DEATH,
        "death by apoptosis or another path, at once or delayed",
        (death.path("dox", on="S", emax="0.1 1/h", ec50="0.5 uM", stages=2, delay="12 h"),),
        (DOX, S),
        {"apoptosis_ec50_dox_S": IC50},
    ),
    Card(
        "death.evasion",
        DEATH,
        "clones that evade apoptosis, or other deaths",
        (death.evasion("S", apoptosis=0.9, other=0.2),),
        (DOX, S, death.path("dox", on="S", slope="0.1 1/uM/h")),
    ),
    Card(
        "death.transit",
        DEATH,
        "cells that `death.path` hit and that die in stages, counted until then",
        (death.transit("S", rate="0.05 1/h"), death.path("dox", on="S", slope="0.1 1/uM/h", via="transit")),
        (DOX, S),
        {
            "transit_S": (
                0.01,
                0.3,
                "published: 0.968 1/day (xenografts, Simeoni 2004) to 0.126 1/h (culture, Mody 2023); wider here",
            )
        },
    ),
    Card(
        "death.damaged",
        DEATH,
        "cells that `death.path` damaged: they recover, die, or die when they divide",
        (
            death.damaged("S", recovery="0.02 1/h", death="0.05 1/h", at_division=0.5),
            death.path("dox", on="S", slope="0.1 1/uM/h", via="damaged"),
        ),
        (DOX, S),
        {
            "recovery_damaged_S": (
                1e-6,
                0.2,
                "published: 0.0031 (Ribba 2012) to 0.0095 1/month (Mazzocco 2015) in glioma; wider for cultures",
            ),
            "death_damaged_S": (
                4e-6,
                0.5,
                "published: 0.0087 (Ribba 2012) to 0.0188 1/month (Mazzocco 2015) in glioma; wider for cultures",
            ),
            "mitotic_death_damaged_S": (0.1, 5.0, "published: 1, by 1/kappa (Perez-Garcia 2019); wider here"),
        },
    ),
    Card(
        "kill",
        KILL,
        "a drug that kills a clone or stops its growth, by its concentration",
        (kill("dox", on="S", emax="0.1 1/h", ec50="0.5 uM", hill=2),),
        (DOX, S),
        {"ec50_dox_S": IC50, "hill_dox_S": (0.5, 5.0, "recalled: dose-response curves of cell lines")},
    ),
    Card(
        "combined_kill",
        KILL,
        "two drugs together: Bliss, Loewe, synergy or antagonism",
        (
            combined_kill(
                kill("dox", on="S", emax="0.1 1/h", ec50="0.5 uM"),
                kill("ver", on="S", emax="0.1 1/h", ec50="0.5 uM"),
                by="interaction",
                strength=0.5,
            ),
        ),
        (DOX, VER, S),
        {"ec50_dox_S": IC50},
    ),
    Card(
        "peak",
        KILL,
        "the highest concentration that cells have seen so far, for effects that stay after the drug is gone",
        (peak("dox", forget="0.1 1/day"),),
        (DOX,),
        {"follow_peak_dox": (1e4, 1e6, "bounds: a device, fast beside the drug; not biology")},
    ),
    Card(
        "peak_kill",
        KILL,
        "kill by the peak of doxorubicin, not by its duration",
        (peak_kill({"dox": "2 1/uM"}, on="S", exponent=1.5),),
        (DOX, S, peak("dox")),
    ),
    Card(
        "fading",
        KILL,
        "a drug that works less and less as treatment goes on, whatever the reason: exp(-res t)",
        (fading("dox", on="S", rate="0.1 1/month"),),
        (DOX, S, kill("dox", on="S", slope="0.1 1/uM/h")),
        {
            "res_dox_S": (
                0.02,
                1.0,
                "published: 0.1 1/month (glioma, Mazzocco 2015) to 0.053 1/week (colorectal, Claret 2009); wider here",
            )
        },
    ),
    Card(
        "tolerance",
        KILL,
        "receptors or pathways that adapt to exposure and recover without",
        (tolerance("dox", on="S", rate="0.05 1/h", half="0.5 uM"),),
        (DOX, S, kill("dox", on="S", slope="0.1 1/uM/h")),
    ),
)

CARDS: tuple[Card, ...] = (*PHARMACOKINETICS, *PLACES, *CELLS, *DYING)
