"""What a file may ask of the machine."""

from dataclasses import dataclass

_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on the source and on the child processes that read it. Every bound is inclusive.

    Sides and pixels hold for the stored frame and for the displayed one alike. Memory is address space
    (RLIMIT_AS), which is larger than what is resident.
    """

    max_bytes: int = 1024 * _MIB
    min_duration_ms: int = 200
    max_duration_ms: int = 600_000
    min_side: int = 16
    max_side: int = 8192
    max_pixels: int = 8192 * 4320

    probe_seconds: float = 60.0
    probe_memory_bytes: int = 1536 * _MIB

    wall_seconds: float = 3600.0
    stall_seconds: float = 90.0
    memory_bytes: int = 6144 * _MIB
    output_bytes: int = 1024 * _MIB
    """The largest single file that a render may write (RLIMIT_FSIZE)."""
