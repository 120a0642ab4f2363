"""Efflux of anthracyclines by P-glycoprotein: what the pump does to accumulation, and what an inhibitor gives back.

Equation and reading of the efflux experiment: Eur J Biochem 2000, 267:649. That Vmax and sensitivity are linear in
P-gp: Robertus, Kannan and Putnam 2025, Molecules 30:3014. Rates are wide priors within the published ranges.
"""

from __future__ import annotations

from functools import partial

from pkpd_mdr.gallery.published import Published, Result, declared
from pkpd_mdr.gallery.reading import level
from pkpd_mdr.mechanisms import medium, process, state
from pkpd_mdr.model import Model
from pkpd_mdr.regimen import exposure

__all__ = ["ENTRY", "anthracycline_efflux"]

_PASSIVE = {"k0": ("0.5 1/h", "passive exchange; prior, 0.1 to 3 per h")}
_PUMP = {"vP": ("3.5 uM/h", "largest efflux of a cell with P = 1; prior, vP/(k0 Km) from 0 to 30")}
_HALF = {"Km": ("0.7 uM", "content of half the efflux; wide prior, 0.1 to 10 uM")}
_CELL = {"P": ("1", "P-glycoprotein per cell, 1 for a resistant reference")}
_INHIBITOR = {"Ki": ("4.1 uM", "inhibitor of half the effect; cyclosporin A")}


def anthracycline_efflux() -> Model:
    """Ci' = k0 (Ce - Ci) - vP P Ci/(Km (1 + I/Ki) + Ci).

    Returns
    -------
    Model
        Drug ``dox`` and inhibitor ``csa`` in the medium, content Ci; the number of cells does not change.

    Examples
    --------
    >>> from pkpd_mdr.regimen import exposure
    >>> run = anthracycline_efflux().simulate(exposure("dox", "1 nM"), until="50 h")
    >>> round(float(run.frame["Ci"].iloc[-1] / 1e-3), 3)
    0.091
    """
    return Model(
        medium("dox", unit="uM"),
        medium("csa", unit="uM"),
        state("Ci", unit="uM", kind="concentration", description="drug in cells"),
        *declared(_PASSIVE, source="range: 0.1 to 3 per h for anthracyclines (recalled)"),
        *declared(_PUMP, source="range: vP/(k0 Km) = 10, between 0 (parental cells) and 30 (recalled)"),
        *declared(_HALF, source="assumed: order of magnitude; only vP/(k0 Km) matters at low content"),
        *declared(_CELL, source="assumed: 1 is a resistant reference cell by definition"),
        *declared(
            _INHIBITOR,
            source="derived: IC50 on efflux of verapamil at the rat blood-brain barrier (PubMed 18384156), taken as Ki",
        ),
        process("entry", "k0*C_dox", {"Ci": 1}),
        process("leak", "k0*Ci", {"Ci": -1}),
        process("efflux", "vP*P*Ci/(Km*(1 + C_csa/Ki) + Ci)", {"Ci": -1}),
    )


def _accumulation(pgp: float, inhibitor: float = 0.0, dose: float = 1e-9) -> float:
    """Content relative to the medium, after long."""
    plan = exposure("dox", (dose, "uM"))
    plan = plan & exposure("csa", (inhibitor, "uM")) if inhibitor else plan
    return level(anthracycline_efflux(), "Ci", "400 h", plan, parameters={"P": pgp}) / dose


def _needed(pgp: float) -> float:
    """Low dose for the same content, relative to a cell without P-gp."""
    return _accumulation(0.0) / _accumulation(pgp)


ENTRY = Published(
    anthracycline_efflux,
    "Passive and P-gp-mediated efflux of anthracyclines, 2000, Eur J Biochem 267:649 (PubMed 10651800); "
    "Robertus, Kannan and Putnam 2025, Molecules 30:3014",
    ("S1", "S3"),
    'mdr.gallery.anthracycline_efflux().simulate(mdr.exposure("dox", "1 uM"), until="24 h")',
    (
        *(
            Result(
                f"accumulation at low dose, P = {pgp:g}, inhibitor {inhibitor:g} uM",
                1 / (1 + 10 * pgp / (1 + inhibitor / 4.1)),
                partial(_accumulation, pgp, inhibitor),
                rtol=1e-5,
                source="1/(1 + vP P/(k0 Km (1 + I/Ki)))",
            )
            for pgp, inhibitor in ((0.0, 0.0), (1.0, 0.0), (1.0, 4.1), (0.3, 41.0))
        ),
        Result(
            "efflux before to after the inhibitor, less 1",
            10.0,
            lambda: _accumulation(1.0, 4.1e9) / _accumulation(1.0) - 1,
            rtol=1e-5,
            source="Vmax/(k0 Km), the paper's reading of the experiment",
        ),
        *(
            Result(
                f"IC50 fold at P = {pgp:g}",
                1 + 10 * pgp,
                partial(_needed, pgp),
                rtol=1e-5,
                source="1 + vP P/(k0 Km), linear in P",
            )
            for pgp in (0.5, 1.0, 2.0)
        ),
        Result(
            "half of the pump is left at Ki",
            0.5,
            lambda: (1 / _accumulation(1.0, 4.1) - 1) / 10,
            atol=1e-5,
            flag="C",
            source="cyclosporin A, 4.1 uM",
        ),
        Result(
            "much inhibitor abolishes the difference between resistant and parental cells",
            True,
            lambda: abs(_accumulation(1.0, 4.1e5) / _accumulation(0.0, 4.1e5) - 1) < 1e-3,
            flag="C",
            source="verapamil on BE(2)-C recipients, PMC545583",
        ),
        Result(
            "a high dose saturates the pump",
            True,
            lambda: _accumulation(1.0, dose=1000.0) > 0.99,
            source="Ci far above Km",
        ),
    ),
    ours="the rates are wide priors within published ranges",
    draw=("Ci",),
)
