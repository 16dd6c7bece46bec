"""The flags of the admin: their names, defaults, bounds and present values.

Refuses to know what they change.
"""
