"""Virtual patients: how quantities vary between patients, cohorts drawn from that, and cohorts that match a trial."""

from pkpd_mdr.patients import distributions
from pkpd_mdr.patients.cohort import Cohort, read_patients
from pkpd_mdr.patients.composition import Composition, composition
from pkpd_mdr.patients.correlation import nearest_correlation
from pkpd_mdr.patients.distributions import Distribution
from pkpd_mdr.patients.drawing import patients
from pkpd_mdr.patients.targets import Reweighted, Target, match_targets, target

__all__ = [
    "Cohort",
    "Composition",
    "Distribution",
    "Reweighted",
    "Target",
    "composition",
    "distributions",
    "match_targets",
    "nearest_correlation",
    "patients",
    "read_patients",
    "target",
]
