"""Starts and runs the service, on one machine (`local`) and in containers. Knows no application code."""
