"""Random models over all mechanisms, run; see `strategies.laws`. benchmarks/random_models.py draws thousands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import laws
from strategies.laws import booked, broken_balances, broken_names, broken_runs, broken_units, redrawn
from strategies.models import OTHERS, declarations, groups, models

import pkpd_mdr as mdr
from pkpd_mdr.expression import symbol
from pkpd_mdr.model import Mechanism, Model, Port
from pkpd_mdr.model.scope import Scope
from pkpd_mdr.units import Unit

SIZES = st.lists(st.floats(1.0, 1e6), min_size=7, max_size=7)
NAMES = {"S": "Sens", "R": "Aa", "A": "Zz"}
EACH = 5


def levels(model: Model, sizes: list[float]) -> np.ndarray:
    return np.array((sizes * len(model.states))[: len(model.states)])


def test_every_mechanism_is_drawn() -> None:
    drawn = Counter(OTHERS[name] for group in groups(2) for name in group)
    assert set(drawn) == {make for name, make in OTHERS.items() if name != "clone"}
    assert set(drawn.values()) == {2}


@pytest.mark.slow
def test_500_random_models_run() -> None:
    """A hundred structures with five sets of values each: finite, never negative, two solvers agree, balances close.

    Both laws are asked of one structure with its books, which is compiled once; benchmarks/random_models.py draws a
    structure for each model.
    """
    judged: Counter[str] = Counter()

    @settings(max_examples=500 // EACH)
    @given(model=models(most=4), seed=st.integers(0, 2**32 - 1))
    def hold(model: Model, seed: int) -> None:
        whole = booked(model)
        rows = redrawn(whole, seed, EACH)
        assert not list(broken_runs(whole, rows, judged))
        assert not list(broken_balances(whole, rows))

    hold()
    assert judged["members"] >= 500
    assert judged["judged"] >= 0.97 * judged["members"]


@pytest.mark.slow
@pytest.mark.law("I27")
def test_neither_units_nor_names_of_clones_matter_to_500_random_models() -> None:
    for group in groups(10):

        @settings(max_examples=3)
        @given(parts=declarations(group=group), sizes=SIZES, time=st.floats(0.01, 100.0), length=st.floats(0.1, 10.0))
        def hold(parts: list[Mechanism], sizes: list[float], time: float, length: float) -> None:
            model = Model(*parts)
            y = levels(model, sizes)
            assert not list(broken_units(model, y, {"[time]": time, "[length]": length}))
            assert not list(broken_names(model, NAMES, y))

        hold()


# the laws see what is wrong: a planted violation each


@dataclass(frozen=True)
class Odd:
    """A process whose rate depends on how its clone is called, or an act that doubles the P-gp of a clone."""

    clone: str
    by_name: bool

    label = "odd"

    def declare(self, scope: Scope) -> None:
        """Nothing."""

    def connect(self, scope: Scope) -> None:
        """Write it."""
        if self.by_name:
            speed = scope.parameter("odd", "1 1/h", unit="1/h")
            scope.process("odd", speed * len(self.clone) * symbol(self.clone), {self.clone: 1})
        else:
            pool = f"pgp_{self.clone}"
            scope.port(Port("surgery", "odd", "act", Unit.of(""), effects={pool: 2 * symbol(pool)}))


def test_a_rate_that_depends_on_a_name_is_seen() -> None:
    parts = [mdr.clone("S", start=10), Odd("S", by_name=True)]
    assert list(broken_names(Model(*parts), NAMES, np.array([3.0])))


def test_parameters_that_keep_their_numbers_in_other_units_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(mdr.clone("S", growth=mdr.growth.exponential(rate="0.1 1/day")))
    assert not list(broken_units(model, np.array([3.0]), {"[time]": 2.0}))
    monkeypatch.setattr(laws, "_factor", lambda unit, scales: 1.0)
    assert list(broken_units(model, np.array([3.0]), {"[time]": 2.0}))


def test_pgp_from_nowhere_is_seen() -> None:
    parts = [mdr.clone("S", start=10), mdr.pgp.content("S", start=1), Odd("S", by_name=False)]
    assert list(broken_balances(Model(*parts)))


def test_a_stock_that_falls_below_zero_is_seen() -> None:
    leak = [mdr.state("X", "1 mg", unit="mg", kind="amount"), mdr.parameter("k", "1 mg/h")]
    assert list(broken_runs(Model(*leak, mdr.process("leave", "k", {"X": -1}))))
