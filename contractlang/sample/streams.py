"""Random streams: one for every purpose and place, so that no draw depends on how much was drawn elsewhere."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.random import Generator


def stream(seed: int, purpose: str, *place: int) -> Generator:
    """The stream of a purpose at a place (a lot of members, a year); equal arguments give equal numbers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(purpose.encode()), *place])))
