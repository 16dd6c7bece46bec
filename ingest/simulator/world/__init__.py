"""Generated people and their events, as a Jetstream sends them, from a seed.

Knows nothing of sockets and subscribers.
"""
