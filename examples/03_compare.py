"""Compare five arms of doxorubicin and paclitaxel under parameter uncertainty, with neutrophils as the price.

Pharmacokinetics as in Mody et al. 2023 (dox, two compartments) and Friberg et al. 2002 (pac, with its leukocyte model);
potencies are assumed, and the draws stand for a fit's `fit.draws(500)`.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

K = mdr.parameter("K", "1e12 cell")
model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.pk.two_compartment("pac", CL="285 L/h", V1="290 L", Q="204 L/h", V2="995 L", molar_mass="853.9 g/mol"),
    mdr.clone("S", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K)),
    mdr.clone("R", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), resistant=True),
    mdr.cost("R", 0.2),
    mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
    mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1 uM", hill=1.4),
    mdr.kill("pac", on="S", emax="0.5 1/day", ec50="5 nM"),
    mdr.kill("pac", on="R", emax="0.5 1/day", ec50="20 nM"),
    mdr.toxicity.myelosuppression(
        "anc", slope={"pac": "28.9 L/umol"}, baseline="5e9 1/L", transit_time="124 h", feedback=0.239
    ),
)
rng = np.random.default_rng(7)
draws = pd.DataFrame(
    {
        "ec50_dox_S": 50 * rng.lognormal(0, 0.3, 20),  # nM, the unit in which the model declares it
        "ec50_dox_R": 1 * rng.lognormal(0, 0.3, 20),  # uM
        "cost_R": rng.uniform(0.0, 0.4, 20),
    }
)
dox = mdr.infusion("dox", "60 mg", over="1 h").every("21 day", times=6)
pac = mdr.infusion("pac", "280 mg", over="3 h").every("21 day", times=6)
arms = {
    "combination": dox & pac,
    "dox, then pac": dox.then(pac),
    "dox, pac on progression": mdr.on_progression(dox, pac, growth=1.2, visit="28 day"),
    "alternating": mdr.alternate(dox, pac, every="21 day"),
    "adaptive": mdr.adaptive(dox & pac, stop_below=0.5, restart_above=1.0, visit="14 day"),
}
table = mdr.compare(
    model,
    arms,
    parameters=draws,
    start={"S": 1e9, "R": 1e7},
    endpoints=["time_to_progression", "resistant_share", "anc_nadir"],
    fair="total_dose",
    until="3 year",
    seed=7,
    accuracy=mdr.Accuracy(rtol=1e-6),
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(table)
    table.plot().figure.savefig(folder / "03_compare.png", dpi=150)
    table.plot_courses().figure.savefig(folder / "03_courses.png", dpi=150)
    table.plot_survival().figure.savefig(folder / "03_survival.png", dpi=150)
    table.report_html(
        folder / "03_report.html", question="Which of five ways to give both drugs delays progression longest?"
    )
