"""The syntax of ``PREDICTOR_MODEL``, and the sentences that refuse another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Misconfigured
from predictor_service.models.specification import SHIPPED, Specification, parse_models


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("churn=my_models:Churn", ("churn", "my_models", "Churn", None)),
        ("a=b.c.d:e.f", ("a", "b.c.d", "e.f", None)),
        ("name=module:attr(argument)", ("name", "module", "attr", "argument")),
        ("name=module:attr(a=b:c)", ("name", "module", "attr", "a=b:c")),
        ("name=module:attr()", ("name", "module", "attr", "")),
        (
            "digits=onnx(path/to.onnx)",
            ("digits", "predictor_service.models.onnx", "OnnxModel", "path/to.onnx"),
        ),
        (
            "onnx(/a dir/é.onnx)",
            ("onnx", "predictor_service.models.onnx", "OnnxModel", "/a dir/é.onnx"),
        ),
        ("demo", ("demo", "predictor_service.models.demo", "Demo", None)),
        ("second=demo", ("second", "predictor_service.models.demo", "Demo", None)),
        ("demo=mine:Own", ("demo", "mine", "Own", None)),
        ("  a = m:b (x)  ", ("a", "m", "b", "x")),
    ],
)
def test_a_specification_is_a_name_and_a_place(
    text: str, expected: tuple[str, str, str, str | None]
) -> None:
    assert parse_models(text) == (Specification(*expected),)


@pytest.mark.parametrize("short", SHIPPED)
def test_a_model_that_ships_has_a_short_name(short: str) -> None:
    (specification,) = parse_models(short)
    assert specification.name == short
    assert f"{specification.module}:{specification.attribute}" == SHIPPED[short]


@pytest.mark.parametrize(
    "text", ["demo,b=m:c(d),onnx(e)", " demo , b=m:c(d) ,, onnx(e),", ",demo,b = m:c(d),onnx(e)"]
)
def test_several_models_are_separated_by_commas_and_keep_their_order(text: str) -> None:
    specifications = parse_models(text)
    assert [each.name for each in specifications] == ["demo", "b", "onnx"]
    assert [each.argument for each in specifications] == [None, "d", "e"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "PREDICTOR_MODEL names no model."),
        (" , ,", "PREDICTOR_MODEL names no model."),
        ("demo,demo", "PREDICTOR_MODEL names 'demo' twice."),
        ("a=m:b,demo,a=m:c", "PREDICTOR_MODEL names 'a' twice."),
        ("=", "PREDICTOR_MODEL: '' is not a name for a model."),
        ("a.b", "PREDICTOR_MODEL: 'a.b' is not a name for a model."),
        ("a\nb", "PREDICTOR_MODEL: 'a\\nb' is not a name for a model."),
        ("=m:b", "PREDICTOR_MODEL: '' is not a name for a model."),
        ("a b=m:b", "PREDICTOR_MODEL: 'a b' is not a name for a model."),
        ("a.b=m:b", "PREDICTOR_MODEL: 'a.b' is not a name for a model."),
        ("-a=m:b", "PREDICTOR_MODEL: '-a' is not a name for a model."),
        ("é=m:b", "PREDICTOR_MODEL: 'é' is not a name for a model."),
        (f"{'x' * 65}=m:b", f"PREDICTOR_MODEL: '{'x' * 65}' is not a name for a model."),
        ("m:b", "PREDICTOR_MODEL: 'm:b' is not a name for a model."),
    ],
)
def test_a_specification_that_cannot_be_read_is_refused_in_one_sentence(
    text: str, sentence: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_models(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("iris", "iris", "iris"),
        ("a=iris", "iris", "a"),
        ("a=", "", "a"),
        ("a=module", "module", "a"),
        ("a=module:", "module:", "a"),
        ("a=:attribute", ":attribute", "a"),
        ("a=iris(weights)", "iris", "a"),
        ("Demo", "Demo", "Demo"),
    ],
)
def test_the_refusal_of_an_unknown_place_says_what_to_write(
    text: str, place: str, name: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_models(text)
    assert str(refused.value) == (
        f"PREDICTOR_MODEL: no model {place!r} ships with this predictor; write "
        f"{name}=package.module:attribute, or one of demo, mlflow, onnx, sentiment."
    )


@pytest.mark.parametrize(
    "part", ["a=b=m:c", "a=m:b(c", "a=m:b)", "a=m:b(c)d", "a=m:b((c))", "a=m:b(c)(d)", "onnx(x)=y"]
)
def test_the_refusal_of_a_wrong_syntax_quotes_it(part: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_models(f"demo,{part}")
    assert str(refused.value) == (
        f"PREDICTOR_MODEL: {part!r} is not name=package.module:attribute, nor the same with "
        "(argument) behind it."
    )


@given(st.text() | st.text("ab=:().,- \n"))
def test_a_setting_of_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    specifications: tuple[Specification, ...] = ()
    sentence = ""
    try:
        specifications = parse_models(text)
    except Misconfigured as exc:
        sentence = str(exc)
    assert bool(specifications) != sentence.startswith("PREDICTOR_MODEL")
    assert "\n" not in sentence
    if specifications:
        assert parse_models(",".join(map(str, specifications))) == specifications


@given(
    st.text("Aa0", min_size=1, max_size=64).map(lambda name: name[:1] + "_-" * (len(name) // 4)),
    st.sampled_from(["m", "my_models", "a.b.c"]),
    st.sampled_from(["predict", "Model", "A.b"]),
    st.none() | st.text(st.characters(blacklist_characters="(),", blacklist_categories=["Cs"])),
)
def test_a_specification_that_is_printed_is_read_as_the_same(
    name: str, module: str, attribute: str, argument: str | None
) -> None:
    specification = Specification(name, module, attribute, argument)
    assert parse_models(str(specification)) == (specification,)
