"""Machine code that is put into memory without LLVM: it does what LLVM's own loader makes of the same object."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pkpd_mdr.engine.machine import disk, image, native

llvm = pytest.importorskip("llvmlite.binding")
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine != "x86_64",
    reason="elsewhere LLVM puts machine code into memory",
)

CALLS = """
@weights = internal constant [3 x double] [double 1.5, double -2.0, double 0.25]
@where = internal global ptr getelementptr ([3 x double], ptr @weights, i64 0, i64 1)
@count = internal global i64 40
@arrays = constant [2 x i64] [i64 7, i64 11]
declare double @log(double)

define internal double @second() noinline {
  %p = load volatile ptr, ptr @where
  %v = load double, ptr %p
  ret double %v
}

define void @give(ptr %o) {
  %x = load double, ptr %o
  %l = call double @log(double %x)
  %w = call double @second()
  %n = load volatile i64, ptr @count
  %m = add i64 %n, 1
  store volatile i64 %m, ptr @count
  %f = sitofp i64 %m to double
  %a = fadd double %l, %w
  %b = fadd double %a, %f
  store double %b, ptr %o
  ret void
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PKPD_MDR_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "_loaded", type(native._loaded)())
    return tmp_path


def object_of(text: str, **options: str) -> bytes:
    native._llvm()
    module = llvm.parse_assembly(text)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2, **options)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    return bytes(machine.emit_object(module))


def called(address: int, value: float) -> float:
    out = ctypes.c_double(value)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)(ctypes.addressof(out))
    return out.value


def test_code_with_constants_data_and_calls_does_what_it_says(folder: Path) -> None:
    library = native.load(CALLS)
    again = native.load_kept(native.key_of(CALLS.encode()))
    assert again is not None
    assert (library.origin, again.origin) == ("compiled", "disk")
    assert isinstance(again._engine, image.Image)
    for one in (library, again):  # each has data of its own, which it may write
        assert [called(one.address("give"), 1.0) for _ in range(2)] == [39.0, 40.0]
        assert one.numbers("arrays", 2) == [7, 11]
        assert one.address("nobody") == 0


@pytest.mark.parametrize(("module", "name"), [(image, "linked"), (native, "_function")])
def test_what_has_no_image_or_misses_a_function_is_linked_by_llvm_to_the_same_bits(
    module: Any, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = called(native.load(CALLS).address("give"), 2.5)
    for file in folder.glob("*.o"):
        file.unlink()
    monkeypatch.setattr(module, name, lambda _: None)
    for origin in ("compiled", "disk"):
        native._loaded.clear()
        theirs = native.load(CALLS)
        assert theirs.origin == origin
        assert not isinstance(theirs._engine, image.Image)
        assert called(theirs.address("give"), 2.5) == ours


def test_what_is_not_understood_is_left_to_llvm() -> None:
    assert image.linked(object_of(CALLS, codemodel="small")) is None  # addresses relative to the code
    whole = object_of(CALLS, codemodel="large")
    made = image.linked(whole)
    assert made is not None
    assert image.is_image(made)
    assert not image.is_image(whole)
    changed = bytearray(whole)
    changed[18] = 183  # the machine code of another processor
    assert image.linked(bytes(changed)) is None


def test_a_function_that_is_not_there_is_named() -> None:
    made = image.linked(object_of(CALLS.replace("@log", "@gol"), codemodel="large"))
    assert made is not None
    with pytest.raises(RuntimeError, match="needs gol, which the C library does not have"):
        image.Image(made, {"log": 1}.get)


def test_a_later_process_imports_no_llvmlite(folder: Path) -> None:
    script = (
        "import sys\nimport pkpd_mdr as mdr\n"
        "model = mdr.Model(mdr.clone('S', growth=mdr.growth.exponential(rate='0.5 1/day'), start=1.0))\n"
        "print(model.simulate(None, until='1 day').status.ok, 'llvmlite.binding' in sys.modules)\n"
    )
    drivers = disk.cache_folder()
    assert drivers == folder
    environment = os.environ | {"PKPD_MDR_DRIVER": "python"}
    told = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.split() for run in told] == [["True", "True"], ["True", "False"]]


def test_a_system_that_executes_no_memory_of_ours_leaves_the_run_to_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert image.may_execute()
    monkeypatch.setattr(image, "_protected", lambda base, size: False)
    image.may_execute.cache_clear()
    try:
        assert not native.available()
        with pytest.raises(RuntimeError, match="no memory to execute"):
            image.Image(image.linked(object_of(CALLS, codemodel="large")) or b"", native._function)
    finally:
        image.may_execute.cache_clear()


def test_the_processor_is_asked_again_where_what_is_kept_is_broken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_state", {})
    told = native._host()
    [file] = folder.glob("processor-*.o")
    file.write_bytes(b"broken")
    monkeypatch.setattr(native, "_state", {})
    assert native._host() == told
    monkeypatch.setattr(native, "_state", {})
    monkeypatch.setattr(native, "_marks", lambda: "")  # a system that tells nothing of its processor
    assert native._host() == told
