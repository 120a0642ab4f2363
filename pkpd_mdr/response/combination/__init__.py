"""Drug combinations: Bliss, HSA, Loewe, ZIP, Chou-Talalay, BRAID and MuSyC, with intervals and states.

`combination` judges a table; where a reference model has no answer the result says why, and never a made-up number.
"""

from pkpd_mdr.response.combination.fitting import combination
from pkpd_mdr.response.combination.models import MODELS
from pkpd_mdr.response.combination.result import Combination

__all__ = ["MODELS", "Combination", "combination"]
