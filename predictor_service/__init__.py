"""The predictor: consumes requests, runs the model, publishes replies."""
