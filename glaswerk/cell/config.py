"""`cell.toml`: what an operator decides about a cell.  Every key has a default, a type and a sentence."""

import json
import os
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

CONFIG_NAME: Final = "cell.toml"
DATA_VARIABLE: Final = "GLASWERK_DATA"
PORT_VARIABLE: Final = "GLASWERK_PORT"


class ConfigError(Exception):
    """`cell.toml` cannot be used; the message names the key and what it takes."""


def _known_timezone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError("is no time zone; take a name such as Europe/Berlin")
    return name


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CellSection(_Section):
    """Who this cell is."""

    title: str = Field("Glaswerk", min_length=1, max_length=60, description="The name that people see.")
    region: str = Field("eu", pattern=r"^[a-z][a-z0-9-]{0,15}$", description="The region that this cell serves.")
    language: Literal["de", "en"] = Field("en", description="The language for people who have chosen none.")
    timezone: Annotated[str, AfterValidator(_known_timezone)] = Field(
        "Europe/Berlin", description="Time zone of dates on pages (IANA name)."
    )


class WebSection(_Section):
    """Where the cell answers."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="Port to listen on.")
    workers: Annotated[int, Field(ge=0, le=256)] = Field(0, description="Web worker processes; 0 is one per core.")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="Address that people use, such as https://video.example; empty: the listening address.",
    )


class ServicesSection(_Section):
    """Existing servers to use in place of the embedded ones."""

    database_url: str = Field("", description="PostgreSQL to use (the variable DATABASE_URL wins); empty: embedded.")
    nats_url: str = Field("", description="NATS server to use (the variable NATS_URL wins); empty: embedded.")


_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class StorageSection(_Section):
    """Where videos and pictures are kept."""

    kind: Literal["local", "s3"] = Field(
        "local", description="local: in the data folder; s3: in a bucket of an S3-compatible store."
    )
    bucket: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        validate_default=True,
        description="The bucket; its credentials are the file keys/s3.",
    )
    endpoint: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+/?)?$",
        description="Address of the S3-compatible store, such as https://s3.example; empty: Amazon's.",
    )
    region: str = Field("us-east-1", pattern=r"^[a-z0-9-]{1,40}$", description="Region that requests are signed for.")
    prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$",
        max_length=200,
        description="What all names in the bucket begin with, so that it can be shared.",
    )
    path_style: bool = Field(
        True, description="The bucket stands in the path of addresses; false: in the name of the host."
    )
    delivery: Literal["stream", "redirect"] = Field(
        "stream", description="stream: files come through this cell; redirect: from the S3 store itself."
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?)?$",
        description="With redirect, where everybody finds the bucket's media/, such as a CDN; empty: signed addresses.",
    )
    signed_seconds: Annotated[int, Field(ge=10, le=604800)] = Field(
        300, description="How long a signed address of what is not public opens it."
    )
    grace_hours: Annotated[int, Field(ge=1, le=8760)] = Field(
        24, description="How old a file that nothing refers to becomes before it is removed."
    )

    @field_validator("bucket")
    @classmethod
    def _bucket_is_named(cls, bucket: str, info: ValidationInfo) -> str:
        if info.data.get("kind") == "s3" and not bucket:
            raise ValueError('is empty; with storage.kind = "s3" name the bucket')
        return bucket

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_safe(cls, endpoint: str) -> str:
        if endpoint.startswith("http://") and urlsplit(endpoint).hostname not in _LOOPBACK:
            raise ValueError("would send videos unencrypted; use https, or http on this machine only")
        return endpoint

    @field_validator("delivery")
    @classmethod
    def _delivery_is_possible(cls, delivery: str, info: ValidationInfo) -> str:
        if delivery == "redirect" and info.data.get("kind") == "local":
            raise ValueError('redirect needs storage.kind = "s3"; the data folder serves nothing by itself')
        return delivery

    @property
    def address(self) -> str:
        """The address of the bucket's server, with the bucket in the host's name unless it stands in the path."""
        base = (self.endpoint or f"https://s3.{self.region}.amazonaws.com").rstrip("/")
        scheme, _, host = base.partition("://")
        return base if self.path_style else f"{scheme}://{self.bucket}.{host}"

    @property
    def delivery_origins(self) -> tuple[str, ...]:
        """The other origins that pages get videos and pictures from."""
        if self.delivery != "redirect":
            return ()
        parts = [urlsplit(address) for address in (self.address, self.public_url) if address]
        return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))

    def of_kind(self, kind: str) -> "StorageSection":
        """Return what these settings say of another kind of store.  Raises ConfigError, which names each wrong key."""
        try:
            return StorageSection.model_validate({**self.model_dump(), "kind": kind, "delivery": "stream"})
        except ValidationError as error:
            raise ConfigError(_described(error, "storage.")) from None


class VideosSection(_Section):
    """What may be uploaded."""

    max_upload_mb: Annotated[int, Field(ge=1, le=65536)] = Field(512, description="Largest upload, in MiB.")
    max_duration_s: Annotated[int, Field(ge=1, le=14400)] = Field(600, description="Longest video, in seconds.")
    max_open_uploads: Annotated[int, Field(ge=1, le=1000)] = Field(
        20, description="Unfinished uploads that a person may have at once."
    )
    max_open_mb: Annotated[int, Field(ge=1, le=1048576)] = Field(
        8192, description="What a person's unfinished uploads may have together, in MiB."
    )
    keep_uploads_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        24, description="How long an unfinished upload is kept after its last byte, in hours."
    )
    av1: bool = Field(False, description="Make AV1 beside H.264: about half the bytes, several times the work.")
    job_minutes: Annotated[int, Field(ge=1, le=300)] = Field(60, description="Longest time to prepare one video for.")
    job_memory_mb: Annotated[int, Field(ge=512, le=1048576)] = Field(
        6144, description="Address space that preparing one video may use, in MiB."
    )


class FeedSection(_Section):
    """How the feed is made."""

    epoch_seconds: Annotated[int, Field(ge=1, le=60)] = Field(30, description="Longest time between two epochs.")
    keep_epochs_days: Annotated[int, Field(ge=1, le=3650)] = Field(90, description="How long epochs are kept.")
    keep_events_days: Annotated[int, Field(ge=8, le=3650)] = Field(
        30, description="How long events stay in the log after they are archived."
    )
    learn_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        24, description="How often the feed learns from the events; 0: only when `glaswerk learn fit` is run."
    )


class PaymentsSection(_Section):
    """How buyers pay."""

    provider: Literal["sandbox", "stripe"] = Field(
        "sandbox",
        description="sandbox: a trial, no money moves; stripe: with its keys in keys/stripe, keys/stripe_hook.",
    )
    debtor_name: str = Field("", max_length=70, description="Holder of the bank account that payouts come from.")
    debtor_iban: str = Field("", max_length=42, description="IBAN of that account.")
    debtor_bic: str = Field("", max_length=11, description="BIC of its bank, where the bank asks for it.")


class MailSection(_Section):
    """How the cell sends e-mail."""

    backend: Literal["file", "console", "smtp"] = Field("file", description="file: into the data folder's mail/.")
    sender: str = Field("glaswerk@localhost", description="Address that mails come from.")
    host: str = Field("localhost", description="SMTP server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="SMTP port (STARTTLS).")
    user: str = Field("", description="SMTP user; its password is the file keys/smtp.")


class LimitsSection(_Section):
    """How much one viewer or one address may ask in a minute."""

    feed_per_minute: Annotated[int, Field(ge=1)] = Field(240, description="Slates a viewer may ask for in a minute.")
    events_per_minute: Annotated[int, Field(ge=1)] = Field(600, description="Event batches a viewer may send a minute.")
    new_viewers_per_minute: Annotated[int, Field(ge=1)] = Field(
        120, description="New anonymous viewers that one address may start in a minute."
    )
    writes_per_minute: Annotated[int, Field(ge=1)] = Field(
        60, description="Comments, uploads and edits that a person may make in a minute."
    )
    token_requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        300, description="Requests that one API token may make in a minute."
    )
    hooks_per_minute: Annotated[int, Field(ge=1)] = Field(
        6000, description="Messages of payment providers that are taken from one address in a minute."
    )
    upload_requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        3000, description="Pieces of uploads that a person may send in a minute."
    )


class RightsSection(_Section):
    """What people may do with what is held about them."""

    erase_days: Annotated[int, Field(ge=0, le=30)] = Field(
        14, description="How long somebody who asked to be erased may come back; the law wants it done in a month."
    )
    keep_exports_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        72, description="How long an export waits to be downloaded."
    )
    exports_per_day: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="Exports, and as many imports, that a person may begin in a day."
    )
    import_mb: Annotated[int, Field(ge=1, le=1048576)] = Field(
        16384, description="What the files of one import may have together when they are unpacked, in MiB."
    )


class ShopSection(_Section):
    """How the cell sells."""

    fee_bp: Annotated[int, Field(ge=0, le=5000)] = Field(
        500, description="What the cell keeps of a sale, in hundredths of a percent of things and delivery."
    )
    currency: str = Field(
        "EUR",
        pattern=r"^[A-Z]{3}$",
        description="The currency in which prices are shown to who has chosen none, where things have one in it.",
    )
    hold_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        15, description="How long things are kept for somebody who is paying."
    )
    return_days: Annotated[int, Field(ge=14, le=365)] = Field(
        14, description="How long after delivery buyers may withdraw; the law of the European Union wants 14 days."
    )
    hooks_to_private: bool = Field(
        False, description="Whether merchants' webhooks may go to this machine and local networks, for trials."
    )
    attribution_days: Annotated[int, Field(ge=1, le=30)] = Field(
        7, description="How long after a product was opened from a creator's video a purchase counts for them."
    )


class SunsetSection(_Section):
    """What a legal date may do to this cell."""

    extension_days: Annotated[int, Field(ge=1, le=366)] = Field(
        90, description="How many days one extension may move the date on."
    )


class PeersSection(_Section):
    """How the cell deals with the cells that it follows (`glaswerk peer`)."""

    poll_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        5, description="How often the log of another cell is looked at."
    )
    refuse: list[Annotated[str, Field(pattern=r"^(profile|video|offer|counts|language:[a-z]{2,3}|#[^\s#]{1,50})$")]] = (
        Field(
            [],
            description="What is not taken from other cells: profile, video, offer, counts, language:xx or a #hashtag.",
        )
    )
    most_videos: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        100_000, description="Videos of one other cell that are kept here at most."
    )
    count_epsilon: Annotated[float, Field(ge=0.01, le=10)] = Field(
        1.0, description="How much a day's count of a video may say about one viewer; less is more noise."
    )
    count_floor: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        90, description="A day's count below this is told to other cells as 0."
    )


class Config(_Section):
    """The whole of `cell.toml`."""

    cell: CellSection = CellSection()
    web: WebSection = WebSection()
    services: ServicesSection = ServicesSection()
    storage: StorageSection = StorageSection()
    videos: VideosSection = VideosSection()
    feed: FeedSection = FeedSection()
    payments: PaymentsSection = PaymentsSection()
    mail: MailSection = MailSection()
    limits: LimitsSection = LimitsSection()
    shop: ShopSection = ShopSection()
    rights: RightsSection = RightsSection()
    sunset: SunsetSection = SunsetSection()
    peers: PeersSection = PeersSection()


def parse_config(text: str) -> Config:
    """Parse the text of a `cell.toml`.  Raises ConfigError, which names each wrong key."""
    try:
        return Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{CONFIG_NAME} is not valid TOML: {error}") from None
    except ValidationError as error:
        raise ConfigError(_described(error)) from None


def _described(error: ValidationError, section: str = "") -> str:
    lines = [f"{section}{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
    return f"{CONFIG_NAME}: " + "; ".join(lines)


def default_text() -> str:
    """Return a `cell.toml` with every key, its sentence and its default, all commented out."""
    lines = ["# Settings of this cell.  A line that starts with # shows a default; remove the # to change it."]
    for section_name, section_field in Config.model_fields.items():
        section: Any = section_field.default
        lines += ["", f"[{section_name}]"]
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            shown = json.dumps(value)
            lines.append(f"# {name} = {shown}  # {field.description}")
    return "\n".join(lines) + "\n"


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{CONFIG_NAME} cannot be read as UTF-8 text: {error}") from None


class Cell:
    """A cell's data folder: its settings and the place of everything it keeps."""

    def __init__(self, data: Path) -> None:
        """Open the folder (it need not exist yet).  Raises ConfigError for a bad `cell.toml`."""
        self.data = data.absolute()
        self.config_path = self.data / CONFIG_NAME
        self.config = parse_config(_text_of(self.config_path)) if self.config_path.exists() else Config()
        self.keys = self.data / "keys"
        self.media = self.data / "media"
        self.uploads = self.data / "uploads"
        self.epochs = self.data / "epochs"
        self.archive = self.data / "archive"
        self.mail = self.data / "mail"
        self.tlog = self.data / "tlog"
        self.exports = self.data / "exports"
        self.postgres = self.data / "postgres"
        self.nats = self.data / "nats"
        self.run = self.data / "run"
        self.logs = self.data / "log"

    def make_folders(self) -> None:
        """Create the data folder and what belongs in it, with a `cell.toml` that shows every default."""
        # What people uploaded, watched and were sent is nobody else's on this machine.
        for folder in (
            self.data, self.keys, self.media, self.uploads, self.epochs, self.archive, self.mail, self.exports, self.run, self.logs
        ):  # fmt: skip
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.config_path.exists():
            self.config_path.write_text(default_text())

    @property
    def external_database_url(self) -> str:
        """The address of an existing PostgreSQL, or empty when the embedded one serves."""
        return os.environ.get("DATABASE_URL", "") or self.config.services.database_url

    @property
    def external_nats_url(self) -> str:
        """The address of an existing NATS server, or empty when the embedded one serves."""
        return os.environ.get("NATS_URL", "") or self.config.services.nats_url

    @property
    def port(self) -> int:
        """The port that this cell listens on: `up --port` wins over `cell.toml`, for other commands as well."""
        chosen = os.environ.get(PORT_VARIABLE, "")
        return int(chosen) if chosen.isdecimal() else running_facts(self).get("port", self.config.web.port)

    @property
    def local_url(self) -> str:
        """The address at which this machine reaches the cell itself."""
        host = self.config.web.host
        # A listener on all addresses is reached at the loopback.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - no address is bound here.
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def public_url(self) -> str:
        """The address that people use, without a trailing slash."""
        if self.config.web.public_url:
            return self.config.web.public_url.rstrip("/")
        return self.local_url


def status_path(cell: Cell) -> Path:
    """Return the file that a whole running cell keeps."""
    return cell.run / "status.json"


def running_facts(cell: Cell) -> dict[str, Any]:
    """Return what a running cell says of itself: `{"pid", "port", "children": {name: pid}}`; empty when none runs.

    A cell that was killed leaves its file behind, and is not taken for a running one.
    """
    try:
        facts: dict[str, Any] = json.loads(status_path(cell).read_text())
        os.kill(facts["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return {}
    except PermissionError:
        pass  # It is there, and another user's.
    return facts


def data_folder() -> Path:
    """Return the folder that `GLASWERK_DATA` names (default: `data` in the current folder)."""
    return Path(os.environ.get(DATA_VARIABLE) or "data")


def current_cell() -> Cell:
    """Return the cell of that folder."""
    return Cell(data_folder())
