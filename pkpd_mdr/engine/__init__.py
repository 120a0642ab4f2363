"""From a model and timelines to numbers: compile, solve, and the accuracy of both."""

from pkpd_mdr.engine.export import export_c
from pkpd_mdr.engine.functions import beyond, over_columns
from pkpd_mdr.engine.lowering import Compiled, compile_model
from pkpd_mdr.engine.ports import BoundPorts
from pkpd_mdr.engine.reference import Accuracy
from pkpd_mdr.engine.solve import Ensemble, Status, Trajectory, Watch, solve
from pkpd_mdr.engine.stochastic import Stochastic
from pkpd_mdr.engine.timeline import Outputs, Timeline, build

__all__ = [
    "Accuracy",
    "BoundPorts",
    "Compiled",
    "Ensemble",
    "Outputs",
    "Status",
    "Stochastic",
    "Timeline",
    "Trajectory",
    "Watch",
    "beyond",
    "build",
    "compile_model",
    "export_c",
    "over_columns",
    "solve",
]
