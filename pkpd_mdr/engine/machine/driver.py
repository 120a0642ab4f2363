"""The lane driver compiled by numba once per machine, or the plain Python loop until then and where numba is missing.

Compiled code is kept on disk (`disk`). The environment variable ``PKPD_MDR_DRIVER`` asks for the
plain loop (``python``) or for compiling at the first use (``numba``).
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from pkpd_mdr.engine.machine import disk, entry, native, records
from pkpd_mdr.engine.machine.records import Floats

_log = logging.getLogger("pkpd_mdr")
_Drive = TypeVar("_Drive", bound=Callable[..., Any])
_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}
_PATIENCE = 30.0  # seconds in the plain loop of one process: about what compiling takes, so it at most doubles the wait

__all__ = ["aligned", "aligned_parts", "compiled_loop", "has_numba", "is_compiled"]


def has_numba() -> bool:
    """Whether the driver can be compiled; without it the loop runs in Python, an order of magnitude slower."""
    return os.environ.get("PKPD_MDR_DRIVER", "") != "python" and _installed()


@cache
def _installed() -> bool:
    return find_spec("numba") is not None  # a search of all folders, too long for every run


def aligned(*shape: int) -> Floats:
    """Zeros that begin at a multiple of 64 bytes.

    Examples
    --------
    >>> aligned(3, 8).ctypes.data % 64
    0
    """
    size = math.prod(shape)
    raw = np.zeros(size + 8)
    first = (-raw.ctypes.data % 64) // 8
    return raw[first : first + size].reshape(shape)


def aligned_parts(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Zeros of several shapes in one piece of memory, each beginning at a multiple of 64 bytes.

    Examples
    --------
    >>> {name: part.shape for name, part in aligned_parts({"y": (3, 8), "t": (8,)}).items()}
    {'y': (3, 8), 't': (8,)}
    """
    sizes = [-(-math.prod(shape) // 8) * 8 for shape in shapes.values()]
    whole, found, at = aligned(sum(sizes)), {}, 0
    for (name, shape), size in zip(shapes.items(), sizes, strict=True):
        found[name] = whole[at : at + math.prod(shape)].reshape(shape)
        at += size
    return found


def compiled_loop(drive: _Drive, helpers: Sequence[Callable[..., Any]], *, worth: bool) -> _Drive:
    """A driver as fast as it can be here, now.

    Parameters
    ----------
    drive : callable
        Takes records such as `records.Run`, and the first and last of the members to solve.
    helpers : sequence of callable
        Functions that it calls.
    worth : bool
        Whether there is so much to do that compiling (about half a minute) pays at once.

    Returns
    -------
    callable
        Compiled where that is done, kept on disk, worth it, asked for, or where this process has spent half a minute in
        the plain loop (a fit is thousands of small calls); else the plain loop, some ten times slower.
    """
    if not has_numba():
        _say_slow()
        return drive
    if (made := _drivers.get(drive)) is not None:
        return cast(_Drive, made)
    asked = worth or os.environ.get("PKPD_MDR_DRIVER", "") == "numba" or _spent.get(drive, 0.0) > _PATIENCE
    if not asked and not native.is_kept(_key(drive)):
        return cast(_Drive, _counted(drive))
    with _lock:
        return cast(_Drive, _drivers.setdefault(drive, _Driver(drive, tuple(helpers))))


def is_compiled(drive: Callable[..., Any]) -> bool:
    """Whether `compiled_loop` gave machine code, or code that is compiled at its first call."""
    return isinstance(drive, _Driver)


_spent: dict[Callable[..., Any], float] = {}


@cache
def _counted(drive: Callable[..., Any]) -> Callable[..., Any]:
    """The plain loop, with its seconds counted."""

    @wraps(drive)
    def run(*given: Any) -> Any:
        """Call the loop and count the seconds (wall clock) that it took."""
        begin = time.perf_counter()
        try:
            return drive(*given)
        finally:
            _spent[drive] = _spent.get(drive, 0.0) + time.perf_counter() - begin

    return run


@cache
def _say_slow() -> None:
    """Say once that the loop is not compiled."""
    _log.warning("numba is not installed or not asked for: the engine's loop runs in Python, some ten times slower")


_drivers: dict[Callable[..., Any], _Driver] = {}
_lock = threading.RLock()


class _Driver:
    """A driver in machine code, from disk or compiled at its first call.

    Parameters
    ----------
    drive : callable
    helpers : tuple of callable
    """

    def __init__(self, drive: Callable[..., Any], helpers: tuple[Callable[..., Any], ...]) -> None:
        self._drive, self._helpers = drive, helpers
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *given: Any) -> Any:
        with _lock:
            compiled = self._compiled = self._compiled or self._from_disk() or self._compile(given)
        return compiled(*given)

    def _from_disk(self) -> Callable[..., Any] | None:
        library = native.load_kept(_key(self._drive))
        return None if library is None else entry.call(library)

    def _compile(self, given: tuple[Any, ...]) -> Callable[..., Any]:
        """Compile; without reference counts, which cost more than the steps, as nothing is allocated."""
        _log.warning("the loop of the engine is compiled, once for this machine and version; this takes up to a minute")
        numba = import_module("numba")
        extending = import_module("numba.extending")
        _teach_invoke()
        for helper in self._helpers:
            extending.register_jitable(forceinline=True)(helper)  # a call would copy all arrays' shapes and strides
        compiled: Callable[..., Any] = numba.njit(**_OPTIONS)(self._drive)
        text = entry.object_text(compiled, given, **_OPTIONS)
        if text is None:
            _log.warning("the engine's loop cannot be kept on disk: each process compiles it anew")
            return compiled
        return entry.call(native.load(text, _key(self._drive)))


@cache
def _key(drive: Callable[..., Any]) -> str:
    """Of a driver's object: the content of all sources that it is made of, and versions."""
    rooms = {Path(__file__).parent, Path(drive.__code__.co_filename).parent}
    return f"{disk.DRIVER}{drive.__name__}-{native.key_of(version('numba').encode(), disk.sources(*sorted(rooms)))}"


@cache
def _teach_invoke() -> None:
    """Let compiled code call `records.invoke`: a call of a function pointer with addresses as arguments."""
    ir = import_module("llvmlite.ir")
    types = import_module("numba.core.types")
    extending = import_module("numba.extending")

    def typed(context: Any, address: Any, pointers: Any) -> Any:
        """Type of a call through an address: nothing is returned."""

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            """Write the call of the function at the address with all pointers."""
            word = ir.IntType(64)
            kind = ir.FunctionType(ir.VoidType(), [word] * pointers.count)
            function = builder.inttoptr(arguments[0], kind.as_pointer())
            builder.call(function, [builder.extract_value(arguments[1], i) for i in range(pointers.count)])
            return target.get_dummy_value()

        return types.void(types.intp, pointers), generate

    call = extending.intrinsic(typed)

    def implementation(address: Any, pointers: Any) -> Any:
        """What numba takes in place of `records.invoke`."""
        return lambda address, pointers: call(address, pointers)

    extending.overload(records.invoke, strict=False)(implementation)
