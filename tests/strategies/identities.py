"""The closed forms and invariants that the library has to keep, I1 to I30, and which tests hold them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["GALLERY", "LAWS", "marked_tests", "page"]

ROOT = Path(__file__).resolve().parents[2]

LAWS = {
    "I1": "Contact transfer keeps every N_i and sum N_i P_i; of two groups P_R - P_S decays as exp(-tau f t)",
    "I2": "The variance of content decays as exp(-2 f (1 - f) k t)",
    "I3": "Exosomes settle at sig N_R/(del V + kap N); without donor their half-life is ln 2/(del + kap N/V)",
    "I4": "Resistance as an infection, A' = beta A (1 - A) - del A: endemic at 1 - del/beta if beta > del, else gone",
    "I5": "Depletion without end, or full inhibition, is the model without exosomes",
    "I6": "Accumulation Ci/Ce = 1/(1 + vP P/(k0 Km)), Km (1 + I/Ki) with an inhibitor; fold of the IC50 its inverse",
    "I7": "A drug that is no substrate has no fold change",
    "I8": "MGMT and adducts: A ends at max(A0 - G0, 0), G at max(G0 - A0, 0)",
    "I9": "AUC = F dose/CL for linear kinetics, whatever Q and V",
    "I10": "Michaelis-Menten bolus: AUC = (C0/Vmax)(Km + C0/2)",
    "I11": "Emax kill under an exponential course: log-kill Emax/(a n) ln(1 + (C0/EC50)^n)",
    "I12": "A chain of n stages at rate k keeps the integral and delays it by n/k",
    "I13": "Exponential growth and linear kill: order and timing do not matter, ln N = ln N0 + g T - sum k_j AUC_j",
    "I14": "Two types that switch: long-run rate and share in closed form",
    "I15": "Claret's course and the times of nadir of Claret and Stein",
    "I16": "Simeoni: untreated slope l1; at the threshold concentration x1 stays",
    "I17": "Friberg: Circ0 (1 - slope c)^(1/g) under constant exposure, Circ0 without drug",
    "I18": "Strobl: S R^(dD - 1) stays on drug; resistant cells alone settle at K (1 - dR/rR)",
    "I19": "Logistic, Gompertz and exponential-linear growth in closed form",
    "I20": "Hahnfeldt: V = K = (b/d)^1.5 whatever the growth rate",
    "I21": "Kuznetsov: T = 0 is stable iff n s/d > a",
    "I22": "de Pillis: a first tumour cell grows at a - c sig/f",
    "I23": "Leon-Triana: the tumour turns at C* = rT/a2",
    "I24": "Bozic: probabilities of eradication and of pre-existing resistance, limits, relapse time",
    "I25": "Zhang: xR grows iff xR + aRS xS < K; S alone excludes R if aRS KS/KR > 1",
    "I26": "Bliss multiplies survival, Loewe adds a drug to itself, MuSyC without interaction is Bliss, zero doses",
    "I27": "Other units of time, volume and cells give the same quantities",
    "I28": "Without growth and kill, switching and transfer keep the number of cells",
    "I29": "Evans: v1 (Lm + Hm) + Lc + Hc + v2 Ln stays",
    "I30": "McKenna: bound drug under constant exposure in closed form",
}

GALLERY = {
    "I15": (("claret2009", "nadir"), ("stein2008", "nadir")),
    "I16": (("simeoni2004", "linear"), ("simeoni2004", "threshold, 300 days")),
    "I24": (("bozic2013", "failure"), ("bozic2013", "relapse")),
    "I25": (("zhang2022", "xR grows only if"), ("zhang2022", "exclude resistant ones")),
    "I29": (("evans2004", "relative error of the mass"),),
    "I30": (("mckenna2017", "bound drug"),),
}
"""Laws that published numbers of the gallery hold: model, and words of the quantity."""


def marked_tests(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Law to the tests that are marked with it, ``file::test``."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for law in _marked(node):
                    found.setdefault(law, []).append(f"{path.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def _marked(node: ast.FunctionDef) -> Iterator[str]:
    for item in node.decorator_list:
        if isinstance(item, ast.Call) and ast.unparse(item.func) == "pytest.mark.law":
            yield from (str(argument.value) for argument in item.args if isinstance(argument, ast.Constant))


def page() -> str:
    """The list as docs/laws.md; names of tests are too long for the column of a table."""
    lines = [
        "# Laws",
        "",
        "Written by `python benchmarks/law_table.py`; do not edit. Closed forms and invariants of the models, and the",
        'tests that hold them (`pytest.mark.law("I1")`); `gallery:` names a number of docs/published_numbers.md.',
        "",
    ]
    marked = marked_tests()
    for law, words in LAWS.items():
        by = [f"`{name}`" for name in marked.get(law, [])]
        by += [f"gallery: {model} ({text})" for model, text in GALLERY.get(law, ())]
        lines.append(f"- **{law}**: {words.replace('*', chr(92) + '*')}. Held by {', '.join(by)}")
    return "\n".join(lines) + "\n"
