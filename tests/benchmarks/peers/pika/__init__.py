"""Flask and pika, as in the common tutorial, on gunicorn."""
