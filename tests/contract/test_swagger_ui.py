"""Assumptions of ``gateway/api`` about the files of flask-swagger-ui."""

from importlib.resources import files

import pytest

from gateway.api.page_routes import ASSETS


@pytest.mark.parametrize("asset", ASSETS)
def test_the_assets_of_the_page_are_in_the_distribution(asset: str) -> None:
    assert (files("flask_swagger_ui") / "dist" / asset).read_bytes()
