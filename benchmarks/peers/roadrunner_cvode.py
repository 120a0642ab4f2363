"""libroadrunner: SBML with rate rules, LLVM code and CVODE, from event to event."""

from __future__ import annotations

from typing import Any

import numpy as np
import roadrunner

from peers.problem import Problem, Stretch

NAME, VERSION = "libroadrunner", roadrunner.__version__
OPTIONS = "SBML rate rules, CVODE BDF (its default), doses and rates set between stretches, one compiled model"

_HEAD = (
    '<?xml version="1.0"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">'
    '<model id="m"><listOfParameters>'
)
_MATH = "http://www.w3.org/1998/Math/MathML"


def mathml(formula: Any) -> str:
    """Content MathML of sums, products, powers and elementary functions."""
    if formula.is_Symbol:
        return f"<ci>{formula}</ci>"
    if formula.is_number:
        return f"<cn>{float(formula)!r}</cn>" if "e" not in repr(float(formula)) else _exponent(float(formula))
    if formula.is_Pow and formula.exp.is_number and formula.exp.is_negative:
        return f"<apply><divide/><cn>1</cn>{mathml(formula.base**-formula.exp)}</apply>"
    if formula.is_Pow and formula.exp == 0.5:
        return f"<apply><root/>{mathml(formula.base)}</apply>"
    name = {"Add": "plus", "Mul": "times", "Pow": "power", "log": "ln"}.get(type(formula).__name__)
    name = name or type(formula).__name__
    return f"<apply><{name}/>{''.join(mathml(part) for part in formula.args)}</apply>"


def _exponent(value: float) -> str:
    mantissa, exponent = repr(value).split("e")
    return f'<cn type="e-notation">{mantissa}<sep/>{int(exponent)}</cn>'


class Solver:
    decades = (-4.0, -10.0)

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        names = [str(s) for s in [*problem.states, *problem.parameters, *problem.inputs]]
        lines = [f'<parameter id="{name}" value="1" constant="false"/>' for name in names]
        rules = [
            f'<rateRule variable="{state}"><math xmlns="{_MATH}">{mathml(right)}</math></rateRule>'
            for state, right in zip(problem.states, problem.right, strict=True)
        ]
        text = f"{_HEAD}{''.join(lines)}</listOfParameters><listOfRules>{''.join(rules)}</listOfRules></model></sbml>"
        self.runner = roadrunner.RoadRunner(text)
        model = self.runner.model
        ids = model.getGlobalParameterIds()
        self.places = [[ids.index(str(s)) for s in group] for group in (problem.states, problem.parameters)]
        self.places.append([ids.index(str(s)) for s in problem.inputs])
        self.runner.timeCourseSelections = [str(s) for s in problem.states]
        self.runner.setIntegrator("cvode")

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        integrator = self.runner.integrator
        integrator.relative_tolerance, integrator.absolute_tolerance = rtol, 1e-3 * rtol
        integrator.maximum_num_steps = 1_000_000
        return np.array([self._one(row) for row in rows])

    def _one(self, row: np.ndarray) -> np.ndarray:
        runner, model = self.runner, self.runner.model
        states, parameters, inputs = self.places
        model.setGlobalParameterValues(parameters, row)

        def advance(y: np.ndarray, part: Stretch) -> tuple[np.ndarray, np.ndarray]:
            model.setTime(part.begin)
            model.setGlobalParameterValues(states, y)
            if inputs:
                model.setGlobalParameterValues(inputs, part.inputs)
            times = np.unique([part.begin, *part.times, part.end]).tolist()
            runner.integrator.restart(part.begin)
            values = np.array(runner.simulate(times=times))
            return values[1 : 1 + len(part.times)], values[-1].copy()

        return self.problem.walk(advance)
