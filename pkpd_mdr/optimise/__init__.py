"""Optimisation of regimens: the best plan of a family, under limits, for one patient, the average or the worst case."""

from pkpd_mdr.optimise.finding import optimise
from pkpd_mdr.optimise.gain import Gain
from pkpd_mdr.optimise.result import Optimum
from pkpd_mdr.optimise.variables import between, order

__all__ = ["Gain", "Optimum", "between", "optimise", "order"]
