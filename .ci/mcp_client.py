"""Asks the dealership's MCP server with the Python SDK: lists its tools, calls each, and books."""

import asyncio
import datetime
import json
import os
import socket
import subprocess
import sys

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

PROGRAM, WORK = sys.argv[1:]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CATALOGUE = os.path.join(ROOT, "examples/dealership/testdata/tools.json")
TOKEN = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


def environment(database):
    return {"PATH": os.environ["PATH"], "DEALERSHIP_DATABASE": os.path.join(WORK, database)}


def example(schema, root):
    """A value that a schema takes."""
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if word in schema:
            kinds = schema[word]
            nothing = [kind for kind in kinds if kind.get("type") == "null"]
            return None if nothing else example(kinds[0], root)
    kind = schema.get("type")
    if isinstance(kind, list):
        return None if "null" in kind else example({**schema, "type": kind[0]}, root)
    if kind == "object":
        return {name: example(of, root) for name, of in schema.get("properties", {}).items()}
    if kind == "array":
        return []
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return {"date": "2030-01-01"}.get(schema.get("format"), "x")


def envelope(result):
    """What a tool of the dealership answers, or why it did not run."""
    if result.structured_content is None:
        assert result.is_error, result
        return {"ok": False, "code": None, "text": result.content[0].text}
    answer = result.structured_content
    assert json.loads(result.content[0].text) == answer
    assert result.is_error == (not answer["ok"]), result
    return answer


async def use(client, name, **arguments):
    return envelope(await client.call_tool(name, arguments))


async def customer(client):
    made = await use(client, "upsert_customer", first_name="Jane", last_name="Smith",
                     phone="+16305550188", email=None, postal_code=None, language=None)
    assert made["ok"], made
    return made["data"]["customer_id"]


async def first_slot(client):
    today = datetime.date.today()
    slots = await use(client, "get_available_slots", service_type="oil_change",
                      date_from=str(today + datetime.timedelta(days=1)),
                      date_to=str(today + datetime.timedelta(days=14)), part_of_day=None,
                      earliest_time=None, latest_time=None, advisor_id=None, limit=3)
    assert slots["ok"], slots
    return slots["data"]["slots"][0]["slot_id"]


def booking(slot, person):
    asked = {"slot_id": slot, "customer_id": person, "vehicle_id": None,
             "service_type": "oil_change", "notes": None}
    for extra in ("kind", "lead_id", "location_id"):
        if extra in PROPERTIES["book_appointment"]:
            asked[extra] = None
    return asked


async def books(client):
    """Books and cancels as an assistant does, by what the tools have handed out."""
    visit = booking(await first_slot(client), await customer(client))
    asked = await use(client, "book_appointment", confirmed=False, **visit)
    assert asked["code"] == "NOT_CONFIRMED", asked
    booked = await use(client, "book_appointment", confirmed=True, **visit)
    assert booked["ok"] and booked["say"].startswith("You're booked for an oil change"), booked
    invented = await use(client, "cancel_appointment", confirmed=True, reason=None,
                         appointment_id="0193b0c0-0000-7000-8000-000000000000")
    assert invented["code"] == "NOT_FOUND", invented
    appointment = booked["data"]["appointment_id"]
    cancelled = await use(client, "cancel_appointment", confirmed=True, reason=None,
                          appointment_id=appointment)
    assert cancelled["ok"], cancelled


PROPERTIES = {}


async def alone(url, client):
    """What one token was handed is worth nothing to another."""
    slot = await first_slot(client)
    async with create_mcp_http_client(headers={"Authorization": f"Bearer {OTHER}"}) as http:
        async with Client(streamable_http_client(url, http_client=http)) as other:
            for desk, code in [(other, "SLOT_EXPIRED"), (client, "NOT_CONFIRMED")]:
                asked = await use(desk, "book_appointment", confirmed=False,
                                  **booking(slot, await customer(desk)))
                assert asked["code"] == code, asked
    print("HTTP: a second token has a desk of its own")


async def check(client, how):
    listed = (await client.list_tools()).tools
    wanted = {tool["name"] for tool in json.load(open(CATALOGUE))["tools"]}
    assert {tool.name for tool in listed} == wanted, {tool.name for tool in listed} ^ wanted
    for tool in listed:
        PROPERTIES[tool.name] = tool.input_schema["properties"]
    await books(client)
    codes = {}
    for tool in listed:
        arguments = example(tool.input_schema, tool.input_schema)
        answer = envelope(await client.call_tool(tool.name, arguments))
        codes[tool.name] = "OK" if answer["ok"] else answer["code"] or answer["text"]
    wrong = envelope(await client.call_tool("get_time", {"timezone": 7}))
    assert "timezone" in wrong["text"], wrong
    print(f"{how}: {len(listed)} tools listed and called, a visit booked and cancelled")
    return codes


async def over_stdio():
    server = StdioServerParameters(command=PROGRAM, args=["mcp"], env=environment("stdio.db"))
    async with Client(server) as client:
        for tool, code in sorted((await check(client, "standard input and output")).items()):
            print(f"  {tool}: {code}")


async def over_http():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = environment("http.db") | {"DEALERSHIP_MCP_TOKEN": f"{TOKEN},{OTHER}"}
    server = subprocess.Popen([PROGRAM, "mcp", "--http", f"127.0.0.1:{port}"], env=env)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.1)
        url = f"http://127.0.0.1:{port}/mcp"
        for headers, status in [
            ({}, 401),
            ({"Authorization": "Bearer " + "x" * 32}, 401),
            ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 403),
            ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}, 403),
        ]:
            async with create_mcp_http_client(headers=headers) as http:
                answer = await http.post(url, json={})
                assert answer.status_code == status, (headers, answer.status_code)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with create_mcp_http_client(headers=headers) as http:
            async with Client(streamable_http_client(url, http_client=http)) as client:
                await check(client, "HTTP")
                await alone(url, client)
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0


asyncio.run(over_stdio())
asyncio.run(over_http())
