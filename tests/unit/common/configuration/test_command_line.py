"""``--help`` and ``--version``, and the refusal of other arguments."""

from importlib.metadata import version

import pytest

from common.configuration.command_line import answer
from common.errors import Misconfigured
from predictmq.local.plan import EVERY_SETTING


def test_help_lists_every_setting_with_its_default() -> None:
    text = answer("gateway", ["--help"], EVERY_SETTING)
    assert answer("gateway", ["-h"], EVERY_SETTING) == text
    for kind in EVERY_SETTING:
        for field in kind.model_fields.values():
            default = "none" if field.default in (None, ()) else field.default
            shown = ",".join(default) if isinstance(default, tuple) else default
            assert f"\n  {field.alias} [{shown}] " in text


def test_the_version_is_that_of_the_package() -> None:
    assert answer("gateway", ["--version"], EVERY_SETTING) == f"PredictMQ {version('predictmq')}"


def test_no_argument_asks_for_nothing() -> None:
    assert answer("gateway", [], EVERY_SETTING) == ""


@pytest.mark.parametrize("argument", ["serve", "--port=sesame", "--Help", "", "-v", "sesame"])
def test_an_unknown_argument_is_refused_and_not_repeated(argument: str) -> None:
    with pytest.raises(Misconfigured, match=r"^Unknown argument: there are --help and --version"):
        answer("gateway", ["--help", argument], EVERY_SETTING)
    with pytest.raises(Misconfigured) as refused:
        answer("gateway", [argument], EVERY_SETTING)
    assert "sesame" not in str(refused.value)
