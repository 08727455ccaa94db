"""The predictor's side: a service with an RPC entrypoint."""

from typing import Any

from nameko.rpc import rpc


class Predictor:
    """``nameko run predictor``."""

    name = "predictor"

    @rpc
    def predict(self, value: Any) -> dict[str, Any]:
        """Run the model."""
        return {"input": value, "result": 0}
