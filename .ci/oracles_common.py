"""What clients of the scripted vendors say, and what they should hear."""

import math
import time

TOOL = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
SAID = "At nine, or at ten?"
HEARD = "I need an oil change."


def speech(seconds, rate=16_000):
    """A tone in 16-bit PCM."""
    samples = (int(12_000 * math.sin(at * 0.2)) for at in range(int(seconds * rate)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def silence(seconds, rate=16_000):
    return bytes(2 * int(seconds * rate))


def pieces(audio, size=3_200):
    return (audio[at:at + size] for at in range(0, len(audio), size))


def in_real_time(audio, rate=16_000):
    """Pieces at the pace at which they were spoken, for vendors that take them no faster."""
    for piece in pieces(audio):
        yield piece
        time.sleep(len(piece) / (2 * rate))


def expect(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"
