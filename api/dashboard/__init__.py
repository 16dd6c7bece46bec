"""The admin's first page: what the pipeline does and what needs somebody, from a reading of health, metrics, catalog.

Refuses to know HTTP, and to judge a component anew: that is api/health's.
"""
