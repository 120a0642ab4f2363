"""Closed loop: filters that learn a patient from measurements, and strategies that look ahead with what was learned."""

from pkpd_mdr.control.assimilate import Assimilated, assimilate
from pkpd_mdr.control.filters import EnsembleFilter, ParticleFilter, ensemble_filter, particle_filter
from pkpd_mdr.control.looking import Informed, LookAhead, informed, look_ahead
from pkpd_mdr.control.objectives import Objective, Outlook, latest, smallest
from pkpd_mdr.control.precision import STRATEGIES, CurrentPractice, dynamic_precision

__all__ = [
    "STRATEGIES",
    "Assimilated",
    "CurrentPractice",
    "EnsembleFilter",
    "Informed",
    "LookAhead",
    "Objective",
    "Outlook",
    "ParticleFilter",
    "assimilate",
    "dynamic_precision",
    "ensemble_filter",
    "informed",
    "latest",
    "look_ahead",
    "particle_filter",
    "smallest",
]
