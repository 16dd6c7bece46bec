"""Answers and errors: calls the lake, and gives its rows and failures the shapes of the API.

Refuses to know routes, methods and access.
"""
