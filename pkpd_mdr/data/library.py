"""The measurements that come with the library: derived means, standard deviations and counts.

Each set is a folder of ``bundled/`` with its tables and a ``SOURCE.md`` that names origin, licence and how the
figures were derived. ``benchmarks/derive_bundled.py`` writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from pkpd_mdr.arguments import FLAG, TEXT, takes
from pkpd_mdr.data.assay import read_assay
from pkpd_mdr.data.conditions import Condition
from pkpd_mdr.data.frames import from_frame
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.errors import DataError, did_you_mean, shown

__all__ = ["bundled", "bundled_names", "bundled_path", "bundled_source", "bundled_table"]

_TABLES = {
    "lxf_erlotinib": ("lxf_erlotinib", "volumes.csv"),
    "lxf_erlotinib_doses": ("lxf_erlotinib", "doses.csv"),
    "mckenna_dox_pulses": ("mckenna_dox_pulses", "counts.csv"),
}


def bundled_names() -> tuple[str, ...]:
    """Names of the data sets that `bundled` knows.

    Examples
    --------
    >>> bundled_names()
    ('lxf_erlotinib', 'mckenna_dox_pulses')
    """
    return tuple(sorted(_READERS))


@takes(DataError, name=TEXT, complete=FLAG)
def bundled(name: str, *, complete: bool = True) -> Data:
    """A data set that comes with the library, as means with their sd and n.

    ``"mckenna_dox_pulses"``: counts of two cell lines after doxorubicin pulses of 6, 12 and 24 h at nine
    levels, from the first frame after the drug was added (time zero) to each well's last valid frame. The
    count at time zero is each condition's start; it was taken before the change of medium, which removed cells
    from untreated wells too (see `bundled_source`), so a fit should free the start or a factor on it.
    ``"lxf_erlotinib"``: tumour volumes of control, low and medium erlotinib arms over 30 days.

    Parameters
    ----------
    name : str
    complete : bool
        Only means over all replicates that started. Wells leave when they are confluent and mice when the
        tumour is large, so that a mean over those that remain is too small; False keeps such means.

    Raises
    ------
    DataError
        No such set; the nearest name is shown.

    Examples
    --------
    >>> bundled("lxf_erlotinib").observables
    ('tumour_volume',)
    """
    if name not in _READERS:
        raise DataError(f"no data set {shown(name)} comes with the library{did_you_mean(name, bundled_names())}")
    return _READERS[name](complete)


def bundled_path(name: str) -> Path:
    """Path of a bundled table, to be read with `read_assay` or shown to a user.

    Parameters
    ----------
    name : str
        Of a set that `bundled` knows, or of a further table of it.

    Raises
    ------
    DataError
        No such table; the nearest name is shown.

    Examples
    --------
    >>> bundled_path("mckenna_dox_pulses").suffix
    '.csv'
    """
    if name not in _TABLES:
        raise DataError(f"no table {shown(name)} comes with the library{did_you_mean(name, _TABLES)}")
    return _folder(_TABLES[name][0]) / _TABLES[name][1]


def bundled_table(name: str) -> pd.DataFrame:
    """A bundled table as it stands on disk, with the rows that `bundled` leaves out; names as of `bundled_path`.

    Examples
    --------
    >>> bundled_table("lxf_erlotinib_doses").columns.tolist()
    ['arm', 'time_day', 'mean_dose_mg', 'n_mice']
    """
    return pd.read_csv(bundled_path(name), encoding="utf-8")


def bundled_source(name: str) -> str:
    """Origin, licence, derivation and citation of a bundled set; names as of `bundled_path`.

    Examples
    --------
    >>> "MIT" in bundled_source("mckenna_dox_pulses")
    True
    """
    return (bundled_path(name).parent / "SOURCE.md").read_text(encoding="utf-8")


def _folder(name: str) -> Path:
    return Path(str(resources.files("pkpd_mdr.data"))) / "bundled" / name


def _only_complete(
    frame: pd.DataFrame, groups: list[str], n: str, complete: bool
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if not complete:
        return frame, ()
    started = frame.groupby(groups)[n].transform("max")
    kept = frame[frame[n] == started]
    return kept, (f"left out {len(frame) - len(kept)} of {len(frame)} means over fewer replicates than started",)


def _mckenna(complete: bool) -> Data:
    table = bundled_table("mckenna_dox_pulses")
    keys = ["cell_line", "exposure_h", "dox_nM"]
    at_zero = table[table["time_h"] == 0].set_index(keys)["mean_count"].rename("start_count")
    frame = table[table["used"] == 1].join(at_zero, on=keys)
    frame, notes = _only_complete(frame, keys, "n_wells", complete)
    data = read_assay(
        frame,
        time="time_h [h]",
        value="mean_count [cell]",
        sd="sd_count",
        n="n_wells",
        drug={"dox": "dox_nM [nM]"},
        exposure="exposure_h [h]",
        by="cell_line",
        start="start_count [cell]",
    )
    return data.annotated(*notes).named("mckenna_dox_pulses")


def _lxf(complete: bool) -> Data:
    from pkpd_mdr.regimen import Regimen, oral

    doses = bundled_table("lxf_erlotinib_doses")
    frame, notes = _only_complete(bundled_table("lxf_erlotinib"), ["arm"], "n_mice", complete)
    conditions = []
    for arm in dict.fromkeys(frame["arm"]):
        mine = doses[doses["arm"] == arm]
        acts = [
            act
            for day, amount in zip(mine["time_day"], mine["mean_dose_mg"], strict=True)
            for act in oral("erlotinib", (float(amount), "mg"), at=(float(day), "day")).acts
        ]
        conditions.append(Condition(str(arm), {"arm": str(arm)}, Regimen(tuple(acts))))
    rows = pd.DataFrame(
        {
            "condition": frame["arm"],
            "time": frame["time_day"].to_numpy(dtype=np.float64) * 24.0,
            "value": frame["mean_volume_cm3"],
            "sd": frame["sd_volume_cm3"],
            "n": frame["n_mice"],
        }
    )
    data = from_frame(rows, conditions, units={"tumour_volume": "cm**3"})
    return data.annotated(*notes).named("lxf_erlotinib")


_READERS: dict[str, Callable[[bool], Data]] = {"lxf_erlotinib": _lxf, "mckenna_dox_pulses": _mckenna}
