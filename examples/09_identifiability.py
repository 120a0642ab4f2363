"""What an experiment can tell: exosome transfer from co-cultures, not from monocultures; and which well to add next.

All data are simulated here from known values, so that what comes out can be held against the truth.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import pkpd_mdr as mdr

K = mdr.parameter("capacity", "60000 cell")
CULTURE = (
    mdr.medium("dox", unit="nM"),
    mdr.clone("S", growth=mdr.growth.logistic(rate="0.035 1/h", capacity=K), start="1000 cell"),
    mdr.clone("R", growth=mdr.growth.logistic(rate="0.028 1/h", capacity=K), start="1000 cell", resistant=True),
    mdr.kill("dox", on="S", emax="0.06 1/h", ec50="60 nM"),
)
TRANSFER = mdr.exosomes(
    "R", "S", "R", secretion="100 vesicle/h", uptake="5e-8 mL/h", clearance="0.05 1/h", conversion=0.01, volume="0.1 mL"
)
truth = mdr.Model(*CULTURE, TRANSFER)
CELLS = {
    "growth_S": ("0.005 1/h", "0.2 1/h"),
    "growth_R": ("0.005 1/h", "0.2 1/h"),
    "emax_dox_S": ("0.005 1/h", "1 1/h"),
    "ec50_dox_S": ("1 nM", "2000 nM"),
}
VESICLES = {
    "secretion_exosomes_R": ("1 vesicle/h", "10000 vesicle/h"),
    "clearance_exosomes": ("0.002 1/h", "1 1/h"),
    "conversion_exosomes_S_R": (1e-5, 1),
}
NOISE = {"S": ("lognormal", 0.1), "R": ("lognormal", 0.1), "exosomes": ("additive", "1e6 vesicle/mL")}
ERROR = {"S": "lognormal", "R": "lognormal", "exosomes": "additive"}


def well(s: int, r: int, dose: float, observables: list[str], replicates: int = 3) -> mdr.Planned:
    """Wells seeded with s sensitive and r resistant cells, under one dose of doxorubicin."""
    return mdr.planned(
        f"{s} S + {r} R, {dose:g} nM",
        mdr.exposure("dox", f"{dose} nM") if dose else None,
        times=[f"{t} h" for t in (12, 24, 36, 48, 72)],
        observables=observables,
        covariates={"S0": f"{s} cell", "R0": f"{r} cell"},
        replicates=replicates,
    )


alone = [well(2000, 0, dose, ["S"]) for dose in (0, 30, 100)] + [well(0, 2000, 0, ["R"])]
mixed = [well(s, r, dose, ["S", "R"]) for s, r in ((1000, 1000), (1800, 200)) for dose in (0, 30, 100)]
vesicles = [well(s, r, 0, ["S", "R", "exosomes"]) for s, r in ((500, 1500), (1500, 500))]

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    everything = CELLS | VESICLES
    for title, design in (
        ("Monocultures", alone),
        ("With co-cultures, cells counted", alone + mixed),
        ("With co-cultures, vesicles counted too", alone + mixed + vesicles),
    ):
        print(f"{title}\n{mdr.identifiable(truth, design, everything, starts=2)}\n")

    data = mdr.simulated_data(truth, alone + mixed + vesicles, noise=NOISE, seed=1)
    fit = mdr.fit(truth, data, everything, error=ERROR, starts=3, seed=1)
    print(fit.identifiability(), "\n")
    profiles = fit.profiles(list(VESICLES))
    print(profiles.table(), "\n")
    print(fit.spectrum(), "\n")

    # One co-culture so far: which well tells transfer from selection and from competition?
    first = mdr.simulated_data(truth, [well(1000, 1000, 30, ["S", "R"])], noise=NOISE, seed=1)
    crowded = mdr.Model(
        mdr.medium("dox", unit="nM"),
        mdr.clone(
            "S", growth=mdr.growth.logistic(rate="0.035 1/h", capacity=K, competition={"R": 1}), start="1000 cell"
        ),
        *CULTURE[2:],
    )
    rates = {name: CELLS[name] for name in ("growth_S", "growth_R", "emax_dox_S")}
    extra = {
        "transfer": {"conversion_exosomes_S_R": (1e-5, 1)},
        "selection": {},
        "competition": {"competition_S_R": (0.1, 50)},
    }
    models = {"transfer": truth, "selection": mdr.Model(*CULTURE), "competition": crowded}
    rivals = {
        name: mdr.fit(model, first, rates | extra[name], error="lognormal", starts=3) for name, model in models.items()
    }
    print(mdr.compare_models(rivals), "\n")
    options = [well(s, 2000 - s, dose, ["S", "R"]) for s in (200, 1000, 1800) for dose in (0, 30, 100, 300)]
    told = mdr.next_experiment(rivals, options)
    print(told, "\n")
    taught = mdr.next_experiment(rivals["transfer"], options, criterion="c", of="conversion_exosomes_S_R", size=2)
    print(taught)

    figure, axes = plt.subplots(2, 2, figsize=(10, 6.5), layout="constrained", dpi=150)
    profiles["conversion_exosomes_S_R"].plot(ax=axes[0, 0])
    fit.spectrum().plot(ax=axes[0, 1])
    told.plot(ax=axes[1, 0])
    fit.band(conditions=[item.name for item in mixed[:3]]).plot(ax=axes[1, 1], measured=True)
    figure.savefig(folder / "09_identifiability.png")
