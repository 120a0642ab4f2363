"""Models: states, parameters, processes, observables and ports, joined and checked."""

from pkpd_mdr.model.model import Model
from pkpd_mdr.model.parts import Observable, Parameter, Port, Process, State, find_port
from pkpd_mdr.model.scope import Formula, Given, Mechanism, Scope
from pkpd_mdr.model.show import Listing

__all__ = [
    "Formula",
    "Given",
    "Listing",
    "Mechanism",
    "Model",
    "Observable",
    "Parameter",
    "Port",
    "Process",
    "Scope",
    "State",
    "find_port",
]
