"""A model meets data: maximum likelihood, intervals, profiles, draws, and what could not be estimated and why."""

from pkpd_mdr.fit.bands import Band
from pkpd_mdr.fit.bootstrap import Bootstrap
from pkpd_mdr.fit.draws import Draws
from pkpd_mdr.fit.errors import ERRORS, student_t
from pkpd_mdr.fit.estimates import Estimate, Estimates
from pkpd_mdr.fit.experiment import NextExperiment, next_experiment
from pkpd_mdr.fit.fitting import fit
from pkpd_mdr.fit.identifiability import Identifiability, identifiable
from pkpd_mdr.fit.mcmc import Posterior
from pkpd_mdr.fit.planning import Planned, planned, simulated_data
from pkpd_mdr.fit.practical import Spectrum
from pkpd_mdr.fit.profile import Profile, Profiles
from pkpd_mdr.fit.result import Fit
from pkpd_mdr.fit.selection import Selection, compare_models

__all__ = [
    "ERRORS",
    "Band",
    "Bootstrap",
    "Draws",
    "Estimate",
    "Estimates",
    "Fit",
    "Identifiability",
    "NextExperiment",
    "Planned",
    "Posterior",
    "Profile",
    "Profiles",
    "Selection",
    "Spectrum",
    "compare_models",
    "fit",
    "identifiable",
    "next_experiment",
    "planned",
    "simulated_data",
    "student_t",
]
