"""Tests of one part with a real broker."""
