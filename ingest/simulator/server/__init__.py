"""A websocket server that speaks the Jetstream wire, with faults on request, and an AppView beside it.

Knows nothing of what the events contain.
"""
