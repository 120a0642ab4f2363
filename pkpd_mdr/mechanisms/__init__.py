"""Mechanisms: small declarations that add states, parameters and processes to a model; they compute nothing.

A file has the name of its mechanism, or that of its namespace and what it holds: `death.transit` is in death_stages.py.
"""

from pkpd_mdr.mechanisms import damage, death, delivery, growth, immune, pgp, pk, stroma, toxicity, vesicles
from pkpd_mdr.mechanisms.cards import table
from pkpd_mdr.mechanisms.clone import clone, seeding
from pkpd_mdr.mechanisms.contact_transfer import contact_transfer
from pkpd_mdr.mechanisms.cytokine import cytokine
from pkpd_mdr.mechanisms.dosing import dosing
from pkpd_mdr.mechanisms.exosomes import exosomes
from pkpd_mdr.mechanisms.genotypes import genotypes
from pkpd_mdr.mechanisms.intracellular import intracellular
from pkpd_mdr.mechanisms.kill import combined_kill, kill
from pkpd_mdr.mechanisms.medium import medium
from pkpd_mdr.mechanisms.occasions import occasions
from pkpd_mdr.mechanisms.peak import peak, peak_kill
from pkpd_mdr.mechanisms.persisters import epigenetic_memory, persisters
from pkpd_mdr.mechanisms.radiotherapy import radiotherapy
from pkpd_mdr.mechanisms.resection import resection
from pkpd_mdr.mechanisms.stem_hierarchy import stem_hierarchy
from pkpd_mdr.mechanisms.stimulation import stimulation
from pkpd_mdr.mechanisms.switching import cost, mutation, switching
from pkpd_mdr.mechanisms.switching_modulation import switching_modulation
from pkpd_mdr.mechanisms.tolerance import fading, tolerance
from pkpd_mdr.mechanisms.trait_axis import trait_axis
from pkpd_mdr.mechanisms.user import formula, observable, parameter, process, state

__all__ = [
    "clone",
    "combined_kill",
    "contact_transfer",
    "cost",
    "cytokine",
    "damage",
    "death",
    "delivery",
    "dosing",
    "epigenetic_memory",
    "exosomes",
    "fading",
    "formula",
    "genotypes",
    "growth",
    "immune",
    "intracellular",
    "kill",
    "medium",
    "mutation",
    "observable",
    "occasions",
    "parameter",
    "peak",
    "peak_kill",
    "persisters",
    "pgp",
    "pk",
    "process",
    "radiotherapy",
    "resection",
    "seeding",
    "state",
    "stem_hierarchy",
    "stimulation",
    "stroma",
    "switching",
    "switching_modulation",
    "table",
    "tolerance",
    "toxicity",
    "trait_axis",
    "vesicles",
]
