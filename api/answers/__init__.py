"""Answers: calls the lake, and gives its rows the names and shapes of the API.

Refuses to know HTTP methods and headers.
"""
