"""CasADi: its CVODES integrators, one for each kind of stretch, composed into one function of the parameters."""

from __future__ import annotations

import casadi as ca
import numpy as np

from peers.problem import Problem

NAME, VERSION = "CasADi CVODES", ca.__version__
OPTIONS = (
    "SX right-hand side after cse, cvodes BDF with exact sparse Jacobian and direct linear solver, one integrator for "
    "each kind of stretch, all stretches composed into one Function, built once a tolerance "
    "(its jit through a C compiler gained 8 to 14 % and is not used)"
)


class Solver:
    decades = (-4.0, -10.0)

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        n, p, u = len(problem.start), len(problem.parameters), len(problem.inputs)
        names = ("sqrt", "exp", "log", "sin", "cos", "tanh")
        modules = [{name: getattr(ca, name) for name in names}, "math"]
        x, both = ca.SX.sym("x", n), ca.SX.sym("p", p + u)
        right = problem.function(modules)(ca.vertsplit(x), ca.vertsplit(both[:p]), ca.vertsplit(both[p:]))
        self.dae = {"x": x, "p": both, "ode": ca.cse(ca.vertcat(*right))}
        self._made: dict[tuple[float, bool], ca.Function] = {}

    def _function(self, rtol: float, derivatives: bool = False) -> ca.Function:
        if (rtol, derivatives) in self._made:
            return self._made[rtol, derivatives]
        problem, row = self.problem, ca.MX.sym("p", len(self.problem.parameters))
        options = {"reltol": rtol, "abstol": 1e-3 * rtol, "max_num_steps": 1_000_000, "fsens_err_con": True}
        kinds: dict[tuple[float, ...], ca.Function] = {}
        y, outputs = ca.DM(problem.start), [ca.DM(problem.start)]
        for part in problem.stretches:
            if part.kind not in kinds:
                grid = sorted(set(part.kind))
                name = f"stretch{len(kinds)}"
                kinds[part.kind] = ca.integrator(name, "cvodes", self.dae, 0.0, grid, options)
            found = kinds[part.kind](x0=y + part.added, p=ca.vertcat(row, part.inputs))["xf"]
            outputs.append(found[:, : len(part.times)])
            y = found[:, -1]
        whole = ca.horzcat(*outputs)
        made = ca.Function("whole", [row], [whole])
        if derivatives:
            made = made.forward(len(problem.parameters))
        self._made[rtol, derivatives] = made
        return made

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        function = self._function(rtol)
        return np.array([np.asarray(function(row)).T for row in rows])

    def derivatives(self, row: np.ndarray, rtol: float) -> np.ndarray:
        """Marks x states x parameters by forward sensitivities, with these in the error test."""
        n, marks, count = len(self.problem.start), len(self.problem.model.marks), len(row)
        whole = self._function(rtol)(row)
        found = np.asarray(self._function(rtol, derivatives=True)(row, whole, np.eye(count)))
        return found.reshape(n, count, marks).transpose(2, 0, 1)
