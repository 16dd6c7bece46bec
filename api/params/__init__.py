"""Parameters in, a Search out, with every fault at once.

Refuses to know how it is answered.
"""
