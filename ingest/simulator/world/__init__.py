"""Generated people and what they do: events as a Jetstream would send them, from a seed.

Refuses to know sockets and subscribers.
"""
