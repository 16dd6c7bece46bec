"""The dashboards as tables of panels, and their JSON for Grafana.

Knows the names of metrics, not who exports them and how they come about.
"""
