"""Several gateways behind one port of one machine, and the supervisor that starts them."""
