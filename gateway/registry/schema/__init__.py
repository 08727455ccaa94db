"""JSON Schemas that predictors announce: which are taken, and how inputs are checked by them."""
