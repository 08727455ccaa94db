"""The names of environment variables: those that nobody reads, and the ones that were meant.

A prefix such as ``RABBITMQ_`` is not ours alone. RabbitMQ itself has variables with it, which a
file of settings for all containers contains; and Kubernetes sets some for each Service.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Final

_THEIRS: Final = """
    ADVANCED_CONFIG_FILE ALLOW_INPUT BASE BOOT_MODULE CLI_ALIASES_FILE CONFIG_FILE CONFIG_FILES
    CONF_ENV_FILE CTL_DIST_PORT_MAX CTL_DIST_PORT_MIN CTL_ERL_ARGS DATA_DIR DBG DEFAULT_ALLOC_ARGS
    DEFAULT_PASS DEFAULT_USER DEFAULT_VHOST DISTRIBUTION_BUFFER_SIZE DIST_PORT ENABLED_PLUGINS
    ENABLED_PLUGINS_FILE ERLANG_COOKIE FEATURE_FLAGS FEATURE_FLAGS_FILE GENERATED_CONFIG_DIR GROUP
    HOME IGNORE_SIGINT IO_THREAD_POOL_SIZE KEEP_PID_FILE_ON_EXIT LOG LOGS LOG_BASE LOG_FF_REGISTRY
    MAX_NUMBER_OF_ATOMS MAX_NUMBER_OF_PROCESSES MNESIA_BASE MNESIA_DIR MOTD_FILE NODENAME
    NODE_IP_ADDRESS NODE_ONLY NODE_PORT PGP_KEY_ID PID_FILE PLUGINS_DIR PLUGINS_EXPAND_DIR
    PRODUCT_NAME PRODUCT_VERSION QUORUM_DIR SASL_LOGS SCHEDULER_BIND_TYPE
    SCHEDULER_BUSY_WAIT_THRESHOLD SCRIPTS_DIR SERVER_ADDITIONAL_ERL_ARGS SERVER_CODE_PATH
    SERVER_ERL_ARGS SERVER_START_ARGS SERVICENAME SERVICE_RESTART START_RABBIT STREAM_DIR TRACER
    UPGRADE_LOG USE_LONGNAME VERSION
"""
RABBITMQ_ITSELF: Final = frozenset(f"RABBITMQ_{name}" for name in _THEIRS.split())
"""The variables of the broker, its tools and its image (RabbitMQ 3.10 to 4)."""

READ_IN_PLACE_OF: Final = {"RABBITMQ_DEFAULT_VHOST": "RABBITMQ_VHOST"}
"""Variables of RabbitMQ for what is also a setting of ours: they are no mistake beside that one."""

OF_THE_TOOLING: Final = frozenset({"RABBITMQ_CHROOT"})
"""Variables that ``make up`` reads, and hands on to the processes that it starts."""

SERVICE_LINK: Final = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
"""The beginning of the value that Kubernetes gives a variable like ``RABBITMQ_PORT``."""

_LINKED: Final = re.compile(
    r".+_SERVICE_HOST|.+_SERVICE_PORT(_.+)?|.+_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?",
    re.ASCII,
)
"""The names of the other variables that Kubernetes sets for a Service."""

ALIKE: Final = 0.6
"""The likeness of two names from which on one is taken for the other, misspelt."""


def unknown_names(environ: Mapping[str, str], prefix: str, known: Collection[str]) -> Iterator[str]:
    """Yield the variables with ``prefix`` that are not ``known`` and nobody else's; none is empty.

    Case is ignored, as it is where settings are read.
    """
    for name, value in environ.items():
        capital = name.upper()
        if not capital.startswith(prefix) or capital in known or not value:
            continue
        if not _is_of_others(capital, value, environ):
            yield name


def _is_of_others(name: str, value: str, environ: Mapping[str, str]) -> bool:
    if (ours := READ_IN_PLACE_OF.get(name)) and not environ.get(ours):
        return value == "/"  # what we connect to without a setting
    if name in RABBITMQ_ITSELF or name in OF_THE_TOOLING:
        return True
    is_link = name.endswith("_PORT") and SERVICE_LINK.match(value)
    return bool(is_link or _LINKED.fullmatch(name))


def meant(name: str, prefix: str, known: Collection[str]) -> str | None:
    """Return the name in ``known`` that is most like ``name``; None if none is like it."""
    if name.upper() in READ_IN_PLACE_OF:
        return READ_IN_PLACE_OF[name.upper()]
    tail = name.upper().removeprefix(prefix)
    alike, found = max((_likeness(tail, each.removeprefix(prefix)), each) for each in known)
    return found if alike >= ALIKE else None


def _likeness(tail: str, other: str) -> float:
    """Return how alike two names are, from 0 to 1: as a whole, or word by word.

    ``USER`` is like ``DEFAULT_USER`` by its words, ``SYNCTIMEOUT`` like ``SYNC_TIMEOUT_S`` as a
    whole.
    """
    words = [
        max(_ratio(word, theirs) for theirs in other.split("_"))
        for word in filter(None, tail.split("_"))
    ]
    return max(_ratio(tail, other), 0.9 * sum(words) / max(len(words), 1))


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
