"""A model with types, which its schemas describe and against which inputs are checked."""

from typing import Annotated

import msgspec


class Customer(msgspec.Struct, forbid_unknown_fields=True):
    """An input with constraints, all of which its schema tells."""

    months: Annotated[int, msgspec.Meta(ge=1, le=1200)]
    features: Annotated[list[float], msgspec.Meta(max_length=8)] = []


class Risk(msgspec.Struct):
    """A result."""

    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    of: Customer


def predict(customer: Customer) -> Risk:
    """Return the risk: higher for customers of fewer months."""
    return Risk(1 / customer.months, customer)
