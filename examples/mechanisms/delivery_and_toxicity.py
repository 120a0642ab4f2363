"""How drugs get to the tumour and what they cost the patient: liposomes, an oral taxane, self-induced clearance.

1. Doxorubicin free, in small weekly doses, or in liposomes that lodge in the tumour and release it there. Tumour cells
   consume the drug around them and die by its highest level so far; heart cells die by the level in plasma.
2. Paclitaxel as an infusion, as a tablet, and as a tablet beside an inhibitor of P-gp in the gut, with carboplatin.
3. A kinase inhibitor that speeds up its own clearance.
4. The same inhibitor in patients whose clearance differs, and differs again from month to month in each of them.
Doxorubicin and heart cells are Mody 2023, paclitaxel is Janssen and Crombag (iv) and He 2022 (absorption), lorlatinib
is Braniff; liposomes, tumour, combined kill, weight and the spreads of clearance are wide priors.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pkpd_mdr as mdr
from pkpd_mdr.plot.style import COLOURS, DASHES

law = mdr.growth.logistic(rate="0.01 1/day", capacity="1e12 cell")

# 1 -- anthracycline and heart -----------------------------------------------------------------------------------------

anthracycline = mdr.Model(
    mdr.pk.three_compartment("dox", CL="53.3 L/h", V1="17.7 L", Q2="58.7 L/h", V2="1830 L", Q3="21.8 L/h", V3="71.6 L",
                             molar_mass="543.5 g/mol"),
    mdr.delivery.tumour("dox", kin="1 1/h", kout="0.3 1/h", volume="0.1 L", barrier=0.5),
    mdr.delivery.carrier(
        "pld", drug="dox", CL="0.04 L/h", V="4 L", uptake="3e-4 1/h", release="0.02 1/h", molar_mass="543.5 g/mol"
    ),
    mdr.clone("S", growth=law, start="1e10 cell"),
    mdr.delivery.consumption("dox", by="S", clearance="1e-3 nL/h", site="tumour"),
    mdr.peak("dox", site="tumour", forget="0.1 1/day"),
    mdr.peak_kill({"dox@tumour": "1.5 1/uM"}, on="S", exponent=2),
    mdr.toxicity.cardiomyocytes(growth="0.0115 1/h", emax={"dox": ("0.0697 1/h", "0.107 uM")},
                                slope={"dox": "0.167 1/uM"}, transit="0.126 1/h"),
    mdr.toxicity.cumulative_exposure({"dox": "29.6 L/h/m**2"}, unit="umol/m**2"),
    mdr.toxicity.body_weight(baseline="70 kg", recovery="0.02 1/day", slope={"dox": "0.3 1/uM/day"}),
)  # fmt: skip
arms = {
    "90 mg every 3 weeks": mdr.infusion("dox", "90 mg", over="1 h").every("21 day", times=6),
    "30 mg every week": mdr.infusion("dox", "30 mg", over="1 h").every("7 day", times=18),
    "90 mg in liposomes": mdr.infusion("pld", "90 mg", over="1 h").every("21 day", times=6),
}

# 2 -- an oral taxane --------------------------------------------------------------------------------------------------

taxane = mdr.Model(
    mdr.pk.two_compartment("pac", Vmax="33.8 umol/h", Km="0.44 uM", V1="12 L", Q="16.8 L/h", V2="268 L", ka="0.724 1/h",
                           iv=mdr.pk.route(F=1.0), molar_mass="853.9 g/mol"),
    mdr.pk.saturable_distribution("pac", Vmax="177 umol/h", Km="1.61 uM", back="1.21 1/h"),
    mdr.pk.gut_efflux("pac", loss="15 1/h", inhibitors={"enc": "0.1 uM"}),
    mdr.medium("enc"),
    mdr.pk.one_compartment("carbo", CL="7.4 L/h", V="16 L"),
    mdr.clone("S", growth=law, start="1e10 cell"),
    mdr.combined_kill(
        mdr.kill("pac", on="S", emax="1 1/day", ec50="0.05 uM"),
        mdr.kill("carbo", on="S", emax="1 1/day", ec50="20 mg/L"),
        by="interaction",
        strength=0.5,
    ),
)  # fmt: skip
carboplatin = mdr.infusion("carbo", "450 mg", over="1 h")
tablets = mdr.oral("pac", "300 mg").every("24 h", times=3)
cycles = {
    "paclitaxel infusion": mdr.infusion("pac", "300 mg", over="3 h", route="iv") & carboplatin,
    "tablets": tablets & carboplatin,
    "tablets, encequidar": tablets & mdr.exposure("enc", "2 uM", over="72 h") & carboplatin,
}

# 3 -- autoinduction ---------------------------------------------------------------------------------------------------

induced = mdr.Model(
    mdr.pk.two_compartment(
        "lor", CL="347.33 L/day", V1="120.5 L", Q="20 L/h", V2="154.9 L", ka="3 1/h", F=0.759, molar_mass="406.4 g/mol"
    ),
    mdr.pk.autoinduction("lor", rate="0.48 1/day", baseline=0.3),
)

# 4 -- between patients, and between months ----------------------------------------------------------------------------

varying = mdr.Model(
    mdr.occasions("kappa_CL", every="28 day", times=3),
    mdr.parameter("CL_typical", "14.5 L/h"),
    mdr.pk.one_compartment(
        "lor", CL=mdr.formula("CL_typical*exp(kappa_CL)"), V="275 L", ka="3 1/h", F=0.759, molar_mass="406.4 g/mol"
    ),
)
spreads = {
    "CL_typical": mdr.distributions.lognormal("14.5 L/h", cv=0.3),
    "kappa_CL": mdr.distributions.normal(0, sd=0.2),
}

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS, linestyle=DASHES)  # for colour-blind readers
    figure, axes = plt.subplots(1, 4, figsize=(17, 4))
    for name, plan in arms.items():
        frame = anthracycline.simulate(plan, until="126 day", times="6 h").frame
        heart, end = frame["cardiomyocytes_relative"], frame.iloc[-1]
        axes[0].semilogy(frame.index, frame["S"], label=name)
        axes[1].semilogy(frame.index, heart, label=name)
        print(
            f"{name}: {end['S']:.2g} tumour cells, {heart.iloc[-1]:.2g} of the heart cells of an untreated culture, ",
            end="",
        )
        print(f"{end['cumulative_exposure']:.0f} umol/m2 of free drug, weight at least {frame['weight'].min():.1f} kg")
    for name, plan in cycles.items():
        frame = taxane.simulate(plan.every("21 day", times=4), until="84 day", times="2 h").frame
        axes[2].plot(frame.index, frame["S"], label=name)
        print(f"{name}: AUC {frame['AUC_pac'].iloc[-1] / 4:.1f} uM h a cycle, {frame['S'].iloc[-1]:.2g} cells left")
    frame = induced.simulate(mdr.oral("lor", "100 mg").every("24 h", times=20), until="20 day", times="0.5 h").frame
    first, last = frame["AUC_lor"].loc[1.0], frame["AUC_lor"].loc[20.0] - frame["AUC_lor"].loc[19.0]
    print(f"lorlatinib: AUC {first:.0f} uM h on the first day, {last:.0f} uM h on day 20")
    axes[3].plot(frame.index, frame["C_lor"])
    patients = mdr.patients(varying, 200, spreads, seed=1)
    daily = mdr.oral("lor", "100 mg").every("24 h", times=84)
    many = varying.simulate_many(daily, parameters=patients, until="84 day", times="28 day", outputs="AUC_lor")
    months = np.diff(many.frame.pivot(index="member", columns="time [day]", values="AUC_lor").to_numpy(), axis=1) / 28
    within = np.log(months).std(axis=1, ddof=1)
    print(
        f"a month: AUC {np.quantile(months, 0.05):.1f} to {np.quantile(months, 0.95):.1f} uM h a day (90 % of patients "
        f"and months), {100 * np.sqrt(np.mean(within**2)):.0f} % from month to month in one patient"
    )
    for each, words in zip(
        axes, ("tumour cells", "heart cells, relative", "tumour cells", "lorlatinib (uM)"), strict=True
    ):
        each.set(xlabel="time (day)", ylabel=words)
    axes[0].legend()
    axes[2].legend()
    figure.tight_layout()
    figure.savefig(folder / "delivery_and_toxicity.png", dpi=150)
