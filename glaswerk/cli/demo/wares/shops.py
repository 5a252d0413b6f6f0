"""The five invented merchants of the demo, with what the law wants known of a trader."""

from dataclasses import dataclass
from typing import Any, Final

from glaswerk.cli.demo.welcome import MERCHANT

COUNTRIES: Final = ("DE", "AT", "FR", "IT", "NL", "DK")
VOUCHER: Final = "WELCOME10"


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant: who owns it, and the topics of the clips in which its things are shown."""

    name: str
    owner: str
    owner_title: str
    topics: tuple[str, ...]
    details: dict[str, Any]


def _details(title: str, about: str, legal: str, street: str, city: str, phone: str, register: str) -> dict[str, Any]:
    postal_code, _, town = city.partition(" ")
    return {
        "title": title,
        "about": about,
        "legal_name": legal,
        "street": street,
        "postal_code": postal_code,
        "city": town,
        "country": "DE",
        "email": f"hello@{title.split()[0].lower()}.example",
        # From the ranges that Germany keeps free for films and books, so that nobody's telephone rings.
        "phone": phone,
        "registration": register,
        "vat_id": "",
        "self_certified": True,
    }


SHOPS: Final = (
    Shop(
        "ton-und-feuer",
        MERCHANT,
        "Ton & Feuer, the shop",
        ("pottery",),
        _details(
            "Ton & Feuer",
            "Stoneware from an old bakery in Höhr-Grenzhausen, thrown by hand and fired with wood twice a year.",
            "Ton und Feuer GmbH",
            "Töpferstraße 12",
            "56203 Höhr-Grenzhausen",
            "+49 69 90009 412",
            "HRB 21412, Amtsgericht Montabaur",
        ),
    ),
    Shop(
        "papier-marmor",
        "papier.kontor",
        "Papier & Marmor",
        ("marbling", "papercut"),
        _details(
            "Papier & Marmor",
            "Marbled the Florentine way, cut by hand, bound in small numbers.",
            "Papier und Marmor OHG",
            "Lange Reihe 8",
            "20099 Hamburg",
            "+49 40 66969 118",
            "HRA 110818, Amtsgericht Hamburg",
        ),
    ),
    Shop(
        "glashuette-vera",
        "glas.kontor",
        "Glashütte Vera",
        ("stainedglass",),
        _details(
            "Glashütte Vera",
            "Leaded glass for windows, and small things that let you take the light along.",
            "Glashütte Vera Anselm e.K.",
            "Finkenherd 3",
            "06484 Quedlinburg",
            "+49 30 23125 503",
            "HRA 4503, Amtsgericht Stendal",
        ),
    ),
    Shop(
        "nordlicht-drucke",
        "nordlicht.kontor",
        "Nordlicht Drucke",
        ("aurora", "mountains", "galaxy"),
        _details(
            "Nordlicht Drucke",
            "Skies on paper: pigment prints from Tromsø, the Karwendel and a small dome on Öland.",
            "Nordlicht Drucke GmbH",
            "Sonnenstraße 27",
            "80331 München",
            "+49 89 99998 227",
            "HRB 198227, Amtsgericht München",
        ),
    ),
    Shop(
        "kap-sued",
        "kap.kontor",
        "Kap Süd",
        ("ocean", "jellyfish"),
        _details(
            "Kap Süd",
            "What the sea leaves on fabric, paper and porcelain. Packed without plastic.",
            "Kap Süd Handels GmbH",
            "Am Yachthafen 5",
            "23769 Fehmarn",
            "+49 40 66969 505",
            "HRB 15505, Amtsgericht Lübeck",
        ),
    ),
)
