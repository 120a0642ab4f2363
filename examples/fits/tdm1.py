"""T-DM1 (trastuzumab emtansine) in patients, means at 0.3 to 4.8 mg/kg (Girish et al. 2012, digitised).

Expected: low doses are cleared faster (by the target); near 3.6 mg/kg a clearance of about 0.7 L/day and a half-life
of about 4 days (recalled from the abstract, not read in it). A linear and a saturable elimination are compared.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from answers import Answer, at_most, folder_of_data, folder_of_pictures, holds, near, tell
from scipy.integrate import trapezoid

import pkpd_mdr as mdr

LINEAR, SATURABLE = "linear", "with saturable elimination"
TWO = {"V1": "3 L", "Q": "0.5 L/day", "V2": "2 L", "CL": "0.5 L/day"}
MODELS = {
    LINEAR: mdr.Model(mdr.pk.two_compartment("tdm1", **TWO)),
    SATURABLE: mdr.Model(mdr.pk.two_compartment("tdm1", **TWO, Vmax="10 mg/day", Km="5 mg/L")),
}
FREE = {
    "V1_tdm1": ("1 L", "20 L"),
    "Q_tdm1": ("0.01 L/day", "20 L/day"),
    "V2_tdm1": ("0.1 L", "50 L"),
    "CL_tdm1": ("0.01 L/day", "5 L/day"),
    "Vmax_tdm1": ("0.1 mg/day", "500 mg/day"),
    "Km_tdm1": ("0.01 mg/L", "200 mg/L"),
}


def read(folder: Path) -> mdr.Data:
    frame = pd.read_csv(folder / "pk_tdm1_girish2012" / "girish-2012.csv")
    frame["dose"] = frame["Dose"].str.removesuffix("mg/kg").astype(float)
    columns = {"time": "time_day [day]", "value": "T_DM1_ugperml [mg/L]", "observable": "C_tdm1"}
    return mdr.read_assay(frame, **columns, dose={"tdm1": "dose [mg/kg]"}, weight="70 kg", route="iv", by="dose")


def fits(folder: Path) -> dict[str, mdr.Fit]:
    data = read(folder)
    return {
        name: mdr.fit(model, data, {key: FREE[key] for key in model.parameters}, error="lognormal", starts=6, seed=1)
        for name, model in MODELS.items()
    }


def clearance(fit: mdr.Fit, dose: float) -> float:
    """Dose over area under the curve, L/day."""
    curve = fit.predict("0.02 day", conditions=f"dose={dose:g}")
    area = trapezoid(curve["value"], curve["time"] / 24.0)
    return float(dose * 70.0 / area)


def half_life(fit: mdr.Fit, dose: float) -> float:
    """Between day 3 and day 14; days."""
    early, late = fit.predict(["3 day", "14 day"], conditions=f"dose={dose:g}")["value"]
    return float(11.0 * np.log(2.0) / np.log(early / late))


def answers(folder: Path, found: dict[str, mdr.Fit] | None = None) -> list[Answer]:
    found = found or fits(folder)
    best, selection = found[SATURABLE], mdr.compare_models(found)
    faster = clearance(best, 0.3) / clearance(best, 3.6)
    return [
        near("T-DM1: clearance at 3.6 mg/kg, L/day (recalled)", 0.7, clearance(best, 3.6), 0.2),
        near("T-DM1: half-life at 3.6 mg/kg, day (recalled)", 4.0, half_life(best, 3.6), 1.0),
        holds("T-DM1: clearance at 0.3 over that at 3.6 mg/kg", "above 1", f"{faster:.2f}", faster > 1.2),
        at_most("T-DM1: p of linear elimination", 0.001, float(selection.table.loc[LINEAR, "p"])),
    ]


if __name__ == "__main__":
    data, pictures = folder_of_data(), folder_of_pictures()
    found = fits(data)
    print(found[SATURABLE].report())
    print(mdr.compare_models(found, held_out="dose").report())
    print(tell(answers(data, found)))
    found[SATURABLE].plot().figure.savefig(pictures / "tdm1.png", dpi=150)
