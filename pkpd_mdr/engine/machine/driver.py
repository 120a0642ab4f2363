"""The lane driver compiled by numba once per machine, or the plain Python loop until then and where numba is missing.

Compiled code is kept in the cache folder of `native.py`. The environment variable ``PKPD_MDR_DRIVER`` asks for the
plain loop (``python``) or for compiling at the first use (``numba``).
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pkpd_mdr.engine.machine import native, records
from pkpd_mdr.engine.machine.records import Floats

_log = logging.getLogger("pkpd_mdr")
_OPTIONS: Any = {"nogil": True, "error_model": "numpy", "_nrt": False}

__all__ = ["aligned", "aligned_parts", "compiled_loop", "has_numba"]


def has_numba() -> bool:
    """Whether the driver can be compiled; without it the loop runs in Python, an order of magnitude slower."""
    return os.environ.get("PKPD_MDR_DRIVER", "") != "python" and find_spec("numba") is not None


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


def compiled_loop(
    drive: Callable[..., None], helpers: Sequence[Callable[..., Any]], *, worth: bool
) -> Callable[..., None]:
    """A driver as fast as it can be here, now.

    Parameters
    ----------
    drive : callable
    helpers : sequence of callable
        Functions that it calls.
    worth : bool
        Whether there is so much to do that compiling (about ten seconds) pays at once.

    Returns
    -------
    callable
        Compiled where that is done, kept on disk, worth it or asked for; else as it is, some ten times slower.
    """
    if not has_numba():
        _say_slow()
        return drive
    asked = worth or os.environ.get("PKPD_MDR_DRIVER", "") == "numba"
    return _compile(drive, tuple(helpers)) if asked or _warm(drive) else drive


@cache
def _say_slow() -> None:
    """Say once that the loop is not compiled."""
    _log.warning("numba is not installed or not asked for: the engine's loop runs in Python, some ten times slower")


_done: set[Callable[..., None]] = set()


def _warm(drive: Callable[..., None]) -> bool:
    """Whether a driver is compiled, in this process or on disk."""
    if drive not in _done:
        folder = _folder()
        if not folder or not any(Path(folder).rglob(f"*.{drive.__name__}-*.nbi")):
            return False
        _done.add(drive)
    return True


@cache
def _compile(drive: Callable[..., None], helpers: tuple[Callable[..., Any], ...]) -> Callable[..., None]:
    """Compile once per machine; without reference counts, which cost more than the steps, as nothing is allocated."""
    numba = import_module("numba")
    extending = import_module("numba.extending")
    _teach_invoke()
    for helper in helpers:
        extending.register_jitable(forceinline=True)(helper)  # a call would copy all arrays' shapes and strides
    config: Any = import_module("numba.core.config")
    before, folder = config.CACHE_DIR, _folder()
    config.CACHE_DIR = folder or before
    try:
        compiled: Callable[..., None] = numba.njit(cache=bool(folder), **_OPTIONS)(drive)
    except RuntimeError:  # numba finds no folder to write to
        compiled = numba.njit(**_OPTIONS)(drive)
    finally:
        config.CACHE_DIR = before
    _done.add(drive)
    return compiled


def _folder() -> str:
    """Where compiled drivers are kept: by the content of all sources, which numba does not see as a whole."""
    folder = native.cache_folder()
    if folder is None:
        return ""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    versions = f"{sys.version_info[:2]} {version('numba')} {platform.machine()}".encode()
    content = hashlib.sha256(b"".join([versions, *(path.read_bytes() for path in sources)])).hexdigest()[:12]
    return str(folder / f"driver-{content}")


@cache
def _teach_invoke() -> None:
    """Let compiled code call `records.invoke`: a call of a function pointer with addresses as arguments."""
    ir = import_module("llvmlite.ir")
    types = import_module("numba.core.types")
    extending = import_module("numba.extending")

    def typed(context: Any, address: Any, pointers: Any) -> Any:
        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            kind = ir.FunctionType(ir.VoidType(), [word] * pointers.count)
            function = builder.inttoptr(arguments[0], kind.as_pointer())
            builder.call(function, [builder.extract_value(arguments[1], i) for i in range(pointers.count)])
            return target.get_dummy_value()

        return types.void(types.intp, pointers), generate

    call = extending.intrinsic(typed)

    def implementation(address: Any, pointers: Any) -> Any:
        return lambda address, pointers: call(address, pointers)

    extending.overload(records.invoke, strict=False)(implementation)
