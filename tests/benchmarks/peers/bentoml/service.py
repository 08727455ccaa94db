"""One service with one worker: ``bentoml serve``."""

from typing import Any

import bentoml


@bentoml.service(workers=1)
class Noop:
    """The model as a service."""

    @bentoml.api(route="/predict")
    def predict(self, input: Any) -> dict[str, Any]:
        """Run the model."""
        return {"input": input, "result": 0}
