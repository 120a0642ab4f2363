"""Comparison of regimens: arms by parameter draws, endpoints, fairness, differences and probabilities of being best."""

from pkpd_mdr.compare.ensemble import compare
from pkpd_mdr.compare.fairness import Matched, Matching
from pkpd_mdr.compare.matching import Fair, equal_toxicity, tolerated
from pkpd_mdr.compare.null import Null
from pkpd_mdr.compare.result import Comparison
from pkpd_mdr.compare.values import Difference, Failure

__all__ = [
    "Comparison",
    "Difference",
    "Failure",
    "Fair",
    "Matched",
    "Matching",
    "Null",
    "compare",
    "equal_toxicity",
    "tolerated",
]
