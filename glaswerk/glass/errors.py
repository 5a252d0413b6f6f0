"""What the engine refuses, one type a kind of input."""


class GlassError(ValueError):
    """Base of everything that this engine refuses."""


class PolicyError(GlassError):
    """A policy text that does not say exactly what it must; the message names the key and the line."""


class EpochError(GlassError):
    """Bytes that are not a whole, unaltered epoch."""


class WireError(GlassError):
    """Bytes that are not the canonical encoding of a viewer, an ask or a slate."""
