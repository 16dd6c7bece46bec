"""How many examples a property gets: some in `make test`, many in `make test-all` (the profiles are in conftest.py)."""

from hypothesis import HealthCheck, settings


def one_in(share: int) -> settings:
    """For a property whose examples cost so many times as much as others, as a flush does."""
    return settings(max_examples=max(1, settings().max_examples // share), suppress_health_check=list(HealthCheck))
