"""The settings of the admin's login: django-axes, with three limits of our own (api/access/admin_door.py)."""

from datetime import timedelta

# The first refuses who has failed too often, the second looks at passwords.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_HANDLER = "api.access.admin_door.LoginThrottle"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address", "username"]
AXES_FAILURE_LIMIT = 5  # of the first of these; the module above has the others
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "api.access.admin_door.counted_address"
AXES_LOCKOUT_CALLABLE = "api.access.admin_door.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # it would keep who logged in, for ever
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
