"""The agent of this bench, built with LiveKit Agents: its session, its clients for Deepgram and
OpenAI, its voice activity detector, and a rule of silence for the end of a turn.

LiveKit's own media travels through its server. Here a WebSocket in Twilio's form takes the place
of the room, as an audio input and an audio output of the session, with the synchronizer that a room
has; the position in an answer is told by the clock from its first frame on, and by the phone's mark
at its end.

Reads the same environment as the example `media_stream_agent`, and says in the same way where it
listens.
"""

import asyncio
import base64
import json
import logging
import os
import socket
import sys
import time
import warnings

import aiohttp
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from livekit.agents.voice.transcription import TranscriptSynchronizer
from livekit.plugins import deepgram, openai, silero

with warnings.catch_warnings():
    # Python 3.13 has it from a package that the requirements name.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

INSTRUCTIONS = "You answer the phone of a workshop. Be brief."
SPEECH = os.environ["DEEPGRAM_BASE_URL"].replace("ws://", "http://")
MODEL = os.environ["OPENAI_BASE_URL"]
ENDPOINTING = int(os.environ.get("ENDPOINTING_MS", "300")) / 1_000
RATE = 8_000

app = FastAPI()


class Workshop(Agent):
    def __init__(self):
        super().__init__(instructions=INSTRUCTIONS)

    @function_tool
    async def book_appointment(self, date: str, time: str) -> str:
        """Books an appointment."""
        return '{"booked": true}'


class LineIn(io.AudioInput):
    """What the caller says."""

    def __init__(self):
        super().__init__(label="phone")
        self.frames = asyncio.Queue()

    async def __anext__(self):
        frame = await self.frames.get()
        if frame is None:
            raise StopAsyncIteration
        return frame

    def hear(self, codes):
        samples = audioop.ulaw2lin(codes, 2)
        self.frames.put_nowait(rtc.AudioFrame(samples, RATE, 1, len(samples) // 2))


class LineOut(io.AudioOutput):
    """What the caller is to hear."""

    def __init__(self, send):
        super().__init__(
            label="phone",
            capabilities=io.AudioOutputCapabilities(pause=False),
            sample_rate=RATE,
        )
        self.send = send
        self.began = None
        self.pushed = 0.0
        self.segment = 0

    async def capture_frame(self, frame):
        await super().capture_frame(frame)
        if self.began is None:
            self.began = time.time()
            self.on_playback_started(created_at=self.began)
        self.pushed += frame.duration
        payload = base64.b64encode(audioop.lin2ulaw(bytes(frame.data), 2)).decode()
        await self.send({"event": "media", "media": {"payload": payload}})

    def flush(self):
        super().flush()
        if self.began is not None:
            mark = {"event": "mark", "mark": {"name": str(self.segment)}}
            asyncio.create_task(self.send(mark))

    def clear_buffer(self):
        if self.began is None:
            return
        asyncio.create_task(self.send({"event": "clear"}))
        self.finish(min(self.pushed, time.time() - self.began), interrupted=True)

    def played(self, mark):
        if mark == str(self.segment) and self.began is not None:
            self.finish(self.pushed, interrupted=False)

    def finish(self, position, interrupted):
        self.segment += 1
        self.began = None
        self.pushed = 0.0
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


@app.websocket("/ws")
async def call(websocket: WebSocket):
    await websocket.accept()
    message = {}
    while message.get("event") != "start":
        message = json.loads(await websocket.receive_text())
    stream = message["start"]["streamSid"]

    async def send(message):
        try:
            await websocket.send_text(json.dumps(message | {"streamSid": stream}))
        except (RuntimeError, WebSocketDisconnect):
            pass  # The caller has hung up.

    async with aiohttp.ClientSession() as http:
        session = AgentSession(
            stt=deepgram.STT(
                sample_rate=RATE,
                api_key="none",
                http_session=http,
                base_url=f"{SPEECH}/v1/listen",
            ),
            llm=openai.LLM(api_key="none", base_url=MODEL),
            tts=deepgram.TTS(
                sample_rate=RATE,
                api_key="none",
                http_session=http,
                base_url=f"{SPEECH}/v1/speak",
            ),
            vad=silero.VAD.load(sample_rate=RATE),
            turn_handling={
                "turn_detection": "vad",
                "endpointing": {"min_delay": ENDPOINTING},
                "interruption": {"mode": "vad"},
            },
        )
        line_in, line_out = LineIn(), LineOut(send)
        synchronizer = TranscriptSynchronizer(
            next_in_chain_audio=line_out, next_in_chain_text=None
        )
        session.input.audio = line_in
        session.output.audio = synchronizer.audio_output
        session.output.transcription = synchronizer.text_output
        await session.start(Workshop())
        try:
            while True:
                message = json.loads(await websocket.receive_text())
                event = message.get("event")
                if event == "media":
                    line_in.hear(base64.b64decode(message["media"]["payload"]))
                elif event == "mark":
                    line_out.played(message["mark"]["name"])
                elif event == "stop":
                    break
        except WebSocketDisconnect:
            pass
        line_in.frames.put_nowait(None)
        await session.aclose()
        await synchronizer.aclose()


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    listener = socket.socket()
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    host, port = listener.getsockname()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    listener.listen()
    print(f"media stream at ws://{host}:{port}/ws", file=sys.stderr, flush=True)
    server.run(sockets=[listener])


main()
