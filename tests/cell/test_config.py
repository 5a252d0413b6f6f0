"""`cell.toml`: every key has its sentence, a wrong one is named, and the shown defaults are the real ones."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaswerk.cell.config import Cell, Config, ConfigError, default_text, parse_config

KEYS = [
    (section_name, name, field)
    for section_name, section in Config.model_fields.items()
    for name, field in type(section.default).model_fields.items()
]


@pytest.mark.parametrize(("section", "name", "field"), KEYS)
def test_every_key_is_documented_where_operators_see_it(section: str, name: str, field: object) -> None:
    description = field.description  # type: ignore[attr-defined]
    assert description
    assert description[-1] in ".:;" or "." in description
    text = default_text()
    part = text[text.index(f"[{section}]") :]
    assert re.search(rf"^# {name} = .+  # {re.escape(description)}$", part, re.MULTILINE)


def test_the_default_text_means_the_defaults_also_when_nothing_is_commented_out() -> None:
    assert parse_config(default_text()) == Config()
    active = re.sub(r"^# (\w+ = )", r"\1", default_text(), flags=re.MULTILINE)
    assert "port = 8000" in active.splitlines()[10:] or "\nport = 8000" in active
    assert parse_config(active) == Config()


@pytest.mark.parametrize(("section", "name", "field"), KEYS)
def test_a_typo_names_the_key(section: str, name: str, field: object) -> None:
    with pytest.raises(ConfigError, match=rf"{section}\.{name}x: "):
        parse_config(f"[{section}]\n{name}x = 1\n")


@pytest.mark.parametrize(("section", "name", "field"), KEYS)
def test_a_value_of_another_type_names_the_key(section: str, name: str, field: object) -> None:
    # Where a list is right, its item is the wrong one.
    with pytest.raises(ConfigError, match=rf"{section}\.{name}(\.0)?: "):
        parse_config(f"[{section}]\n{name} = [1]\n")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[web]\nport = 0", "web.port"),
        ("[web]\nport = '80'", "web.port"),
        ("[web]\nport = true", "web.port"),
        ("[web]\npublic_url = 'video.example'", "web.public_url"),
        ("[web]\npublic_url = 'https://video.example/sub/folder'", "web.public_url"),
        ("[cell]\ntimezone = 'Europe/Berln'", "cell.timezone"),
        ("[cell]\nlanguage = 'fr'", "cell.language"),
        ("[cell]\nregion = 'EU'", "cell.region"),
        ("[feed]\nepoch_seconds = 61", "feed.epoch_seconds"),
        ("[mail]\nbackend = 'pigeon'", "mail.backend"),
        ("[storage]\nkind = 'ftp'", "storage.kind"),
        ("[storage]\nkind = 's3'", "storage.bucket"),
        ("[storage]\nbucket = '../keys'", "storage.bucket"),
        ("[storage]\nendpoint = 'http://s3.example'", "storage.endpoint"),
        ("[storage]\nendpoint = 'https://key:secret@s3.example'", "storage.endpoint"),
        ("[storage]\nendpoint = 's3.example'", "storage.endpoint"),
        ("[storage]\nprefix = '../other'", "storage.prefix"),
        ("[storage]\nprefix = '/cell/'", "storage.prefix"),
        ("[storage]\ndelivery = 'redirect'", "storage.delivery"),
        ("[storage]\npublic_url = \"https://cdn.example/; script-src 'unsafe-inline'\"", "storage.public_url"),
        ("[storage]\nsigned_seconds = 0", "storage.signed_seconds"),
        ("[storage]\ngrace_hours = 0", "storage.grace_hours"),
        ("[limits]\nfeed_per_minute = 0", "limits.feed_per_minute"),
        ("nonsense = 1", "nonsense"),
        ("[nonsense]\nport = 1", "nonsense"),
        ("web = 1", "web"),
        ("[web", "not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(key)):
        parse_config(text)


@given(st.text())
def test_any_text_is_read_or_refused_in_one_way(text: str) -> None:
    refusal = ""
    try:
        parse_config(text)
    except ConfigError as error:
        refusal = str(error)
    assert refusal == "" or refusal.startswith("cell.toml")


def test_a_file_in_another_encoding_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "cell.toml").write_bytes("[cell]\ntitle = 'Glasgewürk'".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        Cell(tmp_path)


def test_folders_are_private_and_the_first_settings_show_every_default(tmp_path: Path) -> None:
    cell = Cell(tmp_path / "data")
    cell.make_folders()
    assert (tmp_path / "data" / "cell.toml").read_text() == default_text()
    for folder in (cell.keys, cell.uploads, cell.media, cell.mail, cell.archive, cell.logs, cell.epochs):
        assert folder.stat().st_mode & 0o777 == 0o700, folder.name


def test_settings_of_an_operator_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cell.toml").write_text("[web]\nport = 9000\n")
    cell = Cell(tmp_path)
    cell.make_folders()
    assert cell.config_path.read_text() == "[web]\nport = 9000\n"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ("", "http://127.0.0.1:8000"),
        ("[web]\nhost = '0.0.0.0'", "http://127.0.0.1:8000"),
        ("[web]\nhost = '::1'\nport = 81", "http://[::1]:81"),
        ("[web]\npublic_url = 'https://video.example/'", "https://video.example"),
    ],
)
def test_the_address_that_people_use(tmp_path: Path, settings: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLASWERK_PORT", raising=False)
    (tmp_path / "cell.toml").write_text(settings)
    assert Cell(tmp_path).public_url == url


def test_a_running_cell_tells_its_port_and_a_killed_one_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLASWERK_PORT", raising=False)
    cell = Cell(tmp_path)
    cell.make_folders()
    status = cell.run / "status.json"
    status.write_text(json.dumps({"pid": os.getpid(), "port": 9123, "children": {}}))
    assert cell.public_url == "http://127.0.0.1:9123"
    # No process has a number as large as this.
    status.write_text(json.dumps({"pid": (1 << 22) + 1, "port": 9123, "children": {}}))
    assert cell.public_url == "http://127.0.0.1:8000"
    monkeypatch.setenv("GLASWERK_PORT", "9200")
    assert cell.public_url == "http://127.0.0.1:9200"


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ("", "https://s3.us-east-1.amazonaws.com"),
        ("region = 'eu-central-1'\npath_style = false", "https://cell.s3.eu-central-1.amazonaws.com"),
        ("endpoint = 'https://s3.example/'", "https://s3.example"),
        ("endpoint = 'https://s3.example:9000'\npath_style = false", "https://cell.s3.example:9000"),
        ("endpoint = 'http://127.0.0.1:9000'", "http://127.0.0.1:9000"),
        ("endpoint = 'http://[::1]:9000'", "http://[::1]:9000"),
    ],
)
def test_where_a_bucket_is(lines: str, address: str) -> None:
    storage = parse_config(f"[storage]\nkind = 's3'\nbucket = 'cell'\n{lines}").storage
    assert storage.address == address
    assert storage.delivery_origins == ()
    assert storage.of_kind("local").kind == "local"
    with pytest.raises(ConfigError, match=r"storage\.bucket"):
        Config().storage.of_kind("s3")
