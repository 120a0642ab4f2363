"""Cards of the host: immune cells, stroma, radiation and surgery, toxicity; and of parts of one's own."""

from __future__ import annotations

from pkpd_mdr.mechanisms import growth, immune, stroma, toxicity
from pkpd_mdr.mechanisms.cards.card import Card
from pkpd_mdr.mechanisms.clone import clone
from pkpd_mdr.mechanisms.cytokine import cytokine
from pkpd_mdr.mechanisms.medium import medium
from pkpd_mdr.mechanisms.occasions import occasions
from pkpd_mdr.mechanisms.radiotherapy import radiotherapy
from pkpd_mdr.mechanisms.resection import resection
from pkpd_mdr.mechanisms.stimulation import stimulation
from pkpd_mdr.mechanisms.user import formula, observable, parameter, process, state

__all__ = ["CARDS"]

IMMUNE, STROMA, ACTS, HARM, OWN = "Immune", "Stroma", "Other modalities", "Toxicity", "One's own"

S = clone("S", growth=growth.exponential(rate="0.03 1/h"), start=1e6)
R = clone("R", start=1e3)
DOX, ANTIBODY = medium("dox", start="1 uM"), medium("nivo", unit="mg/L")
CTL = immune.effector("CTL", death="0.0412 1/day", start=1e5)
ATTACK = immune.attack("CTL", on=["S", "R"], rate="1e-9 1/cell/day")
TREG = immune.suppressor("Treg", start=1e4)
CAF = stroma.cells("CAF", start=1e5)

IMMUNITY = (
    Card(
        "immune.effector",
        IMMUNE,
        "NK cells, CTL, vNKT cells, CAR-T cells: their source, death, and doses of cells",
        (immune.effector("CTL", source="13000 cell/day", death="0.0412 1/day", start="1e5 cell"),),
        known={
            "source_CTL": (1e3, 1e6, "published: NK 13000 cells/day (Kuznetsov 1994); wider here"),
            "death_CTL": (0.01, 0.5, "published: NK 0.0412 1/day (Kuznetsov 1994); wider here"),
        },
    ),
    Card(
        "immune.suppressor",
        IMMUNE,
        "regulatory T cells, myeloid-derived suppressor cells",
        (immune.suppressor("Treg", start=1e4, death="0.05 1/day"),),
    ),
    Card(
        "immune.attack",
        IMMUNE,
        "effectors that kill tumour cells",
        (immune.attack("CTL", on="S", rate="1e-8 1/cell/day"),),
        (S, CTL),
        {
            "attack_CTL_S": (
                1e-11,
                1e-6,
                "published: 2.5e-10 (CAR-T, Leon-Triana 2021) to 3.23e-7 1/cell/day (NK, de Pillis 2005); wider here",
            )
        },
    ),
    Card(
        "immune.exhaustion",
        IMMUNE,
        "effectors that the tumour exhausts",
        (immune.exhaustion("CTL", rate="1e-10 1/cell/day"),),
        (S, CTL),
        {
            "exhaustion_CTL": (
                1e-11,
                1e-6,
                "published: 3.422e-10 (Kuznetsov 1994) to 1e-7 1/cell/day (NK, de Pillis 2005); wider here",
            )
        },
    ),
    Card(
        "immune.priming",
        IMMUNE,
        "tumour cells killed by one kind of effector, such as NK cells, raise another, such as T cells",
        (immune.priming("CTL", by="NK", rate="1e-7 1/cell/day"),),
        (S, CTL, immune.effector("NK", start=1e5)),
        {"priming_CTL_NK": (1e-12, 1e-6, "published: 1.1e-7 1/cell/day (de Pillis 2005); wider here")},
    ),
    Card(
        "immune.suppression",
        IMMUNE,
        "suppressors, or vesicles with PD-L1, that lower what effectors do",
        (immune.suppression("Treg", on="CTL", half=1e5, floor=0.1),),
        (S, R, CTL, ATTACK, TREG),
    ),
    Card(
        "immune.checkpoint",
        IMMUNE,
        "PD-1/PD-L1, its blockade by an antibody, and loss of binding",
        (immune.checkpoint({"S": 0.9}, antibody="nivo", kd="1 mg/L"),),
        (S, R, CTL, ATTACK, ANTIBODY),
    ),
    Card(
        "immune.antigen", IMMUNE, "how much antigen a clone shows", (immune.antigen({"R": 0.1}),), (S, R, CTL, ATTACK)
    ),
    Card(
        "immune.antigen_loss",
        IMMUNE,
        "clones that escape by losing antigen",
        (immune.antigen_loss("S", "R", effector="CTL", share=0.01),),
        (S, R, CTL, ATTACK),
        {"antigen_loss_CTL_S_R": (1e-3, 0.5, "published: 0.05 to 0.18 for each cell killed (Mahasa 2016); wider here")},
    ),
    Card(
        "immune.mhc",
        IMMUNE,
        "MHC-I on tumour cells, induced by interferon",
        (immune.mhc("S", source="1 1/day", loss="0.1 1/day", half=5),),
        (S, R, CTL, ATTACK),
        {"loss_MHC_S": (0.03, 3.0, "published: 0.0144 1/h (glioma, Kronik 2008); wider here")},
    ),
    Card(
        "stimulation",
        IMMUNE,
        "recruitment and division of host cells on a signal",
        (stimulation("CTL", rate="0.1245 1/day", half="2.019e7 cell"),),
        (S, CTL),
        {
            "proliferation_CTL": (
                0.01,
                2.0,
                "published: 0.1245 (Kuznetsov 1994) to 0.9 1/day (CAR-T, Leon-Triana 2021); wider here",
            ),
            "proliferation_half_CTL": (
                1e6,
                1e11,
                "published: 2.019e7 (Kuznetsov 1994) to 1e10 cells (Leon-Triana 2021); wider here",
            ),
        },
    ),
    Card(
        "cytokine",
        IMMUNE,
        "signals such as TGF-beta, IL-2, interferon",
        (cytokine("TGFb", secretion={"S": "1e-6 pg/mL/cell/h"}, loss="7 1/h"),),
        (S,),
        {"loss_TGFb": (0.05, 20.0, "published: 0.102 (interferon) to 7 1/h (TGF-beta), Kronik 2008; wider here")},
    ),
    Card(
        "stroma.cells",
        STROMA,
        "fibroblasts and stellate cells",
        (stroma.cells("CAF", start=1e5, death="0.01 1/day"),),
        known={"death_CAF": (0.001, 0.1, "published: 0.015 1/day (stellate cells, Li and Xu 2016); wider here")},
    ),
    Card(
        "stroma.support",
        STROMA,
        "stroma that feeds the tumour",
        (stroma.support("CAF", on="S", emax=1, half=1e6),),
        (S, CAF),
        {
            "support_emax_CAF_S": (
                0.01,
                10.0,
                "published: 0.1 where stellate cells are full (Li and Xu 2016); wider here",
            )
        },
    ),
    Card(
        "stroma.barrier",
        STROMA,
        "stroma that keeps drugs or effectors out, or the tumour small",
        (stroma.barrier("CAF", against="effectors", of="S", most=0.5, half=1e6),),
        (S, R, CAF, CTL, ATTACK),
    ),
)

TREATMENT = (
    Card(
        "radiotherapy",
        ACTS,
        "fractions of radiation with the sensitivity of each clone and repair between them; repopulation is growth",
        (radiotherapy({"S": ("0.3 1/Gy", "0.03 1/Gy**2")}, repair_half_life="2 h"),),
        (S,),
        {
            "alpha_radiation_S": (0.03, 0.5, "recalled: from radioresistant glioma to sensitive carcinoma"),
            "beta_radiation_S": (0.003, 0.1, "recalled: alpha/beta of 3 to 10 Gy"),
        },
    ),
    Card("resection", ACTS, "surgery that leaves a residual", (resection({"S": 0.95}),), (S,)),
)

HARMS = (
    Card(
        "toxicity.myelosuppression",
        HARM,
        "neutrophils, leukocytes or platelets: fall, nadir and recovery",
        (
            toxicity.myelosuppression(
                slope={"dox": "8.58 L/umol"}, baseline="5e9 1/L", transit_time="124 h", feedback=0.17
            ),
        ),
        (DOX,),
        {
            "slope_dox_anc": (0.1, 50.0, "published: paclitaxel 28.9 L/umol (Friberg 2002); wider here"),
            "baseline_anc": (2e9, 1e10, "published: leukocytes 7.21e9 1/L (Friberg 2002); wider here"),
            "transit_time_anc": (60.0, 250.0, "published: 124 h (Friberg 2002); wider here"),
            "feedback_anc": (0.1, 0.4, "published: 0.239 (Friberg 2002); wider here"),
        },
    ),
    Card(
        "toxicity.lymphopenia",
        HARM,
        "lymphocytes that are lost and slow to recover",
        (toxicity.lymphopenia(baseline="1.5e9 1/L", turnover="0.05 1/day", slope={"dox": "0.1 1/uM/day"}),),
        (DOX,),
        {"baseline_alc": (5e8, 5e9, "recalled: lymphocytes of adults, 1 to 4e9 1/L; wider here")},
    ),
    Card(
        "toxicity.body_weight",
        HARM,
        "weight that is lost under treatment and comes back; form ours",
        (toxicity.body_weight(baseline="70 kg", recovery="0.05 1/day", slope={"dox": "0.01 1/uM/day"}),),
        (DOX,),
        {"baseline_weight": (40.0, 120.0, "wide prior: adults")},
    ),
    Card(
        "toxicity.cardiomyocytes",
        HARM,
        "heart cells under anthracyclines",
        (
            toxicity.cardiomyocytes(
                growth="0.0115 1/h",
                emax={"dox": ("0.0697 1/h", "0.107 uM")},
                slope={"dox": "0.167 1/uM"},
                transit="0.126 1/h",
            ),
        ),
        (DOX,),
        {
            "growth_cardiomyocytes": (0.001, 0.05, "published: 0.0115 1/h in culture (Mody 2023); wider here"),
            "slope_dox_cardiomyocytes": (0.02, 2.0, "published: doxorubicin 0.167 1/uM (Mody 2023); wider here"),
            "transit_cardiomyocytes": (0.02, 1.0, "published: 0.126 1/h (Mody 2023); wider here"),
            "ec50_dox_cardiomyocytes": (0.01, 1.0, "published: doxorubicin 0.107 uM (Mody 2023); wider here"),
            "emax_dox_cardiomyocytes": (0.01, 0.5, "published: doxorubicin 0.0697 1/h (Mody 2023); wider here"),
        },
    ),
    Card(
        "toxicity.cumulative_exposure",
        HARM,
        "the lifetime limit of anthracyclines",
        (toxicity.cumulative_exposure({"dox": "29.6 L/h"}, unit="mg"),),
        (medium("dox", unit="mg/L"),),
    ),
)

WRITTEN = (
    Card("state", OWN, "a quantity of your own, beside those that mechanisms bring", (state("Q", "1 mg", unit="mg"),)),
    Card(
        "process",
        OWN,
        "a process of your own: a rate, and what it moves",
        (process("leave", "Q*k", {"Q": -1}),),
        (state("Q", unit="mg"), parameter("k", "0.1 1/h")),
    ),
    Card(
        "parameter",
        OWN,
        "a number of your own, or shared by several mechanisms",
        (parameter("k", "0.1 1/h"), state("Q", unit="mg"), process("leave", "Q*k", {"Q": -1})),
    ),
    Card(
        "formula",
        OWN,
        "a formula in place of a value",
        (clone("T", growth=growth.exponential(rate=formula("0.01*k"))),),
        (parameter("k", "1 1/day"), observable("k2", "k", "1/h")),
    ),
    Card(
        "occasions",
        OWN,
        "what differs between cycles in one patient (inter-occasion variability)",
        (occasions("kappa_CL", every="21 day", times=2),),
        known={
            f"kappa_CL_{number}": (-0.5, 0.5, "wide prior: two standard deviations at a CV of 25 %")
            for number in (1, 2)
        },
    ),
    Card("observable", OWN, "what is measured or plotted", (observable("volume", "burden*1e-9", "1"),), (S,)),
)

CARDS: tuple[Card, ...] = (*IMMUNITY, *TREATMENT, *HARMS, *WRITTEN)
