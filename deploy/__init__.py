"""How the service is started and run: on one's own machine (`local`) and in containers. Knows no application code."""
