"""How the kernels of a request are compiled."""

from typing import Any, Final

import numba as nb

# Without its runtime, Numba does not count who uses an array each time it is handed on, which cost ten times the work itself; in
# exchange such a kernel cannot make an array, so it is given all that it writes to.
_OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "_nrt": False}


def kernel(function: Any) -> Any:
    """Compile a function over plain arrays that makes none."""
    return nb.njit(**_OPTIONS)(function)


def inlined(function: Any) -> Any:
    """The same for a small one, which becomes part of the kernels that call it."""
    return nb.njit(**_OPTIONS, inline="always")(function)
