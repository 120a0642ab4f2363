"""A driver as an object file: numba compiles it once per machine, and later processes call it without importing numba.

The function that numba makes of a driver takes its records as hundreds of arguments. Here it is wrapped into one that
takes the address of a table of 64-bit words, in which each array of a record is its address and its shape, each number
one word. Only machine code without any call to Python or numba is kept; where there is one, numba's own way serves.
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from collections import OrderedDict
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from pkpd_mdr.engine.machine.column_records import ColumnMachine, ColumnPointers, Columns
from pkpd_mdr.engine.machine.native import Library, mathematics
from pkpd_mdr.engine.machine.records import Control, Lanes, Machine, Pointers, Program
from pkpd_mdr.errors import SimulationError

__all__ = ["call", "object_text", "words"]

_NAME = "pkpd_mdr_drive"
_ALLOWED = ("llvm.", "memset", "memcpy", "memmove")  # LLVM's own
_KEPT, _LARGE = (Program, Lanes, Control, Machine, Columns, ColumnMachine), 100_000
_MOST = 64
_known: OrderedDict[int, tuple[Any, array[int]]] = OrderedDict()


def words(record: Any) -> array[int]:
    """A record, and the records in it, as words.

    Parameters
    ----------
    record : NamedTuple
        Of contiguous arrays, numbers and further records.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Pair(NamedTuple):
    ...     a: np.ndarray
    ...     b: int
    >>> words(Pair(np.zeros((2, 3)), 7))[1:].tolist()
    [2, 3, 7]
    """
    known = _known.get(id(record))
    if known is not None and known[0] is record:
        return known[1]
    found = array("q")
    for part in record:
        if isinstance(part, np.ndarray):
            found.append(_address(part))
            found.extend(part.shape)
        elif isinstance(part, (Pointers, ColumnPointers)):
            found.extend(part)
        elif isinstance(part, tuple):
            found.extend(words(part))
        elif isinstance(part, float):
            found.append(struct.unpack("<q", struct.pack("<d", part))[0])
        else:
            found.append(int(part))
    if isinstance(record, _KEPT) and sum(getattr(part, "size", 1) for part in record) < _LARGE:
        _known[id(record)] = record, found  # these are used by run after run
        while len(_known) > _MOST:
            _known.popitem(last=False)
    return found


def _address(given: np.ndarray[Any, Any]) -> int:
    """Where an array begins (0 for one of no size); by the shortest way, which a protected array refuses."""
    if not given.size:
        return 0
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(given.data))
    except (TypeError, ValueError):
        if not given.flags.c_contiguous:
            raise ValueError(f"an array of shape {given.shape} in a record of the driver is not contiguous") from None
        return int(given.ctypes.data)


def call(library: Library) -> Callable[..., int]:
    """The driver of a library, callable as it is written: with records and numbers; 0 stands for no result."""
    pointer = ctypes.c_void_p
    function = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, pointer)(library.address(_NAME))

    def run(*given: Any) -> int:
        """Call the driver with the words of its arguments; 0 where it returns nothing."""
        held = array("q", (0, 0))
        held.extend(words(given))
        place = held.buffer_info()[0]
        # numba's way to call: where to write the result and an error, then the arguments
        status = function(place, place + 8, place + 16)
        if status:
            raise SimulationError(
                f"the engine's loop of {library.origin} code stopped with {status}; please report this"
            )
        return held[0]

    return run


def object_text(compiled: Callable[..., Any], given: tuple[Any, ...], **options: Any) -> str | None:
    """LLVM IR of a driver that takes the address of words; None where it needs Python or numba to run.

    Parameters
    ----------
    compiled : callable
        The driver, as numba's `njit` returns it.
    given : tuple
        What it is called with, for the types.
    **options : object
        Of `njit`, as for the driver.
    """
    numba = import_module("numba")
    types = import_module("numba.core.types")
    view = _viewer(numba.typeof(given))

    def entry(table: Any) -> Any:
        """The loop, with its arguments read from a table of words."""
        return compiled(*view(table))

    made = numba.njit(**options)(entry)
    made.compile((types.int64,))
    [overload] = made.overloads.values()
    return _stripped(overload.library.get_llvm_str(), overload.fndesc.llvm_func_name)


def _viewer(kind: Any) -> Any:
    """A numba intrinsic: the record of a type behind the address of its words."""
    types = import_module("numba.core.types")
    extending = import_module("numba.extending")

    def typed(context: Any, table: Any) -> Any:
        """Type of the view: a table of words in, the record out."""

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            """Write the reading of the record from the table."""
            return _Builder(target, builder, arguments[0]).record(kind)

        return kind(types.int64), generate

    return extending.intrinsic(typed)


class _Builder:
    """Writes the code that reads records from words.

    Parameters
    ----------
    target, builder : object
        Numba's context and IR builder.
    address : object
        Of the words.
    """

    def __init__(self, target: Any, builder: Any, address: Any) -> None:
        self.ir = import_module("llvmlite.ir")
        self.target, self.builder, self.at = target, builder, 0
        self.words = builder.inttoptr(address, self.ir.IntType(64).as_pointer())

    def word(self) -> Any:
        """The next word."""
        place = self.builder.gep(self.words, [self.ir.Constant(self.ir.IntType(64), self.at)])
        self.at += 1
        return self.builder.load(place)

    def record(self, kind: Any) -> Any:
        """The next record, number or array."""
        types = import_module("numba.core.types")
        if isinstance(kind, types.BaseTuple):
            return self.target.make_tuple(self.builder, kind, [self.record(part) for part in kind])
        if isinstance(kind, types.Array):
            return self.array(kind)
        if isinstance(kind, types.Float):
            return self.builder.bitcast(self.word(), self.ir.DoubleType())
        return self.word()

    def array(self, kind: Any) -> Any:
        """A contiguous array."""
        arrays = import_module("numba.np.arrayobj")
        word = self.ir.IntType(64)
        size = self.target.get_abi_sizeof(self.target.get_data_type(kind.dtype))
        address, shape = self.word(), [self.word() for _ in range(kind.ndim)]
        strides = [self.ir.Constant(word, size)]
        for length in reversed(shape[1:]):
            strides.insert(0, self.builder.mul(strides[0], length))
        made = arrays.make_array(kind)(self.target, self.builder)
        data = self.builder.inttoptr(address, self.target.get_data_type(kind.dtype).as_pointer())
        arrays.populate_array(
            made, data, shape=shape, strides=strides, itemsize=self.ir.Constant(word, size), meminfo=None
        )
        return made._getvalue()


def _stripped(text: str, name: str) -> str | None:
    """The module with one function to call, under a name of ours; None where it calls what may not be there."""
    llvm = import_module("llvmlite.binding")
    module = llvm.parse_assembly(text)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == name else "internal"
    module.get_function(name).name = _NAME
    target = llvm.Target.from_default_triple().create_target_machine(opt=2)
    builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options(speed_level=1))
    builder.getModulePassManager().run(module, builder)
    needed = [function.name for function in module.functions if function.is_declaration]
    known = mathematics()
    return str(module) if all(item.startswith(_ALLOWED) or item in known for item in needed) else None
