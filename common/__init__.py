"""The contract between gateway and predictors, and the wire it travels on."""
