"""Whom alerts reach: Alertmanager reads no environment, so its receivers are made of the variables ALERT_*."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.local.child import ROOT
from process import secret_files

# In .env.example with these defaults. Without an address and a URL alerts are shown, and sent to nobody.
DEFAULTS = {
    "ALERT_EMAIL_TO": "",
    "ALERT_EMAIL_FROM": "",
    "ALERT_SMTP": "",
    "ALERT_SMTP_USER": "",
    "ALERT_SMTP_PASSWORD": "",
    "ALERT_SMTP_PASSWORD_FILE": "",
    "ALERT_WEBHOOK_URL": "",
    "ALERT_WEBHOOK_URL_FILE": "",
}
SECRETS = ("ALERT_SMTP_PASSWORD", "ALERT_WEBHOOK_URL")
OPERATOR = "operator"
LOCAL = ("127.0.0.1", "localhost", "[::1]")


class IncompleteError(Exception):
    """Which variable is missing, in one sentence."""


def with_receivers(configuration: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Alertmanager's configuration, whose operator gets what the variables name."""
    values = {name: given.get(name) or default for name, default in DEFAULTS.items()}
    others = [receiver for receiver in configuration["receivers"] if receiver["name"] != OPERATOR]
    operator = {"name": OPERATOR} | _email(values) | _webhook(values)
    return {**configuration, "receivers": [operator, *others]}


def _email(values: Mapping[str, str]) -> dict[str, Any]:
    if not values["ALERT_EMAIL_TO"]:
        return {}
    missing = [name for name in ("ALERT_EMAIL_FROM", "ALERT_SMTP") if not values[name]]
    if missing:
        raise IncompleteError(f"ALERT_EMAIL_TO is set, and {missing[0]} is not: set it too, or neither.")
    host = values["ALERT_SMTP"].rpartition(":")[0]
    login = {"auth_username": values["ALERT_SMTP_USER"], "auth_password": values["ALERT_SMTP_PASSWORD"]}
    mail = {
        "to": values["ALERT_EMAIL_TO"],
        "from": values["ALERT_EMAIL_FROM"],
        "smarthost": values["ALERT_SMTP"],
        "require_tls": host not in LOCAL,
        "send_resolved": True,
        "headers": {"Subject": '{{ template "subject" . }}'},
        "html": "",
        "text": '{{ template "message" . }}',
    }
    return {"email_configs": [mail | (login if values["ALERT_SMTP_USER"] else {})]}


def _webhook(values: Mapping[str, str]) -> dict[str, Any]:
    url = values["ALERT_WEBHOOK_URL"]
    return {"webhook_configs": [{"url": url, "send_resolved": True}]} if url else {}


def main() -> None:
    """Writes Alertmanager's configuration, of deploy/ and of the environment, to the file that is named."""
    shipped = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
    try:
        configuration = with_receivers(shipped, secret_files.resolved(SECRETS, os.environ))
    except (IncompleteError, secret_files.SecretFileError) as error:
        sys.exit(f"Configuration: {error}")
    Path(sys.argv[1]).write_text(yaml.safe_dump(configuration, sort_keys=False))


if __name__ == "__main__":
    main()
