"""Models of multidrug resistance: which regimen is better, and how sure are we.

A tumour under drugs is declared once, as named processes with units; the same object is simulated, fitted to a table
and asked which regimen is better::

    import pkpd_mdr as mdr

    model = mdr.Model(
        mdr.medium("dox", unit="uM"),
        mdr.clone("S", growth=mdr.growth.exponential(rate="0.03 1/h"), start=1000),
        mdr.kill("dox", on="S", emax="0.1 1/h", ec50="50 nM"),
    )
    run = model.simulate(mdr.exposure("dox", "100 nM", over="24 h"), until="96 h")
"""

from pkpd_mdr import data, gallery
from pkpd_mdr.compare import Comparison, compare
from pkpd_mdr.data import Data, bundled, read_assay, read_events
from pkpd_mdr.engine import Accuracy
from pkpd_mdr.errors import (
    DataError,
    ExpressionError,
    FitError,
    ModelError,
    PkpdMdrError,
    RegimenError,
    SimulationError,
    UnitError,
)
from pkpd_mdr.fit import Estimates, Fit, compare_models, fit
from pkpd_mdr.mechanisms import (
    clone,
    combined_kill,
    contact_transfer,
    cost,
    delivery,
    dosing,
    exosomes,
    formula,
    growth,
    intracellular,
    kill,
    medium,
    mutation,
    observable,
    parameter,
    pgp,
    pk,
    process,
    radiotherapy,
    resection,
    seeding,
    state,
    switching,
    toxicity,
    vesicles,
)
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import (
    Regimen,
    Strategy,
    adaptive,
    alternate,
    apheresis,
    bolus,
    exposure,
    infusion,
    nothing,
    on_progression,
    oral,
    radiation,
    read_doses,
    rule,
    surgery,
    write_doses,
)
from pkpd_mdr.run import Endpoint, Run, endpoint, endpoints, simulate

__version__ = "0.1.0"

__all__ = [
    "Accuracy",
    "Comparison",
    "Data",
    "DataError",
    "Endpoint",
    "Estimates",
    "ExpressionError",
    "Fit",
    "FitError",
    "Model",
    "ModelError",
    "PkpdMdrError",
    "Regimen",
    "RegimenError",
    "Run",
    "SimulationError",
    "Strategy",
    "UnitError",
    "adaptive",
    "alternate",
    "apheresis",
    "bolus",
    "bundled",
    "clone",
    "combined_kill",
    "compare",
    "compare_models",
    "contact_transfer",
    "cost",
    "data",
    "delivery",
    "dosing",
    "endpoint",
    "endpoints",
    "exosomes",
    "exposure",
    "fit",
    "formula",
    "gallery",
    "growth",
    "infusion",
    "intracellular",
    "kill",
    "medium",
    "mutation",
    "nothing",
    "observable",
    "on_progression",
    "oral",
    "parameter",
    "pgp",
    "pk",
    "process",
    "radiation",
    "radiotherapy",
    "read_assay",
    "read_doses",
    "read_events",
    "resection",
    "rule",
    "seeding",
    "simulate",
    "state",
    "surgery",
    "switching",
    "toxicity",
    "vesicles",
    "write_doses",
]
