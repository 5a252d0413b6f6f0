"""Django's settings, all of them derived from the cell's folder; nothing here is read from anywhere else."""

from email.utils import formataddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy
from psycopg.conninfo import conninfo_to_dict

from glaswerk.cell import logs, postgres
from glaswerk.cell.config import current_cell
from glaswerk.cell.keys import read_or_make_key

CELL = current_cell()
PACKAGE = Path(__file__).resolve().parent.parent
PUBLIC_URL = CELL.public_url
_address = urlsplit(PUBLIC_URL)

SECRET_KEY = read_or_make_key(CELL.keys, "django")
DEBUG = False
# A cell on the loopback answers under any of its names; one with a public address only under that.
ALLOWED_HOSTS = [_address.hostname or "127.0.0.1", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
USE_X_FORWARDED_HOST = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _address.scheme == "https" else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _address.scheme == "https"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
LANGUAGE_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "glaswerk.cell.apps.CellConfig",
    "glaswerk.web.apps.WebConfig",
    "glaswerk.people.apps.PeopleConfig",
    "glaswerk.videos.apps.VideosConfig",
    "glaswerk.social.apps.SocialConfig",
    "glaswerk.feed.apps.FeedConfig",
    "glaswerk.money.apps.MoneyConfig",
    "glaswerk.shop.apps.ShopConfig",
    "glaswerk.border.apps.BorderConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "ninja",
    "pgtrigger",
    "procrastinate.contrib.django",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "glaswerk.web.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "glaswerk.web.middleware.person_language",
    "glaswerk.web.closing.close_by_plan",
    "glaswerk.web.middleware.admin_reads_as_staff",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "glaswerk.web.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "glaswerk.web.context.cell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"


def _database(url: str) -> dict[str, Any]:
    """Translate a libpq address into Django's form; unknown parameters go through as libpq options."""
    parts: dict[str, Any] = dict(conninfo_to_dict(url))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", postgres.DATABASE),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "OPTIONS": {"pool": {"min_size": 0, "max_size": 8, "timeout": 20}, **parts},
    }


DATABASES = {"default": _database(postgres.database_url(CELL))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.Person"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

ACCOUNT_ADAPTER = "glaswerk.people.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_FORMS = {
    "signup": "glaswerk.people.forms.SignupForm",
    "login": "glaswerk.people.forms.LoginForm",
    "change_password": "glaswerk.people.forms.ChangePasswordForm",
    "reset_password_from_key": "glaswerk.people.forms.ResetPasswordKeyForm",
}
# One address a person; a new one counts once it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PRESERVE_USERNAME_CASING = False
# Plain True would tell a stranger, at sign-up, that an address has an account here.
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USERNAME_MIN_LENGTH = 3
ACCOUNT_USERNAME_VALIDATORS = "glaswerk.people.names.NAME_VALIDATORS"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ADAPTER = "glaswerk.people.adapter.MFAAdapter"
MFA_FORMS = {
    "add_webauthn": "glaswerk.people.passkey_forms.AddPasskeyForm",
    "login_webauthn": "glaswerk.people.passkey_forms.SignInByPasskeyForm",
    "authenticate_webauthn": "glaswerk.people.passkey_forms.SecondStepByPasskeyForm",
    "reauthenticate_webauthn": "glaswerk.people.passkey_forms.ConfirmByPasskeyForm",
}
# Phones' clocks drift: the code before and the one after count too.
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = CELL.config.cell.title
# WebAuthn accepts an insecure origin only where browsers do: on the loopback, for trials.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _address.scheme == "http"

EMAIL_BACKEND = {
    "file": "django.core.mail.backends.filebased.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
}[CELL.config.mail.backend]
EMAIL_FILE_PATH = str(CELL.mail)
EMAIL_HOST = CELL.config.mail.host
EMAIL_PORT = CELL.config.mail.port
EMAIL_HOST_USER = CELL.config.mail.user
_smtp_password = CELL.keys / "smtp"
EMAIL_HOST_PASSWORD = _smtp_password.read_text().strip() if _smtp_password.exists() else ""
EMAIL_USE_TLS = CELL.config.mail.backend == "smtp"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = formataddr((CELL.config.cell.title, CELL.config.mail.sender))

LANGUAGE_CODE = CELL.config.cell.language
LANGUAGES = [("de", gettext_lazy("German")), ("en", gettext_lazy("English"))]
TIME_ZONE = CELL.config.cell.timezone
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = CELL.data / "static"
_modules = PACKAGE.parent / "node_modules"
# Browser libraries are installed from npm beside the package; only the named files are served.
STATICFILES_DIRS = [
    (f"vendor/{name}", _modules / path)
    for name, path in {"inter": "@fontsource-variable/inter/files", "tus": "tus-js-client/dist"}.items()
    if (_modules / path).exists()
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "glaswerk.web.static_storage.HashedStorage"},
}
FILE_UPLOAD_TEMP_DIR = str(CELL.uploads)
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 20

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cell_cache",
        # Rate counters live here too, and must not be thrown out early.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
LOGGING_CONFIG = None
logs.configure()

NINJA_PAGINATION_PER_PAGE = 20
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
