"""The router: from a method and a path to a route, by the application's own URL map. No I/O.

Each segment of our patterns is fixed or a variable, so a few look-ups find the route. A path or a
method without a route takes werkzeug's own way, which names the error.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from quart.routing import QuartRule
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map

Handler = Callable[..., Awaitable[Any]]

NO_ARGUMENTS: Final[Mapping[str, str]] = {}

_VARIABLE: Final = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """A rule of the URL map, and the function that handles its requests.

    ``pattern`` names the route in logs, metrics and spans. ``blueprint`` is empty for a route of
    the application itself. ``has_automatic_options``: Quart responds to ``OPTIONS``, the handler
    does not.
    """

    pattern: str
    blueprint: str
    handler: Handler
    variables: tuple[str, ...]
    has_automatic_options: bool


@dataclass(slots=True)
class _Node:
    """A node in the tree of patterns: its children by fixed segment, and the one by variable."""

    fixed: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)
    """Method → route of the paths that end here."""


class Router:
    """The routes of ``url_map``; ``handlers`` are by endpoint.

    Raises:
        ValueError: a rule has another kind of variable, or ends in a slash.
    """

    def __init__(self, url_map: Map, handlers: Mapping[str, Handler]) -> None:
        self._url_map = url_map
        self._fixed: dict[str, dict[str, Route]] = {}
        """Path → method → route, for patterns without variables."""
        self._root = _Node()
        for rule in url_map.iter_rules():
            assert isinstance(rule, QuartRule)
            self._add(rule, handlers[rule.endpoint])

    def match(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route of a request, and the values of its variables.

        ``method`` is in upper case.

        Raises:
            HTTPException: there is no such path (404), or not with this method (405).
        """
        routes = self._fixed.get(path)
        if routes is not None and (route := routes.get(method)) is not None:
            return route, NO_ARGUMENTS
        found = _find(self._root, path.split("/"), 0, method, ())
        if found is None:
            self._refuse(method, path)
        route, values = found
        return route, dict(zip(route.variables, values, strict=True))

    def allowed_methods(self, path: str) -> list[str]:
        """Return the methods that ``path`` has routes for."""
        return list(self._url_map.bind("").allowed_methods(path))

    def _refuse(self, method: str, path: str) -> NoReturn:
        if not path.startswith("/") or path.startswith("//"):
            raise NotFound  # werkzeug takes any number of slashes for one
        rule, _ = self._url_map.bind("").match(path, method, return_rule=True)
        raise AssertionError(f"The router does not find {rule.rule}.")

    def _add(self, rule: QuartRule, handler: Handler) -> None:
        node, variables = self._root, list[str]()
        for segment in rule.rule.split("/"):
            if match := _VARIABLE.fullmatch(segment):
                variables.append(match[1])
                node.variable = node.variable or _Node()
                node = node.variable
            elif "<" in segment or not (segment or node is self._root or rule.rule == "/"):
                raise ValueError(f"The router does not support the pattern {rule.rule}.")
            else:
                node = node.fixed.setdefault(segment, _Node())
        route = Route(
            rule.rule,
            rule.endpoint.rpartition(".")[0],
            handler,
            tuple(variables),
            rule.provide_automatic_options,
        )
        for method in rule.methods or ():
            node.routes.setdefault(method, route)
        if not variables:
            self._fixed[rule.rule] = node.routes


def _find(
    node: _Node, segments: list[str], depth: int, method: str, values: tuple[str, ...]
) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route below ``node``; a fixed segment has precedence over a variable."""
    if depth == len(segments):
        route = node.routes.get(method)
        return None if route is None else (route, values)
    segment = segments[depth]
    found = None
    if (fixed := node.fixed.get(segment)) is not None:
        found = _find(fixed, segments, depth + 1, method, values)
    if found is None and segment and node.variable is not None:
        found = _find(node.variable, segments, depth + 1, method, (*values, segment))
    return found
