"""A model as machine code: functions for each number of lanes and each set of outputs, and benches to run them on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import sympy as sp

from pkpd_mdr.engine.lowering import Compiled, FloatArray
from pkpd_mdr.engine.machine import disk, driver, native, records
from pkpd_mdr.engine.machine.kernels import Kernels, targets_of
from pkpd_mdr.engine.machine.outline import Decompositions, Outline
from pkpd_mdr.engine.machine.program import Line, lower, lower_line
from pkpd_mdr.engine.machine.stepper import Sizes, guard_module, observe_module, step_module
from pkpd_mdr.engine.machine.tangent import Arrays, guard_by_module, in_order, observe_by_module, tangent_module
from pkpd_mdr.engine.member import NOISE
from pkpd_mdr.engine.reference import Accuracy
from pkpd_mdr.engine.status import Watch
from pkpd_mdr.engine.timeline import Timeline

__all__ = ["BenchKey", "MachineCode"]

_KEPT, _MANY, _BENCHES = 64, 64, 4
_FIRST_STEP = 0.01
_SHARE, _FINEST = 6.0, 1e-13
"""Steps are judged by a sixth of rtol: errors add up, and grow where trajectories part (by more than ten times the
tolerance of a step in some models of the gallery). So results keep rtol within a factor of five, which
tests/engine/test_accuracy.py holds.
"""
_BY_LANE = (
    "t", "h", "used", "take", "x", "amount", "target", "due", "active", "steps", "stretch", "after", "verdict",
)  # fmt: skip
Made = TypeVar("Made")
Lowered = tuple[list[Line], records.Program, int]
BenchKey = tuple[int, bool, int, int, int, int]
"""Lanes, whether linear parts are in closed form, outputs, numbers in a parameter row, remembered steps, conditions."""
_codes: OrderedDict[str, MachineCode] = OrderedDict()
_lock = threading.RLock()


@cache
def _makers() -> bytes:
    """Which code makes modules of a structure: all between the text that its hash is of and LLVM IR."""
    package = Path(__file__).parents[2]
    rooms = [package / "model", package / "engine", package / "engine" / "machine"]
    formulas = (package / "expression.py").read_bytes()
    return disk.sources(*rooms) + formulas + str(sp.__version__).encode()


class MachineCode:
    """A model as machine code, for each number of lanes that was asked for.

    Parameters
    ----------
    compiled : Compiled
    """

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self._once: dict[Hashable, Any] = {}
        self._benches: dict[Hashable, list[Any]] = {}
        # the timelines are kept too, so that their identities stay theirs
        self._programs: OrderedDict[Any, tuple[tuple[Timeline, ...], Lowered]] = OrderedDict()

    @classmethod
    def of(cls, compiled: Compiled) -> MachineCode:
        """The machine code of a model; the last 64 are kept."""
        with _lock:
            found = _codes.pop(compiled.structure_hash, None) or cls(compiled)
            _codes[compiled.structure_hash] = found
            while len(_codes) > _KEPT:
                _codes.popitem(last=False)
            return found

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What is made once for the model, and kept."""
        found: Made | None = self._once.get(key)
        if found is None:
            with _lock:
                found = self._once.get(key)
                if found is None:
                    found = self._once[key] = make()
        return found

    @property
    def kernels(self) -> Kernels:
        """The graph; read when it is needed, which it is not where all that a run takes is on disk."""
        return self.once("kernels", lambda: Kernels(self.compiled))

    @cached_property
    def outline(self) -> Outline:
        """How the model is run."""
        key = self._key("outline")
        known = disk.read(key)
        if known is not None:
            return Outline.from_text(known)
        found = Outline.of(self.kernels)
        disk.write(key, found.to_text())
        return found

    @cached_property
    def decompositions(self) -> Decompositions:
        """Those of its linear parts."""
        return Decompositions(
            self.outline, lambda rows, width: self.each("asked", rows, self.outline.asked, width, driven=True)
        )

    def step(self, width: int, driven: bool = False) -> tuple[native.Library, Sizes]:
        """The functions of a step over `width` lanes, linear parts in closed form or not, and array sizes."""

        def make() -> tuple[native.Library, Sizes]:
            """Load or compile it."""
            library = self._load(lambda: step_module(self.kernels, width, driven=driven), "step", width, driven)
            return library, Sizes.of(library)

        return self.once(("step", width, driven), make)

    def each(self, function: str, rows: FloatArray, size: int, width: int, *, driven: bool = False) -> FloatArray:
        """What a function of the step writes for each parameter row, such as ``start(p, y)``; `width` rows at a time.

        Returns
        -------
        ndarray, shape (rows, size)
        """
        call = self.step(width, driven)[0].call(function, 2)
        whole = np.empty((len(rows), size))
        if width == 1 == len(rows):  # a single run: arrays of its own would take longer than the function
            row = np.ascontiguousarray(rows)
            call(row.ctypes.data, whole.ctypes.data)
            return whole
        parts = driver.aligned_parts({"p": (rows.shape[1], width), "found": (size, width)})
        p, found = parts["p"], parts["found"]
        at = p.ctypes.data, found.ctypes.data
        for begin in range(0, len(rows), width):
            block = rows[begin : begin + width]
            p[:, : len(block)] = block.T
            call(*at)
            whole[begin : begin + len(block)] = found.T[: len(block)]
        return whole

    def observer(self, width: int, outputs: tuple[str, ...]) -> native.Library:
        """The function that computes outputs over `width` lanes."""
        key = "observe", width, outputs
        return self.once(key, lambda: self._load(lambda: observe_module(self.kernels, outputs, width), *key))

    def guard(self, width: int, watched: tuple[str, ...]) -> native.Library:
        """The function that computes the model's conditions and watched outputs over `width` lanes."""
        return self.once(("guard", width, watched), lambda: native.load(guard_module(self.kernels, watched, width)))

    def tangent(self, columns: tuple[str, ...], *, whole: bool, driven: bool) -> tuple[native.Library, Arrays]:
        """The functions that carry derivatives by some parameters, and the sizes of their arrays."""
        key = "tangent", columns, whole, driven

        def make() -> tuple[native.Library, Arrays]:
            """Load or compile it."""
            library = self._load(lambda: tangent_module(self.kernels, columns, whole=whole, driven=driven), *key)
            return library, Arrays.of(library)

        return self.once(key, make)

    def order(self, columns: tuple[str, ...]) -> records.Integers:
        """The order in which columns are solved, as their places among those given."""
        return self.once(("order", columns), lambda: np.array(in_order(self.kernels, columns), dtype=np.int64))

    def observer_by(self, outputs: tuple[str, ...], columns: tuple[str, ...]) -> native.Library:
        """The function that differentiates outputs."""
        key = "observe_by", outputs, columns
        return self.once(key, lambda: self._load(lambda: observe_by_module(self.kernels, outputs, columns), *key))

    def guard_by(self, watched: tuple[str, ...], columns: tuple[str, ...]) -> native.Library:
        """The function that differentiates conditions and watched outputs."""
        return self.once(
            ("guard_by", watched, columns), lambda: native.load(guard_by_module(self.kernels, watched, columns))
        )

    def _load(self, write: Callable[[], str], *what: object) -> native.Library:
        """Machine code; its text is written only where no object of this model's structure is on disk.

        A model with conditions has its text written: its modes are numbered as they are met in the rates, and what is
        kept must number them as this process does.
        """
        if self.outline.conditions:
            return native.load(write())
        key = self._key(*what)
        return native.load_kept(key) or native.load(write(), also=key)

    def _key(self, *what: object) -> str:
        return native.key_of(_makers(), repr((self.compiled.structure_hash, *what)).encode())

    def program(self, timelines: tuple[Timeline, ...], window: tuple[float, float] | None) -> Lowered:
        """Timelines as arrays; the last few are kept, because fits solve the same ones again and again."""
        key = window, tuple(map(id, timelines))
        with _lock:
            kept = self._programs.pop(key, None)
            if kept is None:
                lines = [lower_line(self.compiled, timeline, window) for timeline in timelines]
                kept = timelines, (lines, *lower(self.compiled, lines, targets_of(self.compiled)))
            if len(timelines) <= _MANY:
                self._programs[key] = kept
            while len(self._programs) > _KEPT:
                self._programs.popitem(last=False)
            return kept[1]

    def machine(
        self, width: int, outputs: tuple[str, ...], watched: tuple[str, ...] = (), *, driven: bool = False
    ) -> records.Machine:
        """Addresses for the driver."""
        key = width, outputs, watched, driven
        return self.once(("machine", *key), lambda: self._machine(*key))

    def _machine(self, width: int, outputs: tuple[str, ...], watched: tuple[str, ...], driven: bool) -> records.Machine:
        library, _ = self.step(width, driven)
        guarded = bool(watched or self.outline.conditions)
        acts = np.array([library.address(f"act_{i}") for i in range(len(self.compiled.ports))], dtype=np.int64)
        return records.Machine(
            prepare=library.address("prepare"),
            start=library.address("start"),
            step=library.address("step"),
            march=library.address("march"),
            dense=library.address("dense"),
            observe=self.observer(width, outputs).address("observe"),
            guard=self.guard(width, watched).address("guard") if guarded else 0,
            acts=acts,
        )

    @contextmanager
    def bench(self, key: Hashable, make: Callable[[], Made]) -> Iterator[Made]:
        """Working arrays with their addresses, for one run at a time; kept for the next that needs the like."""
        with _lock:
            kept = self._benches.setdefault(key, [])
            found: Made | None = kept.pop() if kept else None
        made = make() if found is None else found
        yield made
        with _lock:
            if len(kept) < _BENCHES:
                kept.append(made)

    def lanes(self, key: BenchKey) -> tuple[records.Lanes, records.Pointers]:
        """New lanes, and where their arrays are; to be had by `bench`."""
        width, driven, outputs, rows, memories, guards = key
        _, sizes = self.step(width, driven)
        n = sizes.states
        shapes = {
            "y": n, "w": n, "k": 8 * n, "p": rows, "q": sizes.slots, "u": sizes.inputs + guards, "work": sizes.work,
            "out": n, "rates": len(self.compiled.ports), "memo": memories, "high": n, "e": 2, "seen": outputs,
            "g": guards,
        }  # fmt: skip
        arrays: dict[str, Any] = driver.aligned_parts({name: (size, width) for name, size in shapes.items()})
        arrays |= driver.aligned_parts(dict.fromkeys(_BY_LANE, (width,)))
        arrays["y"][:], arrays["p"][:], arrays["used"][:] = 1.0, 1.0, 1e-3
        whole: dict[str, Any] = {name: np.zeros(width, dtype=np.int64) for name in ("place", "memory", "fresh", "row")}
        whole |= {"member": np.full(width, -1, dtype=np.int64), "which": np.zeros(1 + width, dtype=np.int64)}
        lanes = records.Lanes(**arrays, **whole)
        names = [name for name in records.Pointers._fields if name not in ("tolerances", "most")]
        found: dict[str, int] = {name: getattr(lanes, name).ctypes.data for name in names}
        return lanes, records.Pointers(tolerances=0, most=0, **found)

    def control(self, accuracy: Accuracy, watches: tuple[Watch, ...]) -> tuple[records.Control, dict[str, int]]:
        """An accuracy, and what is watched, as the drivers read it, with what it adds to `records.Pointers`."""
        key = "control", accuracy.rtol, accuracy.atol, accuracy.budget, watches
        return self.once(key, lambda: self._control(accuracy, watches))

    def _control(self, accuracy: Accuracy, watches: tuple[Watch, ...]) -> tuple[records.Control, dict[str, int]]:
        compiled, conditions = self.compiled, self.kernels.conditions if self.outline.conditions else []
        scale = compiled.scale
        loose = np.where(compiled.guarded, max(1e3 * accuracy.atol, NOISE) * scale, -1.0)
        slack = np.stack([np.full(len(scale), 1e3 * accuracy.rtol), loose], axis=1).ravel()
        tolerances = np.concatenate([[max(accuracy.rtol / _SHARE, _FINEST)], accuracy.atol * scale])
        inclusive = np.array([*(c.inclusive for c in conditions), *(False for _ in watches)], dtype=np.int64)
        direction = np.array([*(0 for _ in conditions), *(w.direction for w in watches)], dtype=np.int64)
        most = np.array([max(accuracy.budget // 8, 1)], dtype=float)
        control = records.Control(tolerances, slack, most, _FIRST_STEP, inclusive, direction, len(watches))
        return control, {"tolerances": tolerances.ctypes.data, "most": most.ctypes.data}
