"""The peers, our alternatives: each in the plainest form of its own documentation.

Each has a folder with its code and its exact versions, and runs in a virtual environment of its
own, from that folder. All of them answer ``POST /predict`` with ``{"input": …, "result": 0}``.
"""
