"""Pulses of doxorubicin for 6, 12 and 24 h on two breast cancer lines (McKenna et al. 2017), fitted jointly.

Expected: EC50 of counts 96 h after the pulse, curve by curve, from four-parameter log-logistic fits (SciPy); that of
MDA-MB-231 after 24 h is not identifiable and has to be flagged. The static fits here are of the same wells. The dynamic
fit takes the first five days of all three exposures at once: sensitive and tolerant cells grow, and the exposure so far
(concentration times time) slows growth and kills. The EC50s at 96 h then follow from the model. It says nothing of the
regrowth after two weeks, which needs rare resistant cells (examples/02_fit.py).

Two things of the plates were added when a plainer model had missed two EC50s of SUM149 by more than their standard
error, and stay because the counts ask for them by themselves (AICc, in the answers). Untreated wells stand in the
outermost column that was used, and grow a few per cent less than the treated ones, which would explain why the upper
asymptotes of the static curves lie above one. And the longer the drug stays, the fewer cells are tolerant, as if the
drug met them in phases in which it does not act. SciPy, with the joint model written out by hand, comes to the same
optimum from random starts.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from answers import Answer, folder_of_data, folder_of_pictures, holds, near, tell

import pkpd_mdr as mdr

LINES, HOURS = ("SUM149", "MDAMB231"), (6, 12, 24)


def clone(name: str, share: str, growth: str, tolerance: str) -> list[mdr.model.Mechanism]:
    effect, growth = f"hill(E, {tolerance}*E50, steepness)", f"{growth}*(1 - edge*untreated)"
    return [
        mdr.state(name, mdr.formula(f"counted*growing*{share}"), unit="cell", kind="cells"),
        mdr.process(f"growth_of_{name}", f"{growth}*(1 - (S + T)/capacity)*(1 - {effect})*{name}", {name: 1}),
        mdr.process(f"death_of_{name}", f"death*{effect}*{name}", {name: -1}),
    ]


MODEL = mdr.Model(
    mdr.medium("dox", unit="nM"),
    mdr.state("E", unit="nM*h", description="exposure so far"),
    mdr.process("exposure", "C_dox", {"E": 1}),
    mdr.parameter("counted", "3000 cell", description="count at drug addition, from the data"),
    mdr.parameter("growing", 0.6, description="share that goes on growing on its plate"),
    mdr.parameter("E50", "600 nM*h"),
    mdr.parameter("growth", "0.04 1/h"),
    mdr.parameter("capacity", "30000 cell"),
    mdr.parameter("steepness", 2.0),
    mdr.parameter("death", "0.003 1/h"),
    mdr.parameter("share", 0.1, description="of tolerant cells"),
    mdr.parameter("fold", 10.0, description="tolerance"),
    mdr.parameter("cost", 0.5),
    mdr.parameter("edge", 0.0, description="growth that untreated wells lack at the edge of the plate"),
    mdr.parameter("untreated", 0.0, description="1 for wells without drug, from the data"),
    *clone("S", "(1 - share)", "growth", "1"),
    *clone("T", "share", "growth*(1 - cost)", "fold"),
    mdr.observable("burden", "S + T", "cell"),
)
FREE = {
    "growth": ("0.01 1/h", "0.08 1/h"),
    "capacity": ("5000 cell", "60000 cell"),
    "steepness": (0.3, 6.0),
    "death": ("1e-5 1/h", "0.05 1/h"),
    "share": (1e-6, 0.9),
    "fold": (1.0, 1e4),
    "cost": (0.0, 0.95),
    "edge": (0.0, 0.5),
    "E50": ("10 nM*h", "1e5 nM*h"),
    "growing": (0.1, 2.0),
}
PLATE = ("E50", "growing", "share")
"""What has a value for each plate, which is one exposure time."""


def fit(line: str, *, plain: bool = False) -> mdr.Fit:
    """The bundled means over six wells, from the drug's arrival to 120 h; scatter of counts, more than Poisson's.

    `plain` leaves out what plates differ in beyond potency and the share that goes on growing.
    """
    data = mdr.bundled("mckenna_dox_pulses").only(cell_line=line).between(None, "120 h")
    start = {
        "counted": {c.name: c.starts["burden"] for c in data.conditions},
        "untreated": {c.name: float(float(c.labels["dox_nM"]) == 0) for c in data.conditions},
    }
    free = {name: bounds for name, bounds in FREE.items() if not (plain and name == "edge")}
    plate = {name: "exposure_h" for name in PLATE if not (plain and name == "share")}
    options = {"error": "poisson", "starts": 4, "seed": 1, "accuracy": mdr.Accuracy(rtol=1e-5)}
    return mdr.fit(MODEL, data, free, per=plate, start=start, **options)


def by_scipy(found: mdr.Fit, starts: int = 2) -> float:
    """Least minus twice the log-likelihood (up to a constant) of the same model and counts, by SciPy alone.

    Runge-Kutta steps of an hour; ``sum((y - m)**2/m)`` with the geometric mean of m taken in, as the scale is unknown.
    """
    from scipy.interpolate import CubicSpline
    from scipy.optimize import least_squares

    conditions, rows = found.data.conditions, found.data.table
    dose, hours = (np.array([float(c.labels[key]) for c in conditions]) for key in ("dox_nM", "exposure_h"))
    counted = np.array([c.starts["burden"].value for c in conditions])
    names = [item.name for item in found.found.items]
    which, plate = rows["condition"].map({c.name: i for i, c in enumerate(conditions)}), np.searchsorted(HOURS, hours)

    def residuals(u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        value = dict(zip(names, np.exp(u), strict=True))
        capacity, steepness, death = (value[name] for name in ("capacity", "steepness", "death"))
        e50, growing, share = (np.array([value[f"{name}[{h}]"] for h in HOURS])[plate] for name in PLATE)
        own = value["growth"] * (1 - value["edge"] * (dose == 0)) * np.array([[1.0], [1 - value["cost"]]])
        potency = np.array([e50, value["fold"] * e50])

        def rates(t: float, cells: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            effect = 1 - 1 / (1 + (dose * np.clip(t, 0, hours) / potency) ** steepness)
            return np.asarray((own * (1 - cells.sum(axis=0) / capacity) * (1 - effect) - death * effect) * cells)

        course = [counted * growing * np.array([1 - share, share])]
        for t in range(120):
            a = rates(t, course[-1])
            b = rates(t + 0.5, course[-1] + 0.5 * a)
            c = rates(t + 0.5, course[-1] + 0.5 * b)
            course.append(course[-1] + (a + 2 * b + 2 * c + rates(t + 1, course[-1] + c)) / 6)
        totals = CubicSpline(np.arange(121), np.array(course).sum(axis=1))(rows["time"])
        m = np.maximum(totals[np.arange(len(rows)), which], 1e-9)
        return np.asarray((rows["value"] - m) / np.sqrt(m) * np.exp(np.log(m).mean() / 2))

    low, high = np.log(np.maximum([item.allowed for item in found.found.items], 1e-9)).T
    rng = np.random.default_rng(0)
    ends = [
        least_squares(residuals, rng.uniform(low, high), bounds=(low, high), x_scale="jac", max_nfev=80).cost
        for _ in range(starts)
    ]
    return float(len(rows) * np.log(2 * min(ends)))


def published(folder: Path, line: str) -> pd.DataFrame:
    path = folder / "mckenna_dox_pulse_counts" / f"reference_ec50_96h_{line}.csv"
    return pd.read_csv(path).set_index("exposure_h")


def static(folder: Path, line: str, exposure: int) -> mdr.response.DoseResponse:
    """The wells about 96 h after the pulse began, relative to untreated wells."""
    wells = pd.read_csv(folder / "mckenna_dox_pulse_counts" / f"counts_{line}.csv")
    wells = wells[wells["exposure_h"] == exposure]
    away = (wells.groupby("timepoint_index")["time_h_rel_drug"].mean() - 96.0).abs()
    wells = wells[wells["timepoint_index"] == away.idxmin()]
    control = wells.loc[wells["dox_nM"] == 0, "cell_count"].mean()
    treated = wells[wells["dox_nM"] > 0].assign(ratio=wells["cell_count"] / control)
    return mdr.dose_response(treated, dose="dox_nM [nM]", response="ratio", curve="LL.4")


def implied(found: mdr.Fit, exposure: int, hours: float) -> mdr.response.DoseResponse:
    """The same of what the model predicts for the same doses."""
    names = {c.name: float(c.labels["dox_nM"]) for c in found.data.conditions if c.labels["exposure_h"] == exposure}
    rows = found.predict([(hours, "h")], conditions=list(names)).assign(nM=lambda table: table["condition"].map(names))
    treated = rows[rows["nM"] > 0].assign(ratio=rows["value"] / rows.loc[rows["nM"] == 0, "value"].iloc[0])
    return mdr.dose_response(treated, dose="nM [nM]", response="ratio", curve="LL.4")


def half_way(curve: mdr.response.DoseResponse) -> pd.Series:
    """The dose half way between the asymptotes."""
    return curve.ed(50).iloc[0]


def halved(curve: mdr.response.DoseResponse) -> pd.Series:
    """The dose that halves the count of untreated wells."""
    return curve.ed(0.5, kind="absolute").iloc[0]


def answers(folder: Path, found: dict[str, mdr.Fit] | None = None) -> list[Answer]:
    lines = []
    for line in LINES:
        ours, table = (found or {}).get(line) or fit(line), published(folder, line)
        for h in HOURS:
            ec50, se, hours = table.loc[h, ["EC50_nM", "se_ln_EC50", "eval_time_h_after_drug"]]
            curve, modelled = static(folder, line, h), implied(ours, h, hours)
            plain, half = half_way(curve), halved(curve)
            if se > 1:
                words = f"{line} {h} h: static EC50"
                lines.append(holds(words, "flagged", str(plain["state"]), plain["state"] != "in range"))
                continue
            lines += [
                near(f"{line} {h} h: static EC50, nM", ec50, plain["estimate"], 0.01 * ec50),
                near(f"{line} {h} h: SE of its logarithm", se, plain["se_log"], 0.03 * se),
                near(
                    f"{line} {h} h: ln EC50 of the joint model, within 1 SE",
                    np.log(ec50),
                    np.log(half_way(modelled)["estimate"]),
                    se,
                ),
                near(
                    f"{line} {h} h: ln dose that halves the count, joint model, within 1 SE",
                    np.log(half["estimate"]),
                    np.log(halved(modelled)["estimate"]),
                    half["se_log"],
                ),
            ]
        gain = fit(line, plain=True).aicc - ours.aicc
        lines.append(holds(f"{line}: AICc asks for what plates differ in", "above 2", f"{gain:.1f}", gain > 2))
        if line == "SUM149":
            what = f"{line} joint model: minus twice the log-likelihood, SciPy's best start"
            lines.append(near(what, by_scipy(ours), ours.best.value, 0.05))
    return lines


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = {line: fit(line) for line in LINES}
    for line, item in found.items():
        print(f"--- {line} ---\n{item.report()}")
        item.plot(log=True).figure.savefig(pictures / f"mckenna_pulses_{line}.png", dpi=150)
    print(tell(answers(data, found)))
