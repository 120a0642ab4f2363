"""Models of the field that are not in the gallery, declared by mechanisms alone, against their equations in SciPy.

The equations are typed as the papers write them (Panetta 1997, Norton and Simon 1977, Claret et al. 2009, Simeoni et
al. 2004 with a resistant clone, de Pillis et al. 2005, Lotka and Volterra with three phenotypes); numbers are ours
where no source is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pkpd_mdr as mdr
from pkpd_mdr.model import Model

Case = tuple[Model, Callable[[float, np.ndarray], Sequence[float]], Mapping[str, float], float]
exponential, logistic = mdr.growth.exponential, mdr.growth.logistic


def cycle_specific() -> Case:
    """Panetta 1997: proliferating and quiescent cells, of which the drug kills the first."""
    model = Model(
        mdr.medium("pac", start="1 uM"),
        mdr.clone("P", growth=exponential(rate="0.5 1/day")),
        mdr.clone("Q", death="0.05 1/day"),
        mdr.switching("P", "Q", rate="0.218 1/day"),
        mdr.switching("Q", "P", rate="0.1 1/day"),
        mdr.kill("pac", on="P", slope="0.6 1/uM/day"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        P, Q = y
        return [(0.5 - 0.218 - 0.6) * P + 0.1 * Q, 0.218 * P - (0.05 + 0.1) * Q]

    return model, right, {"P": 1e6, "Q": 1e6}, 20


def norton_simon() -> Case:
    """Kill in proportion to the growth of an untreated tumour of that size."""
    model = Model(
        mdr.medium("x", start="1 uM"),
        mdr.clone("N", growth=mdr.growth.gompertz(rate="0.02 1/day", capacity="1e12 cell")),
        mdr.kill("x", on="N", slope="2 1/uM", form="norton_simon"),
    )
    return model, lambda t, y: [0.02 * np.log(1e12 / y[0]) * y[0] * (1 - 2)], {"N": 1e9}, 40


def claret() -> Case:
    """An effect that fades from the first dose on."""
    model = Model(
        mdr.medium("x", unit="", start=1.0),
        mdr.clone("y", growth=exponential(rate="0.003 1/day"), unit=""),
        mdr.kill("x", on="y", slope="0.014 1/day"),
        mdr.fading("x", on="y", rate="0.007 1/day", since="start"),
    )
    return model, lambda t, y: [(0.003 - 0.014 * np.exp(-0.007 * t)) * y[0]], {"y": 50.0}, 300


def simeoni_with_resistance() -> Case:
    """Two clones share the room of exponential-linear growth; the sensitive one dies in three stages."""
    law = mdr.growth.exponential_linear(rate="0.273 1/day", linear="0.814 1/day")
    model = Model(
        mdr.medium("x", start="1 uM"),
        mdr.clone("S", growth=law, unit=""),
        mdr.clone("R", growth=law, unit="", resistant=True),
        mdr.mutation("S", "R", probability=1e-4),
        mdr.death.path("x", on="S", slope="0.6 1/uM/day", via="transit"),
        mdr.death.transit("S", rate="0.5 1/day"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        S, R, one, two, three = y
        g = 0.273 / (1 + (0.273 / 0.814 * sum(y)) ** 20) ** (1 / 20)
        stages = [0.6 * S - 0.5 * one, 0.5 * (one - two), 0.5 * (two - three)]
        return [(1 - 1e-4) * g * S - 0.6 * S, g * R + 1e-4 * g * S, *stages]

    return model, right, {"S": 0.1, "R": 1e-3, "dying1_S": 0, "dying2_S": 0, "dying3_S": 0}, 20


def de_pillis() -> Case:
    """Natural killer cells, T cells and the ratio law of de Pillis et al. 2005, with the values of the gallery."""
    model = Model(
        mdr.clone("T", growth=logistic(rate="0.514 1/day", capacity=(1 / 1.02e-9, "cell"))),
        mdr.immune.effector("N", source="13000 cell/day", death="0.0412 1/day"),
        mdr.immune.effector("L", death="0.02 1/day"),
        mdr.immune.attack("N", on="T", rate="3.23e-7 1/cell/day"),
        mdr.immune.attack("L", on="T", rate="1.43 1/day", form="ratio", half=2.73 ** (1 / 0.58), exponent=0.58),
        mdr.stimulation("N", rate="0.025 1/day", half=(2.02e7**0.5, "cell"), hill=2),
        mdr.stimulation("L", rate="0.0375 1/day", half=(2.02e7**0.5, "cell/day"), hill=2, signal="killing"),
        mdr.immune.exhaustion("N", rate="1e-7 1/cell/day"),
        mdr.immune.exhaustion("L", rate="3.42e-10 1/cell/day"),
        mdr.immune.priming("L", by="N", rate="1.1e-7 1/cell/day"),
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        T, N, L = y
        x = (L / T) ** 0.58
        D = 1.43 * x / (2.73 + x)
        return [
            0.514 * T * (1 - 1.02e-9 * T) - 3.23e-7 * N * T - D * T,
            13000 - 0.0412 * N + 0.025 * T**2 * N / (2.02e7 + T**2) - 1e-7 * N * T,
            -0.02 * L + 0.0375 * (D * T) ** 2 * L / (2.02e7 + (D * T) ** 2) - 3.42e-10 * L * T + 1.1e-7 * N * T,
        ]

    return model, right, {"T": 1e6, "N": 3e5, "L": 100}, 10


def three_phenotypes() -> Case:
    """Lotka and Volterra, as in adaptive therapy of prostate cancer."""
    weights = {"A": {"B": 0.7, "C": 0.8}, "B": {"A": 0.4, "C": 0.5}, "C": {"A": 0.6, "B": 0.9}}
    rates, rooms = {"A": 0.0028, "B": 0.0035, "C": 0.0067}, {"A": 15000.0, "B": 10000.0, "C": 10000.0}
    model = Model(
        *(
            mdr.clone(
                name,
                growth=logistic(rate=(rates[name], "1/day"), capacity=rooms[name], competition=weights[name]),
                unit="",
            )
            for name in weights
        )
    )

    def right(t: float, y: np.ndarray) -> Sequence[float]:
        x = dict(zip(weights, y, strict=True))
        load = {i: x[i] + sum(a * x[j] for j, a in row.items()) for i, row in weights.items()}
        return [rates[i] * x[i] * (1 - load[i] / rooms[i]) for i in weights]

    return model, right, {"A": 2000.0, "B": 1000.0, "C": 10.0}, 2000


@pytest.mark.parametrize(
    "case", [cycle_specific, norton_simon, claret, simeoni_with_resistance, de_pillis, three_phenotypes]
)
def test_a_model_of_the_field_is_its_equations(case: Callable[[], Case]) -> None:
    model, right, start, days = case()
    times = np.linspace(0.0, days, 6)
    wanted = solve_ivp(right, (0.0, days), list(start.values()), method="LSODA", rtol=1e-11, atol=1e-12, t_eval=times)
    accuracy = mdr.Accuracy(rtol=1e-9)
    frame = model.simulate(until=(days, "day"), times=(days / 5, "day"), start=start, accuracy=accuracy).frame
    for name, values in zip(start, wanted.y, strict=True):
        scale = np.abs(values) + 1e-6 * np.abs(values).max()
        assert np.max(np.abs(frame[name].to_numpy() - values) / scale) < 1e-7


def test_car_t_cells_against_antigen_loss_vesicles_and_a_checkpoint() -> None:
    """Both solvers agree, vesicles that suppress nothing are absent, and less of them or of PD-1 helps at first."""
    parts = [
        mdr.immune.effector("CART", death="0.03 1/day"),
        mdr.pk.two_compartment("nivo", CL="0.01 L/h", V1="4 L", Q="0.03 L/h", V2="3 L"),
        mdr.clone("pos", growth=logistic(rate="0.05 1/day", capacity="1e12 cell"), start="1e10 cell"),
        mdr.clone("neg", growth=logistic(rate="0.045 1/day", capacity="1e12 cell"), start="1e4 cell", resistant=True),
        mdr.immune.attack("CART", on=["pos", "neg"], rate="1e-9 1/cell/day"),
        mdr.immune.antigen({"neg": 0.02}),
        mdr.immune.antigen_loss("pos", "neg", effector="CART", share=1e-4),
        mdr.stimulation("CART", rate="0.5 1/day", half="1e9 cell", by="pos"),
        mdr.immune.checkpoint({"pos": 0.6, "neg": 0.6}, antibody="nivo", kd="1 mg/L"),
        mdr.vesicles.release({"pos": "50 1/day", "neg": "50 1/day"}, clearance="0.2 1/h", volume="5 L"),
        mdr.vesicles.removal(),
    ]
    half = mdr.parameter("half", "1e8 vesicle/mL")
    model = Model(*parts, mdr.immune.suppression("EV", on="CART", half=half))
    cells = mdr.bolus("CART", "1e8 cell").shift("10 day")
    blockade = mdr.infusion("nivo", "240 mg", over="1 h").every("14 day", times=3)

    def targets(model: Model, plan: mdr.Regimen, method: str = "rodas") -> np.ndarray:
        accuracy = mdr.Accuracy(rtol=1e-9, method=method)
        frame = model.simulate(plan, until="40 day", times="4 day", accuracy=accuracy).frame
        return np.asarray(frame["pos"])

    plan = cells & blockade
    found = targets(model, plan)
    np.testing.assert_allclose(targets(model, plan, "LSODA"), found, rtol=1e-6)
    harmless = targets(model.with_parameters(half=(1e30, "vesicle/mL")), plan)
    np.testing.assert_allclose(harmless, targets(Model(*parts), plan), rtol=1e-9)
    cleared = targets(model, plan & mdr.apheresis(0.9).shift("9.9 day").every("1 day", times=5))
    # two days after the cells; later it turns, because more targets raise more effectors
    assert harmless[3] < cleared[3] < found[3] < targets(model, cells)[3]
