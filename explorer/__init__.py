"""The Django project: environment, settings, routes, health, pages. Shows what the API answers; decides nothing."""
