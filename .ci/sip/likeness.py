"""Sounds that are compared: what a phone plays, and what it hears of its echo."""

import array
import itertools
import operator
import subprocess
import wave


def make(path, rate, before, after):
    """Four seconds of noise between silence. Noise that comes and goes resembles itself at one place
    only, and passes every codec."""
    subprocess.run(
        ["sox", "-D", "-R", "-n", "-r", str(rate), "-c", "1", "-b", "16", path, "synth", "4",
         "brownnoise", "synth", "4", "sine", "amod", "2", "gain", "-n", "-6", "lowpass", "3000",
         "pad", str(before), str(after)],
        check=True,
    )


def read(path):
    """The samples of a file at 8 kHz; those between are left out."""
    with wave.open(path) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return samples[:: file.getframerate() // 8000 * file.getnchannels()]


def best(source, heard):
    """The best correlation of an eighth of a second of the source, where it is loud, with what was
    heard."""
    size = 1000
    begin = max(range(0, len(source) - size, 250), key=lambda at: sum(map(abs, source[at : at + size])))
    piece = source[begin : begin + size]
    own = sum(map(operator.mul, piece, piece))
    energy = [0, *itertools.accumulate(map(operator.mul, heard, heard))]
    found = 0.0
    for lag in range(0, len(heard) - size):
        power = energy[lag + size] - energy[lag]
        if power > own / 100:
            product = sum(map(operator.mul, piece, heard[lag : lag + size]))
            found = max(found, product / (own * power) ** 0.5)
        if found > 0.99:
            break
    return found
