"""Which DID has which handle: learned from events and from an AppView, kept in a file of its own.

Knows neither posts nor what handles are looked up for.
"""
