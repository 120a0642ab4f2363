"""Simulation: a model under a regimen or strategy, and what came of it."""

from pkpd_mdr.run.course import Course, courses
from pkpd_mdr.run.endpoints import (
    Endpoint,
    area_of,
    best_response,
    end_of,
    endpoint,
    exposure,
    nadir_of,
    peak_of,
    resistant_share,
    share_of_start,
    time_below,
    time_of_nadir,
    time_to_progression,
    time_to_stop,
    time_to_threshold,
)
from pkpd_mdr.run.extinction import Extinction, extinction
from pkpd_mdr.run.many import Many, simulate_many
from pkpd_mdr.run.result import Run, provenance
from pkpd_mdr.run.simulate import simulate, start_vector, with_exposure

__all__ = [
    "Course",
    "Endpoint",
    "Extinction",
    "Many",
    "Run",
    "area_of",
    "best_response",
    "courses",
    "end_of",
    "endpoint",
    "exposure",
    "extinction",
    "nadir_of",
    "peak_of",
    "provenance",
    "resistant_share",
    "share_of_start",
    "simulate",
    "simulate_many",
    "start_vector",
    "time_below",
    "time_of_nadir",
    "time_to_progression",
    "time_to_stop",
    "time_to_threshold",
    "with_exposure",
]
