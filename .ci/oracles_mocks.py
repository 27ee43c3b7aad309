"""Our clients against mocks that others wrote: aimock for the vendors' protocols, and litellm's
proxy, which translates between them. One table of what our clients understood."""

import base64
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CLIENT, AIMOCK, LITELLM = sys.argv[1:4]
KEY = "sk-local"
# litellm takes half a minute to start where the machine is busy.
STARTUP = 180

HELLO = "Thanks for calling the café. How can I help you?"
BOOKED = "You are booked for Friday."
HEARD = "I need an oil change."
CALL = ["book", {"day": "Friday"}]


def tone(seconds, rate=24_000):
    samples = (int(12_000 * math.sin(at * 0.1)) for at in range(int(seconds * rate)))
    audio = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    return base64.b64encode(audio).decode()


def calls(*days):
    return {"toolCalls": [{"name": "book", "id": f"call_{at}", "arguments": json.dumps({"day": day})}
                          for at, day in enumerate(days)]}


def fails(status, kind, **more):
    return {"error": {"message": "as the test asked", "type": kind}, "status": status, **more}


def says(text, reply, **more):
    return {"match": {"userMessage": text, **more}, "response": reply}


FIXTURES = [
    {"match": {"hasToolResult": True}, "response": {"content": BOOKED}},
    says("book two", calls("Friday", "Monday")),
    says("book", calls("Friday")),
    says("both", {"content": "One moment.", **calls("Friday")}),
    says("hello", {"content": HELLO}),
    says("think", {"content": HELLO, "reasoning": "They called. I greet them."}),
    says("busy", fails(429, "rate_limit_error", retryAfter=7)),
    says("overloaded", fails(503, "overloaded_error")),
    says("refused", fails(400, "invalid_request_error")),
    says("no key", fails(401, "authentication_error")),
    # What a model of the Realtime API is to say stands in the instructions of the answer.
    {"match": {"endpoint": "realtime", "systemMessage": "book"}, "response": calls("Friday")},
    {"match": {"endpoint": "realtime", "systemMessage": "hello"}, "response": {"content": HELLO}},
    {"match": {"endpoint": "speech"}, "response": {"audio": tone(1.5), "format": "pcm"}},
    {"match": {"endpoint": "transcription"}, "response": {"transcription": {"text": HEARD}}},
    {"match": {"endpoint": "realtime-transcription"},
     "response": {"transcription": {"text": HEARD}}},
    {"match": {"inputText": "oil"}, "response": {"embedding": [0.1] * 8}},
]

PROXY = """
model_list:
  - model_name: mock-text
    litellm_params: {{model: openai/gpt-5.4-mini, api_key: none, mock_response: "{hello}"}}
  - model_name: mock-429
    litellm_params: {{model: openai/gpt-5.4-mini, api_key: none,
                      mock_response: "litellm.RateLimitError"}}
  - model_name: via-openai
    litellm_params: {{model: openai/gpt-5.4-mini, api_key: x, api_base: "{mock}/v1"}}
  - model_name: via-anthropic
    litellm_params: {{model: anthropic/claude-haiku-4-5, api_key: x, api_base: "{mock}"}}
litellm_settings: {{telemetry: false, drop_params: true, num_retries: 0}}
general_settings: {{master_key: {key}}}
"""


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def until_up(url, server):
    for _ in range(STARTUP * 2):
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert server.poll() is None, f"the server of {url} has ended"
            time.sleep(0.5)
    raise TimeoutError(url)


def rounds(*expected):
    """What a model answered, round by round: text, calls, and why it ended."""
    def compare(done):
        found = [(it["text"], it["calls"], it["finish"]) for it in done["rounds"]]
        assert found == list(expected), f"{found!r} instead of {list(expected)!r}"
    return compare


def failed(kind, wait=None):
    def compare(done):
        found = (done["error"], done["retry_after"])
        assert found == (kind, wait), f"{done!r} instead of {(kind, wait)!r}"
    return compare


def holds(**expected):
    def compare(done):
        found = {name: done.get(name) for name in expected}
        assert found == expected, f"{done!r} instead of {expected!r}"
    return compare


SPOKEN = (HELLO, [], "stop")
CALLED = ("", [CALL], "tool_calls")
DONE = (BOOKED, [], "stop")
TWICE = ("", [CALL, ["book", {"day": "Monday"}]], "tool_calls")
BOTH = ("One moment.", [CALL], "tool_calls")


def model_checks(name, config, wait=7.0):
    """What is asked of every protocol of language models. `wait` is what a 429 asks for."""
    def ask(what, say, compare, tools=False):
        task = {"task": "llm", "config": config, "say": say, "tools": tools}
        return f"{name}, {what}", task, compare
    return [
        ask("words", "hello", rounds(SPOKEN)),
        ask("reasoning", "think", rounds(SPOKEN)),
        ask("a tool", "book", rounds(CALLED, DONE), tools=True),
        ask("two tools at once", "book two", rounds(TWICE, DONE), tools=True),
        ask("words and a tool", "both", rounds(BOTH, DONE), tools=True),
        ask("429", "busy", failed("rate_limited", wait)),
        ask("503", "overloaded", failed("overloaded")),
        ask("400", "refused", failed("rejected")),
        ask("401", "no key", failed("unauthorized")),
    ]


def mock_checks(mock):
    base = {"api_key": KEY, "base_url": f"{mock}/v1"}
    openai = {"provider": "openai", **base}
    checks = model_checks("chat completions", openai)
    checks += model_checks("compatible", {**openai, "provider": "openai-compatible", "model": "m"})
    checks += model_checks("responses", {**openai, "api": "responses"})
    # On a socket the mock has no headers.
    checks += model_checks("responses over a WebSocket", {**openai, "api": "responses_websocket"},
                           wait=None)
    checks += model_checks("messages", {"provider": "anthropic", **base})
    checks += model_checks("generateContent", {"provider": "gemini", "api_key": KEY,
                                               "base_url": f"{mock}/v1beta"})
    checks += [
        ("embeddings", {"task": "embedding", "config": {**openai, "dimensions": 8},
                        "texts": ["oil", "engine oil"]}, holds(dimensions=[8, 8])),
        ("speech", {"task": "tts", "config": openai, "say": "Hello."}, holds(seconds=1.5)),
        ("transcriptions", {"task": "stt", "config": openai}, holds(text=HEARD)),
        ("realtime transcription", {"task": "stt", "config": {**openai,
                                    "provider": "openai-realtime"}}, holds(text=HEARD)),
        # The mock speaks words without audio.
        ("realtime, words", {"task": "realtime", "config": openai, "say": "hello"},
         holds(calls=[])),
        ("realtime, a tool", {"task": "realtime", "config": openai, "say": "book", "tools": True},
         holds(calls=[CALL])),
    ]
    return checks


def proxy_checks(proxy):
    def chat(model):
        return {"provider": "openai-compatible", "model": model, "api_key": KEY,
                "base_url": f"{proxy}/v1"}
    def ask(config, say, tools=False):
        return {"task": "llm", "config": config, "say": say, "tools": tools}
    messages = {"provider": "anthropic", "model": "via-openai", "api_key": KEY,
                "base_url": f"{proxy}/v1"}
    return [
        ("proxy, words", ask(chat("mock-text"), "hello"), rounds(SPOKEN)),
        ("proxy, 429", ask(chat("mock-429"), "hello"), failed("rate_limited")),
        ("proxy, a tool of chat completions", ask(chat("via-openai"), "book", True),
         rounds(CALLED, DONE)),
        ("proxy, a tool of messages", ask(chat("via-anthropic"), "book", True),
         rounds(CALLED, DONE)),
        ("proxy, two tools of messages", ask(chat("via-anthropic"), "book two", True),
         rounds(TWICE, DONE)),
        ("proxy, chat completions as messages", ask(messages, "book", True),
         rounds(CALLED, DONE)),
    ]


def run(checks):
    """Asks one client for all, and says what it did not understand."""
    client = subprocess.Popen([CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    failures = 0
    for name, task, compare in checks:
        client.stdin.write(json.dumps(task) + "\n")
        client.stdin.flush()
        done = json.loads(client.stdout.readline())
        try:
            compare(done)
            print(f"passed  {name}", flush=True)
        except (AssertionError, KeyError) as wrong:
            failures += 1
            print(f"FAILED  {name}: {wrong!r} of {done}", flush=True)
    client.stdin.close()
    client.wait(10)
    return failures


def main():
    servers = []
    with tempfile.TemporaryDirectory() as place:
        fixtures = os.path.join(place, "fixtures.json")
        with open(fixtures, "w") as file:
            json.dump({"fixtures": FIXTURES}, file)
        try:
            port = free_port()
            mock = f"http://127.0.0.1:{port}"
            # Pieces of five characters cut every word and every argument.
            servers.append(subprocess.Popen(
                ["node", AIMOCK, "--host", "127.0.0.1", "--port", str(port), "--fixtures",
                 fixtures, "--chunk-size", "5", "--log-level", "warn"],
                stdout=subprocess.DEVNULL))
            until_up(f"{mock}/health", servers[-1])
            port = free_port()
            proxy = f"http://127.0.0.1:{port}"
            config = os.path.join(place, "proxy.yaml")
            with open(config, "w") as file:
                file.write(PROXY.format(mock=mock, hello=HELLO, key=KEY))
            quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
                     "NO_DOCS": "True", "DISABLE_ADMIN_UI": "True", "LITELLM_LOG": "CRITICAL"}
            servers.append(subprocess.Popen(
                [LITELLM, "--config", config, "--host", "127.0.0.1", "--port", str(port),
                 "--num_workers", "1"],
                env={**os.environ, **quiet}, cwd=place,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            checks = mock_checks(mock)
            failures = run(checks)
            until_up(f"{proxy}/health/liveliness", servers[-1])
            more = proxy_checks(proxy)
            failures += run(more)
        finally:
            for server in servers:
                server.terminate()
                server.wait(30)
    total = len(checks) + len(more)
    print(f"{total - failures} answers understood, {failures} not")
    sys.exit(1 if failures else 0)


main()
