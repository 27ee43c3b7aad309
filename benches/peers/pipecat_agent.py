"""The agent of this bench, built with Pipecat: its Twilio serializer, its clients for Deepgram and
OpenAI, its voice activity detector, and a rule of silence for the end of a turn.

Reads the same environment as the example `media_stream_agent`, and says in the same way where it
listens.
"""

import json
import os
import socket
import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.deepgram.tts import DeepgramTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

INSTRUCTIONS = "You answer the phone of a workshop. Be brief."
SPEECH = os.environ["DEEPGRAM_BASE_URL"]
MODEL = os.environ["OPENAI_BASE_URL"]
ENDPOINTING = int(os.environ.get("ENDPOINTING_MS", "300")) / 1_000
RATE = 8_000

app = FastAPI()


async def book_appointment(params):
    await params.result_callback({"booked": True})


TOOLS = ToolsSchema(
    standard_tools=[
        FunctionSchema(
            name="book_appointment",
            description="Books an appointment.",
            properties={"date": {"type": "string"}, "time": {"type": "string"}},
            required=["date", "time"],
        )
    ]
)


@app.websocket("/ws")
async def call(websocket: WebSocket):
    await websocket.accept()
    start = {}
    while start.get("event") != "start":
        start = json.loads(await websocket.receive_text())
    serializer = TwilioFrameSerializer(
        stream_sid=start["start"]["streamSid"],
        call_sid=start["start"]["callSid"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            add_wav_header=False,
            serializer=serializer,
        ),
    )
    stt = DeepgramSTTService(api_key="none", base_url=SPEECH)
    tts = DeepgramTTSService(api_key="none", base_url=SPEECH)
    llm = OpenAILLMService(
        api_key="none",
        base_url=MODEL,
        settings=OpenAILLMService.Settings(system_instruction=INSTRUCTIONS),
    )
    llm.register_function("book_appointment", book_appointment)
    context = LLMContext(tools=TOOLS)
    strategies = UserTurnStrategies(
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=ENDPOINTING)]
    )
    aggregators = LLMContextAggregatorPair(
        context,
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=strategies, vad_analyzer=SileroVADAnalyzer()
        ),
    )
    worker = PipelineWorker(
        Pipeline(
            [
                transport.input(),
                stt,
                aggregators.user(),
                llm,
                tts,
                transport.output(),
                aggregators.assistant(),
            ]
        ),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport, _client):
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def main():
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    listener = socket.socket()
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    host, port = listener.getsockname()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    listener.listen()
    print(f"media stream at ws://{host}:{port}/ws", file=sys.stderr, flush=True)
    server.run(sockets=[listener])


main()
