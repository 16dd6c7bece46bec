"""99.9 % over 30 days: of the minutes that have data, and of the answers that are no errors."""

from deploy.grafana.panel import Dashboard, Row, panel

AVAILABILITY = Dashboard(
    "availability",
    "Availability",
    "now-30d",
    Row(
        "99.9 % over 30 days",
        panel(
            "Available in the last 30 days",
            "percentunit",
            ("{{objective}}", "availability:ratio_30d"),
            ("objective", "vector(0.999)"),
            note="data: minutes with data in the lake. answers: those that are not 5xx.",
        ),
        panel(
            "What is left of the 0.1 %",
            "percentunit",
            ("{{objective}}", "1 - (1 - availability:ratio_30d) / 0.001"),
            note="Below 0 the objective is missed.",
        ),
        panel(
            "Missing",
            "percentunit",
            ("{{objective}}, 1 hour", "availability:errors:ratio_1h"),
            ("{{objective}}, 1 day", "availability:errors:ratio_1d"),
            note="Alerts: 1.44 % of an hour, 0.6 % of six hours, 0.3 % of a day, 0.1 % of three.",
        ),
    ),
    Row(
        "Parts",
        panel(
            "Minutes without data, last 30 days",
            "short",
            ("minutes", 'max(api_minutes_due{window="30d"}) - max(api_minutes_with_data{window="30d"})'),
            note="30 days have 43,200 minutes; 43 may be missing.",
        ),
        panel(
            "Answers a second", "short", ("{{status}}", "sum by (status) (rate(api_responses_total[$__rate_interval]))")
        ),
        panel("Processes that answer", "short", ("{{job}}", "min by (job) (up)")),
    ),
)
