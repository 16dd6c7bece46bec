"""`make monitor`: Prometheus, Alertmanager, the exporters and Grafana beside a stack that runs.

Knows addresses and files only, not what the metrics mean: deploy/prometheus and deploy/grafana say that.
"""
