"""The registry of live predictors, and the models that they announce."""
