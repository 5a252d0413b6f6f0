"""Persons: an account, what is shown of it, and the choices that protect it."""

from typing import Any, ClassVar, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from glaswerk.cell.blobs import blob_url
from glaswerk.cell.classes import personal, public, secret
from glaswerk.cell.ids import encode_id, new_id
from glaswerk.cell.key_holder import LONGEST_ACCESS
from glaswerk.cell.references import keeps_blob
from glaswerk.people.encrypted import EncryptedTextField
from glaswerk.people.names import MAX_CELL, MAX_NAME, NAME_VALIDATORS

AVATAR_EXTENSION: Final = "webp"


class Role(models.TextChoices):
    """What an account may do; each role may do what the ones before it may."""

    VIEWER = "viewer", _("Viewer")
    CREATOR = "creator", _("Creator")
    MODERATOR = "moderator", _("Moderator")
    OPERATOR = "operator", _("Operator")


class Visibility(models.TextChoices):
    """Who may see a video."""

    PUBLIC = "public", _("Everyone")
    FOLLOWERS = "followers", _("Followers")
    PRIVATE = "private", _("Only me")


class PersonManager(BaseUserManager["Person"]):
    """Makes persons; `create_superuser` exists because Django's own command calls it."""

    def create_user(self, name: str, email: str, password: str | None, **fields: Any) -> "Person":
        """Create a person with a hashed password."""
        person = self.model(name=name, email=self.normalize_email(email), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, name: str, email: str, password: str | None, **fields: Any) -> "Person":
        """Create an operator who may open the admin."""
        return self.create_user(name, email, password, role=Role.OPERATOR, **fields)

    def get_by_natural_key(self, username: str | None) -> "Person":
        """Find a person by name, whatever its case."""
        return self.get(name=(username or "").lower())


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody with an account on this cell."""

    id = public(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    name = public(
        models.CharField(
            _("name"),
            max_length=MAX_NAME,
            unique=True,
            validators=NAME_VALIDATORS,
            error_messages={"unique": _("This name is taken. Please choose another one.")},
        )
    )
    # The cell that this person is at home in, as it is called here and as the name ends; empty: this one.
    home = public(models.CharField(max_length=MAX_CELL, blank=True, editable=False, default="", db_default=""))
    display_name = public(models.CharField(_("shown name"), max_length=50, blank=True))
    bio = public(models.CharField(_("bio"), max_length=160, blank=True))
    avatar = public(keeps_blob(models.CharField(max_length=64, blank=True, editable=False), AVATAR_EXTENSION))
    email = personal(models.EmailField(_("e-mail address"), blank=True))
    password = secret(models.CharField(max_length=200))
    birth_year = personal(models.PositiveSmallIntegerField(_("year of birth"), null=True))
    role = personal(models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER))
    language = personal(models.CharField(_("language"), max_length=5, blank=True))
    profiling = personal(models.BooleanField(_("personal feed"), default=True))
    default_visibility = personal(
        models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC)
    )
    # Nothing of this person is told to other cells, whatever is said of a single video.
    stays_in_region = personal(models.BooleanField(_("only in my region"), default=False, db_default=False))
    # Where this person lives now, as the two cells have both said; it stays said when that account is not known any more.
    moved_to = public(
        models.ForeignKey("self", models.SET_NULL, null=True, blank=True, editable=False, related_name="+")
    )
    moved_at = public(models.DateTimeField(null=True, blank=True, editable=False))
    is_active = personal(models.BooleanField(default=True))
    is_superuser = personal(models.BooleanField(default=False))
    last_login = personal(models.DateTimeField(null=True, blank=True))
    joined_at = personal(models.DateTimeField(default=timezone.now, editable=False))

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "name"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = (
            models.CheckConstraint(condition=models.Q(name=Lower("name")), name="person_name_is_lower_case"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="person_role_is_known"),
            # Nobody can take the name of somebody from elsewhere, and nobody signs in as them.
            models.CheckConstraint(
                condition=(Q(home="") & ~Q(name__contains="@"))
                | (
                    ~Q(home="")
                    & Q(name__endswith=Concat(Value("@"), F("home")))
                    & Q(email="", birth_year=None, role__in=(Role.VIEWER, Role.CREATOR))
                    & Q(password__startswith="!")  # noqa: S106 - Django's mark of one that nobody can have.
                ),
                name="person_from_elsewhere_is_a_guest",
            ),
        )
        # Two accounts may name the same address until one of them confirms it: refusing the second would tell a
        # stranger that the first exists.  A confirmed address is unique through allauth's own table.
        indexes = (models.Index(Lower("email"), name="person_email_lower"),)

    def __str__(self) -> str:
        return f"@{self.name}"

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)

    @property
    def shown_name(self) -> str:
        """The name that pages show."""
        return self.display_name or self.name

    @property
    def is_staff(self) -> bool:
        """Whether this person may open the admin."""
        return self.role == Role.OPERATOR

    @property
    def avatar_url(self) -> str:
        """The address of the avatar (a square WebP), or empty when there is none."""
        return blob_url(self.avatar, AVATAR_EXTENSION) if self.avatar else ""

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether this person may do `perm` in the admin: the role alone decides, so that there is one truth."""
        return self.is_active and self.is_staff

    def has_module_perms(self, app_label: str) -> bool:
        """Whether this person may see an app in the admin."""
        return self.is_active and self.is_staff

    @property
    def is_moderator(self) -> bool:
        """Whether this person may decide on reports."""
        return self.role in (Role.MODERATOR, Role.OPERATOR)


class Departure(models.Model):
    """Somebody has asked to be erased; until `due_at` they can come back by signing in."""

    person = personal(
        models.OneToOneField(Person, on_delete=models.CASCADE, primary_key=True, related_name="departure")
    )
    asked_at = personal(models.DateTimeField(default=timezone.now, editable=False))
    due_at = personal(models.DateTimeField(db_index=True))
    # Why it waits although it is due, as sentences in the language of the cell; nothing is erased before they are gone.
    waits_for = personal(models.JSONField(default=list))
    told_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(due_at__gte=models.F("asked_at")), name="departure_is_ahead"),
        )


class DataKey(models.Model):
    """The key of one owner, wrapped: of a person, or of a guest, whose number is negative.

    The row stays when its owner is gone, so that nobody ever gets a second key under the same id.
    """

    owner = personal(models.BigIntegerField(primary_key=True))
    # The data key and the salt, as the key holder wrapped them; empty once they were destroyed.
    wrapped = secret(models.BinaryField())
    destroyed_at = personal(models.DateTimeField(null=True))

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(destroyed_at=None, wrapped__gt=b"")
                | models.Q(destroyed_at__isnull=False, wrapped=b""),
                name="data_key_is_there_or_destroyed",
            ),
        )

    def __str__(self) -> str:
        return f"the key of {self.owner}"


class Purpose(models.TextChoices):
    """What staff may look at somebody's personal data for."""

    REPORT = "report", _("To decide about a report or an appeal")
    SUPPORT = "support", _("Because the person asked for help")
    ORDER = "order", _("To settle a dispute about an order")
    SECURITY = "security", _("To stop an attack or a misuse")
    LAW = "law", _("Because a court or an authority has ordered it")


class Scope(models.TextChoices):
    """Which personal data."""

    ACCOUNT = "account", _("Account: e-mail address, sign-in, settings")
    VIDEOS = "videos", _("Videos and drafts that are not public")
    SHOPPING = "shopping", _("Addresses, purchases and orders")
    MONEY = "money", _("Payments and payouts")


class Access(models.Model):
    """A member of staff looks at the personal data of somebody: why, at what, and until when.

    It opens nothing by itself: the key holder wants the public log's entry about it, and the proof that the log has it.
    """

    id = personal(models.BigIntegerField(primary_key=True, default=new_id, editable=False))
    staff = personal(models.ForeignKey(Person, models.SET_NULL, null=True, related_name="accesses"))
    subject = personal(models.ForeignKey(Person, models.CASCADE, related_name="accessed"))
    record = personal(models.OneToOneField("cell.Record", models.PROTECT, related_name="+"))
    purpose = personal(models.CharField(max_length=10, choices=Purpose.choices))
    scopes = personal(ArrayField(models.CharField(max_length=10, choices=Scope.choices)))
    # The log has only a hash of it, bound to the person's salt.
    reason = personal(EncryptedTextField(person="subject", max_length=1000))
    at = personal(models.DateTimeField())
    until = personal(models.DateTimeField())
    # The proof that the log has the entry, as it was when the door was opened.
    proof = personal(models.TextField(blank=True))

    class Meta:
        constraints = (
            models.CheckConstraint(condition=models.Q(purpose__in=Purpose.values), name="access_purpose_is_known"),
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=Scope.values, scopes__len__gt=0), name="access_scopes_are_known"
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="access_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(until__gt=models.F("at"), until__lte=models.F("at") + LONGEST_ACCESS),
                name="access_ends_soon",
            ),
            models.CheckConstraint(condition=~models.Q(staff=models.F("subject")), name="access_is_about_others"),
        )
        indexes = (
            models.Index(fields=["subject", "-id"], name="access_by_subject"),
            models.Index(fields=["staff", "until"], name="access_by_staff"),
        )

    def __str__(self) -> str:
        return encode_id(self.id)

    @property
    def public_id(self) -> str:
        """The id as it stands in addresses and JSON."""
        return encode_id(self.id)

    @property
    def scope_names(self) -> list[str]:
        """The scopes in the reader's language."""
        return [str(Scope(scope).label) for scope in self.scopes]
