"""Fits the weights of `vad::Telephone`. Needs numpy, scipy, soundfile, onnxruntime and torch.

    python fit.py label FOLDER silero_vad.onnx clips.pkl     # what Silero says of clean recordings
    python fit.py mix clips.pkl SEED COUNT mixed.npz         # the same in noise, behind a telephone
    python fit.py fit mixed.npz[,...] MINUTES AHEAD model.pt [from.pt]
    python fit.py average model.pt[,...] model.pt            # the mean of models that were fitted on
    python fit.py write model.pt weights.bin                 # and the numbers that the test expects

`README.md` says from what, and in which steps, the weights were made that the core has.
"""

import pickle
import sys
import time
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

RATE, HOP, SPECTRUM, BANDS = 8_000, 128, 256, 22
FEATURES, CELL = 40, 32
LEVEL = 0.05
HANN = np.hanning(SPECTRUM + 1)[:SPECTRUM].astype(np.float32)


def bank():
    mel = lambda hertz: np.log(1 + hertz / 700)
    edges = 700 * (np.exp(np.linspace(mel(100), mel(3_900), BANDS + 2)) - 1)
    at = np.arange(SPECTRUM // 2 + 1) * RATE / SPECTRUM
    shares = np.zeros((len(at), BANDS), np.float32)
    for band in range(BANDS):
        low, centre, high = edges[band : band + 3]
        share = np.minimum((at - low) / (centre - low), (high - at) / (high - centre)).clip(0)
        if share.sum() < 1:
            share = np.maximum(0, 1 - np.abs(at - centre) / (RATE / SPECTRUM))
        shares[:, band] = share / share.sum()
    return shares


BANK = bank()


def levels(samples):
    """The levels that the detector hears, of each whole window."""
    padded = np.concatenate([np.zeros(SPECTRUM - HOP, np.float32), samples])
    windows = np.lib.stride_tricks.sliding_window_view(padded, SPECTRUM)[::HOP]
    power = np.abs(np.fft.rfft(windows[: len(samples) // HOP] * HANN, axis=1)) ** 2
    return np.log10(power.astype(np.float32) / (HANN**2).sum() @ BANK + 1e-7).astype(np.float32)


# Labels


def teacher(session, samples):
    """What Silero says at the end of each 256 samples of 16 kHz: windows of 512, heard twice."""
    said = []
    for shift in (256, 0):
        shifted = np.concatenate([np.zeros(shift, np.float32), samples])
        state, context, scores = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
        for at in range(0, len(shifted) - 511, 512):
            heard = np.concatenate([context, shifted[at : at + 512]])[None]
            score, state = session.run(
                None, {"input": heard, "state": state, "sr": np.array(16_000, np.int64)}
            )
            scores.append(score[0, 0])
            context = heard[0, -64:]
        said.append(scores)
    count = min(2 * len(said[0]), 2 * len(said[1]))
    return np.array([said[at % 2][at // 2] for at in range(count)], np.float32)


def label(folder, model, out):
    import onnxruntime
    import soundfile

    session = onnxruntime.InferenceSession(model)
    clips = []
    for path in sorted([*Path(folder).rglob("*.wav"), *Path(folder).rglob("*.flac")]):
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            print(path, error)
            continue
        samples, common = samples.mean(1), gcd(rate, 16_000)
        samples = resample_poly(samples, 16_000 // common, rate // common).astype(np.float32)
        if not 4_000 <= len(samples) <= 320_000:
            continue
        samples = np.clip(samples / (np.sqrt(np.mean(samples**2)) + 1e-9) * LEVEL, -1, 1)
        says = teacher(session, np.concatenate([samples, np.zeros(2_048, np.float32)]))
        says = says[: len(samples) // 256]
        spoken = np.flatnonzero(says > 0.5)
        if len(spoken) < 5:
            continue
        voice = samples[: len(says) * 256].reshape(-1, 256)[spoken]
        # 0.4 s before speech and 0.6 s after it are enough.
        first, last = max(0, spoken[0] - 25), min(len(says), spoken[-1] + 40)
        narrow = resample_poly(samples[first * 256 : last * 256], 1, 2)
        clips.append(
            ((narrow * LEVEL / np.sqrt((voice**2).mean())).astype(np.float32), says[first:last])
        )
    pickle.dump(clips, open(out, "wb"))
    print(len(clips), "clips", sum(len(clip) for clip, _ in clips) / RATE, "s")


# Mixtures


def mulaw(samples):
    clipped = np.clip(samples, -1, 1)
    code = np.round(np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256) * 127) / 127
    return (np.sign(code) * (256 ** np.abs(code) - 1) / 255).astype(np.float32)


def telephone(samples, dice):
    low, high = dice.uniform(150, 350), dice.uniform(3_200, 3_850)
    samples = sosfilt(butter(4, low, "high", fs=RATE, output="sos"), samples)
    return mulaw(sosfilt(butter(4, high, "low", fs=RATE, output="sos"), samples))


def steady(count, dice):
    """Noise that falls by 0 to 9 dB an octave, with some resonances."""
    slope = dice.choice([0, 0.5, 1, 1, 1, 1.5, 2, 3])
    at = np.fft.rfftfreq(count, 1 / RATE).clip(30)
    noise = (dice.standard_normal(len(at)) + 1j * dice.standard_normal(len(at))) * at ** (-slope / 2)
    bends = np.interp(np.log(at), np.linspace(np.log(60), np.log(4_000), 6), dice.uniform(-6, 6, 6))
    noise = np.fft.irfft(noise * 10 ** (bends / 20), count)
    noise = noise / noise.std()
    if dice.random() < 0.4:
        turns = dice.integers(4, 14)
        swell = np.interp(np.arange(count), np.linspace(0, count, turns), dice.uniform(-4, 4, turns))
        noise = noise * 10 ** (swell / 20)
    return noise


def babble(count, clips, dice):
    noise = np.zeros(count)
    for _ in range(dice.integers(3, 12)):
        at = -dice.integers(0, RATE)
        while at < count:
            voice = clips[dice.integers(len(clips))][0][:: dice.choice([1, -1])]
            first, last = max(at, 0), min(count, at + len(voice))
            if last > first:
                noise[first:last] += voice[first - at : last - at] * dice.uniform(0.5, 1.3)
            at += len(voice)
    return noise


def knocks(count, dice):
    noise = np.zeros(count)
    for _ in range(dice.integers(3, 60)):
        length = int(dice.uniform(0.002, 0.06) * RATE)
        at = dice.integers(0, count - length)
        knock = dice.standard_normal(length)
        if dice.random() < 0.5:
            tone = np.sin(2 * np.pi * dice.uniform(100, 2_500) * np.arange(length) / RATE)
            knock = 0.3 * knock + tone
        fall = np.exp(-np.arange(length) / (length * dice.uniform(0.1, 0.4)))
        noise[at : at + length] += knock * fall * dice.uniform(0.3, 2)
    return noise


def tones(count, dice):
    """Single tones, keys and ringing."""
    noise, at = np.zeros(count), 0
    while at < count:
        length = int(dice.uniform(0.05, 1.5) * RATE)
        keys = [dice.choice([697, 770, 852, 941]), dice.choice([1_209, 1_336, 1_477])]
        sounds = [[dice.uniform(300, 3_000)], keys, [440, 480], []][dice.integers(4)]
        time_ = np.arange(min(length, count - at)) / RATE
        noise[at : at + length] += sum((np.sin(2 * np.pi * it * time_) for it in sounds), 0 * time_)
        at += length + int(dice.uniform(0.05, 1) * RATE)
    return noise / 2


def comes_and_goes(count, dice):
    """A line whose noise begins late, or is cut out now and then."""
    gate, at = np.zeros(count), int(dice.uniform(0.1, 4) * RATE)
    if dice.random() < 0.6:
        gate[at:] = 1
    while at < count:
        end = at + int(dice.uniform(0.5, 4) * RATE)
        gate[at:end] = 1
        at = end + int(dice.uniform(0.2, 2) * RATE)
    return gate


def mixture(clips, dice):
    """10.24 s of speech with pauses, its labels, and what else there is."""
    count = int(10.24 * RATE)
    mixed, labels = np.zeros(count), np.zeros(count // HOP, np.float32)
    at = int(dice.uniform(0, 5) * RATE) // HOP
    while at * HOP < count:
        voice, says = clips[dice.integers(len(clips))]
        gain = 10 ** (dice.uniform(-8, 4) / 20) if dice.random() < 0.5 else 1
        length = min(len(voice) // HOP, len(labels) - at)
        mixed[at * HOP : (at + length) * HOP] += gain * voice[: length * HOP]
        labels[at : at + length] = says[:length]
        pause = dice.uniform(0, 0.3) if dice.random() < 0.35 else dice.uniform(0.2, 3)
        at += length + int(pause * RATE) // HOP
    kind, ratio = dice.random(), dice.uniform(0, 35)
    if kind < 0.25:
        noise = np.zeros(count)
    elif kind < 0.58:
        noise = steady(count, dice)
    elif kind < 0.85:
        noise, ratio = babble(count, clips, dice), dice.uniform(3, 25)
    elif kind < 0.95:
        noise, ratio = knocks(count, dice) + 0.1 * steady(count, dice), dice.uniform(0, 20)
    else:
        noise = tones(count, dice) + 0.02 * steady(count, dice)
    noise = noise / (np.sqrt((noise**2).mean()) + 1e-6)
    if dice.random() < 0.45:
        noise = noise * comes_and_goes(count, dice)
    mixed = mixed + noise * LEVEL * 10 ** (-ratio / 20)
    if dice.random() < 0.35:
        mixed = np.convolve(mixed, [1, -dice.uniform(-0.5, 0.7)])[:count]
    mixed = mixed * 10 ** (dice.uniform(-20, 8) / 20)
    if dice.random() < 0.7:
        mixed = telephone(mixed, dice)
    else:
        mixed = np.clip(mixed, -1, 1) + dice.standard_normal(count) * 1e-4
    return levels(mixed.astype(np.float32)), labels


def mix(clips, seed, count, out):
    clips, dice = pickle.load(open(clips, "rb")), np.random.default_rng(int(seed))
    mixtures = [mixture(clips, dice) for _ in range(int(count))]
    heard, labels = zip(*mixtures)
    np.savez(out, heard=np.array(heard, np.float16), labels=np.array(labels, np.float16))


# The network


def network():
    from torch import cat, nn, relu

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.c = nn.Conv1d(BANDS, FEATURES, 3)
            self.g = nn.GRU(FEATURES, CELL, batch_first=True)
            self.g2 = nn.GRU(CELL, CELL, batch_first=True)
            self.o = nn.Linear(2 * CELL, 1)

        def forward(self, heard):
            padded = nn.functional.pad(heard.transpose(1, 2), (2, 0))
            first, _ = self.g(relu(self.c(padded)).transpose(1, 2))
            second, _ = self.g2(first)
            return self.o(cat([first, second], 2))[..., 0]

    return Network()


def fit(mixed, minutes, ahead, out, before=None):
    import torch

    files = [np.load(name) for name in mixed.split(",")]
    heard = torch.tensor(np.concatenate([file["heard"] for file in files])).float()
    labels = torch.tensor(np.concatenate([file["labels"] for file in files])).float()
    net, ahead, seconds = network(), int(ahead), float(minutes) * 60
    mean, deviation = heard.mean((0, 1)), heard.std((0, 1))
    if before:
        known = torch.load(before, weights_only=False)
        mean, deviation = known["mu"], known["std"]
        net.load_state_dict(known["sd"])
    heard = (heard - mean) / deviation
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-3)
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    begin, step = time.time(), 0
    while (done := (time.time() - begin) / seconds) < 1:
        rate = (1.2e-3 if before else 3e-3) * min(1, step / 100 + 0.05)
        optimizer.param_groups[0]["lr"] = rate * (0.49 * (1 + np.cos(np.pi * done)) + 0.02)
        some, at = torch.randint(len(heard), (96,)), int(torch.randint(heard.shape[1] - 240, (1,)))
        noisy = heard[some, at : at + 240] + torch.randn(96, 1, BANDS) * 0.15
        wanted = labels[some, at : at + 240]
        # What the teacher says a little later is to be known now.
        logits, wanted = net(noisy)[:, 10 : 240 - ahead], wanted[:, 10 + ahead :]
        loss = loss_of(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(step, round(loss.item(), 4), flush=True)
    torch.save({"sd": net.state_dict(), "mu": mean, "std": deviation}, out)


def average(models, out):
    import torch

    models = [torch.load(name, weights_only=False) for name in models.split(",")]
    mean = {key: sum(it["sd"][key] for it in models) / len(models) for key in models[0]["sd"]}
    torch.save(models[0] | {"sd": mean}, out)


def write(model, out):
    import torch

    known = torch.load(model, weights_only=False)
    layers = known["sd"]
    order = [known["mu"], 1 / known["std"], layers["c.bias"], layers["c.weight"].permute(2, 1, 0)]
    for cell in ("g", "g2"):
        order += [layers[f"{cell}.bias_ih_l0"], layers[f"{cell}.weight_ih_l0"].T]
        order += [layers[f"{cell}.bias_hh_l0"], layers[f"{cell}.weight_hh_l0"].T]
    order += [layers["o.weight"], layers["o.bias"]]
    weights = torch.cat([part.reshape(-1) for part in order]).numpy().astype("<f4")
    Path(out).write_bytes(weights.tobytes())
    net = network()
    net.load_state_dict(layers)
    state, samples = 1, []
    for at in range(6_144):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        sample, seconds = (state / 2**31 - 1) * 0.01, at / RATE
        if at // 2_048 == 1:
            pitch = sum(np.sin(seconds * 700 * harmonic) for harmonic in range(1, 20))
            sample += max(0, np.sin(seconds * 25)) * pitch * 0.02
        samples.append(sample)
    heard = (torch.tensor(levels(np.array(samples, np.float32))) - known["mu"]) / known["std"]
    with torch.no_grad():
        scores = torch.sigmoid(net(heard[None])[0]).numpy()
    print(", ".join(f"{score:.4f}" for score in scores[2::4]))


if __name__ == "__main__":
    steps = {"label": label, "mix": mix, "fit": fit, "average": average, "write": write}
    steps[sys.argv[1]](*sys.argv[2:])
