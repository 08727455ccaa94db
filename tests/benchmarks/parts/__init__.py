"""The parts of the benchmarks: each starts its contenders and returns a section of the record."""
