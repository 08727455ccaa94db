"""The HTTP side: wait for a task's result, or hand out its id."""

from typing import Annotated, Any

from celery.result import AsyncResult
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from tasks import app as tasks
from tasks import predict as task

app = FastAPI()


class Question(BaseModel):
    """The body of a call."""

    input: Any


@app.post("/predict")
def predict(question: Question, async_mode: Annotated[str, Header()] = "") -> Any:
    """Wait for a task in a thread of the pool, as all plain functions do: no other call waits."""
    asked = task.delay(question.input)
    if async_mode == "true":
        return JSONResponse({"prediction_id": asked.id}, 202)
    return asked.get(timeout=30)


@app.get("/predict/{prediction_id}")
def look_up(prediction_id: str) -> Any:
    """Return the result of a task, once there is one."""
    asked = AsyncResult(prediction_id, app=tasks)
    if not asked.ready():
        return JSONResponse({"error": "Still being processed."}, 202)
    return {"output": asked.get(), "prediction_id": prediction_id}
