"""Topotecan in medium and cells: lactone and hydroxy acid, efflux, and binding to DNA.

Evans et al. 2004, Math Biosci 189:185 (Eqs 12-17, Table 2). Declared from text; only v1/(1+v2), kb BT and kb v1/v2
can be determined from concentrations of total lactone, which a fit reports.
"""

from __future__ import annotations

from pkpd_mdr.mechanisms import observable, parameter, process, state
from pkpd_mdr.model import Model

__all__ = ["evans2004"]

_VALUES = {
    "kom": ("2.89e-2 1/min", "lactone opens in medium"),
    "kcm": ("1.06e-4 1/min", "acid closes in medium"),
    "ki": ("3.09e-4 1/min", "lactone enters cells"),
    "ke": ("1.014 1/min", "lactone is pumped out of cells"),
    "koc": ("2.6553e-2 1/min", "lactone opens in cells"),
    "kcc": ("0.18637 1/min", "acid closes in cells"),
    "kb": ("8.5341e-4 1/(uM*min)", "lactone binds to DNA"),
    "kd": ("4.4489 1/min", "lactone leaves DNA"),
    "BT": ("28.9 uM", "binding sites in the nucleus"),
    "v1": ("6031.4", "volume of medium per cytoplasm"),
    "v2": ("0.39324", "volume of nucleus per cytoplasm"),
}
_STATES = {
    "Lm": "lactone in medium",
    "Hm": "acid in medium",
    "Lc": "lactone in cytoplasm",
    "Hc": "acid in cytoplasm",
    "Ln": "lactone on DNA",
}


def evans2004() -> Model:
    """Lm, Hm in medium, Lc, Hc in cytoplasm, Ln on DNA; v1 (Lm+Hm) + Lc + Hc + v2 Ln stays.

    Returns
    -------
    Model
        Starts at 10 uM lactone in medium; observables ``cell_lactone`` and ``total``.

    Examples
    --------
    >>> run = evans2004().simulate(until="20 min", times="5 min")
    >>> [round(float(level), 3) for level in run.frame["Lm"][1:]]
    [8.652, 7.489, 6.484, 5.613]
    """
    return Model(
        *(
            state(name, "10 uM" if name == "Lm" else None, unit="uM", kind="concentration", description=text)
            for name, text in _STATES.items()
        ),
        *(
            parameter(name, value, source="Evans et al. 2004", description=text)
            for name, (value, text) in _VALUES.items()
        ),
        process("open_in_medium", "kom*Lm", {"Lm": -1, "Hm": 1}),
        process("close_in_medium", "kcm*Hm", {"Hm": -1, "Lm": 1}),
        process("entry", "ki*Lm", {"Lm": -1, "Lc": "v1"}),
        process("efflux", "ke*Lc", {"Lc": -1, "Lm": "1/v1"}),
        process("open_in_cell", "koc*Lc", {"Lc": -1, "Hc": 1}),
        process("close_in_cell", "kcc*Hc", {"Hc": -1, "Lc": 1}),
        process("binding", "kb*(BT - Ln)*Lc", {"Lc": -1, "Ln": "1/v2"}),
        process("unbinding", "kd*Ln", {"Ln": -1, "Lc": "v2"}),
        observable("cell_lactone", "(Lc + v2*Ln)/(1 + v2)", "uM"),
        observable("total", "v1*(Lm + Hm) + Lc + Hc + v2*Ln", "uM"),
    )
