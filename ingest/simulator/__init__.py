"""A Jetstream server for tests, benchmarks and the demo: a generated world behind a real websocket.

Knows the wire of version 1 and what may go wrong on it. Refuses to know who reads, and what becomes of the events.
"""
