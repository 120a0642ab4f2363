"""Every kind of mechanism in one model, examples/07_everything.py: its books close, and two solvers agree on it."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

import numpy as np
import pytest
from strategies.ledger import books

import pkpd_mdr as mdr

PATH = Path(__file__).resolve().parents[2] / "examples" / "07_everything.py"


@pytest.fixture(scope="module")
def example() -> dict:
    return runpy.run_path(str(PATH))


@pytest.fixture(scope="module")
def model(example: dict) -> mdr.Model:
    return example["model"]


@pytest.fixture(scope="module")
def plan(example: dict) -> mdr.Regimen:
    return example["arms"]["with inhibitor and radiation"]


def test_it_is_declared_in_thirty_lines() -> None:
    body = ast.parse(PATH.read_text(encoding="utf-8")).body
    declared = [
        node for node in body if isinstance(node, ast.Assign) and node.targets[0].id in ("clones", "law", "model")
    ]
    assert len(declared) == 3
    assert sum(node.end_lineno - node.lineno + 1 for node in declared) <= 34
    model = next(node for node in declared if node.targets[0].id == "model")
    assert model.end_lineno - model.lineno - 1 <= 30


def test_it_shows_all_its_processes(model: mdr.Model) -> None:
    shown, drawn = str(model.process_table()), model.diagram()
    for name in model.processes:
        assert name in shown
        assert name in drawn


def test_it_runs_a_year_without_a_negative_state(model: mdr.Model, plan: mdr.Regimen) -> None:
    frame = model.simulate(plan, until="365 day", times="1 day").frame
    assert len(frame) >= 365
    for name in model.states:
        values = frame[name].to_numpy()
        assert np.all(np.isfinite(values)), name
        assert values.min() >= -1e-9 * values.max(), name


def given_dox(days: np.ndarray) -> np.ndarray:
    """What six infusions of 90 mg every 21 days have brought, in umol, at times between infusions."""
    return np.where(days > 0, np.minimum(np.floor(days / 21) + 1, 6), 0) * 90 / 543.5 * 1000


@pytest.mark.parametrize("quantity", ["dox", "pgp", "mir"])
def test_the_books_close_over_200_days(model: mdr.Model, plan: mdr.Regimen, quantity: str) -> None:
    """Drug, P-gp and vesicle cargo: what is there is what was given or made, less what was eliminated or decayed."""
    held, booked = books(model, quantity, plan, "200 day")
    brought = given_dox(np.linspace(0, 200, 21)) if quantity == "dox" else 0.0
    assert held.max() > 0
    assert np.max(np.abs(held - booked - brought)) <= 1e-9 * np.max(np.abs(booked))


def test_two_solvers_agree(model: mdr.Model, plan: mdr.Regimen) -> None:
    frames = [
        model.simulate(plan, until="365 day", times="5 day", accuracy=mdr.Accuracy(rtol=1e-9, method=method)).frame
        for method in ("LSODA", "rodas")
    ]
    for name in model.states:
        one, other = (frame[name].to_numpy() for frame in frames)
        assert np.all(np.abs(one - other) <= 1e-5 * np.abs(one) + 1e-9 * one.max()), name


@pytest.mark.parametrize("method", ["BDF", "Radau"])
def test_implicit_solvers_take_pools_of_amols_beside_cells(model: mdr.Model, plan: mdr.Regimen, method: str) -> None:
    ours = model.simulate(plan, until="160 day", times="40 day").frame
    found = model.simulate(plan, until="160 day", times="40 day", accuracy=mdr.Accuracy(method=method, rtol=1e-6)).frame
    for name in ("S", "R"):
        np.testing.assert_allclose(found[name], ours[name], rtol=1e-3, err_msg=name)
