"""System checks: what `manage.py check` says before anything starts."""
