"""What is done when: acts, the algebra of regimens, dose records and strategies that decide at visits."""

from __future__ import annotations

from pkpd_mdr.regimen.acts import Act
from pkpd_mdr.regimen.algebra import Regimen, alternate
from pkpd_mdr.regimen.builders import apheresis, bolus, exposure, infusion, nothing, oral, radiation, surgery
from pkpd_mdr.regimen.entries import Change, Entry, Give, Mark, Reset, arrange
from pkpd_mdr.regimen.measured import Measured, measured
from pkpd_mdr.regimen.records import read_doses, write_doses
from pkpd_mdr.regimen.strategies import (
    Adaptive,
    OnProgression,
    Rule,
    Strategy,
    Visit,
    adaptive,
    on_progression,
    rule,
)
from pkpd_mdr.regimen.table import DoseRecords, Record, Subject

__all__ = [
    "Act",
    "Adaptive",
    "Change",
    "DoseRecords",
    "Entry",
    "Give",
    "Mark",
    "Measured",
    "OnProgression",
    "Record",
    "Regimen",
    "Reset",
    "Rule",
    "Strategy",
    "Subject",
    "Visit",
    "adaptive",
    "alternate",
    "apheresis",
    "arrange",
    "bolus",
    "exposure",
    "infusion",
    "measured",
    "nothing",
    "on_progression",
    "oral",
    "radiation",
    "read_doses",
    "rule",
    "surgery",
    "write_doses",
]
