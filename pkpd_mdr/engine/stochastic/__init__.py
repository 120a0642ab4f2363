"""Stochastic paths: the processes of a model as events that happen to whole cells.

Which processes are events and what their rates depend on (`network`), machine code for rates and for flows with the
hazard of events (`code`), random numbers (`random`), and the driver: what it works with (`parts`), a member at the
instructions of its timeline (`acts`), how it moves on between them (`events`, `leaps`, `flows`), and members one after
another (`driver`). `solve` is the call that does it all (imported where it is used, as it takes the compiled engine
along), `options` what a user chooses. Needs llvmlite; numba makes the driver fast.
"""

from pkpd_mdr.engine.stochastic.options import Stochastic

__all__ = ["Stochastic"]
