"""Random tumours with host cells and resistance dynamics, run for a month by two solvers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies.dynamics import DYNAMICS
from strategies.immune import HOST
from strategies.models import DRUGS, OTHERS
from strategies.values import Context, Draw

import pkpd_mdr as mdr
from pkpd_mdr.model import Mechanism


@st.composite
def declarations(draw: Draw) -> list[Mechanism]:
    context = Context(("dox",), draw(st.sampled_from([("S", "R"), ("S", "R", "A")])))
    parts = [*draw(OTHERS["clone"](context)), draw(DRUGS["pk.one_compartment"]("dox"))]
    labels = {part.label for part in parts}
    chosen = draw(st.lists(st.sampled_from(sorted({**HOST, **DYNAMICS})), unique=True, min_size=2, max_size=5))
    if "stem_hierarchy" in chosen:
        chosen = [name for name in chosen if name != "switching_modulation"]  # one spontaneous rate for S to R
    for name in chosen:
        for part in draw({**HOST, **DYNAMICS}[name](context)):
            if part.label not in labels:
                labels.add(part.label)
                parts.append(part)
    return parts


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(parts=declarations())
def test_runs_stay_finite_and_above_zero_and_two_solvers_agree(parts: list[Mechanism]) -> None:
    model = mdr.Model(*parts)
    plan = mdr.bolus("dox", "10 mg").every("7 day", times=3)
    one, other = (
        model.simulate(plan, until="30 day", times="2 day", accuracy=mdr.Accuracy(rtol=1e-8, method=method)).frame
        for method in ("auto", "LSODA")
    )
    assert np.all(np.isfinite(one.to_numpy()))
    for name in model.states:
        values, reference = one[name].to_numpy(), other[name].to_numpy()
        assert values.min() >= -1e-6, name
        np.testing.assert_allclose(values, reference, rtol=0, atol=1e-5 * reference.max() + 1e-6, err_msg=name)
