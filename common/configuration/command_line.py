"""The command line of a process: ``--help`` and ``--version``, which start nothing."""

import inspect
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

from pydantic_settings import BaseSettings

from common.configuration.forms import form_of
from common.errors import Misconfigured

HELP: Final = ("--help", "-h")
VERSION: Final = "--version"


def answer(program: str, arguments: Sequence[str], kinds: Sequence[type[BaseSettings]]) -> str:
    """Return the text that ``arguments`` ask for; an empty one if there are none.

    Raises:
        Misconfigured: there is another argument. The sentence does not repeat it: it may be a
            password.
    """
    if not arguments:
        return ""
    if not set(arguments) <= {*HELP, VERSION}:
        raise Misconfigured(
            f"Unknown argument: there are --help and {VERSION}, and settings are environment "
            f"variables."
        )
    if VERSION in arguments:
        return f"PredictMQ {version('predictmq')}"
    return "\n".join(_help(program, kinds))


def _help(program: str, kinds: Sequence[type[BaseSettings]]) -> Iterator[str]:
    yield f"The {program} of PredictMQ. Arguments: --help, {VERSION}. Its settings are environment"
    yield "variables, here with [their defaults]; docs/settings.md says what each is for."
    for kind in kinds:
        yield ""
        yield (inspect.getdoc(kind) or "").replace("``", "")
        for field in kind.model_fields.values():
            default = _shown(field.default)
            yield f"  {field.alias} [{default}] {form_of(field.metadata).expected}"


def _shown(default: Any) -> str:
    if default in (None, ()):
        return "none"
    return ",".join(default) if isinstance(default, tuple) else str(default)
