"""Models as programs: straight lists of a few operations on vectors, which other languages take away.

    model -> Program (a list of steps) -> C, Fortran, JavaScript, Julia, Rust, numba, JAX or ONNX

A family says once, in `operations`, of which operations its value consists. Each operation is a pair of loops in
`kernels`, its value and its derivative backwards, in a subset of Python: numba compiles them, `translation` writes
them in other languages. So there is nothing to keep in step.
"""

from .program import Program, Vector

__all__ = ["Program", "Vector"]
