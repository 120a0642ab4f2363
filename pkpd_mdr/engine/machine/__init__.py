"""The compiled path: a model as machine code over lanes, behind the seam of `engine.solve`.

From symbols to a hash-consed graph (`reading`, `dag`), its sparse derivatives and elimination (`kernels`, `sparse`),
LLVM code over lanes of doubles (`lanes`, `lanemath`, `stepper`, `native`) for one step of Rodas5P (`tableau`), the loop
that executes timelines with it (`program`, `loop`, `driver`), forward sensitivities as the exact derivative of the same
steps (`tangent`, `columns`, `sensitivity`), and the call that does it all (`compiled`). Needs llvmlite; numba makes the
loop fast.
"""
