"""LLVM IR to machine code through llvmlite, kept on disk.

Objects are kept by the hash of the IR, the processor and the versions. A second name may lead to one, such as that of
the model from which the IR would be written. What is kept is put into memory without LLVM where that is possible
(`image`), and then llvmlite is not imported either.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import platform
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pkpd_mdr.engine.machine import disk, image
from pkpd_mdr.engine.machine.lanes import MERGED
from pkpd_mdr.errors import SimulationError

__all__ = [
    "Library",
    "NoLlvmError",
    "available",
    "is_kept",
    "key_of",
    "load",
    "load_kept",
    "mathematics",
    "preferred_width",
]

_OPTIMISE = 2
"""How hard LLVM works. Its passes over the IR take as long as all else, but without them every step takes longer."""
_QUICK = (
    "always_inliner",
    "sroa",
    "new_gvn",
    "instruction_combine",
    "dead_store_elimination",
    "aggressive_dce",
    "global_dead_code_eliminate",
)
"""The passes over a text that tells which functions are merged (`lanes.merged`): they take a fraction of the time."""
_LARGE = 4_000_000
"""Characters of a text beyond which LLVM does no more than it has to: where each of fifty clones feels each other, its
passes take longer than most studies of such a model. Steps take longer without them; bits stay."""
_MATHEMATICS = ("exp", "floor", "lgamma", "log", "log1p", "pow", "sqrt")
_KEPT = 64
_lock = threading.RLock()
_loaded: OrderedDict[str, Library] = OrderedDict()
_state: dict[str, Any] = {}


class NoLlvmError(SimulationError):
    """There is no llvmlite to compile with; SciPy can still solve the model."""


class Library:
    """Machine code in memory.

    Parameters
    ----------
    engine : object
        The image, or execution engine of llvmlite, that owns the code; kept alive with it.
    origin : str
        ``"compiled"`` or ``"disk"``.
    """

    def __init__(self, engine: Any, origin: str) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._calls: dict[str, Callable[..., None]] = {}
        self.origin = origin

    def address(self, name: str) -> int:
        """Address of a function; 0 when the module has none of that name."""
        found = self._addresses.get(name)
        if found is None:
            found = self._addresses[name] = int(self._engine.get_function_address(name))
        return found

    def numbers(self, name: str, count: int) -> list[int]:
        """Whole numbers that the module tells of itself, as `lanes.numbers` wrote them."""
        return list((ctypes.c_int64 * count).from_address(self._engine.get_global_value_address(name)))

    def call(self, name: str, arguments: int) -> Callable[..., None]:
        """A function of `arguments` addresses, callable from Python."""
        found = self._calls.get(name)
        if found is None:
            kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
            found = self._calls[name] = kind(self.address(name))
        return found


def available() -> bool:
    """Whether llvmlite is installed and knows this processor, and the system executes what it makes."""
    try:
        _host()
    except (ImportError, OSError, RuntimeError):
        return False
    return image.may_execute()


def preferred_width() -> int:
    """Lanes for ensembles: 8 with AVX-512, 4 elsewhere on x86, 2 on ARM.

    A vector fills one register: larger models run out of registers where each value takes two.

    Examples
    --------
    >>> preferred_width() in (2, 4, 8)
    True
    """
    features = _host()[1]
    if "+avx512f" in features:
        return 8
    return 4 if "+sse2" in features else 2


def load(text: str, key: str = "", *, also: str = "") -> Library:
    """Machine code of a module: from memory, from disk, or compiled now.

    Parameters
    ----------
    text : str
        LLVM IR.
    key : str
        Under which it is kept; that of its text when not given.
    also : str, optional
        A second key, for `load_kept`, under which the same object is found on disk.

    Returns
    -------
    Library

    Raises
    ------
    NoLlvmError
        llvmlite is missing.
    SimulationError
        It refuses the module.
    """
    try:
        key = key or key_of(text.encode())
        with _lock:
            library = _loaded.pop(key, None) or _from_disk(key) or _compile(text, key)
            _loaded[key] = library
            while len(_loaded) > _KEPT:
                _loaded.popitem(last=False)
    except ImportError as problem:
        raise NoLlvmError(
            "the compiled engine needs llvmlite, which is not installed; "
            "pip install llvmlite numba, or use method='auto'"
        ) from problem
    if also:
        disk.also_named(key, also)
    return library


def mathematics() -> frozenset[str]:
    """Functions of the C library that machine code may call."""
    return frozenset(name for name in _MATHEMATICS if _function(name) is not None)


def load_kept(key: str) -> Library | None:
    """Machine code that is on disk under a key; None when there is none, or it cannot be used."""
    return _from_disk(key) if is_kept(key) else None


def is_kept(key: str) -> bool:
    """Whether there is an object on disk under a key."""
    return disk.there(key) and available()


def key_of(*parts: bytes) -> str:
    """A key for what is made of some texts on this machine, with these versions."""
    head = "|".join([_version(), platform.machine(), sys.platform, str(_OPTIMISE), *_QUICK, *_host(), ""])
    return hashlib.sha256(b"".join([head.encode(), *parts])).hexdigest()[:32]


# -- this machine -----------------------------------------------------------------------------------------


@cache
def _version() -> str:
    """Of llvmlite, which is not imported for it."""
    try:
        return version("llvmlite")
    except PackageNotFoundError as problem:
        raise ImportError("llvmlite is not installed") from problem


def _host() -> tuple[str, str]:
    """Name and features of the processor as LLVM tells them; kept on disk, because asking LLVM means importing it."""
    with _lock:
        if "host" not in _state:
            marks = _marks()
            key = f"processor-{hashlib.sha256(f'{_version()}|{marks}'.encode()).hexdigest()[:32]}"
            known = disk.read(key) if marks else None
            if known is None:
                llvm = _llvm()
                known = json.dumps([llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]).encode()
                _machine_for(*json.loads(known))  # which LLVM may refuse
                if marks:
                    disk.write(key, known)
            _state["host"] = tuple(json.loads(known))
        return _state["host"]  # type: ignore[no-any-return]


def _marks() -> str:
    """What the system says of its first processor that does not change from moment to moment; nothing if unknown."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            first = file.read(16384).split("\n\n", 1)[0]
    except OSError:
        return ""
    return "\n".join(line for line in first.splitlines() if not line.startswith(("cpu MHz", "bogomips", "BogoMIPS")))


@cache
def _function(name: str) -> int | None:
    """Address of a function of the C library; None where it has none of that name."""
    found = getattr(_c_library(), name, None)
    return None if found is None else ctypes.cast(found, ctypes.c_void_p).value


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


# -- llvmlite ---------------------------------------------------------------------------------------------


def _llvm() -> Any:
    """The binding of llvmlite, ready for this processor."""
    with _lock:
        if "llvm" not in _state:
            llvm = import_module("llvmlite.binding")
            with contextlib.suppress(RuntimeError):  # newer llvmlite initialises itself and says so
                llvm.initialize()
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            for name in mathematics():
                llvm.add_symbol(name, _function(name))
            _state["llvm"] = llvm
        return _state["llvm"]


def _new_machine(level: int = _OPTIMISE) -> Any:
    return _machine_for(*_host(), level)


def _machine_for(cpu: str, features: str, level: int = _OPTIMISE) -> Any:
    return _llvm().Target.from_default_triple().create_target_machine(opt=level, cpu=cpu, features=features)


def _compile(text: str, key: str) -> Library:
    llvm = _llvm()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as problem:
        raise SimulationError(
            f"the machine code of this model cannot be built ({problem}); use method='auto' and report this model"
        ) from problem
    level = _OPTIMISE if len(text) <= _LARGE else 0
    machine = _new_machine(level)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
    passes = builder.getModulePassManager()
    if level and text.startswith(MERGED):
        passes = llvm.create_new_module_pass_manager()
        for name in _QUICK:
            getattr(passes, f"add_{name}_pass")()
    passes.run(module, builder)
    body = machine.emit_object(module)
    made, placed = image.linked(body), None
    if made is not None:
        with contextlib.suppress(RuntimeError):  # it needs a function that only LLVM has
            placed, body = image.Image(made, _function), made
    disk.write(key, body)
    return Library(placed or _linked(body), "compiled")


def _from_disk(key: str) -> Library | None:
    body = disk.read(key)
    if body is None:
        return None
    try:
        return Library(image.Image(body, _function) if image.is_image(body) else _linked(body), "disk")
    except (RuntimeError, ValueError):
        return None


def _linked(body: bytes) -> Any:
    """An object put into memory by LLVM, ready to be called."""
    llvm, machine = _llvm(), _new_machine()
    empty = llvm.parse_assembly("")
    empty.triple, empty.data_layout = machine.triple, str(machine.target_data)
    engine = llvm.create_mcjit_compiler(empty, machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(body))
    engine.finalize_object()
    return engine
