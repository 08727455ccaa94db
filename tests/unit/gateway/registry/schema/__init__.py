"""Tests of announced schemas."""
