"""Builds the extension module; everything declarative is in pyproject.toml."""

import os
import platform
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

import pybind11
from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, has_flag
from setuptools import setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in ("x86_64", "amd64")

# What the compiler may use in the files of csrc/isa; the baseline takes no option and is the only one elsewhere.
ISAS = {"baseline": {"unix": [], "msvc": []}}
if X86:
    ISAS |= {
        "avx2": {"unix": ["-mavx2", "-mfma"], "msvc": ["/arch:AVX2"]},
        "avx512": {"unix": ["-mavx512f", "-mavx512dq", "-mfma"], "msvc": ["/arch:AVX512"]},
    }
# At -O3 the search without a triangulation, in eleven dimensions, takes as long to compile as all other kernels do:
# 20 s for AVX-512. These are the parts of -O3 that it gains from: it takes 12 s, and queries of 10,000 points in 2 to
# 10 dimensions are 0 to 3 % slower (2 to 9 % without the last four). They are gcc's; other compilers keep -O3.
SEARCH = [
    "-O2",
    "-fpeel-loops",
    "-fvect-cost-model=dynamic",
    "-funswitch-loops",
    "-fsplit-loops",
    "-ftree-partial-pre",
    "-fgcse-after-reload",
]
# Bindings only pass arrays on; their time goes to pybind11's templates, and 3 s a file to its headers: they are
# compiled as two files.
BINDINGS = {"unix": ["-O1"], "msvc": []}
N_JOINED = 2


def own_options(kind, search=()):
    """The files that have options of their own, with these; the longest first; `search` is SEARCH or empty."""
    files = {f"csrc/isa/{name}.cpp": options[kind] for name, options in ISAS.items()}
    return files | {f"csrc/isa/search_{name}.cpp": [*options[kind], *search] for name, options in ISAS.items()}


def bindings():
    """The files that know Python, the longest first."""
    return sorted([*glob("csrc/bindings/*.cpp"), "csrc/module.cpp"], key=lambda path: (-os.path.getsize(path), path))


def joined_bindings(folder):
    """Files in `folder` that include the bindings, each about as many."""
    os.makedirs(folder, exist_ok=True)
    files = []
    for k in range(N_JOINED):
        file = Path(folder) / f"bindings_{k}.cpp"
        text = "".join(f'#include "{Path(path).resolve().as_posix()}"\n' for path in bindings()[k::N_JOINED])
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
        files.append(str(file))
    return files


# Contraction of a * b + c to a fused operation would change results from one compiler to the next.
OPTIONS = {
    "unix": ["-O3", "-g0", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unused-function"],
    "msvc": ["/O2", "/fp:precise", "/W3"],
}

# For .ci/sanitize: a core that stops at the first memory error or undefined operation, or where threads race.
SANITIZERS = {
    None: [],
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "threads": ["-fsanitize=thread"],
}[os.environ.get("PML_NATIVE_SANITIZE")]
# Lines and frames for what they find. Inlined, the checks of one instruction set keep the compiler busy for more than
# ten minutes; as functions (see PML_INLINE as well) for one.
READABLE = ["-O1", "-g1", "-fno-inline", "-fno-omit-frame-pointer"]


def is_stale(compiled, source):
    """Whether an object is older than its source or a header that this reaches, pybind11's too.

    Of options it knows nothing: whoever changes some deletes the folder `build`.
    """
    reached, known = [source], set()
    while reached:
        file = os.path.normpath(reached.pop())
        if file not in known:
            known.add(file)
            folders = os.path.dirname(file), pybind11.get_include()
            for name in re.findall(r'#include ["<](.+)[">]', Path(file).read_text(encoding="utf-8")):
                reached += [path for path in (os.path.join(folder, name) for folder in folders) if os.path.exists(path)]
    return max(map(os.path.getmtime, known)) > os.path.getmtime(compiled)


class BuildExtension(build_ext):
    """Compiles the files that have options of their own, then the rest as usual."""

    def build_extension(self, extension):
        kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        options_of_all, last = extension.extra_compile_args + OPTIONS[kind], []
        if SANITIZERS:
            self.build_temp += "-sanitized"
            last = [*SANITIZERS, *READABLE]
            extension.extra_link_args += SANITIZERS

        knows = kind == "unix" and all(has_flag(self.compiler, option) for option in SEARCH)
        search = SEARCH if knows else ()

        def compiled(file):
            source, options = file
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                macros=extension.define_macros,
                include_dirs=extension.include_dirs,
                extra_postargs=options_of_all + options + last,
                depends=extension.depends,
            )

        files = own_options(kind, search) | dict.fromkeys(joined_bindings(self.build_temp), BINDINGS[kind])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for objects in pool.map(compiled, files.items()):
                extension.extra_objects += objects
        extension.extra_compile_args = options_of_all + last
        super().build_extension(extension)
        # A checkout also gets a copy beside its sources, so that Python started in this folder finds it: there,
        # `import pml_native` takes this folder's package, installed or not.
        if Path(".git").exists() and not self.inplace:
            built = Path(self.get_ext_fullpath(extension.name))
            # Replaced, not overwritten: a running Python may have the old one mapped.
            shutil.copy2(built, Path("pml_native") / f"{built.name}.new")
            os.replace(Path("pml_native") / f"{built.name}.new", Path("pml_native") / built.name)


core = Pybind11Extension(
    "pml_native._core",
    sources=sorted(
        set(glob("csrc/**/*.cpp", recursive=True)) - {*own_options("unix"), *bindings(), *glob("csrc/isa/*avx*.cpp")}
    ),
    # A change in any of these links the module again; in this file, is_stale says what is compiled again.
    depends=[*sorted(glob("csrc/**/*.hpp", recursive=True)), *own_options("unix"), *bindings()],
    define_macros=[("PML_X86_ISAS", "1")] if X86 else [],
    cxx_std=17,
)

ParallelCompile(default=0, needs_recompile=is_stale).install()  # and the other files on all cores, too
setup(ext_modules=[core], cmdclass={"build_ext": BuildExtension})
