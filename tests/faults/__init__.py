"""The promises P1 to P10, each under the faults that it has to survive."""
