"""The Django project: environment, settings, routes, health and pages. Holds no logic of its own."""
