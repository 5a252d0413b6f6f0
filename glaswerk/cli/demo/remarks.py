"""What the simulated audience is called and says."""

import random
from typing import Final

FIRST_NAMES: Final = (
    *("Ada", "Aino", "Alma", "Anton", "Aylin", "Bastian", "Bruno", "Carla", "Cem", "Clara", "Dario", "David", "Edda"),
    *("Elif", "Emil", "Enno", "Ewa", "Fabian", "Femke", "Finn", "Franka", "Greta", "Hanna", "Henrik", "Ida", "Ilse"),
    *("Imre", "Jakob", "Jana", "Jannis", "Jonas", "Judith", "Jule", "Kaja", "Karim", "Katja", "Lars", "Lea", "Leyla"),
    *("Linus", "Luca", "Łucja", "Maja", "Malin", "Marek", "Marta", "Mats", "Merle", "Mila", "Milan", "Nele", "Nils"),
    *("Nora", "Ole", "Oskar", "Paula", "Pia", "Rasmus", "Renée", "Rosa", "Samir", "Selma", "Sofia", "Sören", "Tessa"),
    *("Theo", "Tilda", "Tomas", "Vera", "Wanda", "Yara", "Zoé"),
)

_ANY: Final = {
    "de": (
        "Einfach schön.",
        "Ich hab's jetzt fünfmal gesehen.",
        "Der Ton dazu, großartig.",
        "Genau das habe ich heute gebraucht.",
        "Davon bitte mehr!",
        "So ruhig. Danke dafür.",
    ),
    "en": (
        "Watched it five times already.",
        "The sound makes it.",
        "Needed this today.",
        "More of these, please!",
        "How long did this take you?",
        "So calm. Thank you.",
    ),
}
_ABOUT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "pottery": {
        "de": (
            "Diese Glasur!",
            "Bei welcher Temperatur brennst du?",
            "Man möchte sofort die Hände in den Ton stecken.",
        ),
        "en": ("That glaze!", "What cone do you fire to?", "I can almost feel the clay."),
    },
    "aurora": {
        "de": ("Gänsehaut.", "Wie lange hast du gewartet?", "Einmal im Leben möchte ich das sehen."),
        "en": ("Goosebumps.", "How cold was it?", "Once in my life I want to see this."),
    },
    "marbling": {
        "de": ("Wie die Farben ineinander laufen …", "Gibt es die Bögen zu kaufen?", "Ochsengalle oder Seife?"),
        "en": ("The way the colours give way …", "Do you sell the sheets?", "My bookbinder heart is happy."),
    },
    "ocean": {
        "de": ("Ich rieche das Salz.", "Wo ist das genau?", "Fernweh, sofort."),
        "en": ("I can smell the salt.", "Where is this?", "Take me back to the sea."),
    },
    "stainedglass": {
        "de": ("Das Licht malt mit.", "Wie schwer ist so ein Fenster?", "Dieses Blau gibt es nur in Glas."),
        "en": ("The light does half the work.", "How heavy is a window like that?", "That blue only exists in glass."),
    },
    "jellyfish": {
        "de": ("Hypnotisch.", "Besser als jede Meditation.", "Sind die giftig?"),
        "en": ("Hypnotic.", "Better than any meditation app.", "Do they sting?"),
    },
    "mountains": {
        "de": ("Dafür steht man gern um vier auf.", "Welche Hütte ist das?", "Dieser Nebel im Tal …"),
        "en": ("Worth every early alarm.", "Which trail is this?", "That fog in the valley …"),
    },
    "synthwave": {
        "de": ("Fenster runter, lauter.", "Welcher Synth ist das?", "1986 hat angerufen."),
        "en": ("Windows down, volume up.", "Which synth is that?", "1986 just called."),
    },
    "papercut": {
        "de": ("Und das alles mit der Schere?", "Wie viele Schichten sind das?", "So feine Linien!"),
        "en": ("All of that with scissors?", "How many layers?", "Such fine lines!"),
    },
    "galaxy": {
        "de": ("Und wir sind so klein.", "Welches Teleskop?", "Wie lange belichtet?"),
        "en": ("And we are so small.", "Which telescope?", "How long was the exposure?"),
    },
    "rainynight": {
        "de": ("Dazu Tee und eine Decke.", "Das klingt wie mein altes Zimmer.", "Läuft bei mir zum Einschlafen."),
        "en": ("Tea, blanket, this.", "Sounds like my old flat.", "I fall asleep to this one."),
    },
    "fireworks": {
        "de": ("Oooh!", "Wie Silvester, nur ohne Knall im Treppenhaus.", "Die goldenen sind die besten."),
        "en": ("Oooh!", "The golden ones are the best.", "How far away did you stand?"),
    },
}


def remark_about(topic: str, language: str, chance: random.Random) -> str:
    """Return a comment in "de" or "en" on a clip of this topic; on an unknown topic one that always fits."""
    return chance.choice(_ABOUT.get(topic, {}).get(language, ()) + _ANY[language])
