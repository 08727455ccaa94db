"""FastAPI and FastStream's request, on uvicorn."""
