"""The compiled path: a model as machine code over lanes, behind the seam of `engine.solve`.

From symbols to a hash-consed graph (`reading`, `dag`), its sparse derivatives, elimination and closed forms (`kernels`,
`sparse`, `linear`), LLVM code over lanes of doubles (`lanes`, `lanemath`, `stepper`, `native`) for one step of Rodas5P
(`tableau`) and for a march of them (`march`), the loop that executes timelines with it (`program`, `records`, `loop`,
`driver`) and finds where conditions change (`guards`), forward sensitivities as the exact derivative of the same steps
(`tangent`, `columns`, `column_records`, `sensitivity`), a model's code and its benches (`code`, `outline`), what is
kept of it on disk and put into memory without LLVM (`disk`, `image`), and the call that does it all (`work`,
`compiled`). Needs llvmlite; numba makes the loop fast.
"""
