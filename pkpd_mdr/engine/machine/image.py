"""Machine code put into memory without LLVM, on 64-bit x86 under Linux.

What LLVM emits is linked once, when it is compiled, so that later processes wait neither for the import of llvmlite
nor for its linker: the sections of the object stand one behind the other, with a list of the places that hold an
address. A later process copies them into memory and adds where they lie. The large code model, which LLVM takes for
code that may lie anywhere, knows whole addresses only, and that is what is understood here (System V ABI, AMD64
supplement, section 4.4). An object with anything else in it gets no image, and LLVM puts it into memory.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import struct
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

__all__ = ["Image", "is_image", "linked", "may_execute"]

_ELF, _X86_64, _RELOCATABLE = b"\x7fELF\x02\x01", 62, 1
_BITS, _EMPTY, _SYMBOLS, _RELOCATIONS = 1, 8, 2, 4  # kinds of sections
_WRITTEN, _LOADED = 1, 2  # flags of sections
_ELSEWHERE, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2  # sections of symbols
_WHOLE = 1  # R_X86_64_64, an address of 64 bits
_UNWINDING = ".eh_frame"  # for exceptions, of which there are none
_PAGE = 4096
_START = b"{"
_HERE = sys.platform == "linux" and mmap.PAGESIZE == _PAGE


class _Section(NamedTuple):
    """A section header of an ELF file, with the names of its specification."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class Image:
    """Machine code in memory, asked for addresses as an execution engine of llvmlite is.

    Parameters
    ----------
    body : bytes
        As `linked` gives it.
    find : callable
        The address of a function of the C library by its name; None where it has none.

    Raises
    ------
    RuntimeError
        It needs a function that is not there, or the system gives no memory to execute.
    """

    def __init__(self, body: bytes, find: Callable[[str], int | None]) -> None:
        head, content = body.split(b"\n", 1)
        told = json.loads(head)
        functions = {name: find(name) for name in told["others"]}
        missing = [name for name, address in functions.items() if address is None]
        if missing:
            raise RuntimeError(f"machine code needs {', '.join(missing)}, which the C library does not have")
        self._memory, self._held = _memory(told["size"])
        self._base, self._names = ctypes.addressof(self._held), told["names"]
        self._memory[: len(content)] = content
        for place in told["own"]:
            [value] = struct.unpack_from("<Q", content, place)
            struct.pack_into("<Q", self._memory, place, self._base + value)
        for name, places in told["others"].items():
            for place in places:
                struct.pack_into("<Q", self._memory, place, functions[name])
        if not _protected(self._base, told["fixed"]):
            raise RuntimeError("the system gives no memory to execute")

    def get_function_address(self, name: str) -> int:
        """Address of a function; 0 when there is none of that name."""
        place = self._names.get(name)
        return 0 if place is None else self._base + int(place)

    get_global_value_address = get_function_address


@cache
def may_execute() -> bool:
    """Whether the system lets this process execute what it wrote into memory; hardened ones do not."""
    if not _HERE:
        return True  # LLVM will see
    _, held = _memory(_PAGE)
    return _protected(ctypes.addressof(held), _PAGE)


def _memory(size: int) -> tuple[mmap.mmap, ctypes.c_char]:
    """New memory, and what holds it in its place."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return memory, ctypes.c_char.from_buffer(memory)


def _protected(base: int, size: int) -> bool:
    """Make memory one to execute, and no longer to write; False where the system refuses."""
    allowed = mmap.PROT_READ | mmap.PROT_EXEC
    return bool(ctypes.CDLL(None).mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), allowed) == 0)


def is_image(body: bytes) -> bool:
    """Whether these bytes are an image, and not an object of LLVM."""
    return body.startswith(_START)


def linked(body: bytes) -> bytes | None:
    """An object as an image; None where this system or the object has to be left to LLVM.

    Parameters
    ----------
    body : bytes
        Of an object file.

    Examples
    --------
    >>> linked(b"no object file") is None
    True
    """
    if not _HERE or not body.startswith(_ELF):
        return None
    kind, machine = struct.unpack_from("<HH", body, 16)
    return _Linking(body).image() if (kind, machine) == (_RELOCATABLE, _X86_64) else None


class _Linking:
    """An object on its way to an image.

    Parameters
    ----------
    body : bytes
        Of an ELF file.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body
        [first] = struct.unpack_from("<Q", body, 40)
        size, count, names = struct.unpack_from("<HHH", body, 58)
        self.sections = [_Section(*struct.unpack_from("<IIQQQQIIQQ", body, first + i * size)) for i in range(count)]
        self.strings = self.sections[names]
        self.places: dict[int, int] = {}
        self.content, self.fixed = bytearray(), 0

    def image(self) -> bytes | None:
        """The image; None where the object has what is not understood here."""
        self._place()
        told: dict[str, Any] = {"fixed": self.fixed, "size": -(-len(self.content) // _PAGE) * _PAGE}
        told |= {"names": {}, "own": [], "others": {}}
        symbols = [self._symbols(section) for section in self.sections]
        for table in symbols:
            for name, where, value, shared in table:
                if shared and where in self.places:
                    told["names"][name] = self.places[where] + value
        for section in self.sections:
            if section.kind == _RELOCATIONS and section.info in self.places:
                for at, (number, kind), addend in self._relocations(section):
                    name, where, value, _ = symbols[section.link][number]
                    place = self.places[section.info] + at
                    if kind != _WHOLE or where in (_ABSOLUTE, _COMMON) or (where == _ELSEWHERE and addend):
                        return None
                    if where == _ELSEWHERE:
                        told["others"].setdefault(name, []).append(place)
                    elif where in self.places:
                        struct.pack_into("<Q", self.content, place, self.places[where] + value + addend)
                        told["own"].append(place)
                    else:
                        return None
        return json.dumps(told).encode() + b"\n" + bytes(self.content)

    def _place(self) -> None:
        """Sections one behind the other; those that are written to begin on a page of their own."""
        wanted = [(i, section) for i, section in enumerate(self.sections) if self._is_wanted(section)]
        for written in (0, _WRITTEN):
            for number, section in wanted:
                if section.flags & _WRITTEN == written:
                    self._fill(max(section.align, 1))
                    self.places[number] = len(self.content)
                    full = section.kind == _BITS
                    self.content += self._part(section) if full else bytes(section.size)
            if not written:
                self._fill(_PAGE)
                self.fixed = len(self.content)

    def _is_wanted(self, section: _Section) -> bool:
        loaded = section.kind in (_BITS, _EMPTY) and section.flags & _LOADED
        return bool(loaded) and self._string(self.strings, section.name) != _UNWINDING

    def _fill(self, align: int) -> None:
        self.content += bytes(-len(self.content) % align)

    def _part(self, section: _Section) -> bytes:
        return self.body[section.offset : section.offset + section.size]

    def _string(self, section: _Section, at: int) -> str:
        begin = section.offset + at
        return self.body[begin : self.body.index(b"\0", begin)].decode()

    def _symbols(self, section: _Section) -> list[tuple[str, int, int, bool]]:
        """Symbols of a table, by their numbers: name, section, value, and whether others may see it."""
        if section.kind != _SYMBOLS:
            return []
        strings = self.sections[section.link]
        rows = struct.iter_unpack("<IBBHQQ", self._part(section))
        return [(self._string(strings, name), where, value, info >> 4 != 0) for name, info, _, where, value, _ in rows]

    def _relocations(self, section: _Section) -> list[tuple[int, tuple[int, int], int]]:
        """Places that hold an address: offset, the number of the symbol with the kind of address, and an addend."""
        rows = struct.iter_unpack("<QIIq", self._part(section))
        return [(at, (number, kind), addend) for at, kind, number, addend in rows]
