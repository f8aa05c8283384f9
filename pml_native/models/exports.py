"""What takes a model away: other languages, a graph of its parts, a formula."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .._version import __version__
from ..export import Program, fmu
from ..export.hessian import WithHessian
from ..export.source import source
from ..files import replacing
from ..networks.graph import Graph
from ..networks.parts import Parts, Value
from .beyond import APART, DIFFERENCES
from .evaluation import Evaluated

# What the head of a file says of points outside of the box.
ABOUT_OUTSIDE = {
    "error": "Outside of the box y is NaN.",
    "nan": "Outside of the box y is NaN.",
    "linear": "Outside of the box, or a little farther out, y goes on linearly.",
    "nearest": "Outside of the box y is that of its nearest point.",
}


class Exported(Evaluated):
    """A model in other languages, and as a formula."""

    def to_c(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        name: str = "model",
        error_estimate: bool = False,
        hessian: bool = False,
    ) -> str:
        """The model as one C99 file that needs <math.h> only; also written to `path`, if one is given.

            void model(const double *x, double *y);            x (d,), y (m,)
            void model_gradient(const double *x, double *dy);  dy (m, d)
            double model_error(const double *x);               if `error_estimate`, what the method of that name gives
            void model_hessian(const double *x, double *h);    if `hessian`, h (m, d, d)

        `name` is that of the functions. They keep no state, so any number of threads may call them, and take some
        memory of the stack. NaN in x gives NaN; so does x outside the grid of a spline that raises ValueError here.
        What they write must not overlap x: compilers count on that.

        Values agree with the model's to 0.5 to 11 ulp of the largest |y| for networks, 8 for splines and 1 for
        polynomials, derivatives to 8, 110 and 1 ulp of the largest, where sums on the way are of the size of y. Where
        they cancel, it is what evaluation in float64 costs the model, eps times the largest of them. That is so for
        sums of stages too (`Boosted`), which are evaluated in double-double here. Compiled without fused multiply-adds
        (gcc -std=c99, or -ffp-contract=off), networks and polynomials have the bits of the core's baseline.

        The estimate of the error takes about as long as five or six values, and as many numbers in the file; second
        derivatives take some 2 d times as long as the gradient.

        Raises ValueError for families that C can't have (nearest neighbours, simplices) and activations of your own,
        for an `error_estimate` of a model that knows none, and for the `hessian` of an inverse.
        """
        return self._written("c", path, name, error_estimate, hessian)

    def to_fortran(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of Fortran 2008, also written to `path`, if one is given.

            use model_module, only: model, model_gradient, model_error
            call model(x, y)             ! real64: y(m) of x(d)
            call model_gradient(x, dy)   ! dy(d, m): the derivative of y(k) by x(j) is dy(j, k)

        What `to_c` says of names, threads, agreement and errors holds here too.
        """
        return self._written("fortran", path, name, error_estimate)

    def to_javascript(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of JavaScript (ECMAScript 2015), also written to `path`, if one is given.

            import {model, model_gradient, model_error} from "./model.mjs";
            model([1.0, 2.0])           // a number if y was a vector, else a Float64Array (m)
            model_gradient([1.0, 2.0])  // a Float64Array (m d): the derivative of y[k] by x[j] is at d * k + j

        A RangeError for other than d numbers; else as `to_c`.
        """
        return self._written("javascript", path, name, error_estimate)

    def to_julia(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a module of Julia (1.6 or newer), also written to `path`, if one is given.

            include("model.jl"); using .model_module
            model([1.0, 2.0])           # a number if y was a vector, else a Vector (m)
            model_gradient([1.0, 2.0])  # a Vector (d), or a Matrix (m, d)

        A DimensionMismatch for other than d numbers; else as `to_c`.
        """
        return self._written("julia", path, name, error_estimate)

    def to_rust(
        self, path: str | os.PathLike[str] | None = None, *, name: str = "model", error_estimate: bool = False
    ) -> str:
        """The model as a file of safe Rust (2021) that needs the standard library, also written to `path`, if given.

            mod model;
            model::model(&[1.0, 2.0])           // an f64 if y was a vector, else [f64; m]
            model::model_gradient(&[1.0, 2.0])  // [f64; d], or [[f64; d]; m]

        What `to_c` says of names, threads, agreement and errors holds here too.
        """
        return self._written("rust", path, name, error_estimate)

    def to_numba(self, *, gradient: bool = False, error_estimate: bool = False) -> Any:
        """The model as a function f(x) that compiled code of yours can call (`pip install "pml_native[numba]"`).

        x is one point, an array (d,); f(x) is a float if y was a vector, else an array (m,). With `gradient` f is the
        derivative, (d,) or (m, d), with `error_estimate` what the method of that name gives, a float. Agreement with
        the model and the families that can are as for `to_c`. A model of thousands of numbers takes some time to
        compile, when f is first called.
        """
        from ..export import numba_function

        if gradient and error_estimate:
            raise ValueError("gradient, error_estimate: expected one of them, got both; make a function of each")
        if error_estimate:
            return numba_function.value(self._error_program(), is_number=True)
        make = numba_function.gradient if gradient else numba_function.value
        return make(self.program(), self.signature.y_is_vector)

    def to_jax(self, *, error_estimate: bool = False) -> Any:
        """The model as a function f(x) of jax.numpy arrays, for jit, grad and vmap (`pip install "pml_native[jax]"`).

        x is one point (d,), f(x) a number if y was a vector, else (m,); with `error_estimate` what the method of that
        name gives. It wants float64, which JAX has to be told before all else: jax.config.update("jax_enable_x64",
        True); ValueError otherwise. jax.vmap(f) takes many points. The families that can are those of `to_c`, and
        values agree with the model's as those of C do but for a few more ulp; derivatives are JAX's, of any order.
        """
        from ..export import jax_function

        if error_estimate:
            return jax_function.function(self._error_program(), is_number=True)
        return jax_function.function(self.program(), self.signature.y_is_vector)

    def to_onnx(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The model as an ONNX graph, x (n, d) -> y (n, m) in float64; also written to `path`, if one is given.

        Networks, sums of them (`Boosted`) and such in other coordinates (`Transformed`) can; ValueError for others,
        ImportError without onnx (`pip install "pml_native[onnx]"`). How exact it is lies with the runtime: some
        evaluate tanh in float64 to fewer digits. Outside of the box the graph goes on as the network does, whatever
        `outside` says.
        """
        from ..export import onnx_graph

        made = onnx_graph.model(self._own_program(), self._about(), "pml_native", __version__)
        if path is not None:
            with replacing(path) as file:
                file.write(made.SerializeToString())
        return made

    def to_fmu(self, path: str | os.PathLike[str], *, name: str = "model", compiler: str | None = None) -> list[str]:
        """The model as a functional mock-up unit at `path`: a block that Simulink, Modelica's tools and FMPy take in.

        It is a unit for co-simulation of FMI 2.0, with an input for each column of X, an output for each of y, and
        directional derivatives. Outputs follow inputs at once. In it are the C of `to_c` and what `compiler` makes of
        that for this machine: a command, $CC or cc by default. Returns the platforms compiled for, such as ["linux64"];
        without a compiler it is [], and whoever imports the unit compiles its sources. Inputs start in the middle of
        the box of the rows.

        Raises ValueError as `to_c` does, for names that are equal or no identifier, and for a `compiler` that can't be
        used.
        """
        signature = self.signature
        inputs = signature.input_names or tuple(f"x{j}" for j in range(signature.n_inputs))
        outputs = signature.output_names or tuple(f"y{k}" for k in range(signature.n_outputs))
        return fmu.write(path, name, self.to_c(name=fmu.FUNCTION), inputs, outputs, self.box(), __version__, compiler)

    def made_of(self, parts: Parts, x: Sequence[Value | None]) -> list[Value | None]:
        """Its outputs as values of `parts`, made of those of its inputs `x`; a family that knows no better has one part
        of all inputs for each."""
        return [parts.function(x) for _ in range(self.signature.n_outputs)]

    def graph(self) -> Graph:
        """What the model is made of, as a computation graph: its parts, which inputs and parts each depends on.

        Sums and products are made two at a time; what is left are parts such as a polynomial of three variables, of
        which the model knows nothing but that. `graph.largest_arity` is the paper's d*, and `ModularMLP(graph, ...)` a
        network along it. Raises ValueError for a model that depends on no input.
        """
        names = self.signature.input_names or tuple(f"x{j}" for j in range(self.signature.n_inputs))
        parts = Parts(names, 0.0 if self.report is None else min(self.report.error, 1.0))
        graph = parts.graph(self.made_of(parts, parts.inputs))
        if graph is None:
            raise ValueError("graph: expected a model that depends on its inputs, got a constant")
        return graph

    def formula(self) -> Any:
        """The model as a formula of few terms, a SymPy expression in the names of the columns (x0, x1, ... without).

        Of more than one output, or of y (n, 1), it is a tuple of them. Numbers that are fractions, their roots, or
        these times a power of pi are recognised as far as the model carries the digits; others stay float64 numbers.
        On the box of the rows the formula is as good as the model, whose error is `report.error`; it is valid where
        inputs have the signs that they have there. `str`, `sympy.latex` and `sympy.diff` go on from it.

        Takes up to some seconds, the longer the more terms the model has. Raises ValueError for a model that is no such
        formula, knows no box, or has an error above 0.01; ImportError without SymPy
        (`pip install "pml_native[formula]"`).
        """
        from ..formulas import formulas_of

        found = formulas_of(self)
        return found[0] if self.signature.y_is_vector else found

    def _written(
        self,
        language: str,
        path: str | os.PathLike[str] | None,
        name: str,
        error_estimate: bool,
        hessian: bool = False,
    ) -> str:
        """The model as a file of another language; also written to `path`, if one is given."""
        error = self._error_program() if error_estimate else None
        second = self._hessian_parts() if hessian else None
        text = source(language, self.program(), name, self._about(), self.signature.y_is_vector, error, second)
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode())
        return text

    def _hessian_parts(self) -> WithHessian:
        """What second derivatives are made of."""
        how = self.beyond
        kind, low, high = ("extrapolate", None, None) if how is None else (how.kind, how.low, how.high)
        return WithHessian(self._own_program(), kind, low, high, APART, DIFFERENCES)

    def _error_program(self) -> Program:
        """The estimate of its error as a list of operations."""
        program = Program(self.signature.n_inputs, name="error_")
        self._known_estimate().operations(self, program.x)
        return program

    def _about(self) -> list[str]:
        """What heads a file: the model, its columns, its errors, and where it holds."""
        signature = self.signature
        lines = [f"{self!r}, family {self.family}, written by pml_native {__version__}.", ""]
        for count, what, names in (
            (signature.n_inputs, "inputs x", signature.input_names),
            (signature.n_outputs, "outputs y", signature.output_names),
        ):
            lines.append(f"{count} {what}" + ("" if names is None else f": {', '.join(names)}"))
        if self.encodings is not None:
            lines += self.encodings.sentences(signature.input_names)
        if self.report is not None:
            lines.append(f"Relative RMSE to expect over the box: {self.report.error:.1e}")
            lines.append(f"Relative RMSE on held-out rows: {self.report.validation_rmse:.2e}")
        box = self.box()
        lines.append("Box of the training data: " + ("not known" if box is None else ""))
        if box is not None:
            lines += [f"  x[{j}] in [{low:.17g}, {high:.17g}]" for j, (low, high) in enumerate(zip(*box, strict=True))]
        if self.outside in ABOUT_OUTSIDE:
            lines.append(ABOUT_OUTSIDE[self.outside])
        return lines
