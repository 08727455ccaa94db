"""The HTTP side: a service with an HTTP entrypoint and a proxy of the other service."""

import json
from typing import Any

from nameko.rpc import RpcProxy
from nameko.web.handlers import http


class Gateway:
    """``nameko run gateway``."""

    name = "gateway"
    predictor = RpcProxy("predictor")

    @http("POST", "/predict")
    def predict(self, request: Any) -> str:
        """Ask the predictor and wait for its answer."""
        question = json.loads(request.get_data(as_text=True))
        return json.dumps(self.predictor.predict(question["input"]))
