"""The immune side: effectors that kill, what stops them, and how clones escape them.

An effector E against clones i (Kuznetsov et al. 1994; de Pillis et al. 2005; Mahasa et al. 2016), piece by piece::

    E' = source + doses + stimulation - exhaustion - death - drugs
    N_i' = ... - attack(E, N)*antigen_i*access_i*activity_E*checkpoint_i*N_i

`activity_E` is lowered by suppressors and cytokines, `checkpoint_i` by PD-L1 and restored by an antibody, `access_i`
by a stromal barrier (`pkpd_mdr.stroma.barrier`). Without the pieces each factor is 1.
"""

from pkpd_mdr.mechanisms.immune.antigen import antigen, antigen_loss, mhc
from pkpd_mdr.mechanisms.immune.attack import attack, exhaustion, priming
from pkpd_mdr.mechanisms.immune.cells import effector, suppressor
from pkpd_mdr.mechanisms.immune.inhibition import checkpoint, suppression

__all__ = [
    "antigen",
    "antigen_loss",
    "attack",
    "checkpoint",
    "effector",
    "exhaustion",
    "mhc",
    "priming",
    "suppression",
    "suppressor",
]
