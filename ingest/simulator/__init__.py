"""A Jetstream server for tests, benchmarks and the demo: a generated world behind a real websocket.

Knows version 1 of the wire and its faults. Knows nothing of subscribers' purposes, or of the buffer and the lake.
"""
