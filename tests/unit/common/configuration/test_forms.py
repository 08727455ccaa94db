"""The forms of settings' values: what is read, and the words about what is not."""

import math
import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.configuration.forms import LARGEST, anything, choice, matching, number, text, whole

DIGITS_OF_OTHER_SCRIPTS = st.text(st.characters(categories=["Nd"], min_codepoint=128), min_size=1)
NUMBERS_OF_PYTHON_ALONE = st.sampled_from(
    [
        "1_000",
        "1_0",
        "0x10",
        "0b1",
        "inf",
        "-inf",
        "Infinity",
        "nan",
        "NaN",
        "1e400",
        "1E+999",
        "--1",
    ]
)


@given(st.integers(0, LARGEST))
def test_a_whole_number_is_read(value: int) -> None:
    assert whole(0).read(str(value)) == value
    assert whole(0).read(f" {value}\n") == value


@pytest.mark.parametrize(("written", "value"), [("+5", 5), ("5.0", 5), ("1.048576e+06", 1_048_576)])
def test_a_whole_number_may_be_written_as_templates_write_it(written: str, value: int) -> None:
    assert whole(1).read(written) == value


@given(st.integers() | st.floats(), st.integers(-10, 10), st.integers(0, 100))
@example(2**63, 0, 100)
@example(-0.0, 0, 1)
def test_a_number_outside_its_bounds_is_refused(value: float, least: int, width: int) -> None:
    form = whole(least, least + width)
    if "-" in str(value) or math.isnan(value) or value % 1 or not least <= value <= least + width:
        with pytest.raises(ValueError, match=f"^expected a whole number from {least} to"):
            form.read(str(value))
    else:
        assert form.read(str(value)) == value


@given(st.floats(1e-300, 1000))
def test_a_number_is_read(value: float) -> None:
    assert number("seconds", 1000).read(str(value)) == value


def test_a_number_may_be_zero_only_where_that_means_something() -> None:
    assert number("seconds", can_be_zero=True).read("0.0") == 0
    for zero in ("0", ".0", "0e5", "1e-999"):
        with pytest.raises(
            ValueError, match=r"^expected a number of seconds above 0 to 315360000$"
        ):
            number("seconds").read(zero)


@given(
    st.text()
    | st.text("0123456789.eE+-_ ")
    | DIGITS_OF_OTHER_SCRIPTS
    | NUMBERS_OF_PYTHON_ALONE
    | st.text("9", min_size=41, max_size=5000)
)
def test_no_text_is_read_as_more_than_an_ascii_number(value: str) -> None:
    """Python's own types read ``1_000``, ``inf`` and digits of any script."""
    for form in (whole(0, 100), number("seconds", 100, can_be_zero=True)):
        read: object = None
        with suppress(ValueError):
            read = form.read(value)
        if read is not None:
            assert isinstance(read, int | float)
            assert re.fullmatch(r"\s*[0-9.eE+-]+\s*", value)
            assert math.isclose(read, float(value))


@pytest.mark.parametrize("value", ["tcp://10.0.0.1:5672", "udp://10.0.0.1:53", "TCP://[::1]:1"])
def test_a_service_link_of_kubernetes_is_recognised(value: str) -> None:
    with pytest.raises(ValueError, match="enableServiceLinks: false") as refused:
        whole(1, 65_535).read(value)
    assert "Kubernetes" in str(refused.value)
    assert "10.0.0.1" not in str(refused.value)


@given(st.text(st.characters(categories=["Cs"]), min_size=1), st.text(), st.text())
def test_bytes_that_are_no_utf8_are_refused_by_every_form(
    broken: str, before: str, after: str
) -> None:
    """The environment has such bytes as lone surrogates."""
    for form in (whole(0), number("s"), choice("a", "b"), text("a name", 9), anything("a text")):
        with pytest.raises(ValueError, match="no UTF-8") as refused:
            form.read(before + broken + after)
        str(refused.value).encode()


@given(st.text(max_size=300))
def test_a_text_has_no_control_characters_and_fits_into_its_bytes(value: str) -> None:
    form = text("a name", 255)
    fits = len(value.encode(errors="surrogatepass")) <= 255
    plain = not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", value)
    if fits and plain:
        assert form.read(value) == value
    else:
        with pytest.raises(ValueError, match="expected a name of at most 255 bytes"):
            form.read(value)


def test_a_choice_is_one_of_its_names() -> None:
    form = choice("debug", "info", "error", ignores_case=True)
    assert [form.read(name) for name in ("debug", "INFO", "Error")] == ["debug", "info", "error"]
    with pytest.raises(ValueError, match=r"^expected debug, info or error$"):
        form.read("loud")
    with pytest.raises(ValueError, match=r"^expected thread or process$"):
        choice("thread", "process").read("Thread")


def test_a_pattern_matches_from_beginning_to_end() -> None:
    form = matching("[a-z]+", "letters")
    assert form.read("abc") == "abc"
    for wrong in ("abc\n", "1abc", "é"):
        with pytest.raises(ValueError, match=r"^expected letters$"):
            form.read(wrong)
