"""The vendors' official SDKs as clients of our scripted vendors, and one table of what they say.

Those of language models, and of what is asked over HTTP, are here; others in `oracles_speech.py`.
"""

import asyncio
import json
import subprocess
import sys
import traceback

import oracles_speech
from oracles_common import HEARD, SAID, TOOL, expect, silence, speech

VENDORS = sys.argv[1]
# Importing an SDK takes seconds.
DEADLINE = 120


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


CHECKS = [openai_chat, openai_responses, openai_speech, openai_transcriptions, openai_embeddings,
          anthropic_messages, gemini_content, *oracles_speech.CHECKS]


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
