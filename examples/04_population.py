"""A virtual population: 1,000 patients, three schedules of doxorubicin, bands over time and endpoints.

Pharmacokinetics as in Mody et al. 2023 (two compartments); 30 % between-patient variation of CL and V1 and the
potencies are assumed. On a cluster the same call takes `executor=client.get_executor()` of Dask, or a
ProcessPoolExecutor on one machine; the numbers are the same to the last bit.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import pkpd_mdr as mdr

K = mdr.parameter("K", "1e12 cell")
model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.clone("S", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K)),
    mdr.clone("R", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), resistant=True),
    mdr.cost("R", 0.2),
    mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
    mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1 uM", hill=1.4),
)
rng = np.random.default_rng(11)
patients = pd.DataFrame(
    {
        "patient": [f"P{k:04d}" for k in range(1000)],
        "CL_dox [L/h]": 53.3 * rng.lognormal(0, 0.3, 1000),
        "V1_dox [L]": 17.7 * rng.lognormal(0, 0.3, 1000),
        "ec50_dox_S [nM]": 50 * rng.lognormal(0, 0.4, 1000),
        "ec50_dox_R [nM]": 1000 * rng.lognormal(0, 0.4, 1000),
    }
)
starts = pd.DataFrame(
    {"patient": patients["patient"], "S": 1e9 * rng.lognormal(0, 0.5, 1000), "R": 1e6 * rng.lognormal(0, 1, 1000)}
)
dox = mdr.infusion("dox", "60 mg", over="1 h")
schedules = {
    "every 3 weeks": dox.every("21 day", times=6),
    "weekly, a third": mdr.infusion("dox", "20 mg", over="1 h").every("7 day", times=18),
    "adaptive": mdr.adaptive(dox.every("21 day", times=6), visit="21 day"),
}

many = mdr.simulate_many(
    model,
    schedules,
    parameters=patients,
    starts=starts,
    combine="rows",  # a patient's parameters go with the patient's start; every schedule with every patient
    id="patient",
    until="52 week",
    times="1 week",
    outputs=["burden", "resistant_share"],
    endpoints=["time_to_progression", "nadir", "exposure_dox"],
    accuracy=mdr.Accuracy(rtol=1e-5),
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(many)
    print(many.summary([0.1, 0.5, 0.9]).loc[("weekly, a third", "burden")].loc[[0.0, 26.0, 52.0]])
    many.endpoints.to_csv(folder / "04_endpoints.csv")
    many.plot("burden").figure.savefig(folder / "04_population.png", dpi=150)
