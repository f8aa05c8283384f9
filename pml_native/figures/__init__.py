"""Pictures of tables. Nothing is computed here: what is drawn has been measured before."""

from .style import save

__all__ = ["save"]
