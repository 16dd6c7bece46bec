"""An export on its way to who asked for it: its manifest, its record, and how it goes on when it broke off.

Refuses to know HTTP, and how rows become bytes.
"""
