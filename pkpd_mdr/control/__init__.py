"""Closed loop: filters that learn a patient from measurements, and strategies that look ahead with what was learned."""

from pkpd_mdr.control.assimilate import Assimilated, assimilate
from pkpd_mdr.control.filters import EnsembleFilter, ParticleFilter, ensemble_filter, particle_filter

__all__ = [
    "Assimilated",
    "EnsembleFilter",
    "ParticleFilter",
    "assimilate",
    "ensemble_filter",
    "particle_filter",
]
