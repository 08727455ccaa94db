"""docs/settings.md compared with the settings classes: names, defaults and units."""

import re
from typing import Final

import pytest

from common.settings import BrokerSettings, Settings, TelemetrySettings, read_settings
from gateway.settings import GatewaySettings
from predictor_service.settings import DemoSettings, PredictorSettings
from tests.support.harness.services import ROOT
from tests.unit.docs.markdown import DOCS, code, section, tables

PAGE: Final = DOCS / "settings.md"
SECTIONS: Final[dict[str, type[Settings]]] = {
    "The broker": BrokerSettings,
    "Logs and traces": TelemetrySettings,
    "Gateway": GatewaySettings,
    "Predictor": PredictorSettings,
    "The demo model": DemoSettings,
}
UNITS: Final = {"_S": "seconds", "_MS": "milliseconds", "_BYTES": "bytes"}
"""The ends of names that carry a unit; nothing else is in that unit."""

READERS: Final = {
    "`make up`": ["Makefile", "predictmq/local/**/*.py"],
    "`docker compose`": ["compose.yaml"],
}
"""Settings that no class has: the files that read them."""


def rows(heading: str) -> dict[str, tuple[str, str, str]]:
    """Return setting → default, unit and meaning, from the table under a heading."""
    (table,) = tables(section(PAGE, heading))
    return {code(name): (default, unit, meaning) for name, default, unit, meaning in table}


@pytest.mark.parametrize(("heading", "kind"), SECTIONS.items())
def test_a_table_has_the_settings_of_its_class_and_no_other(
    heading: str, kind: type[Settings]
) -> None:
    assert set(rows(heading)) == {field.alias for field in kind.model_fields.values()}


@pytest.mark.parametrize(
    ("heading", "name"), [(heading, name) for heading in SECTIONS for name in rows(heading)]
)
def test_a_default_on_the_page_is_the_default_of_the_class(
    no_settings: pytest.MonkeyPatch, heading: str, name: str
) -> None:
    kind = SECTIONS[heading]
    defaults = read_settings(kind)
    default = rows(heading)[name][0]
    if default.startswith("`"):
        no_settings.setenv(name, code(default))
        assert read_settings(kind) == defaults
    else:
        (field,) = (each for each, field in kind.model_fields.items() if field.alias == name)
        assert getattr(defaults, field) in (None, ())
        assert re.match(r"(none|off|derived)\b", default)


@pytest.mark.parametrize("heading", [*SECTIONS, *READERS])
def test_a_unit_on_the_page_is_the_one_that_the_name_carries(heading: str) -> None:
    for name, (_, unit, _) in rows(heading).items():
        carried = next((UNITS[end] for end in UNITS if name.endswith(end)), None)
        assert unit == carried or (carried is None and unit not in UNITS.values()), name


@pytest.mark.parametrize(("heading", "files"), READERS.items())
def test_a_setting_without_a_class_is_read_in_the_code(heading: str, files: list[str]) -> None:
    text = "\n".join(path.read_text() for file in files for path in ROOT.glob(file))
    assert [name for name in rows(heading) if not re.search(rf"\b{name}\b", text)] == []
