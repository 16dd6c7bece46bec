"""The flags of the admin: their defaults, bounds and present values.

Refuses to know what they change.
"""
