"""Which DID has which handle: learned from events and from an AppView, kept in a file of its own.

Refuses to know posts, and who asks for a handle.
"""
