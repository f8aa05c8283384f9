"""All families of models by name: each joins by being defined, so that models can be made of others from here on."""

from __future__ import annotations

from typing import Any

FAMILIES: dict[str, Any] = {}
# A `Model`, in files that its own file imports.
AnyModel = Any
