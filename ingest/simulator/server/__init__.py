"""A real websocket server that speaks the Jetstream wire, with faults on request, and an AppView beside it.

Refuses to know what the events say.
"""
