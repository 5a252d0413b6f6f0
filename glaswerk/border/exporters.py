"""All exporters, in the order in which an export shows what they hold."""

from collections.abc import Sequence
from typing import Final

from django.apps import AppConfig
from django.core.checks import CheckMessage

from glaswerk.border.exporter import BorderExporter
from glaswerk.feed.exporter import FeedExporter
from glaswerk.money.exporter import MoneyExporter
from glaswerk.people.exporter import PeopleExporter
from glaswerk.people.rights import Exporter, check_everything_is_covered
from glaswerk.shop.exporter import ShopExporter
from glaswerk.social.exporter import SocialExporter
from glaswerk.videos.exporter import VideosExporter

EXPORTERS: Final[tuple[Exporter, ...]] = (
    PeopleExporter(),
    VideosExporter(),
    SocialExporter(),
    FeedExporter(),
    MoneyExporter(),
    ShopExporter(),
    BorderExporter(),
)


def check_exporters(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """System check: whatever is about people is exported, or left out with a reason."""
    return check_everything_is_covered(EXPORTERS)
