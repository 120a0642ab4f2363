"""diffrax: double precision, jitted scan over stretches, vmapped over the members of an ensemble."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from peers.problem import Problem

jax.config.update("jax_enable_x64", True)

NAME, VERSION = "diffrax", diffrax.__version__
BATCH = 64
OPTIONS = f"Tsit5 (Kvaerno5 was far slower), x64, jit, PID control, lax.scan over stretches, vmap of {BATCH} members"


class Solver:
    decades = (-4.0, -9.0)
    expensive = True

    def __init__(self, problem: Problem) -> None:
        self.problem, parts = problem, problem.stretches
        function = problem.function("jax")
        widest = max(1, *(len(part.times) for part in parts))
        times = np.array([[*part.times, *[part.end] * (widest - len(part.times))] for part in parts])
        given = (
            np.array([part.begin for part in parts]), np.array([part.end for part in parts]),
            np.array([part.added for part in parts]), np.array([part.inputs for part in parts]), times,
        )  # fmt: skip
        self.pick = [(i, j) for i, part in enumerate(parts) for j in range(len(part.times))]

        def one(row: jax.Array, rtol: jax.Array) -> jax.Array:
            def stretch(y: jax.Array, part: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
                begin, end, added, inputs, wanted = part
                found = diffrax.diffeqsolve(
                    diffrax.ODETerm(lambda t, z, _: jnp.stack(function(z, row, inputs))),
                    diffrax.Tsit5(), begin, end, None, y + added,
                    saveat=diffrax.SaveAt(subs=(diffrax.SubSaveAt(ts=wanted), diffrax.SubSaveAt(t1=True))),
                    stepsize_controller=diffrax.PIDController(rtol=rtol, atol=1e-3 * rtol),
                    max_steps=None, throw=False,
                )  # fmt: skip
                values, last = found.ys
                return last[0], values

            return jax.lax.scan(stretch, jnp.asarray(problem.start), given)[1]

        self.one, self.many = jax.jit(one), jax.jit(jax.vmap(one, (0, None)))

    def solve(self, rows: np.ndarray, rtol: float) -> np.ndarray:
        if len(rows) < BATCH:
            return np.array([self._marks(np.asarray(self.one(row, rtol))) for row in rows])
        out = []
        for first in range(0, len(rows), BATCH):
            block = rows[first : first + BATCH]
            full = np.concatenate([block, np.repeat(block[-1:], BATCH - len(block), axis=0)])
            values = np.asarray(self.many(full, rtol))[: len(block)]
            out += [self._marks(member) for member in values]
        return np.array(out)

    def _marks(self, values: np.ndarray) -> np.ndarray:
        chosen = np.array([values[i, j] for i, j in self.pick])
        return np.concatenate([self.problem.start[None], chosen])
