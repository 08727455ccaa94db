"""One route and one worker process; its arguments are those of mosec."""

from typing import Any

from mosec import Server, Worker


class Noop(Worker):
    """The model, which gets the body of each request."""

    def forward(self, data: Any) -> dict[str, Any]:
        """Run the model."""
        return {"input": data["input"], "result": 0}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Noop, num=1, route="/predict")
    server.run()
