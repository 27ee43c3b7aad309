"""Calls between our phone simulator, Pipecat's serializers, and our media socket.

Pipecat takes the phone's call as an agent of its own; and it stands between the phone and our
agent, where all audio goes through its reading and its writing, both ways.
"""

import asyncio
import math
import struct
import sys
from types import SimpleNamespace

import websockets
from loguru import logger
from pipecat.frames.frames import (
    AudioRawFrame, InputAudioRawFrame, InputDTMFFrame, InterruptionFrame, OutputAudioRawFrame,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.exotel import ExotelFrameSerializer
from pipecat.serializers.plivo import PlivoFrameSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer

PEER = sys.argv[1]


class FirstMessages:
    """A socket whose messages can be read again, which is what Pipecat's detection reads from."""

    def __init__(self, socket):
        self.socket, self.read = socket, []

    async def iter_text(self):
        async for message in self.socket:
            self.read.append(message)
            yield message


async def serializer_of(socket, carrier):
    """The serializer for a call, and the messages that were read to find it."""
    rate = 16_000 if carrier == "vonage" else 8_000
    if carrier == "vonage":
        # Pipecat does not detect it.
        serializer, read = VonageFrameSerializer(), []
    else:
        first = FirstMessages(socket)
        found, call = await parse_telephony_websocket(first)
        assert found == carrier, f"Pipecat takes {carrier} for {found}"
        stays = {"auto_hang_up": False}
        stream, read = call["stream_id"], first.read
        if carrier == "twilio":
            params = TwilioFrameSerializer.InputParams(**stays)
            serializer = TwilioFrameSerializer(stream, params=params)
        elif carrier == "telnyx":
            params = TelnyxFrameSerializer.InputParams(**stays)
            serializer = TelnyxFrameSerializer(
                stream, call["outbound_encoding"], "PCMU", params=params)
        elif carrier == "plivo":
            params = PlivoFrameSerializer.InputParams(**stays)
            serializer = PlivoFrameSerializer(stream, params=params)
        else:
            serializer = ExotelFrameSerializer(stream)
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=rate))
    return serializer, read, rate


def is_loud(frame):
    return any(abs(sample) > 800 for (sample,) in struct.iter_unpack("<h", frame.audio))


def tone(rate, number):
    samples = (8_000 * math.sin(2 * math.pi * 440 * (number * rate // 50 + at) / rate)
               for at in range(rate // 50))
    audio = b"".join(struct.pack("<h", int(sample)) for sample in samples)
    return OutputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=1)


def agent(carrier):
    """Behaves as `peer answer`."""
    async def answer(socket):
        serializer, _, rate = await serializer_of(socket, carrier)
        loud = 0
        async for message in socket:
            frame = await serializer.deserialize(message)
            if isinstance(frame, InputAudioRawFrame) and is_loud(frame):
                before, loud = loud, loud + len(frame.audio) // 2
                if before < rate / 2 <= loud:
                    for number in range(150):
                        await socket.send(await serializer.serialize(tone(rate, number)))
            elif isinstance(frame, InputDTMFFrame):
                await socket.send(await serializer.serialize(InterruptionFrame()))
    return answer


def between(carrier, url):
    async def relay(phone):
        async with websockets.connect(url) as ours:
            serializer, read, _ = await serializer_of(phone, carrier)
            counts = [0, 0]

            async def carry(direction, source, sink, before=()):
                for message in before:
                    await sink.send(message)
                async for message in source:
                    frame = await serializer.deserialize(message)
                    if isinstance(frame, AudioRawFrame):
                        counts[direction] += 1
                        message = await serializer.serialize(frame)
                    await sink.send(message)
                await sink.close()

            try:
                await asyncio.gather(carry(0, phone, ours, read), carry(1, ours, phone))
            except websockets.ConnectionClosed:
                pass
            assert min(counts) > 10, f"audio was carried: {counts}"
    return relay


async def phone(carrier, what, handler):
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            PEER, "call", carrier, f"ws://127.0.0.1:{port}/", stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
        assert process.returncode == 0, f"{carrier}, {what}: the call failed"
        print(f"{carrier}, {what}: {told.decode().strip()}", flush=True)


async def main():
    logger.remove()
    for carrier in ("exotel", "plivo", "telnyx", "twilio", "vonage"):
        await phone(carrier, "Pipecat is the agent", agent(carrier))
    ours = await asyncio.create_subprocess_exec(
        PEER, "answer", stdout=asyncio.subprocess.PIPE)
    try:
        url = (await ours.stdout.readline()).decode().strip()
        # Plivo's words for audio differ by direction, so that one serializer cannot carry both.
        for carrier in ("exotel", "telnyx", "twilio", "vonage"):
            await phone(carrier, "our agent, through Pipecat", between(carrier, url))
    finally:
        ours.terminate()


asyncio.run(main())
