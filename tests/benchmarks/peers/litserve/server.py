"""One API, one server process and one worker process."""

import os
from typing import Any

import litserve


class Noop(litserve.LitAPI):
    """The model between decoding and encoding."""

    def setup(self, device: str) -> None:
        """Load nothing."""

    def decode_request(self, request) -> Any:  # its type would make LitServe read it otherwise
        """Return the input of a body."""
        return request["input"]

    def predict(self, value: Any) -> dict[str, Any]:
        """Run the model."""
        return {"input": value, "result": 0}

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """Return the body of a response."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Noop(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
