"""The vendors' official SDKs as clients of our scripted vendors of speech."""

import asyncio
import base64
import json

from oracles_common import HEARD, SAID, TOOL, expect, in_real_time, pieces, silence, speech


def http(url):
    return url.replace("ws", "http", 1)


def deepgram(at, which):
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment
    url = at[which]
    environment = DeepgramClientEnvironment(
        base=url.replace("ws", "http", 1), production=url, agent=url, agent_rest=url)
    return AsyncDeepgramClient(api_key=at["key"], environment=environment)


async def deepgram_listen(at):
    client = deepgram(at, "deepgram_listen")
    async with client.listen.v1.connect(
            model="nova-3", encoding="linear16", sample_rate="16000", interim_results="true",
            endpointing="300") as socket:
        for piece in pieces(speech(1) + silence(1)):
            await socket.send_media(piece)
        heard = ""
        while not heard:
            message = await socket.recv()
            if message.type == "Results" and message.is_final:
                heard = message.channel.alternatives[0].transcript
        assert HEARD.startswith(heard), heard


async def deepgram_flux(at):
    client = deepgram(at, "deepgram_flux")
    async with client.listen.v2.connect(
            model="flux-general-en", encoding="linear16", sample_rate="16000") as socket:
        expect((await socket.recv()).type, "Connected")
        for piece in pieces(speech(1) + silence(2)):
            await socket.send_media(piece)
        events = []
        while "EndOfTurn" not in events:
            message = await socket.recv()
            events.append(getattr(message, "event", message.type))
        expect(events[0], "StartOfTurn")
        expect(message.transcript, HEARD)


async def deepgram_speak(at):
    from deepgram.speak.v1.types import SpeakV1Text
    client = deepgram(at, "deepgram_speak")
    async with client.speak.v1.connect(
            model="aura-2-thalia-en", encoding="linear16", sample_rate="16000") as socket:
        await socket.send_text(SpeakV1Text(text="Hello."))
        await socket.send_flush()
        audio = b""
        while True:
            message = await socket.recv()
            if isinstance(message, bytes):
                audio += message
            elif message.type == "Flushed":
                break
        assert len(audio) > 1_000, len(audio)


def cartesia_client(at, which):
    from cartesia import AsyncCartesia
    # By itself it sends the key as a bearer, and a later version.
    headers = {"x-api-key": at["key"], "cartesia-version": "2026-03-01"}
    return AsyncCartesia(api_key=at["key"], base_url=http(at[which]),
                         websocket_base_url=at[which], default_headers=headers)


async def cartesia(at):
    client = cartesia_client(at, "cartesia")
    async with client.tts.websocket_connect() as connection:
        context = connection.context(
            model_id="sonic-3", voice={"mode": "id", "id": "scripted-voice"},
            output_format={"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16_000},
            add_timestamps=True)
        await context.push("Hello.")
        await context.no_more_inputs()
        audio, kinds = b"", set()
        async for response in context.receive():
            kinds.add(response.type)
            if response.type == "chunk" and response.audio:
                audio += response.audio
        assert len(audio) > 1_000 and "timestamps" in kinds, (len(audio), kinds)


async def assemblyai(at):
    from assemblyai.streaming.v3 import (
        StreamingClient, StreamingClientOptions, StreamingEvents, StreamingParameters)
    heard, wrong = [], []

    def listen():
        client = StreamingClient(
            StreamingClientOptions(api_key=at["key"], api_host=at["assemblyai"]))
        client.on(StreamingEvents.Turn, lambda _, turn: heard.append(turn))
        client.on(StreamingEvents.Error, lambda _, error: wrong.append(error))
        client.connect(StreamingParameters(sample_rate=16_000,
                                           speech_model="universal-3-6-pro"))
        client.stream(in_real_time(speech(1) + silence(2)))
        client.disconnect(terminate=True)

    await asyncio.to_thread(listen)
    expect(wrong, [])
    expect([turn.transcript for turn in heard if turn.end_of_turn], [HEARD])


async def deepgram_flux_speak(at):
    from deepgram.speak.v2.types import SpeakV2Speak
    client = deepgram(at, "deepgram_flux_speak")
    async with client.speak.v2.connect(
            model="flux-alexis-en", encoding="linear16", sample_rate="16000") as socket:
        expect((await socket.recv()).type, "Connected")
        await socket.send_speak(SpeakV2Speak(text="Hello."))
        await socket.send_flush()
        audio, kinds = b"", []
        while "Flushed" not in kinds:
            message = await socket.recv()
            if isinstance(message, bytes):
                audio += message
            else:
                kinds.append(message.type)
        expect(kinds, ["SpeechStarted", "Flushed"])
        assert len(audio) > 1_000, len(audio)


async def deepgram_agent(at):
    from deepgram.agent.v1.types import (
        AgentV1InjectUserMessage, AgentV1SendFunctionCallResponse, AgentV1Settings)
    raw = {"encoding": "linear16", "sample_rate": 16_000}
    book = {"name": "book", "description": "Books.", "parameters": TOOL}
    settings = AgentV1Settings.model_validate({
        "type": "Settings",
        "audio": {"input": raw, "output": {**raw, "container": "none"}},
        "agent": {
            "listen": {"provider": {"type": "deepgram", "version": "v2",
                                    "model": "flux-general-en"}},
            "think": {"provider": {"type": "open_ai", "model": "gpt-6-luna"}, "functions": [book],
                      "prompt": "Be brief."},
            "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
        },
    })
    client = deepgram(at, "deepgram_agent")
    async with client.agent.v1.connect() as socket:
        expect((await socket.recv()).type, "Welcome")
        await socket.send_settings(settings)
        expect((await socket.recv()).type, "SettingsApplied")
        await socket.send_inject_user_message(AgentV1InjectUserMessage(content="When?"))
        audio, said = b"", ""
        while True:
            message = await socket.recv()
            if isinstance(message, bytes):
                audio += message
            elif isinstance(message, dict):
                # One that was recorded of the vendor, and which this SDK has no type for.
                expect(message["type"], "EndOfThought")
            elif message.type == "FunctionCallRequest":
                [call] = message.functions
                expect((call.name, json.loads(call.arguments)), ("book", {"day": "Friday"}))
                await socket.send_function_call_response(AgentV1SendFunctionCallResponse(
                    id=call.id, name=call.name, content="{}"))
            elif message.type == "ConversationText" and message.role == "assistant":
                said += message.content
            elif message.type == "AgentAudioDone":
                break
        expect(said, SAID)
        assert len(audio) > 1_000, len(audio)


async def cartesia_turns(at):
    client = cartesia_client(at, "cartesia_turns")
    async with client.stt.auto_finalize.websocket(
            encoding="pcm_s16le", model="ink-2", sample_rate=16_000) as socket:
        for piece in pieces(speech(1) + silence(2)):
            await socket.send_raw(piece)
        kinds = []
        while "turn.end" not in kinds:
            message = await socket.recv()
            kinds.append(message.type)
        expect(kinds[:2], ["connected", "turn.start"])
        expect(message.transcript, HEARD)


async def cartesia_manual(at):
    client = cartesia_client(at, "cartesia_manual")
    async with client.stt.manual_finalize.websocket(
            encoding="pcm_s16le", model="ink-2", sample_rate=16_000) as socket:
        for piece in pieces(speech(1) + silence(1)):
            await socket.send_raw(piece)
        await socket.send("finalize")
        heard = ""
        while True:
            message = await socket.recv()
            if message.type == "flush_done":
                break
            heard += message.text if message.is_final else ""
        expect(heard.strip(), HEARD)


async def elevenlabs_scribe(at):
    from elevenlabs import AsyncElevenLabs, AudioFormat, CommitStrategy, RealtimeEvents
    client = AsyncElevenLabs(api_key=at["key"], base_url=http(at["elevenlabs_scribe"]))
    connection = await client.speech_to_text.realtime.connect({
        "model_id": "scribe_v2_realtime", "audio_format": AudioFormat.PCM_16000,
        "sample_rate": 16_000, "commit_strategy": CommitStrategy.MANUAL,
        "include_timestamps": True})
    told = asyncio.Queue()
    connection.on(RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS, told.put_nowait)
    connection.on(RealtimeEvents.ERROR, told.put_nowait)
    for piece in pieces(speech(1) + silence(1)):
        await connection.send({"audio_base_64": base64.b64encode(piece).decode()})
    await connection.commit()
    message = await told.get()
    expect(message.get("text"), HEARD)
    expect([word["text"] for word in message["words"]], HEARD.split())
    await connection.close()


async def elevenlabs_stream(at):
    from elevenlabs.client import ElevenLabs
    from elevenlabs.types import VoiceSettings
    client = ElevenLabs(api_key=at["key"], base_url=http(at["elevenlabs_stream"]))
    # By itself it dials with TLS, whatever the address says.
    client.text_to_speech._ws_base_url = at["elevenlabs_stream"]

    def speak():
        return b"".join(client.text_to_speech.convert_realtime(
            "scripted-voice", text=iter(["Hello, ", "good day."]), model_id="eleven_flash_v2_5",
            output_format="pcm_16000", voice_settings=VoiceSettings(stability=0.5)))

    audio = await asyncio.to_thread(speak)
    assert len(audio) > 1_000 and len(audio) % 2 == 0, len(audio)


async def elevenlabs_contexts(at):
    """Of several contexts the SDK has the messages, and no client."""
    from elevenlabs.types import (
        AudioOutputMulti, CloseContext, CloseSocket, FinalOutputMulti, FlushContext,
        InitializeConnectionMulti, SendTextMulti)
    from websockets.asyncio.client import connect
    url = at["elevenlabs_contexts"] + (
        "/v1/text-to-speech/scripted-voice/multi-stream-input"
        "?model_id=eleven_flash_v2_5&output_format=pcm_16000&auto_mode=true")
    async with connect(url, additional_headers={"xi-api-key": at["key"]}) as socket:
        for message in [InitializeConnectionMulti(context_id="1"),
                        SendTextMulti(text="Hello. ", context_id="1"),
                        FlushContext(context_id="1", flush=True),
                        CloseContext(context_id="1", close_context=True)]:
            await socket.send(message.model_dump_json(by_alias=True, exclude_none=True))
        audio, letters = b"", ""
        while True:
            message = json.loads(await socket.recv())
            if "audio" not in message:
                break
            output = AudioOutputMulti.model_validate(message)
            expect(output.context_id, "1")
            audio += base64.b64decode(output.audio)
            letters += "".join(output.alignment.chars)
        expect(FinalOutputMulti.model_validate(message).context_id, "1")
        expect(letters, "Hello.")
        assert len(audio) > 1_000, len(audio)
        await socket.send(CloseSocket(close_socket=True).model_dump_json(exclude_none=True))


async def soniox(at):
    from soniox import AsyncSonioxClient
    from soniox.types import RealtimeSTTConfig
    client = AsyncSonioxClient(
        api_key=at["key"], websocket_base_url=at["soniox"] + "/transcribe-websocket")
    config = RealtimeSTTConfig(
        model="stt-rt-v5", audio_format="pcm_s16le", sample_rate=16_000, num_channels=1,
        language_hints=["en"], enable_endpoint_detection=True)
    async with client.realtime.stt.connect(config=config) as session:
        for piece in pieces(speech(1) + silence(1)):
            await session.send_byte_chunk(piece)
        await session.finalize()
        heard = ""
        async for event in session.receive_events():
            expect(event.error_code, None)
            heard += "".join(token.text for token in event.tokens if token.is_final)
            if heard.endswith(("<end>", "<fin>")):
                break
        expect(heard[:-5], HEARD)


async def speechmatics(at):
    from speechmatics.rt import (
        AsyncClient, AudioEncoding, AudioFormat, ConversationConfig, ServerMessageType,
        TranscriptionConfig, TranscriptResult)
    told, over = [], asyncio.Event()
    async with AsyncClient(api_key=at["key"], url=at["speechmatics"] + "/v2") as client:
        client.on(ServerMessageType.ADD_TRANSCRIPT,
                  lambda message: told.append(TranscriptResult.from_message(message)))
        client.on(ServerMessageType.END_OF_UTTERANCE, lambda _: over.set())
        await client.start_session(
            transcription_config=TranscriptionConfig(
                language="en", max_delay=1.0, enable_partials=True,
                conversation_config=ConversationConfig(end_of_utterance_silence_trigger=0.5)),
            audio_format=AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16_000))
        for piece in pieces(speech(1) + silence(1)):
            await client.send_audio(piece)
        await over.wait()
        await client.stop_session()
    expect("".join(part.metadata.transcript for part in told).strip(), HEARD)


def realtime(at, which):
    from openai import AsyncOpenAI
    return AsyncOpenAI(base_url=http(at[which]) + "/v1", api_key=at["key"], max_retries=0).realtime


async def openai_realtime(at):
    pcm = {"type": "audio/pcm", "rate": 24_000}
    book = {"type": "function", "name": "book", "description": "Books.", "parameters": TOOL}
    asked = {"type": "message", "role": "user",
             "content": [{"type": "input_text", "text": "When?"}]}
    async with realtime(at, "openai_realtime").connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(session={
            "type": "realtime", "output_modalities": ["audio"], "tools": [book],
            "audio": {"input": {"format": pcm, "turn_detection": None},
                      "output": {"format": pcm, "voice": "marin"}}})
        await connection.conversation.item.create(item=asked)
        await connection.response.create()
        audio, text, calls, answers = b"", "", [], 0
        while answers < 2:
            event = await connection.recv()
            assert event.type != "error", event
            if event.type == "response.output_audio.delta":
                audio += base64.b64decode(event.delta)
            elif event.type == "response.output_audio_transcript.delta":
                text += event.delta
            elif event.type == "response.function_call_arguments.done":
                calls.append((event.name, json.loads(event.arguments)))
                result = {"type": "function_call_output", "call_id": event.call_id, "output": "{}"}
            elif event.type == "response.done":
                expect(event.response.status, "completed")
                answers += 1
                if answers == 1:
                    await connection.conversation.item.create(item=result)
                    await connection.response.create()
        expect((calls, text), ([("book", {"day": "Friday"})], SAID))
        assert len(audio) > 1_000, len(audio)


async def openai_listen(at):
    transcribed = "conversation.item.input_audio_transcription"
    connecting = realtime(at, "openai_listen").connect(extra_query={"intent": "transcription"})
    async with connecting as connection:
        await connection.session.update(session={
            "type": "transcription",
            "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000},
                                "transcription": {"model": "gpt-live-transcribe"}}}})
        for piece in pieces(speech(1, 24_000) + silence(1, 24_000)):
            await connection.input_audio_buffer.append(audio=base64.b64encode(piece).decode())
        await connection.input_audio_buffer.commit()
        words = ""
        while True:
            event = await connection.recv()
            assert event.type != "error", event
            if event.type == f"{transcribed}.delta":
                words += event.delta
            elif event.type == f"{transcribed}.completed":
                break
        expect((event.transcript, words.strip()), (HEARD, HEARD))


async def gemini_live(at):
    from google import genai
    from google.genai import types
    options = types.HttpOptions(base_url=http(at["gemini_live"]), api_version="v1beta")
    client = genai.Client(api_key=at["key"], http_options=options)
    # By itself it dials with TLS, whatever the address says.
    client._api_client._websocket_base_url = lambda *_: at["gemini_live"]
    client._api_client._websocket_ssl_ctx = {}
    book = types.FunctionDeclaration(
        name="book", description="Books.", parameters_json_schema=TOOL)
    config = types.LiveConnectConfig(
        response_modalities=["AUDIO"], output_audio_transcription={},
        realtime_input_config={"automatic_activity_detection": {"disabled": True}},
        tools=[types.Tool(function_declarations=[book])])
    async with client.aio.live.connect(model="gemini-3.8-flash-live", config=config) as session:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(text="When?")
        await session.send_realtime_input(activity_end=types.ActivityEnd())
        audio, text, calls = b"", "", []
        while not text:
            async for message in session.receive():
                audio += message.data or b""
                content = message.server_content
                if content and content.output_transcription:
                    text += content.output_transcription.text or ""
                if message.tool_call:
                    [call] = message.tool_call.function_calls
                    calls.append((call.name, call.args))
                    await session.send_tool_response(function_responses=types.FunctionResponse(
                        id=call.id, name=call.name, response={"booked": True}))
        expect((calls, text), ([("book", {"day": "Friday"})], SAID))
        assert len(audio) > 1_000, len(audio)


CHECKS = [assemblyai, cartesia, cartesia_manual, cartesia_turns, deepgram_agent, deepgram_flux,
          deepgram_flux_speak, deepgram_listen, deepgram_speak, elevenlabs_contexts,
          elevenlabs_scribe, elevenlabs_stream, gemini_live, openai_listen, openai_realtime, soniox,
          speechmatics]
