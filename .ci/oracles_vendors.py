"""The vendors' official SDKs as clients of our scripted vendors, and one table of what they say."""

import asyncio
import json
import math
import subprocess
import sys
import traceback

VENDORS = sys.argv[1]
TOOL = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
SAID = "At nine, or at ten?"
HEARD = "I need an oil change."
# Importing an SDK takes seconds.
DEADLINE = 120


def speech(seconds, rate=16_000):
    """A tone in 16-bit PCM."""
    samples = (int(12_000 * math.sin(at * 0.2)) for at in range(int(seconds * rate)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


def silence(seconds, rate=16_000):
    return bytes(2 * int(seconds * rate))


def pieces(audio, size=3_200):
    return (audio[at:at + size] for at in range(0, len(audio), size))


def expect(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


async def openai_chat(at):
    from openai import AsyncOpenAI
    client = AsyncOpenAI(base_url=at["openai"], api_key=at["key"], max_retries=0)
    asked = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "When?"}]}
    text = ""
    options = {"include_usage": True}
    async for chunk in await client.chat.completions.create(
            **asked, stream=True, stream_options=options):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage
    expect(text, SAID)
    expect((usage.prompt_tokens, usage.completion_tokens), (120, 18))
    function = {"name": "book", "description": "Books.", "parameters": TOOL}
    arguments, name = "", ""
    async for chunk in await client.chat.completions.create(
            **asked, stream=True, tools=[{"type": "function", "function": function}]):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    expect((name, json.loads(arguments)), ("book", {"day": "Friday"}))


async def openai_responses(at):
    from openai import AsyncOpenAI
    client = AsyncOpenAI(base_url=at["openai_responses"], api_key=at["key"], max_retries=0)
    text, tool = "", {"type": "function", "name": "book", "parameters": TOOL, "strict": False}
    asked = {"model": "gpt-6-luna", "input": [{"role": "user", "content": "When?"}],
             "stream": True, "store": False}
    async for event in await client.responses.create(**asked):
        if event.type == "response.output_text.delta":
            text += event.delta
        last = event.type
    expect((text, last), (SAID, "response.completed"))
    calls = []
    async for event in await client.responses.create(**asked, tools=[tool]):
        if event.type == "response.output_item.done" and event.item.type == "function_call":
            calls.append((event.item.name, json.loads(event.item.arguments)))
    expect(calls, [("book", {"day": "Friday"})])


async def openai_speech(at):
    from openai import AsyncOpenAI
    base = at["openai_speech"].replace("ws", "http", 1) + "/v1"
    client = AsyncOpenAI(base_url=base, api_key=at["key"], max_retries=0)
    audio = await client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello.", response_format="pcm")
    assert len(audio.content) > 1_000 and len(audio.content) % 2 == 0, len(audio.content)


async def openai_transcriptions(at):
    import io
    import wave
    from openai import AsyncOpenAI
    base = at["openai_transcriptions"].replace("ws", "http", 1) + "/v1"
    client = AsyncOpenAI(base_url=base, api_key=at["key"], max_retries=0)
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(speech(1) + silence(1))
    heard = await client.audio.transcriptions.create(
        model="gpt-transcribe", file=("a.wav", file.getvalue(), "audio/wav"))
    expect(heard.text, HEARD)


async def openai_embeddings(at):
    from openai import AsyncOpenAI
    base = at["openai_embeddings"].replace("ws", "http", 1) + "/v1"
    client = AsyncOpenAI(base_url=base, api_key=at["key"], max_retries=0)
    made = await client.embeddings.create(
        model="text-embedding-3-small", input=["oil change", "Good bye"], dimensions=8)
    expect([(item.index, len(item.embedding)) for item in made.data], [(1, 8), (0, 8)])


async def anthropic_messages(at):
    from anthropic import AsyncAnthropic
    client = AsyncAnthropic(base_url=at["anthropic"].removesuffix("/v1"), api_key=at["key"],
                            max_retries=0)
    asked = {"model": "claude-haiku-5-5", "max_tokens": 64,
             "messages": [{"role": "user", "content": "When?"}]}
    async with client.messages.stream(**asked) as stream:
        said = await stream.get_final_message()
    expect("".join(block.text for block in said.content), SAID)
    tool = {"name": "book", "description": "Books.", "input_schema": TOOL}
    async with client.messages.stream(**asked, tools=[tool]) as stream:
        said = await stream.get_final_message()
    calls = [(block.name, block.input) for block in said.content if block.type == "tool_use"]
    expect((calls, said.stop_reason), ([("book", {"day": "Friday"})], "tool_use"))


async def gemini_content(at):
    from google import genai
    from google.genai import types
    base = at["gemini"].rsplit("/", 1)[0]
    options = types.HttpOptions(base_url=base, api_version="v1beta")
    client = genai.Client(api_key=at["key"], http_options=options)
    text = ""
    asked = {"model": "gemini-3.8-flash", "contents": "When?"}
    async for chunk in await client.aio.models.generate_content_stream(**asked):
        text += chunk.text or ""
    expect(text, SAID)
    function = types.FunctionDeclaration(
        name="book", description="Books.", parameters_json_schema=TOOL)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    calls = []
    async for chunk in await client.aio.models.generate_content_stream(**asked, config=config):
        calls += [(call.name, call.args) for call in chunk.function_calls or []]
    expect(calls, [("book", {"day": "Friday"})])


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


async def cartesia(at):
    from cartesia import AsyncCartesia
    client = AsyncCartesia(api_key=at["key"], base_url=at["cartesia"].replace("ws", "http", 1),
                           websocket_base_url=at["cartesia"],
                           # By itself it sends the key as a bearer, and a later version.
                           default_headers={"x-api-key": at["key"],
                                            "cartesia-version": "2026-03-01"})
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
        client.stream(pieces(speech(1) + silence(2)))
        client.disconnect(terminate=True)

    await asyncio.to_thread(listen)
    expect(wrong, [])
    expect([turn.transcript for turn in heard if turn.end_of_turn], [HEARD])


CHECKS = [openai_chat, openai_responses, openai_speech, openai_transcriptions, openai_embeddings,
          anthropic_messages, gemini_content, deepgram_listen, deepgram_flux, deepgram_speak,
          cartesia, assemblyai]


async def main():
    server = subprocess.Popen([VENDORS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    failed = 0
    try:
        at = json.loads(server.stdout.readline())
        for check in CHECKS:
            try:
                await asyncio.wait_for(check(at), DEADLINE)
                print(f"passed  {check.__name__}")
            except Exception:
                failed += 1
                print(f"FAILED  {check.__name__}")
                traceback.print_exc()
    finally:
        server.stdin.close()
        server.wait(10)
    print(f"{len(CHECKS) - failed} SDKs understood, {failed} not")
    sys.exit(1 if failed else 0)


asyncio.run(main())
