"""A program as a file of another language that needs nothing else: tables, operations, the value and the gradient."""

from __future__ import annotations

from collections.abc import Sequence

from .definition import PRIMITIVES, definition_of, with_all_it_calls, within
from .hessian import WithHessian
from .languages import LANGUAGES
from .listing import Listing
from .program import Program


def source(
    language: str,
    program: Program,
    name: str,
    about: Sequence[str],
    is_number: bool,
    error: Program | None = None,
    hessian: WithHessian | None = None,
) -> str:
    """The file of a language, `LANGUAGES`, for functions `name` and `name`_gradient, headed by the lines `about`.

    y is a number instead of an array where the language returns it and `is_number`. `error` makes one number of x, that
    of the function `name`_error, if it is given; `hessian` makes that of the function `name`_hessian, in C.
    """
    file = LANGUAGES[language](name, program.n_inputs, program.y.size, is_number=is_number, has_error=error is not None)
    file.has_hessian = hessian is not None
    file.check_name()
    listing = Listing(program)
    of_error = None if error is None else Listing(error, listing)
    kernels = dict.fromkeys(one for step in program.steps for one in step.kernel.functions)
    kernels |= dict.fromkeys(step.kernel.forward for step in ([] if error is None else error.steps))
    if hessian is not None:
        kernels |= dict.fromkeys(one for step in hessian.program.steps for one in step.kernel.functions)
        second = hessian.listed(f"{name}_hessian", Listing(hessian.program, listing))
    functions = dict.fromkeys(function for one in kernels for function in with_all_it_calls(one))
    programs = {one: Listing(part, listing) for one in functions if (part := within(one)) is not None}
    listings = [*programs.values(), listing]
    written = [file.table(file.prefix + one, table) for one, table in listing.tables.items()]
    written += file.before_functions
    for function in functions:
        own = file.prefix + function.__name__
        if function in PRIMITIVES:
            written.append(file.primitive(own, function.__name__))
        elif function in programs:
            written.append(file.function(own, programs[function].at_a_point(function.__name__)))
        else:
            written.append(file.function(own, definition_of(function)))
    value, gradient, number = (form.format(name) for form in file.inner)
    written.append(file.function(value, listing.value(value), is_public=True))
    written.append(file.function(gradient, listing.gradient(gradient), is_public=True))
    if of_error is not None:
        written.append(file.function(number, of_error.number(number), is_public=True))
    if hessian is not None:
        *parts, last = second
        written += [file.function(file.prefix + one.name, one.definition) for one in parts]
        written.append(file.function(last.name, last.definition, is_public=True))
    written += file.public()
    # Bytes of the gradient's two arrays, and of those of programs within.
    stack = 8 * sum(one.v_size + one.b_size for one in listings)
    heading = file.heading([*about, "", file.notes.format(name=name, stack=stack)])
    return "\n\n".join([heading, *file.opening(), *written, *file.closing()]) + "\n"
