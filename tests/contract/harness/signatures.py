"""Signatures as text, without annotations, to compare with those that our code relies on."""

import inspect
from typing import Any


def signature(function: Any) -> str:
    """Return the parameters of ``function``, such as ``(self, body, *, timeout=None)``."""
    found = inspect.signature(function)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def signatures(owner: type, *names: str) -> dict[str, str]:
    """Return the signatures of methods that ``owner`` itself defines; a coroutine is marked so."""
    return {
        name: ("async " if inspect.iscoroutinefunction(vars(owner)[name]) else "")
        + signature(vars(owner)[name])
        for name in names
    }
