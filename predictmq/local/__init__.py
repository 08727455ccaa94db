"""Everything on one machine: the broker, the gateway and the predictors that `make up` runs."""
