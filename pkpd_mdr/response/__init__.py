"""Static dose-response: curves, effective doses with states, ratios, growth-rate metrics and rates.

`dose_response` fits one curve or 1e5 from a table. What lies outside the tested range is a state with bounds, never a
made-up number.
"""

from pkpd_mdr.response.averaging import Averaged
from pkpd_mdr.response.combination import Combination, combination
from pkpd_mdr.response.families import FAMILIES, Family
from pkpd_mdr.response.fitting import dose_response
from pkpd_mdr.response.growth import adjusted_dead, gr_static_toxic, gr_value, gr_value_without_start
from pkpd_mdr.response.growth_fit import GrowthRate, growth_rate
from pkpd_mdr.response.levels import Level
from pkpd_mdr.response.rates import dip_rates, gr_over_time
from pkpd_mdr.response.ratio import Ratios
from pkpd_mdr.response.result import DoseResponse
from pkpd_mdr.response.states import State

__all__ = [
    "FAMILIES",
    "Averaged",
    "Combination",
    "DoseResponse",
    "Family",
    "GrowthRate",
    "Level",
    "Ratios",
    "State",
    "adjusted_dead",
    "combination",
    "dip_rates",
    "dose_response",
    "gr_over_time",
    "gr_static_toxic",
    "gr_value",
    "gr_value_without_start",
    "growth_rate",
]
