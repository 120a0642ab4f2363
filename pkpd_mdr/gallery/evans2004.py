"""Topotecan in medium and cells: lactone and hydroxy acid, efflux, and binding to DNA.

Evans et al. 2004, Math Biosci 189:185 (Eqs 12-17, Table 2). Declared from text; only v1/(1+v2), kb BT and kb v1/v2
can be determined from concentrations of total lactone, which a fit reports.
"""

from __future__ import annotations

from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared, sourced
from pkpd_mdr.gallery.reading import course, level
from pkpd_mdr.mechanisms import observable, process, state
from pkpd_mdr.model import Model

__all__ = ["ENTRY", "evans2004"]

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

_SOURCES = {
    "published: Evans et al. 2004, the dose D": "Lm0",
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
    >>> [round(float(level), 3) for level in run.frame["Lm"].iloc[1:]]
    [8.652, 7.489, 6.484, 5.613]
    """
    return sourced(
        Model(
            *(
                state(name, "10 uM" if name == "Lm" else None, unit="uM", kind="concentration", description=text)
                for name, text in _STATES.items()
            ),
            *declared(_VALUES, source="published: Evans et al. 2004, Table 2"),
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
        ),
        _SOURCES,
    )


_MINUTES = (5, 10, 15, 20)
_COMPUTED = {
    "Lm": (8.652, 7.489, 6.484, 5.613),
    "Hm": (1.345, 2.508, 3.514, 4.385),
    "cell_lactone": (11.562, 10.181, 8.858, 7.687),
}
_FIGURE = (
    ("lactone in medium", "Lm", 5.0, 1.0),
    ("acid in medium", "Hm", 4.5, 0.5),
    ("lactone in cells", "cell_lactone", 8.0, 0.5),
)


def _at(name: str, minute: int) -> float:
    return level(evans2004(), name, f"{minute} min")


def _peak() -> tuple[float, float]:
    times, values = course(evans2004(), "cell_lactone", until="20 min", times="0.01 min")
    return max(values), times[values.index(max(values))]


def _mass_error() -> float:
    _, totals = course(evans2004(), "total", until="60 min", times="1 min")
    return max(abs(total / 60314.0 - 1) for total in totals)


def _buffer() -> float:
    """Share of lactone in buffer of pH 7.4 without cells."""
    model = evans2004().with_parameters(kom="1.1669e-2 1/min", kcm="1.8537e-2 1/min", ki="0 1/min")
    return level(model, "Lm", "1000 min") / 10


ENTRY = Published(
    evans2004,
    "Evans et al. 2004, Math Biosci 189:185",
    ("S1",),
    'mdr.gallery.evans2004().simulate(until="20 min", times="5 min")',
    (
        *(
            Result(
                f"{name} at {minute} min",
                value,
                partial(_at, name, minute),
                unit="uM",
                atol=6e-4,
                source="another solver",
            )
            for name, values in _COMPUTED.items()
            for minute, value in zip(_MINUTES, values, strict=True)
        ),
        Result("peak of cell_lactone", 11.746, lambda: _peak()[0], unit="uM", atol=5e-4, source="another solver"),
        Result("its time", 3.67, lambda: _peak()[1], unit="min", atol=0.01, source="another solver"),
        *(
            Result(
                f"{words} at 20 min",
                value,
                partial(_at, name, 20),
                unit="uM",
                atol=atol,
                flag="C",
                source="Fig 4, read off",
            )
            for words, name, value, atol in _FIGURE
        ),
        Result(
            "lactone in cells, peak", 11.5, lambda: _peak()[0], unit="uM", atol=0.5, flag="C", source="Fig 4, read off"
        ),
        Result(
            "relative error of the mass over 1 h",
            0.0,
            _mass_error,
            atol=1e-9,
            source="v1 (Lm + Hm) + Lc + Hc + v2 Ln stays",
        ),
        Result("share of lactone in buffer of pH 7.4", 0.6137, _buffer, atol=5e-5, source="kc/(ko + kc), Table 1"),
    ),
    draw=("Lm", "Hm", "cell_lactone"),
)
