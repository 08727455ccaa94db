"""The worker process that runs each input, so that the process of a cancelled one can be killed.

No I/O of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from predictor_service.execution.invocation import ModelInput


class Stoppable(Protocol):
    """A worker that can be ended at once, in whatever state it is."""

    def stop(self) -> None: ...


class _Call(NamedTuple):
    worker: Stoppable
    inputs: Sequence[ModelInput]
    is_batch: bool


class Assignments:
    """The inputs that a worker runs, or that wait for a worker."""

    def __init__(self) -> None:
        self._calls: dict[ModelInput, _Call | None] = {}
        self._stopped: set[ModelInput] = set()

    @contextmanager
    def waiting(self, inputs: Sequence[ModelInput]) -> Iterator[None]:
        """Have ``inputs`` wait for a worker: they can be stopped until the context is left."""
        self._calls.update(dict.fromkeys(inputs))
        try:
            yield
        finally:
            for model_input in inputs:
                del self._calls[model_input]
            self._stopped.difference_update(inputs)

    @contextmanager
    def assigned(
        self, worker: Stoppable, inputs: Sequence[ModelInput], *, is_batch: bool
    ) -> Iterator[None]:
        """Assign ``inputs`` that wait to ``worker``, one by one or as a batch, for a context."""
        self._calls.update(dict.fromkeys(inputs, _Call(worker, inputs, is_batch)))
        try:
            yield
        finally:
            self._calls.update(dict.fromkeys(inputs))

    def stop(self, correlation_id: str) -> None:
        """Stop the inputs of this id.

        A worker that runs one is ended, unless another input of the same batch is not stopped: to
        run that input again would cost its caller more than the result that is not needed.
        """
        for model_input, call in self._calls.items():
            if model_input.correlation_id == correlation_id:
                self._stopped.add(model_input)
                if call and not (call.is_batch and not self.are_all_stopped(call.inputs)):
                    call.worker.stop()

    def is_any_stopped(self, inputs: Sequence[ModelInput]) -> bool:
        """Return whether one of the inputs was stopped."""
        return not self._stopped.isdisjoint(inputs)

    def are_all_stopped(self, inputs: Sequence[ModelInput]) -> bool:
        """Return whether all of the inputs were stopped."""
        return self._stopped.issuperset(inputs)
