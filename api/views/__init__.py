"""Views: parse, call, answer.

Refuses to know SQL, files of the lake, and what a parameter means.
"""
