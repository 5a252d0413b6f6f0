"""Reel: what a video is. Probe an untrusted file, and render it into what every browser plays.

A library over plain files: it knows no database, no web framework and no other room of Glaswerk. Hostile
input is read only by child processes that have no network, few files and hard limits.

    probe = reel.probe(path)                                  # raises ReelError
    renditions = reel.make_renditions(path, probe, folder)    # raises ReelError, leaves nothing behind
    features = reel.look(renditions.renditions[-1].path)      # raises ReelError; 64 bytes
"""

from glaswerk.reel.failures import Failure, ReelError
from glaswerk.reel.ladder import Family, Rung, first_rung, rungs
from glaswerk.reel.limits import Limits
from glaswerk.reel.look import FEATURES, look
from glaswerk.reel.probe import Probe, probe
from glaswerk.reel.render import Poster, Rendition, Renditions, make_renditions
from glaswerk.reel.stop import Stop, stoppable

__all__ = [
    "FEATURES",
    "Failure",
    "Family",
    "Limits",
    "Poster",
    "Probe",
    "ReelError",
    "Rendition",
    "Renditions",
    "Rung",
    "Stop",
    "first_rung",
    "look",
    "make_renditions",
    "probe",
    "rungs",
    "stoppable",
]
