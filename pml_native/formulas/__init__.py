"""Formulas that models are, as SymPy expressions: read off a few terms, or found by asking the model.

    model -> an expression whose numbers are free -> fitted to the model -> numbers recognised -> the shortest form

`expression` says what each family is made of. Where that is not a few terms, `parts` takes the function apart: powers,
quotients of low degree (`quotients`), joint scalings and shifts, products, and sums of known functions of one variable
(`series`), also behind one of the functions of `outer`. `fitted` fits the numbers and `constants` recognises them.
"""

try:
    import sympy  # noqa: F401
except ImportError as error:
    raise ImportError(f'formulas need SymPy, pip install "pml_native[formula]" ({error})') from error

from .expression import formulas_of
from .listing import listed

__all__ = ["formulas_of", "listed"]
