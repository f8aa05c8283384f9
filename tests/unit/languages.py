"""Models in other languages, many in one program, callable from here: what compiles or runs each of them."""

import ctypes
import json
import os
import shutil
import subprocess
import weakref
from pathlib import Path

import numpy as np
import pytest

CARGO = Path.home() / ".cargo" / "bin"
TOOLS = {"fortran": "gfortran", "javascript": "node", "julia": "julia", "rust": "rustc"}
ENDINGS = {"c": "c", "fortran": "f90", "javascript": "mjs", "julia": "jl", "rust": "rs"}


def tool_of(language):
    """Where the program is that compiles or runs the language; skips the test if there is none."""
    path = shutil.which(TOOLS[language], path=os.pathsep.join([os.environ.get("PATH", ""), str(CARGO)]))
    if path is None:
        pytest.skip(f"no {TOOLS[language]}")
    return path


def ran(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr[-5000:]
    return done


class Values:
    """Of one model in a program: values (n, m) and derivatives (n, m, d), and errors (n,) where they are asked for."""

    def __init__(self, program, name, shape):
        self._program, self._name, self.shape = program, name, shape

    def __call__(self, X):
        return self._program(self._name, X, self.shape[:1])

    def gradient(self, X):
        return self._program(f"{self._name}_gradient", X, self.shape)

    def error(self, X):
        return self._program(f"{self._name}_error", X, ())


def program_of(language, models, folder, error_estimate=False):
    """`Values` of each of the models, which one program in the language has."""
    tool_of(language)
    texts = [
        getattr(model, f"to_{language}")(name=f"g{k}", error_estimate=error_estimate) for k, model in enumerate(models)
    ]
    shapes = [(model.signature.n_outputs, model.signature.n_inputs) for model in models]
    return program_of_texts(language, texts, shapes, folder, error_estimate)


def program_of_texts(language, texts, shapes, folder, error_estimate=False):
    """The same of texts that have functions g0, g1, ..."""
    names = [f"g{k}" for k in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (folder / f"{name}.{ENDINGS[language]}").write_text(text)
    program = PROGRAMS[language](tool_of(language), folder, names, error_estimate)
    return [Values(program, name, shape) for name, shape in zip(names, shapes, strict=True)]


class Library:
    """Functions of a library that take pointers, and have these names in it."""

    def __init__(self, path, symbol):
        self._library, self._symbol = ctypes.CDLL(path), symbol

    def __call__(self, name, X, shape):
        function, pointer = self._library[self._symbol(name)], ctypes.POINTER(ctypes.c_double)
        out = np.empty((len(X), *shape))
        if not shape:
            function.restype = ctypes.c_double
            return np.array([function(x.ctypes.data_as(pointer)) for x in np.ascontiguousarray(X)])
        for x, result in zip(np.ascontiguousarray(X), out, strict=True):
            function(x.ctypes.data_as(pointer), result.ctypes.data_as(pointer))
        return out


def fortran(gfortran, folder, names, error_estimate):
    options = ["-std=f2018", "-O1", "-ffp-contract=off", "-Wall", "-Wno-unused-dummy-argument", "-Werror"]
    sources = [f"{name}.f90" for name in names]
    ran([gfortran, *options, "-shared", "-fPIC", "-o", "all.so", *sources], cwd=folder)
    return Library(folder / "all.so", lambda name: f"__{name.partition('_')[0]}_module_MOD_{name}")


# A cast, as y is of another type for each model.
RUST_CALLS = """
#[no_mangle] pub unsafe extern "C" fn NAME_(x: *const f64, y: *mut f64) {
  *(y as *mut _) = NAME::NAME(&*(x as *const _));
}
#[no_mangle] pub unsafe extern "C" fn NAME_gradient_(x: *const f64, dy: *mut f64) {
  *(dy as *mut _) = NAME::NAME_gradient(&*(x as *const _));
}
"""
RUST_ERROR = """
#[no_mangle] pub unsafe extern "C" fn NAME_error_(x: *const f64) -> f64 { NAME::NAME_error(&*(x as *const _)) }
"""


def rust(rustc, folder, names, error_estimate):
    calls = RUST_CALLS + (RUST_ERROR if error_estimate else "")
    text = "".join(f"mod {name};\n" + calls.replace("NAME", name) for name in names)
    (folder / "all.rs").write_text(text)
    options = ["--edition=2021", "-Copt-level=1", "-Cdebug-assertions=on", "-Dwarnings", "--crate-type=cdylib"]
    ran([rustc, *options, "-o", "all.so", "all.rs"], cwd=folder)
    return Library(folder / "all.so", lambda name: f"{name}_")


# They answer each line, which names a file, a function of it, the number of inputs, and files of points and results.
SCRIPTS = {
    "javascript": """\
import fs from "node:fs";
import readline from "node:readline";
for await (const line of readline.createInterface({input: process.stdin})) {
  const [source, name, d, points, results] = JSON.parse(line);
  const f = (await import(source))[name];
  const X = new Float64Array(new Uint8Array(fs.readFileSync(points)).buffer);
  const values = [];
  for (let i = 0; i < X.length; i += d) values.push(f(X.subarray(i, i + d)));
  const numbers = values.flatMap(y => y.length ? [...y] : [y]);
  fs.writeFileSync(results, new Uint8Array(Float64Array.from(numbers).buffer));
  console.log("done");
}
""",
    "julia": """\
for line in eachline()
  source, name, d, points, results = split(strip(line, ['[', ']']), ", ")
  unquoted(text) = String(strip(text, '"'))
  include(unquoted(source))
  file = getfield(Main, Symbol(split(unquoted(name), "_")[1], "_module"))
  X = reshape(reinterpret(Float64, read(unquoted(points))), parse(Int, d), :)
  f = getfield(file, Symbol(unquoted(name)))
  rows(y) = y isa AbstractMatrix ? vec(permutedims(y)) : y isa Number ? [y] : y
  write(unquoted(results), reduce(vcat, [rows(Base.invokelatest(f, collect(x))) for x in eachcol(X)]))
  println("done"); flush(stdout)
end
""",
}


def ended(process):
    process.stdin.close()
    process.stdout.close()
    assert process.wait() == 0


class Interpreted:
    """Functions that a script calls at all points, which it reads from a file."""

    def __init__(self, language, tool, folder):
        self._folder, self._ending = folder, ENDINGS[language]
        script = folder / f"calls.{self._ending}"
        script.write_text(SCRIPTS[language])
        self._process = subprocess.Popen([tool, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._end = weakref.finalize(self, ended, self._process)

    def __call__(self, name, X, shape):
        points, results = self._folder / "points", self._folder / "results"
        points.write_bytes(np.ascontiguousarray(X).tobytes())
        source = self._folder / f"{name.partition('_')[0]}.{self._ending}"
        call = json.dumps([str(source), name, X.shape[1], str(points), str(results)])
        print(call, file=self._process.stdin, flush=True)
        assert self._process.stdout.readline() == "done\n"
        return np.frombuffer(results.read_bytes()).reshape(len(X), *shape)


PROGRAMS = {
    "fortran": fortran,
    "javascript": lambda tool, folder, names, error_estimate: Interpreted("javascript", tool, folder),
    "julia": lambda tool, folder, names, error_estimate: Interpreted("julia", tool, folder),
    "rust": rust,
}
