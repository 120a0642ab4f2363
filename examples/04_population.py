"""A virtual population: 1,000 patients, three schedules of doxorubicin, bands over time and endpoints.

Pharmacokinetics as in Mody et al. 2023 (two compartments), with the usual allometry. Variation between patients, its
correlations and the counts of cells are assumed. On a cluster the same call takes `executor=client.get_executor()` of
Dask, or a ProcessPoolExecutor on one machine; the numbers are the same to the last bit.
"""

import sys
from pathlib import Path

import pkpd_mdr as mdr
from pkpd_mdr import distributions as dist

K = mdr.parameter("K", "1e12 cell")
model = mdr.Model(
    mdr.pk.two_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q="58.7 L/h", V2="1830 L", molar_mass="543.5 g/mol"),
    mdr.clone("S", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), start="1e9 cell"),
    mdr.clone("R", growth=mdr.growth.gompertz(rate="0.003 1/day", capacity=K), start="1e6 cell", resistant=True),
    mdr.cost("R", 0.2),
    mdr.kill("dox", on="S", emax="1.2 1/day", ec50="50 nM", hill=1.4),
    mdr.kill("dox", on="R", emax="1.2 1/day", ec50="1 uM", hill=1.4),
)
patients = mdr.patients(
    model,
    1000,
    {"ec50_dox_S": dist.lognormal("50 nM", cv=0.4), "ec50_dox_R": dist.lognormal("1000 nM", cv=0.4)},
    covariates={
        "WT": dist.normal("70 kg", sd="14 kg").between("40 kg", "120 kg"),
        "eta_CL": dist.normal(0, sd=0.3),
        "eta_V1": dist.normal(0, sd=0.3),
    },
    formulas={"CL_dox": "53.3*(WT[kg]/70)**0.75*exp(eta_CL)", "V1_dox": "17.7*(WT[kg]/70)*exp(eta_V1)"},
    correlations={("eta_CL", "eta_V1"): 0.5, ("ec50_dox_S", "ec50_dox_R"): 0.6},
    constraints="ec50_dox_R >= 5*ec50_dox_S",
    composition=mdr.composition({"S": 9990, "R": 10}, total=dist.lognormal("1e9 cell", cv=0.5)),
    seed=11,
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
    id="patient",
    until="52 week",
    times="1 week",
    outputs=["burden", "resistant_share"],
    endpoints=["time_to_progression", "nadir", "exposure_dox"],
    accuracy=mdr.Accuracy(rtol=1e-5),
)

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(patients.summary().to_string())
    print(many)
    print(many.summary([0.1, 0.5, 0.9]).loc[("weekly, a third", "burden")].loc[[0.0, 26.0, 52.0]])
    many.endpoints.to_csv(folder / "04_endpoints.csv")
    many.plot("burden").figure.savefig(folder / "04_population.png", dpi=150)
