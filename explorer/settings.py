"""All settings. What an operator may change is read through explorer.env, with a default."""

import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from api.checks import public
from explorer import env
from explorer.admin_login import *  # noqa: F403 - a part of the settings
from lake.flags import definitions
from lake.schema import DATASETS
from process import logs
from process.crash_points import CRASH_POINTS

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR / ".env")
STATIC_ROOT = BASE_DIR / "var" / "static"
# var is the default folder of the catalog and the lake. The web server warns of a STATIC_ROOT that is missing.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)

# --- web ---------------------------------------------------------------------------------------------------
DEBUG = env.flag("DJANGO_DEBUG", True)
SECRET_KEY = env.secret("DJANGO_SECRET_KEY", "any text")
if not SECRET_KEY and not DEBUG:
    raise ImproperlyConfigured(
        "DJANGO_SECRET_KEY is empty: with DJANGO_DEBUG=false it has no default. Set it to 50 random characters or more."
    )
SECRET_KEY = SECRET_KEY or "for-development-only-never-outside-debug"
ALLOWED_HOSTS = env.items("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]", "host names")
CSRF_TRUSTED_ORIGINS = env.items(
    "CSRF_TRUSTED_ORIGINS", "", "origins such as https://example.org", lambda origin: "://" in origin
)
CORS_ALLOWED_ORIGINS = env.items(
    "CORS_ORIGINS",
    "",
    "origins such as https://example.org, without a path",
    lambda origin: re.fullmatch(r"https?://[^/\s?#*]+", origin) is not None,
)
CORS_URLS_REGEX = r"^/(search|export|api)(/|$)"
CORS_ALLOW_METHODS = ["GET", "POST", "OPTIONS"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "x-api-key"]
CORS_EXPOSE_HEADERS = [
    *("Content-Disposition", "X-Export-Id", "X-Request-Id"),
    *("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining"),
]
WEB_PORT = env.integer("WEB_PORT", 8000, 1, 65535)

INSTALLED_APPS = [
    "django_prometheus",
    "explorer.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "axes",
    "lake.apps.FlagsConfig",
    "ingest",
    "lake",
    "api",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "explorer.headers.SecurityHeadersMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.answers.errors.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "api.access.admin_door.AdminAddressesMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "explorer.urls"
WSGI_APPLICATION = "explorer.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "explorer" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ADMIN_ADDRESSES = env.networks("ADMIN_ADDRESSES", "")
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "explorer" / "static"]
WHITENOISE_USE_FINDERS = True  # serves the admin's assets without a collectstatic step
WHITENOISE_AUTOREFRESH = DEBUG
if not DEBUG and any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS):
    # TLS ends at a proxy, which passes the client's protocol on in X-Forwarded-Proto.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]  # requested past the proxy, in plain HTTP
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    # HSTS for other hosts of the domain, and preload lists, are the owner's decision.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
elif not public(ALLOWED_HOSTS):
    # Only this machine reaches it, as http://localhost: there is no TLS to require, and browsers differ in whether they
    # accept a secure cookie there.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
TIME_ZONE = "UTC"
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "api.answers.errors.handle",
    "DEFAULT_SCHEMA_CLASS": "api.schema.openapi.ViewSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bluesky Post Explorer",
    "DESCRIPTION": (
        "Search and export of the public Bluesky network. How to use it, with examples: [/api/guide](/api/guide). What "
        "`text` may say: [/api/search-syntax](/api/search-syntax). `/search` and `/export` are the same as below "
        "`/api/v1`."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["api.schema.openapi.versioned"],
    "POSTPROCESSING_HOOKS": ["api.schema.openapi.with_components"],
}

# --- catalog -----------------------------------------------------------------------------------------------
DATABASE_PATH = env.path("DATABASE_PATH", "var/catalog.sqlite3", BASE_DIR)
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATABASE_PATH,
        "OPTIONS": {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            # FULL: the commit must be on disk before the buffer is trimmed
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- ingest ------------------------------------------------------------------------------------------------
REDIS_URL = env.secret(
    "REDIS_URL",
    "an URL that begins with redis://, rediss:// or unix://",
    lambda url: url.startswith(("redis://", "rediss://", "unix://")),
    "redis://127.0.0.1:6379/0",
)
JETSTREAM_URLS = env.items(
    "JETSTREAM_URLS",
    "wss://jetstream.us-east.bsky.network/subscribe,wss://jetstream.us-west.bsky.network/subscribe,"
    "wss://jetstream1.us-east.bsky.network/subscribe,wss://jetstream2.us-west.bsky.network/subscribe",
    "ws:// or wss:// URLs whose path is /subscribe",
    lambda url: url.startswith(("ws://", "wss://")) and url.endswith("/subscribe"),
)
JETSTREAM_COLLECTIONS = env.items(
    "JETSTREAM_COLLECTIONS",
    "",
    "collections such as app.bsky.feed.post or app.bsky.graph.*",
    lambda name: name.count(".") >= 2,
)
APPVIEW_URL = env.text(
    "APPVIEW_URL",
    "",
    "empty, or an URL such as https://public.api.bsky.app, without a path",
    lambda url: not url or re.fullmatch(r"https?://[^/\s?#]+/?", url) is not None,
)
HANDLES_PATH = DATABASE_PATH.with_name(f"{DATABASE_PATH.stem}.handles.sqlite3")
BUFFER_HIGH_WATER = env.decimal("BUFFER_HIGH_WATER", 0.8, 0.05, 0.95)

# --- lake --------------------------------------------------------------------------------------------------
LAKE_ROOT = env.path("LAKE_ROOT", "var/lake", BASE_DIR)
FLUSH_INTERVAL_SECONDS = env.decimal("FLUSH_INTERVAL_SECONDS", 300, 0.1, 3600)
FLUSH_MAX_EVENTS = env.integer("FLUSH_MAX_EVENTS", 200_000, 1, 10_000_000)
# At most 12 hours: a delete must be in the files within 24.
COMPACT_AFTER_SECONDS = env.decimal("COMPACT_AFTER_SECONDS", 3600, 0, 43_200)
SWEEP_GRACE_SECONDS = env.decimal("SWEEP_GRACE_SECONDS", 600, 0, 86_400)
RETENTION_DAYS = env.days("RETENTION_DAYS", "", DATASETS)
QUERY_TIMEOUT_SECONDS = env.decimal("QUERY_TIMEOUT_SECONDS", 30, 0.05, 600)
QUERY_MEMORY_LIMIT = env.text(
    "QUERY_MEMORY_LIMIT",
    "2GB",
    "a size such as 512MB or 2GB",
    lambda size: size[:-2].isdigit() and size[-2:] in ("MB", "GB"),
)
QUERY_THREADS = env.integer("QUERY_THREADS", 2, 1, 256)
MAINTENANCE_HOUR = env.integer("MAINTENANCE_HOUR", 4, 0, 23)
BACKUP_DIR = env.text("BACKUP_DIR", "")

# --- flags: in the catalog, so that they work without Redis ------------------------------------------------
CONSTANCE_BACKEND = "lake.flags.store.FlagBackend"
CONSTANCE_SUPERUSER_ONLY = False  # the permission "Can change config" is enough
CONSTANCE_CONFIG = definitions.constance_config(QUERY_TIMEOUT_SECONDS)
CONSTANCE_ADDITIONAL_FIELDS = definitions.constance_fields()

# --- operation ---------------------------------------------------------------------------------------------
METRICS_HOST = env.text(
    "METRICS_HOST",
    "127.0.0.1",
    "an address or a host name of this machine, such as 127.0.0.1 or 0.0.0.0",
    lambda host: re.fullmatch(r"[0-9A-Za-z.:-]{1,253}", host) is not None,
)
METRICS_TOKEN = env.secret(
    "METRICS_TOKEN",
    "16 or more letters, digits and ._~+/=-, or nothing",
    lambda token: re.fullmatch(r"([0-9A-Za-z._~+/=-]{16,})?", token) is not None,
)
METRICS_PORT_CONSUMER = env.integer("METRICS_PORT_CONSUMER", 9101, 0, 65535)
METRICS_PORT_FLUSHER = env.integer("METRICS_PORT_FLUSHER", 9102, 0, 65535)
METRICS_PORT_COMPACTOR = env.integer("METRICS_PORT_COMPACTOR", 9103, 0, 65535)
SOFTWARE_COMMIT = env.text("SOFTWARE_COMMIT", "")
LOG_FORMAT = env.choice("LOG_FORMAT", "auto", ("text", "json", "auto"))
SENTRY_DSN = env.secret(
    "SENTRY_DSN",
    "empty, or the URL of a project such as https://key@sentry.example.org/1",
    lambda url: not url or re.fullmatch(r"https?://[^/\s@]+@[^/\s]+/\S+", url) is not None,
)
CRASH_AT = env.choice("CRASH_AT", "", ("", *CRASH_POINTS))
if CRASH_AT and not DEBUG:
    env.refuse("CRASH_AT", CRASH_AT, "nothing outside DJANGO_DEBUG=true: it is for tests")
LOGGING = logs.configure(LOG_FORMAT)
LOGGING["loggers"]["axes"] = {"level": "ERROR"}  # api.access.admin_door says what matters of it
