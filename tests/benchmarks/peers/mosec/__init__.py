"""mosec, without a broker: its HTTP side is a program of Rust."""
