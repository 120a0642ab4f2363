"""The fits of examples/fits reach what others reported of the same data, which stay outside the project."""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import pkpd_mdr as mdr
from pkpd_mdr.data import Condition, from_frame

FITS = Path(__file__).resolve().parents[2] / "examples" / "fits"
SCRIPTS = sorted(path.stem for path in FITS.glob("*.py") if path.stem != "answers")


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts of the folder import each other, as they do when one is run."""
    monkeypatch.syspath_prepend(str(FITS))


def example(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.mark.parametrize("name", ["h3122_alectinib", "pc9_erlotinib", "tdm1", "theophylline"])
def test_answers_are_those_expected(shared: Path, name: str) -> None:
    found = example(name).answers(shared / "data")
    assert len(found) > 3
    assert not [answer for answer in found if not answer.met]


def test_two_compartments(shared: Path) -> None:
    module = example("two_compartments")
    drug = module.DRUGS["indomethacin"]
    found = {"indomethacin": {1: module.fits(drug, shared / "data")[1]}, "cefamandole": {}}
    answers = module.answers(shared / "data", found)
    assert len(answers) == 4
    assert all(answer.met for answer in answers)


@pytest.mark.parametrize("patient", ["P1002", "P1016", "P1018"])
def test_abiraterone(shared: Path, patient: str) -> None:
    assert all(answer.met for answer in example("abiraterone").answers(shared / "data", [patient]))


def test_a_kink_holds_the_gradient_back_and_not_the_search(shared: Path) -> None:
    """P1016: at the optimum the curve ends as high as it starts, so that two peaks decide the reference."""
    module = example("abiraterone")
    found = module.fit(shared / "data", "P1016", starts=2)
    curve = found.predict("1 day")["value"].to_numpy()
    assert curve[-1] == pytest.approx(curve[0], rel=1e-4)
    assert curve[1:-1].max() < curve[0]
    assert np.sqrt(found.weighted_rss) == pytest.approx(2.574025, abs=2e-6)


def test_leukaemia_of_some_patients(shared: Path) -> None:
    module = example("cml_imatinib")
    table = module.pd.read_csv(shared / "data" / "cml_imatinib_michor2005" / "reference_per_patient_biexp.csv")
    reference = table.set_index("Pt")
    for patient, fit in module.fits(shared / "data", [1, 2, 6]).items():
        assert module.squares(fit) == pytest.approx(reference.loc[patient, "RSS"], rel=1e-5)
        assert fit.values["death_D"] == pytest.approx(reference.loc[patient, "alpha"], rel=1e-3)
        assert fit.values["death_P"] == pytest.approx(reference.loc[patient, "beta"], rel=1e-3)


def test_static_potency_after_pulses(shared: Path) -> None:
    module = example("mckenna_pulses")
    table = module.published(shared / "data", "SUM149")
    for hours in (6, 12, 24):
        found = module.half_way(module.static(shared / "data", "SUM149", hours))
        assert found["estimate"] == pytest.approx(table.loc[hours, "EC50_nM"], rel=1e-4)
        assert found["se_log"] == pytest.approx(table.loc[hours, "se_ln_EC50"], rel=1e-3)
    assert module.half_way(module.static(shared / "data", "MDAMB231", 24))["state"] == "< min"


EXOSOMES = {
    "exosomes": {"conversion_exosomes_S_A": 0.2},
    "exosomes with cargo": {"load_mir_R": 300.0, "decay_mir": "0.05 1/h"},
}


def mixtures(model: mdr.Model) -> mdr.Data:
    """Three mixtures without drug, with it, and with it from 60 h on; errors of 3 %."""
    noise, rows, conditions = np.random.default_rng(1), [], []
    hours = np.arange(0.0, 121.0, 12.0)
    plans = {"none": mdr.nothing(), "always": mdr.exposure("alectinib", "1", over="120 h")}
    plans["later"] = mdr.exposure("alectinib", "1", at="60 h", over="60 h")
    for share in (0.1, 0.5, 0.9):
        for drug, plan in plans.items():
            conditions.append(Condition(f"{share} {drug}", {"share": share, "drug": drug}, plan))
            seeded = model.with_parameters(S0=1e5 * (1 - share), R0=1e5 * share)
            frame = seeded.simulate(plan, until="120 h", times=[(hour, "h") for hour in hours]).frame
            for colour in ("parental", "resistant"):
                values = frame[colour] * np.exp(0.03 * noise.normal(size=len(hours)))
                rows += [(f"{share} {drug}", colour, hour, value) for hour, value in zip(hours, values, strict=True)]
    table = pd.DataFrame(rows, columns=["condition", "observable", "time", "value"])
    return from_frame(table, conditions, units={"parental": "cell", "resistant": "cell"})


@pytest.mark.parametrize("truth", EXOSOMES)
def test_cargo_that_fades_is_told_from_conversion_for_good(truth: str) -> None:
    """Both rivals of the H3122 page are found where they are true, and what cells become is what tells them apart."""
    module = example("which_mechanism")
    rates = {"free_S": 0.02, "free_R": 0.02, "drug_S": -0.02, "drug_R": 0.02}
    model = module.RIVALS[truth][0].with_parameters(**rates, crowding=2e-8, **EXOSOMES[truth])
    data = mixtures(model)
    options = {"error": "lognormal", "start": "first", "starts": 2, "seed": 1}
    fits = {
        name: mdr.fit(module.RIVALS[name][0], data, module.BASE | module.RIVALS[name][1], **options)
        for name in ("no transfer", *EXOSOMES)
    }
    aicc = {name: fit.aicc for name, fit in fits.items()}
    others = [value for name, value in aicc.items() if name != truth]
    assert min(others) - aicc[truth] > 40
    table = fits[truth].estimates
    for name in EXOSOMES[truth]:
        known = model.parameters[name].value
        assert table.loc[name, "lower"] < known < table.loc[name, "upper"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_script(
    shared: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", str(tmp_path), str(shared)])
    runpy.run_path(str(FITS / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "obtained" in printed
    assert "NOT MET" not in printed
    assert list(tmp_path.glob("*.png"))


def test_without_data_the_script_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["theophylline.py", str(tmp_path), str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="name the folder as second argument or in PKPD_MDR_SHARED"):
        runpy.run_path(str(FITS / "theophylline.py"), run_name="__main__")
