"""Comparison of regimens: arms by parameter draws, endpoints, fairness, differences and probabilities of being best."""

from pkpd_mdr.compare.ensemble import compare
from pkpd_mdr.compare.fairness import Matched, Matching
from pkpd_mdr.compare.result import Comparison, Difference, Failure

__all__ = ["Comparison", "Difference", "Failure", "Matched", "Matching", "compare"]
