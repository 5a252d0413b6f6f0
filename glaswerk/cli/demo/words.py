"""What the creators write under their clips, in the language each of them would use."""

from typing import NamedTuple


class Line(NamedTuple):
    """The words of one clip; `more` are the hashtags after the topic's own."""

    language: str
    title: str
    text: str
    more: tuple[str, ...]
    sound: str


LINES: dict[str, tuple[Line, Line, Line, Line]] = {
    "pottery": (
        Line(
            "de",
            "Vom Zylinder zur Vase",
            "Vom Zylinder zur Vase, in einem Zug hochgezogen.",
            ("handwerk", "ton"),
            "Drehscheibe am Morgen",
        ),
        Line(
            "en",
            "A bowl opens",
            "A tea bowl opens under celadon. The wheel does the breathing.",
            ("ceramics", "slow"),
            "Kiln Hour",
        ),
        Line(
            "de",
            "Kobalt auf Weiß",
            "Kobaltblau auf Weiß, jede Ranke von Hand.",
            ("keramik", "handwerk"),
            "Blaue Stunde in der Werkstatt",
        ),
        Line(
            "en",
            "Tenmoku and honey",
            "Iron glaze, honey at the lip. Opened the kiln early, no regrets.",
            ("ceramics", "glaze"),
            "Slip and Ember",
        ),
    ),
    "aurora": (
        Line(
            "en",
            "Green curtains",
            "Minus nineteen, and nobody wanted to go back inside.",
            ("nightsky", "norway"),
            "Slow Green",
        ),
        Line(
            "de",
            "Polarlicht in Rosa",
            "Erst nichts, dann plötzlich Rosa bis zum Zenit.",
            ("polarlicht", "nacht"),
            "Zenit",
        ),
        Line(
            "en",
            "Tall light over the lake",
            "The tallest pillars of the winter, twice, thanks to the lake.",
            ("nightsky", "reflection"),
            "Still Water, Moving Sky",
        ),
        Line(
            "de",
            "Rote Säulen",
            "Rot sieht man hier nur alle paar Jahre.",
            ("polarlicht", "winter"),
            "Rote Säulen",
        ),
    ),
    "marbling": (
        Line(
            "en",
            "Indigo and gold",
            "Indigo on cream, one drop of gold. Watch it fold.",
            ("paperart", "satisfying"),
            "Indigo Bath",
        ),
        Line(
            "de",
            "Malachit",
            "Malachit aus drei Tropfen Farbe. Der Kamm kommt erst am Schluss.",
            ("papierkunst", "farbe"),
            "Malachit",
        ),
        Line(
            "en",
            "Rose agate",
            "Rose agate, no filter, only gall and patience.",
            ("paperart", "colour"),
            "Rose Agate",
        ),
        Line(
            "de",
            "Ebru in Orange",
            "Ebru mit viel zu viel Orange. Genau richtig so.",
            ("papierkunst", "ebru"),
            "Tropfen für Tropfen",
        ),
    ),
    "ocean": (
        Line(
            "de",
            "Ankerplatz",
            "Letztes Licht vor Christiansø. Motor aus, Kaffee an.",
            ("segeln", "sonnenuntergang"),
            "Motor aus",
        ),
        Line(
            "en",
            "Pale morning",
            "Flat calm and a pale sun. Nobody out here but us.",
            ("sailing", "calm"),
            "Flat Calm",
        ),
        Line(
            "en",
            "Magenta evening",
            "The whole sky went magenta and stayed that way for an hour.",
            ("sunset", "sailing"),
            "Magenta Hour",
        ),
        Line(
            "de",
            "Mondstraße",
            "Nachtwache. Der Mond macht uns eine Straße.",
            ("nacht", "segeln"),
            "Nachtwache",
        ),
    ),
    "stainedglass": (
        Line(
            "de",
            "Rosette in Blau",
            "Zwölf Felder, ein Winter Arbeit. Heute kam die Sonne.",
            ("glaskunst", "handwerk"),
            "Zwölf Felder",
        ),
        Line(
            "en",
            "Plum and apricot",
            "Plum, apricot and a little too much pink. Lit from behind.",
            ("glassart", "colour"),
            "Plum and Apricot",
        ),
        Line(
            "en",
            "Garden window",
            "A garden made of lead and forty greens.",
            ("glassart", "pattern"),
            "Garden Window",
        ),
        Line(
            "de",
            "Feuerrose",
            "Die Feuerrose um elf Uhr, wenn das Licht quer steht.",
            ("glaskunst", "licht"),
            "Feuerrose",
        ),
    ),
    "jellyfish": (
        Line(
            "en",
            "Moon and lilac",
            "Twenty metres down, and everything moves like breathing.",
            ("underwater", "calm"),
            "Twenty Metres",
        ),
        Line(
            "en",
            "Violet drift",
            "Four of them, one current, no hurry.",
            ("underwater", "ocean"),
            "Violet Drift",
        ),
        Line(
            "de",
            "Quallentanz",
            "Quallentanz im grünen Licht. Ton an, Schultern runter.",
            ("unterwasser", "ruhe"),
            "Grünes Licht",
        ),
        Line(
            "de",
            "Rote Laterne",
            "Die rote Laterne der Tiefe. Bitte nicht anfassen.",
            ("unterwasser", "meer"),
            "Rote Laterne",
        ),
    ),
    "mountains": (
        Line(
            "de",
            "Nebelmeer",
            "Oben Sonne, unten Nebelmeer. Dafür der Wecker um vier.",
            ("berge", "sonnenaufgang"),
            "Nebelmeer",
        ),
        Line(
            "en",
            "Peach ridges",
            "Nine ridges, all of them peach. The birds were on time.",
            ("sunrise", "hiking"),
            "Nine Ridges",
        ),
        Line("de", "Jade am Morgen", "Nach dem Regen wird alles Jade.", ("berge", "wandern"), "Nach dem Regen"),
        Line(
            "en",
            "Lilac dawn",
            "Lilac for six minutes, then ordinary daylight.",
            ("sunrise", "mist"),
            "Six Minutes of Lilac",
        ),
    ),
    "synthwave": (
        Line("en", "Coast road, 1986", "Coast road, full tank, no map.", ("neon", "retro"), "Coast Road"),
        Line(
            "en",
            "Cyan mile",
            "The cyan mile. Windows down, arpeggio up.",
            ("neon", "nightdrive"),
            "Cyan Mile",
        ),
        Line(
            "de",
            "Wüste ohne Tempolimit",
            "Wüste, Abendrot, kein Tempolimit.",
            ("neon", "retro"),
            "Ohne Tempolimit",
        ),
        Line(
            "en",
            "Green sun",
            "We found the green sun just after the last toll booth.",
            ("retro", "nightdrive"),
            "Last Toll Booth",
        ),
    ),
    "papercut": (
        Line(
            "de",
            "Winterwald",
            "Sechs Lagen Papier, ein Hirsch, viel Schnee.",
            ("papierkunst", "winter"),
            "Sechs Lagen",
        ),
        Line(
            "de",
            "Oktober",
            "Oktober aus Buntpapier. Die Blätter fallen wirklich.",
            ("papierkunst", "herbst"),
            "Buntpapier",
        ),
        Line(
            "en",
            "Violet night",
            "Violet night, cut with one very tired scalpel.",
            ("paperart", "night"),
            "Tired Scalpel",
        ),
        Line(
            "en",
            "First green",
            "First green of the year, layer by layer.",
            ("paperart", "spring"),
            "First Green",
        ),
    ),
    "galaxy": (
        Line(
            "en",
            "Blue spiral",
            "Two arms, nine thousand drawn stars, one slow turn.",
            ("space", "stars"),
            "One Slow Turn",
        ),
        Line(
            "de",
            "Alte Sonne",
            "Ein Kern wie Bernstein. Das Licht ist älter als die Ostsee.",
            ("weltall", "sterne"),
            "Bernstein",
        ),
        Line("en", "Three arms", "Three arms today. Count them.", ("space", "astronomy"), "Three Arms"),
        Line(
            "de",
            "Von der Kante",
            "Fast von der Kante gesehen, kurz vor der Dämmerung.",
            ("weltall", "astronomie"),
            "Von der Kante",
        ),
    ),
    "rainynight": (
        Line(
            "de",
            "Linie 5, halb eins",
            "Halb eins, Linie 5 ist weg. Auch gut.",
            ("regen", "grossstadt"),
            "Halb eins",
        ),
        Line(
            "en",
            "Neon rain",
            "Neon and rain. We stayed in and watched the window instead.",
            ("cozy", "city"),
            "Window Seat",
        ),
        Line("en", "Green light", "Every light green, nobody driving.", ("rain", "city"), "Every Light Green"),
        Line(
            "de",
            "Warm drinnen",
            "Draußen schüttet es, drinnen zieht der Tee.",
            ("regen", "gemütlich"),
            "Tee zieht",
        ),
    ),
    "fireworks": (
        Line(
            "de",
            "Donau in Flammen",
            "Sommernacht an der Donau, alles von Hand gezündet.",
            ("sommer", "nacht"),
            "Sommernacht",
        ),
        Line(
            "en",
            "Pink peonies",
            "Pink peonies first, violet rings after. Sound on.",
            ("nightsky", "summer"),
            "Peonies",
        ),
        Line(
            "en",
            "Emerald rings",
            "Emerald took us three years to get right.",
            ("colour", "nightsky"),
            "Emerald",
        ),
        Line(
            "de",
            "Goldweiden",
            "Goldweiden zum Schluss. Wie immer, und immer wieder.",
            ("sommer", "gold"),
            "Goldweiden",
        ),
    ),
}
