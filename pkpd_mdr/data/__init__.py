"""Measurements: readers, checks and the data sets that come with the library.

`read_assay` reads one row for each measurement, `read_events` long tables with dose rows, `read_nonmem` those in NONMEM
format, `from_frame` takes what a program made. All give `Data`: checked and tidy, with one `Condition` for each
treatment. `read_plate` and `read_wide` bring grids of wells and replicates side by side to tables that readers take.
"""

from pkpd_mdr.data.assay import read_assay
from pkpd_mdr.data.conditions import Condition
from pkpd_mdr.data.events import read_events
from pkpd_mdr.data.frames import from_frame
from pkpd_mdr.data.layouts import read_wide
from pkpd_mdr.data.library import bundled, bundled_names, bundled_path, bundled_source, bundled_table
from pkpd_mdr.data.measurements import Data
from pkpd_mdr.data.nonmem import read_nonmem
from pkpd_mdr.data.plates import read_plate

__all__ = [
    "Condition",
    "Data",
    "bundled",
    "bundled_names",
    "bundled_path",
    "bundled_source",
    "bundled_table",
    "from_frame",
    "read_assay",
    "read_events",
    "read_nonmem",
    "read_plate",
    "read_wide",
]
