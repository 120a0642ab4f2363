"""What is done when: acts, the algebra of regimens, dose records and strategies that decide at visits."""

from __future__ import annotations

from pkpd_mdr.regimen.acts import Act, begun
from pkpd_mdr.regimen.algebra import Regimen, alternate
from pkpd_mdr.regimen.builders import apheresis, bolus, exposure, infusion, nothing, oral, radiation, surgery
from pkpd_mdr.regimen.entries import Change, Entry, Give, Mark, Reset, arrange
from pkpd_mdr.regimen.limits import Limit, Limited, limit, limited
from pkpd_mdr.regimen.measured import Measured, measured
from pkpd_mdr.regimen.protocols import Rechallenge, rechallenge, stupp
from pkpd_mdr.regimen.ranges import Modulated, RangeBounded, modulated, range_bounded
from pkpd_mdr.regimen.records import read_doses, write_doses
from pkpd_mdr.regimen.strategies import Adaptive, OnProgression, Rule, Strategy, adaptive, on_progression, rule
from pkpd_mdr.regimen.table import DoseRecords, Record, Subject
from pkpd_mdr.regimen.visits import Truth, Visit

__all__ = [
    "Act",
    "Adaptive",
    "Change",
    "DoseRecords",
    "Entry",
    "Give",
    "Limit",
    "Limited",
    "Mark",
    "Measured",
    "Modulated",
    "OnProgression",
    "RangeBounded",
    "Rechallenge",
    "Record",
    "Regimen",
    "Reset",
    "Rule",
    "Strategy",
    "Subject",
    "Truth",
    "Visit",
    "adaptive",
    "alternate",
    "apheresis",
    "arrange",
    "begun",
    "bolus",
    "exposure",
    "infusion",
    "limit",
    "limited",
    "measured",
    "modulated",
    "nothing",
    "on_progression",
    "oral",
    "radiation",
    "range_bounded",
    "read_doses",
    "rechallenge",
    "rule",
    "stupp",
    "surgery",
    "write_doses",
]
