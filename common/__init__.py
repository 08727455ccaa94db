"""The contract between gateways and predictors, and the adapters that both services share."""
