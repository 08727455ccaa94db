"""Everything on one machine, as ``make up`` runs it: a broker, a gateway and predictors."""
