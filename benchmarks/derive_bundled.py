"""Rewrite the tables of pkpd_mdr/data/bundled from the raw data sets they are derived from.

    python benchmarks/derive_bundled.py ../shared/data [folder to write to]

Only means, standard deviations and counts are written; the raw rows stay where they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

BUNDLED = Path(__file__).resolve().parents[1] / "pkpd_mdr" / "data" / "bundled"
DIGITS = "%.10g"


def mckenna_counts(raw: Path) -> pd.DataFrame:
    """Mean count over the wells that are valid in a frame, for each line, exposure, dose and frame."""
    files = [raw / "mckenna_dox_pulse_counts" / f"counts_{line}.csv" for line in ("MDAMB231", "SUM149")]
    wells = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    valid = wells[wells["timepoint_index"] <= wells["last_valid_timepoint"]]
    keys = ["cell_line", "exposure_h", "dox_nM", "timepoint_index"]
    means = valid.groupby(keys, as_index=False).agg(
        time_h=("time_h_rel_drug", "mean"),
        mean_count=("cell_count", "mean"),
        sd_count=("cell_count", "std"),
        n_wells=("cell_count", "size"),
    )
    means["used"] = (means["time_h"] > 0).astype(int)
    return means.rename(columns={"timepoint_index": "frame"})


def lxf_rows(raw: Path) -> pd.DataFrame:
    """All rows of the three arms."""
    arms = {"control": "control_growth", "low": "low_erlotinib_dose", "medium": "medium_erlotinib_dose"}
    tables = [pd.read_csv(raw / "lxf_erlotinib_pdx" / f"lxf_{file}.csv").assign(arm=arm) for arm, file in arms.items()]
    return pd.concat(tables, ignore_index=True)


def lxf_volumes(raw: Path) -> pd.DataFrame:
    """Mean tumour volume of the mice measured on a day, for each arm and day."""
    rows = lxf_rows(raw)
    volumes = rows[(rows["Observable"] == "Tumour volume") & rows["Value"].notna()]
    means = volumes.groupby(["arm", "Time"], as_index=False).agg(
        mean_volume_cm3=("Value", "mean"), sd_volume_cm3=("Value", "std"), n_mice=("Value", "size")
    )
    return means.rename(columns={"Time": "time_day"})


def lxf_doses(raw: Path) -> pd.DataFrame:
    """Mean oral dose of the mice dosed on a day, for each arm and day."""
    rows = lxf_rows(raw)
    doses = rows[rows["Dose"].notna()]
    means = doses.groupby(["arm", "Time"], as_index=False).agg(mean_dose_mg=("Dose", "mean"), n_mice=("Dose", "size"))
    return means.rename(columns={"Time": "time_day"})


def write(raw: Path, folder: Path = BUNDLED) -> list[Path]:
    """Write every table and return the paths."""
    tables = {
        "mckenna_dox_pulses/counts.csv": mckenna_counts(raw),
        "lxf_erlotinib/volumes.csv": lxf_volumes(raw),
        "lxf_erlotinib/doses.csv": lxf_doses(raw),
    }
    written = []
    for name, table in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, float_format=DIGITS, lineterminator="\n")
        written.append(path)
    return written


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    for path in write(*map(Path, sys.argv[1:])):
        print(path)
