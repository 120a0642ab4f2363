"""A model meets data: maximum likelihood, intervals, profiles, draws, and what could not be estimated and why."""

from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.errors import ERRORS, student_t
from pkpd_mdr.fit.estimates import Estimate, Estimates
from pkpd_mdr.fit.fitting import fit
from pkpd_mdr.fit.profile import Profile
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.selection import Selection, compare_models

__all__ = [
    "ERRORS",
    "Draws",
    "Estimate",
    "Estimates",
    "Fit",
    "Profile",
    "Selection",
    "compare_models",
    "fit",
    "student_t",
]
