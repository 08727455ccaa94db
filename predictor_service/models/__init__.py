"""The models that ship, and what a model may raise to blame its caller."""

from common.errors import InvalidInput

__all__ = ["InvalidInput"]
