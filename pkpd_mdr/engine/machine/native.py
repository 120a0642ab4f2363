"""LLVM IR to machine code through llvmlite, kept on disk.

Objects are kept by the hash of the IR, the processor and the versions, in the user's cache folder (or where the
environment variable ``PKPD_MDR_CACHE`` says; ``off`` keeps nothing). A second name may lead to one, such as that of the
model from which the IR would be written. A file is written beside its place and then moved there, so that readers and
other writers never see half of it; a file that cannot be read or written is as good as none. Of too many files those go
that were not used for longest.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pkpd_mdr.errors import SimulationError

__all__ = [
    "DRIVER", "Library", "available", "cache_folder", "kept", "key_of", "load", "load_kept", "mathematics",
    "preferred_width", "sources",
]  # fmt: skip

DRIVER = "driver-"
"""How keys of drivers begin: they take long to make, and models do not push them out of the folder."""
_FORMAT = b"pkpd-mdr object 1\n"
_OPTIMISE = 2
"""How hard LLVM works. Its passes over the IR take as long as all else, but without them every step takes longer."""
_LARGE = 4_000_000
"""Characters of a text beyond which LLVM does no more than it has to: where each of fifty clones feels each other, its
passes take longer than most studies of such a model. Steps take longer without them; bits stay."""
_MATHEMATICS = ("exp", "floor", "lgamma", "log", "log1p", "pow", "sqrt")
_KEPT = 64
_MOST_FILES = {"": 2000, DRIVER: 12}
_lock = threading.RLock()
_loaded: OrderedDict[str, Library] = OrderedDict()
_state: dict[str, Any] = {}


class Library:
    """Machine code in memory.

    Parameters
    ----------
    engine : object
        The llvmlite execution engine that owns the code; kept alive with it.
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
    """Whether llvmlite is installed and knows this processor."""
    try:
        _machine()
    except (ImportError, OSError, RuntimeError):
        return False
    return True


def preferred_width() -> int:
    """Lanes for ensembles: 8 with AVX-512, 4 elsewhere on x86, 2 on ARM.

    A vector fills one register: larger models run out of registers where each value takes two.

    Examples
    --------
    >>> preferred_width() in (2, 4, 8)
    True
    """
    features = _host_features()
    if "+avx512f" in features:
        return 8
    return 4 if "+sse2" in features else 2


def cache_folder() -> Path | None:
    """Where objects are kept; None when nothing is kept."""
    given = os.environ.get("PKPD_MDR_CACHE", "")
    if given.lower() == "off":
        return None
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pkpd_mdr"


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
    SimulationError
        llvmlite is missing or refuses the module.
    """
    try:
        machine = _machine()
    except ImportError as problem:
        raise SimulationError(
            "the compiled engine needs llvmlite, which is not installed; "
            "pip install llvmlite numba, or use method='auto'"
        ) from problem
    key = key or key_of(text.encode())
    with _lock:
        library = _loaded.pop(key, None) or _from_disk(key, machine) or _compile(text, key, machine)
        _loaded[key] = library
        while len(_loaded) > _KEPT:
            _loaded.popitem(last=False)
    if also:
        _link_file(key, also)
    return library


def mathematics() -> frozenset[str]:
    """Functions of the C library that machine code may call; LLVM is told where they are."""
    if "mathematics" not in _state:
        _machine()
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        found = {name: getattr(library, name) for name in _MATHEMATICS if hasattr(library, name)}
        for name, function in found.items():
            _state["llvm"].add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
        _state["mathematics"] = frozenset(found)
    return _state["mathematics"]  # type: ignore[no-any-return]


def load_kept(key: str) -> Library | None:
    """Machine code that is on disk under a key; None when there is none, or it cannot be used."""
    if not kept(key):
        return None
    mathematics()
    return _from_disk(key, _machine())


def kept(key: str) -> bool:
    """Whether there is an object on disk under a key."""
    folder = cache_folder()
    return folder is not None and available() and (folder / f"{key}.o").is_file()


def sources(*rooms: Path) -> bytes:
    """A digest of the source files of some folders: what other code made has another key."""
    return hashlib.sha256(b"".join(map(_room, rooms))).digest()


@cache
def _room(room: Path) -> bytes:
    """A digest of the source files of one folder; kept under their sizes and times, as Python keeps bytecode."""
    with os.scandir(room) as entries:
        files = sorted((item.path, item.stat()) for item in entries if item.name.endswith(".py"))
    stamps = repr([(path, found.st_size, found.st_mtime_ns) for path, found in files]).encode()
    key = f"sources-{hashlib.sha256(stamps).hexdigest()[:32]}"
    digest = _read(key)
    if digest is None:
        digest = hashlib.sha256(b"".join(Path(path).read_bytes() for path, _ in files)).digest()
        _write(key, digest)
    return digest


def key_of(*parts: bytes) -> str:
    """A key for what is made of some texts on this machine, with these versions."""
    _machine()
    versions = f"{import_module('llvmlite').__version__}|{platform.machine()}|{sys.platform}|{_OPTIMISE}"
    head = "|".join([versions, _state["cpu"], _state["features"], ""])
    return hashlib.sha256(b"".join([head.encode(), *parts])).hexdigest()[:32]


# -- llvmlite ---------------------------------------------------------------------------------------------


def _machine() -> Any:
    """The target machine of this processor; made once."""
    with _lock:
        if "machine" not in _state:
            llvm = import_module("llvmlite.binding")
            with contextlib.suppress(RuntimeError):  # newer llvmlite initialises itself and says so
                llvm.initialize()
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            _state["llvm"] = llvm
            _state["cpu"], _state["features"] = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
            _state["machine"] = _new_machine(llvm)
        return _state["machine"]


def _new_machine(llvm: Any, level: int = _OPTIMISE) -> Any:
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(opt=level, cpu=_state["cpu"], features=_state["features"])


def _host_features() -> str:
    _machine()
    return str(_state["features"])


def _compile(text: str, key: str, machine: Any) -> Library:
    llvm = _state["llvm"]
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as problem:
        raise SimulationError(
            f"the machine code of this model cannot be built ({problem}); use method='auto' and report this model"
        ) from problem
    level = _OPTIMISE if len(text) <= _LARGE else 0
    own = machine if level == _OPTIMISE else _new_machine(llvm, level)
    module.triple, module.data_layout = own.triple, str(own.target_data)
    builder = llvm.create_pass_builder(own, llvm.create_pipeline_tuning_options(speed_level=level))
    builder.getModulePassManager().run(module, builder)
    body = own.emit_object(module)
    _write(key, body)
    return Library(_link(body, machine), "compiled")


def _from_disk(key: str, machine: Any) -> Library | None:
    body = _read(key)
    if body is None:
        return None
    try:
        return Library(_link(body, machine), "disk")
    except (RuntimeError, ValueError):
        return None


def _link(body: bytes, machine: Any) -> Any:
    """Put an object into memory, ready to be called."""
    llvm = _state["llvm"]
    empty = llvm.parse_assembly("")
    empty.triple, empty.data_layout = machine.triple, str(machine.target_data)
    engine = llvm.create_mcjit_compiler(empty, _new_machine(llvm))
    engine.add_object_file(llvm.ObjectFileRef.from_data(body))
    engine.finalize_object()
    return engine


# -- files ------------------------------------------------------------------------------------------------


def _read(key: str) -> bytes | None:
    """The object of a key; None when there is none or its checksum is wrong."""
    folder = cache_folder()
    if folder is None:
        return None
    try:
        path = folder / f"{key}.o"
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now
    head, body = content[: len(_FORMAT) + 32], content[len(_FORMAT) + 32 :]
    return body if head == _FORMAT + hashlib.sha256(body).digest() else None


def _write(key: str, body: bytes) -> None:
    folder = cache_folder()
    if folder is None:
        return
    temporary = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f"{key}.", suffix=".part", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_FORMAT + hashlib.sha256(body).digest() + body)
        Path(temporary).replace(folder / f"{key}.o")
        _prune(folder, _kind(key))
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _link_file(key: str, also: str) -> None:
    """Let a second name lead to an object; where files cannot have two, it is found by the first alone."""
    folder = cache_folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            os.link(folder / f"{key}.o", folder / f"{also}.o")


def _prune(folder: Path, kind: str) -> None:
    """Delete the files of a kind that were not used for longest, a tenth more than must go."""
    with os.scandir(folder) as entries:
        paths = [item for item in entries if item.name.endswith(".o") and kind == _kind(item.name)]
    if len(paths) > _MOST_FILES[kind]:
        used = sorted((item.stat().st_mtime_ns, item.path) for item in paths)
        for _, path in used[: len(paths) - 9 * _MOST_FILES[kind] // 10]:
            Path(path).unlink(missing_ok=True)


def _kind(key: str) -> str:
    return DRIVER if key.startswith(DRIVER) else ""
