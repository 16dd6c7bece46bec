"""The explorer's page at /: a search as people see it, and the parts that arrive after it.

Refuses to know what a parameter means and how it is answered: it asks the API's own views.
"""
