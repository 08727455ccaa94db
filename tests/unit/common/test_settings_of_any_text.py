"""Every setting of every class with any text: read, or refused in one plain sentence."""

import os
import re
from typing import Final
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misconfigured
from common.settings import Settings, read_settings
from predictmq.local.plan import EVERY_SETTING

SETTINGS: Final = [(kind, name) for kind in EVERY_SETTING for name in kind.names()]

WORDS_OF_LIBRARIES: Final = re.compile(
    r"pydantic|Input should|\[type=|validation error|[Vv]alue error|\w+Error\b|could not convert"
)
SECRET: Final = "open-sesame"

TEXTS: Final = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)
    | st.from_regex(r"[0-9a-zA-Z:/@=,.*\[\] _+-]{1,20}", fullmatch=True)
    | st.sampled_from(
        [
            *("inf", "-inf", "nan", "1e400", "-0", "1_0", "0x10", "٣", "-1", "0", "65536", "1.5"),
            *("9" * 5000, " ", "\n", "a\nb", "true", "None", "[]", "{}", '"x"', "localhost:5672 "),
            *(
                "tcp://10.0.0.1:5672",
                "amqp://guest:{}@x",
                "http://{}:{}@[",
                "[::1]",
                "INFO",
                "Quorum",
            ),
            *("a={}", "a={},a={}", "a={},b={} é", "x(y", "=", "demo,demo", "*,{}", "https://{}/"),
        ]
    )
)


def refusal(kind: type[Settings], **environ: str) -> str:
    """Return the sentence of the refusal; an empty one if the settings are read."""
    with patch.dict(os.environ, environ, clear=True):
        try:
            read_settings(kind)
        except Misconfigured as exc:
            return str(exc)
    return ""


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
@given(before=TEXTS, after=TEXTS)
def test_a_value_is_read_or_refused_in_one_sentence_that_names_it_and_shows_no_part_of_it(
    kind: type[Settings], name: str, before: str, after: str
) -> None:
    whole = before.replace("{}", SECRET)
    for value in (whole, before + SECRET, SECRET + after, f"{before}={SECRET},{after}"):
        sentence = refusal(kind, **{name: value})
        assert sentence == "" or re.match(rf"Unusable settings: .*\b{name}\b", sentence)
        assert sentence.isprintable()
        assert SECRET not in sentence
        assert not WORDS_OF_LIBRARIES.search(sentence)


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
@given(before=TEXTS, byte=st.integers(0x80, 0xFF), after=st.text("abc", max_size=3))
def test_a_value_with_bytes_that_are_no_utf8_is_refused(
    kind: type[Settings], name: str, before: str, byte: int, after: str
) -> None:
    broken = bytes([byte]).decode(errors="surrogateescape")
    sentence = refusal(kind, **{name: before + broken + after})
    assert sentence.startswith(f"Unusable settings: {name}: has bytes that are no UTF-8; expected ")
    assert sentence.isprintable()


@pytest.mark.parametrize("kind", [kind for kind in EVERY_SETTING if kind.prefix])
@given(st.data())
def test_a_variable_with_a_prefix_of_ours_that_is_no_setting_is_refused_without_its_value(
    kind: type[Settings], data: st.DataObject
) -> None:
    known = data.draw(st.sampled_from([n for n in kind.names() if n.startswith(kind.prefix)]))
    name = known[:-1] if known[:-1] not in kind.names() else f"{known}X"
    sentence = refusal(kind, **{name: SECRET})
    assert sentence == f"Unusable settings: unknown {name}; did you mean {known}?"


@given(st.text("ABCXYZ_019", min_size=1, max_size=30).map("GATEWAY_QQ".__add__))
def test_a_variable_that_is_like_no_setting_is_refused_all_the_same(name: str) -> None:
    (kind,) = (kind for kind in EVERY_SETTING if kind.prefix == "GATEWAY_")
    assert f"unknown {name}; " in refusal(kind, **{name: "x"})


def test_all_mistakes_are_in_one_sentence() -> None:
    (kind,) = (kind for kind in EVERY_SETTING if kind.prefix == "RABBITMQ_")
    sentence = refusal(
        kind, RABBITMQ_USER="x", RABBITMQ_HOST="localhost:5672", RABBITMQ_PORT="tcp://10.0.0.1:5672"
    )
    assert "unknown RABBITMQ_USER; did you mean RABBITMQ_DEFAULT_USER?; " in sentence
    assert "; RABBITMQ_HOST: has a port, which is RABBITMQ_PORT; expected " in sentence
    assert "; RABBITMQ_PORT: was set by Kubernetes" in sentence
    assert "enableServiceLinks: false" in sentence


def test_a_name_that_is_not_like_the_demo_models_setting_is_somebody_elses() -> None:
    (kind,) = (kind for kind in EVERY_SETTING if kind.prefix == "DEMO_")
    assert refusal(kind, DEMO_MODE="1") == ""
    assert "did you mean DEMO_DELAY_S?" in refusal(kind, DEMO_DELAY="1")
