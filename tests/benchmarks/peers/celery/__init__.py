"""FastAPI and Celery, over RabbitMQ and Redis."""
