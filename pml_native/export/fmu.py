"""A model as a functional mock-up unit: a block for co-simulation, as FMI 2.0.4 has it, around the model's C.

An FMU is a zip archive of modelDescription.xml, the C it is compiled from, and what that compiles to on the machine
that wrote it. The block has an input for each column of X and an output for each of y. Outputs follow inputs at once,
so a step in time changes nothing, and their derivatives are those of the model.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ..arrays import Array
from ..files import replacing

# The same model gives the same file: members are dated the least that a zip archive has, and the identifier is made of
# the C and the variables.
DATE = (1980, 1, 1, 0, 0, 0)
NAMESPACE = uuid.UUID("6d6a3c3e-3b0c-5c58-8f0b-3a0a3d1f6c55")
# Folders of what has been compiled, and how a library's name ends there.
BINARIES = {("linux", "x86_64"): ("linux64", "so"), ("darwin", "x86_64"): ("darwin64", "dylib")}
# As `to_c` asks for: no fused products, and no more digits on the way than float64 has.
OPTIONS = ("-std=c99", "-O2", "-ffp-contract=off", "-shared", "-fPIC")

# What the model's functions are called: no name that a user gives can then be one of the block's.
FUNCTION = "pml_native_model"

# What FMI 2.0 wants of a library. Functions that a block without time or memory of its own has no use for say so.
BLOCK = r"""
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define FMI2 __declspec(dllexport)
#else
#define FMI2
#endif

enum { ok = 0, discard = 2, error = 3 };
typedef struct { double x[N_INPUTS]; } Block;
typedef unsigned int Reference;

static int none(size_t n) { return n == 0 ? ok : error; }

FMI2 const char *fmi2GetTypesPlatform(void) { return "default"; }
FMI2 const char *fmi2GetVersion(void) { return "2.0"; }
FMI2 int fmi2SetDebugLogging(void *block, int on, size_t n, const char *const *categories) {
  (void)block; (void)on; (void)n; (void)categories;
  return ok;
}

FMI2 int fmi2Reset(void *block) {
  memcpy(((Block *)block)->x, START, sizeof START);
  return ok;
}
FMI2 void *fmi2Instantiate(const char *name, int type, const char *identifier, const char *folder,
                           const void *callbacks, int visible, int logging) {
  Block *block;
  (void)name; (void)folder; (void)callbacks; (void)visible; (void)logging;
  if (type != 1 || strcmp(identifier, IDENTIFIER) != 0) return NULL; /* 1 is co-simulation */
  block = malloc(sizeof *block);
  if (block != NULL) fmi2Reset(block);
  return block;
}
FMI2 void fmi2FreeInstance(void *block) { free(block); }

FMI2 int fmi2SetupExperiment(void *block, int has_tolerance, double tolerance, double start, int has_end, double end) {
  (void)block; (void)has_tolerance; (void)tolerance; (void)start; (void)has_end; (void)end;
  return ok;
}
FMI2 int fmi2EnterInitializationMode(void *block) { (void)block; return ok; }
FMI2 int fmi2ExitInitializationMode(void *block) { (void)block; return ok; }
FMI2 int fmi2Terminate(void *block) { (void)block; return ok; }
FMI2 int fmi2DoStep(void *block, double time, double step, int is_final) {
  (void)block; (void)time; (void)step; (void)is_final;
  return ok;
}
FMI2 int fmi2CancelStep(void *block) { (void)block; return error; }

FMI2 int fmi2GetReal(void *block, const Reference *references, size_t n, double *values) {
  const double *x = ((Block *)block)->x;
  double y[N_OUTPUTS];
  size_t i;
  MODEL(x, y);
  for (i = 0; i < n; ++i) {
    if (references[i] >= N_INPUTS + N_OUTPUTS) return error;
    values[i] = references[i] < N_INPUTS ? x[references[i]] : y[references[i] - N_INPUTS];
  }
  return ok;
}
FMI2 int fmi2SetReal(void *block, const Reference *references, size_t n, const double *values) {
  size_t i;
  for (i = 0; i < n; ++i) {
    if (references[i] >= N_INPUTS) return error;
    ((Block *)block)->x[references[i]] = values[i];
  }
  return ok;
}
FMI2 int fmi2GetDirectionalDerivative(void *block, const Reference *outputs, size_t n_outputs, const Reference *inputs,
                                      size_t n_inputs, const double *directions, double *derivatives) {
  double dy[N_OUTPUTS * N_INPUTS];
  size_t i, k;
  MODEL_GRADIENT(((Block *)block)->x, dy);
  for (k = 0; k < n_outputs; ++k) {
    if (outputs[k] < N_INPUTS || outputs[k] >= N_INPUTS + N_OUTPUTS) return error;
    derivatives[k] = 0.0;
    for (i = 0; i < n_inputs; ++i) {
      if (inputs[i] >= N_INPUTS) return error;
      derivatives[k] += dy[N_INPUTS * (outputs[k] - N_INPUTS) + inputs[i]] * directions[i];
    }
  }
  return ok;
}

#define NO_VARIABLES(Kind, Type)                                                                          \
  FMI2 int fmi2Get##Kind(void *block, const Reference *references, size_t n, Type *values) {              \
    (void)block; (void)references; (void)values;                                                          \
    return none(n);                                                                                       \
  }                                                                                                       \
  FMI2 int fmi2Set##Kind(void *block, const Reference *references, size_t n, const Type *values) {        \
    (void)block; (void)references; (void)values;                                                          \
    return none(n);                                                                                       \
  }
NO_VARIABLES(Integer, int)
NO_VARIABLES(Boolean, int)
NO_VARIABLES(String, char *)

FMI2 int fmi2SetRealInputDerivatives(void *block, const Reference *references, size_t n, const int *orders,
                                     const double *values) {
  (void)block; (void)references; (void)orders; (void)values;
  return none(n);
}
FMI2 int fmi2GetRealOutputDerivatives(void *block, const Reference *references, size_t n, const int *orders,
                                      double *values) {
  (void)block; (void)references; (void)orders; (void)values;
  return none(n);
}

#define NO_STATUS(Kind, Type)                                                 \
  FMI2 int fmi2Get##Kind##Status(void *block, int which, Type *value) {       \
    (void)block; (void)which; (void)value;                                    \
    return discard;                                                           \
  }
NO_STATUS(, int)
NO_STATUS(Real, double)
NO_STATUS(Integer, int)
NO_STATUS(Boolean, int)
NO_STATUS(String, const char *)

FMI2 int fmi2GetFMUstate(void *block, void **state) { (void)block; (void)state; return error; }
FMI2 int fmi2SetFMUstate(void *block, void *state) { (void)block; (void)state; return error; }
FMI2 int fmi2FreeFMUstate(void *block, void **state) { (void)block; (void)state; return error; }
FMI2 int fmi2SerializedFMUstateSize(void *block, void *state, size_t *size) {
  (void)block; (void)state; (void)size;
  return error;
}
FMI2 int fmi2SerializeFMUstate(void *block, void *state, char *bytes, size_t size) {
  (void)block; (void)state; (void)bytes; (void)size;
  return error;
}
FMI2 int fmi2DeSerializeFMUstate(void *block, const char *bytes, size_t size, void **state) {
  (void)block; (void)bytes; (void)size; (void)state;
  return error;
}
"""


def write(
    path: str | os.PathLike[str],
    name: str,
    model: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    box: tuple[Array, Array] | None,
    version: str,
    compiler: str | None,
) -> list[str]:
    """Writes the FMU of a block `name` with the function FUNCTION of the C `model`; the platforms that it has been
    compiled for, at most one.

    Inputs start in the middle of `box`, whose ends are given as their bounds; at 0 without one.
    """
    if not (name.isidentifier() and name.isascii()):
        raise ValueError(f"name: expected an identifier of C, got {name!r}")
    names = [*inputs, *outputs]
    if len(set(names)) < len(names) or not all(one and one.isprintable() for one in names):
        raise ValueError(
            f"expected printable names of inputs and outputs that differ, got {', '.join(map(repr, names))}"
        )
    start = np.zeros(len(inputs)) if box is None else box[0] + (box[1] - box[0]) / 2
    identifier = str(uuid.uuid5(NAMESPACE, "\n".join([model, *names])))
    definitions = {
        "N_INPUTS": len(inputs),
        "N_OUTPUTS": len(outputs),
        "MODEL": FUNCTION,
        "MODEL_GRADIENT": f"{FUNCTION}_gradient",
        "IDENTIFIER": f'"{identifier}"',
    }
    values = ", ".join(map(float.hex, start.tolist()))
    text = model + "".join(f"\n#define {key} {value}" for key, value in definitions.items())
    text += f"\nstatic const double START[N_INPUTS] = {{{values}}};\n{BLOCK}"
    description = _description(name, identifier, inputs, outputs, box, start, version)
    with tempfile.TemporaryDirectory() as folder:
        library = _compiled(Path(folder), name, text, compiler)
        members = {"modelDescription.xml": description, f"sources/{name}.c": text.encode()}
        if library is not None:
            members[f"binaries/{library[0]}/{library[1].name}"] = library[1].read_bytes()
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member, DATE), data, zipfile.ZIP_DEFLATED)
    return [] if library is None else [library[0]]


def _compiled(folder: Path, name: str, text: str, compiler: str | None) -> tuple[str, Path] | None:
    """The platform and its library; None without a compiler, or where FMI has no name for the machine."""
    command = shutil.which(compiler or os.environ.get("CC", "cc"))
    known = BINARIES.get((sys.platform, platform.machine()))
    if compiler is not None and (command is None or known is None):
        what = "a compiler" if command is None else "a machine that FMI 2.0 has a name for"
        raise ValueError(f"compiler: expected {what}, got {compiler!r} on {sys.platform} {platform.machine()}")
    if command is None or known is None:
        return None
    source, library = folder / f"{name}.c", folder / f"{name}.{known[1]}"
    source.write_text(text)
    done = subprocess.run(
        [command, *OPTIONS, "-o", library, source, "-lm"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(f"compiler: expected one that takes C99, got {command}, which says {done.stderr.strip()!r}")
    return known[0], library


def _description(
    name: str,
    identifier: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    box: tuple[Array, Array] | None,
    start: Array,
    version: str,
) -> bytes:
    """modelDescription.xml."""
    root = ElementTree.Element("fmiModelDescription", fmiVersion="2.0", modelName=name, guid=identifier)
    root.set("generationTool", f"pml_native {version}")
    block = ElementTree.SubElement(root, "CoSimulation", modelIdentifier=name)
    block.set("canHandleVariableCommunicationStepSize", "true")
    block.set("canNotUseMemoryManagementFunctions", "true")
    block.set("providesDirectionalDerivative", "true")
    ElementTree.SubElement(ElementTree.SubElement(block, "SourceFiles"), "File", name=f"{name}.c")
    variables = ElementTree.SubElement(root, "ModelVariables")
    for reference, variable in enumerate([*inputs, *outputs]):
        is_input = reference < len(inputs)
        scalar = ElementTree.SubElement(variables, "ScalarVariable", name=variable, valueReference=str(reference))
        scalar.set("causality", "input" if is_input else "output")
        real = ElementTree.SubElement(scalar, "Real")
        if is_input and box is not None:
            real.set("min", repr(float(box[0][reference])))
            real.set("max", repr(float(box[1][reference])))
        if is_input:
            real.set("start", repr(float(start[reference])))
    structure = ElementTree.SubElement(root, "ModelStructure")
    for kind in ("Outputs", "InitialUnknowns"):
        unknowns = ElementTree.SubElement(structure, kind)
        for k in range(len(outputs)):
            unknown = ElementTree.SubElement(unknowns, "Unknown", index=str(len(inputs) + k + 1))
            unknown.set("dependencies", " ".join(str(i + 1) for i in range(len(inputs))))
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"
