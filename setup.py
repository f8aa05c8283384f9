"""Builds the extension module; everything declarative is in pyproject.toml."""

import os
import platform
import shutil
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in ("x86_64", "amd64")

# One compiler option set an instruction set; the baseline takes none and is the only one elsewhere than on x86-64.
ISA_OPTIONS = {
    "csrc/isa/avx2.cpp": {"unix": ["-mavx2", "-mfma"], "msvc": ["/arch:AVX2"]},
    "csrc/isa/avx512.cpp": {"unix": ["-mavx512f", "-mavx512dq", "-mfma"], "msvc": ["/arch:AVX512"]},
}

# Contraction of a * b + c to a fused operation would change results from one compiler to the next.
OPTIONS = {
    "unix": ["-O3", "-g0", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unused-function"],
    "msvc": ["/O2", "/fp:precise", "/W3"],
}

# For .ci/sanitize: a core that stops at the first memory error or undefined operation.
SANITIZERS = []
if "PML_NATIVE_SANITIZE" in os.environ:
    SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# Lines and frames for what they find. Inlined, the checks of one instruction set keep the compiler busy for more than
# ten minutes; as functions (see PML_INLINE as well) for one.
READABLE = ["-O1", "-g1", "-fno-inline", "-fno-omit-frame-pointer"]


class BuildExtension(build_ext):
    """Compiles the files of csrc/isa with their own options, then the rest as usual."""

    def build_extension(self, extension):
        kind = "msvc" if self.compiler.compiler_type == "msvc" else "unix"
        extension.extra_compile_args += OPTIONS[kind]
        if SANITIZERS:
            extension.extra_compile_args += [*SANITIZERS, *READABLE]
            extension.extra_link_args += SANITIZERS

        def compiled(isa):
            source, options = isa
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=extension.include_dirs,
                extra_postargs=extension.extra_compile_args + options[kind],
                depends=extension.depends,
            )

        # Each instruction set takes the compiler a minute, so they go side by side.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for objects in pool.map(compiled, ISA_OPTIONS.items() if X86 else ()):
                extension.extra_objects += objects
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
    sources=sorted(set(glob("csrc/**/*.cpp", recursive=True)) - set(ISA_OPTIONS)),
    depends=sorted(glob("csrc/**/*.hpp", recursive=True)),
    define_macros=[("PML_X86_ISAS", "1")] if X86 else [],
    cxx_std=17,
)

ParallelCompile(default=0).install()  # and the other files on all cores, too
setup(ext_modules=[core], cmdclass={"build_ext": BuildExtension})
