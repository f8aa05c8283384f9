"""The languages that a program can be written in, by name."""

from __future__ import annotations

from .c import C
from .fortran import Fortran
from .javascript import JavaScript
from .julia import Julia
from .rust import Rust
from .translation import Language

LANGUAGES: dict[str, type[Language]] = {
    "c": C,
    "fortran": Fortran,
    "javascript": JavaScript,
    "julia": Julia,
    "rust": Rust,
}
