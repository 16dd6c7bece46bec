"""A thread: its posts, and each one's place among the others.

Refuses to know how a thread is shown.
"""
