"""heyoka: adaptive Taylor integration, scalar for one trajectory, SIMD batches for ensembles."""

from __future__ import annotations

import heyoka as hy
import numpy as np

from peers.problem import Problem

NAME, VERSION = "heyoka", hy.__version__
BATCH = hy.recommended_simd_size()
_LARGE = 300
OPTIONS = (
    f"taylor_adaptive for one trajectory, taylor_adaptive_batch of {BATCH} for an ensemble, tolerance = rtol, "
    "compact_mode off, built once a tolerance; derivatives by var_ode_sys "
    f"(compact_mode on above {_LARGE} equations, which would take minutes to compile otherwise)"
)


class Solver:
    decades = (-5.0, -11.0)
    batch = BATCH

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        variables = hy.make_vars(*(str(s) for s in problem.states))
        variables = list(variables) if len(problem.states) > 1 else [variables]
        given = {**dict(zip(problem.states, variables, strict=True))}
        given |= {p: hy.par[i] for i, p in enumerate([*problem.parameters, *problem.inputs])}
        self.system = [(x, hy.from_sympy(f, given)) for x, f in zip(variables, problem.right, strict=True)]
        self._made: dict[tuple[float, int], object] = {}

    def _integrator(self, rtol: float, size: int) -> object:
        if (rtol, size) not in self._made:
            n, p = len(self.problem.start), len(self.problem.parameters) + len(self.problem.inputs)
            options = {"tol": rtol, "compact_mode": False}
            self._made[rtol, size] = (
                hy.taylor_adaptive(self.system, np.zeros(n), pars=np.zeros(p), **options)
                if size == 1
                else hy.taylor_adaptive_batch(self.system, np.zeros((n, size)), pars=np.zeros((p, size)), **options)
            )
        return self._made[rtol, size]

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        if len(rows) < self.batch:
            return np.array([self._one(row, rtol) for row in rows])
        out = []
        for first in range(0, len(rows), self.batch):
            block = rows[first : first + self.batch]
            full = np.concatenate([block, np.repeat(block[-1:], self.batch - len(block), axis=0)])
            out.append(self._batch(full, rtol)[: len(block)])
        return np.concatenate(out)

    def _one(self, row: np.ndarray, rtol: float) -> np.ndarray:
        integrator = self._integrator(rtol, 1)
        count = len(row)
        integrator.pars[:count] = row

        def advance(y: np.ndarray, part: object) -> tuple[np.ndarray, np.ndarray]:
            integrator.time, integrator.state[:] = part.begin, y
            integrator.pars[count:] = part.inputs
            grid = [part.begin, *part.times]
            values = integrator.propagate_grid(grid)[-1][1:] if len(grid) > 1 else np.empty((0, len(y)))
            if grid[-1] < part.end:
                integrator.propagate_until(part.end)
            return values, integrator.state.copy()

        return self.problem.walk(advance)

    def _batch(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        integrator, problem = self._integrator(rtol, self.batch), self.problem
        n, count = len(problem.start), rows.shape[1]
        integrator.pars[:count] = rows.T
        out = np.empty((len(problem.model.marks), n, self.batch))
        y = np.repeat(problem.start[:, None], self.batch, axis=1)
        out[0] = y
        for part in problem.stretches:
            integrator.set_time(part.begin)
            integrator.state[:] = y + part.added[:, None]
            integrator.pars[count:] = part.inputs[:, None]
            if len(part.times):
                grid = np.repeat(np.array([part.begin, *part.times])[:, None], self.batch, axis=1)
                out[part.marks] = integrator.propagate_grid(grid)[-1][1:]
            if not len(part.times) or part.times[-1] < part.end:
                integrator.propagate_until([part.end] * self.batch)
            y = integrator.state.copy()
        return out.transpose(2, 0, 1)

    def derivatives(self, row: np.ndarray, rtol: float) -> np.ndarray:
        """Marks x states x parameters by variational equations."""
        problem, count, n = self.problem, len(row), len(self.problem.start)
        key = rtol, 0
        if key not in self._made:
            system = hy.var_ode_sys(self.system, [hy.par[i] for i in range(count)], order=1)
            compact = n * (count + 1) > _LARGE
            pars = np.zeros(count + len(problem.inputs))
            self._made[key] = hy.taylor_adaptive(system, np.zeros(n), pars=pars, tol=rtol, compact_mode=compact)
        integrator = self._made[key]
        integrator.pars[:count] = row
        out = np.zeros((len(problem.model.marks), n, count))
        integrator.state[:] = np.r_[problem.start, np.zeros(n * count)]
        for part in problem.stretches:
            integrator.time = part.begin
            integrator.state[:n] += part.added
            integrator.pars[count:] = part.inputs
            if len(part.times):
                values = integrator.propagate_grid([part.begin, *part.times])[-1][1:]
                out[part.marks] = values[:, n:].reshape(-1, n, count)
            if not len(part.times) or part.times[-1] < part.end:
                integrator.propagate_until(part.end)
        return out
