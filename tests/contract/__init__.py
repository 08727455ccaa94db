"""Assumptions of our code about the inside of libraries; no broker, no service.

A test that fails here after an upgrade names the assumption that has ceased to hold.
"""
