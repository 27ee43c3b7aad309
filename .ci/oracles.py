"""Signatures of the carriers' own libraries, and 10,000 changes to each, told by our oracle.

Those of a carrier hold for its library in each language: one makes them, or takes them.
"""

import base64
import hashlib
import hmac
import json
import random
import subprocess
import sys
import time
import urllib.parse
import xml.etree.ElementTree as etree

import jwt
from nacl.signing import SigningKey
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3
from signalwire.core.security.webhook_validator import validate_webhook_signature
from telnyx import Telnyx
from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import Connect, Dial, VoiceResponse
from vonage_jwt import verify_signature

ORACLE = sys.argv[1]
CHANGES = 10_000
CHARACTERS = "abcXYZ019+-_.~ =&%é"
dice = random.Random(1)


def word(least=1):
    return "".join(dice.choice(CHARACTERS) for _ in range(dice.randint(least, 12)))


def url():
    query = urllib.parse.urlencode([(word(), word()) for _ in range(dice.randint(0, 3))])
    return "https://agent.example/path" + ("?" + query if query else "")


def fields():
    """Some names repeat."""
    return sorted((f"Field{dice.randint(0, 19)}", word(0)) for _ in range(8))


def lists(pairs):
    """Values under their names, as the Python libraries take them."""
    values = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


class Lists(dict):
    """Values under their names, as a web framework hands them to twilio-python."""

    def getlist(self, name):
        return self[name]


def twilio():
    request = {"carrier": "twilio", "key": "token", "url": url(), "fields": fields()}
    validator = RequestValidator(request["key"])
    signed = Lists(lists(request["fields"]))
    request["signature"] = validator.compute_signature(request["url"], signed)
    return request


def twilio_json():
    body = json.dumps({word(): word()})
    hash_ = hashlib.sha256(body.encode()).hexdigest()
    address = f"https://agent.example/path?bodySHA256={hash_}"
    signature = RequestValidator("token").compute_signature(address, {})
    assert RequestValidator("token").validate(address, body, signature)
    return {"carrier": "twilio json", "key": "token", "url": address, "body": body,
            "signature": signature}


def signalwire():
    # Both of its libraries only check.
    key, address, pairs = "PSK-signing-key", url(), fields()
    signed = address + "".join(name + value for name, value in pairs)
    mac = hmac.digest(key.encode(), signed.encode(), "sha1")
    signature = base64.b64encode(mac).decode()
    assert validate_webhook_signature(key, signature, address, urllib.parse.urlencode(pairs))
    return {"carrier": "signalwire", "key": key, "url": address, "fields": pairs,
            "signature": signature}


def signalwire_json():
    key, address, body = "PSK-signing-key", url(), json.dumps({word(): word()})
    signature = hmac.digest(key.encode(), (address + body).encode(), "sha1").hex()
    assert validate_webhook_signature(key, signature, address, body)
    return {"carrier": "signalwire json", "key": key, "url": address, "body": body,
            "signature": signature}


def plivo():
    # Beyond ASCII, this library encodes twice what it signs; what Plivo does is not documented.
    plain = [(name, value.replace("é", "e")) for name, value in fields()]
    request = {"carrier": "plivo", "key": "token", "url": url().replace("%C3%A9", "e"),
               "fields": plain, "stamp": str(dice.randint(10**9, 10**15))}
    signed = plivo_text(request)
    request["signature"] = get_signature_v3(request["key"], signed, request["stamp"]).decode()
    return request


def plivo_text(request):
    """What Plivo signs: queries that say the same in other letters are the same to it. Of what is
    no ASCII its library knows nothing."""
    try:
        return construct_post_url(request["url"], lists(request["fields"]))
    except UnicodeError:
        return None


SEED = SigningKey(bytes(range(32)))
TELNYX_KEY = base64.b64encode(bytes(SEED.verify_key)).decode()
# Telnyx's libraries look at the clock.
NOW = int(time.time())


def telnyx():
    stamp = str(NOW - dice.randint(0, 60))
    body = json.dumps({"data": {word(): word()}})
    signature = base64.b64encode(SEED.sign(f"{stamp}|{body}".encode()).signature).decode()
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp}
    Telnyx(api_key="none", public_key=TELNYX_KEY).webhooks.unwrap(body, headers=headers)
    return {"carrier": "telnyx", "key": TELNYX_KEY, "body": body, "stamp": stamp, "now": NOW,
            "signature": signature}


def vonage():
    body = json.dumps({word(): word()})
    claims = {"iat": NOW, "jti": word(), "iss": "Vonage", "application_id": "a", "api_key": "k",
              "payload_hash": hashlib.sha256(body.encode()).hexdigest()}
    key = "a signature secret of some length"
    token = jwt.encode(claims, key, algorithm="HS256")
    assert verify_signature(token, key)
    return {"carrier": "vonage", "key": key, "body": body, "now": NOW, "signature": token}


def changed(text):
    """The text with one character removed, added, or put in the place of another."""
    place, kind = dice.randrange(len(text) + 1), dice.randrange(3)
    if kind == 0 or not text:
        return text[:place] + dice.choice(CHARACTERS) + text[place:]
    place %= len(text)
    if kind == 1:
        return text[:place] + text[place + 1:]
    others = [character for character in CHARACTERS if character != text[place]]
    return text[:place] + dice.choice(others) + text[place + 1:]


def tampered(request):
    request = json.loads(json.dumps(request))
    parts = [name for name in ("url", "body", "stamp", "signature") if request.get(name)]
    parts += ["fields"] if request.get("fields") else []
    part = dice.choice(parts)
    if part == "fields":
        field = dice.choice(request["fields"])
        which = dice.randrange(2)
        field[which] = changed(field[which])
    else:
        request[part] = changed(request[part])
    return request


def bytes_of(signature):
    """What a signature says: base64 leaves bits unused at its end, and lists may hold spaces."""
    try:
        return base64.b64decode(signature.strip(), validate=True)
    except ValueError:
        return signature


def ask(requests, program=(ORACLE,)):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    told = subprocess.run(program, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    answers = told.stdout.split()
    assert len(answers) == len(requests), "an answer for each request"
    return answers


def ask_javascript(library, requests):
    """That the library of this name makes the same signatures, or takes them."""
    asked = [{**request, "library": library} for request in requests]
    for request in asked:
        if library == "twilio" and "body" in request:
            request["url"] = request["url"].partition("=")[0] + "="
    answers = ask(asked, ("node", ".ci/oracles.cjs"))
    for request, answer in zip(requests, answers):
        assert answer in ("1", request["signature"]), f"{library}: {request}"


def compare_signatures(make, library):
    originals = [make() for _ in range(500)]
    if library:
        ask_javascript(library, originals)
    assert set(ask(originals)) == {"1"}, f"{make.__name__}: a good signature is refused"
    forgeries = []
    while len(forgeries) < CHANGES:
        original = dice.choice(originals)
        forgery = tampered(original)
        if make is plivo and forgery["url"] != original["url"] \
                and plivo_text(forgery) == plivo_text(original):
            continue
        same = bytes_of(forgery["signature"]) == bytes_of(original["signature"])
        if all(forgery.get(n) == v for n, v in json.loads(json.dumps(original)).items()
               if n != "signature") and same:
            continue
        forgeries.append(forgery)
    taken = [f for f, answer in zip(forgeries, ask(forgeries)) if answer == "1"]
    for forgery in taken[:5]:
        print("taken:", json.dumps(forgery))
    assert not taken, f"{make.__name__}: {len(taken)} forgeries are taken"
    print(f"{make.__name__}: 500 signatures taken, {CHANGES} forgeries refused")


def compare_twiml():
    response = VoiceResponse()
    response.say('Hi & <welcome> "Zoë"', voice="Polly.Joanna-Neural")
    dial = Dial(action="https://x.example/?a=1&b=2")
    dial.number("+14155550100")
    response.append(dial)
    connect = Connect()
    stream = connect.stream(url="wss://x.example/s")
    stream.parameter(name="lead_id", value='42 & "q" é')
    response.append(connect)
    response.redirect("https://x.example/next", method="POST")
    response.hangup()
    ours = subprocess.run([ORACLE, "twiml"], capture_output=True, text=True, check=True).stdout
    canonical = [etree.canonicalize(text.strip()) for text in (ours, str(response))]
    assert canonical[0] == canonical[1], "\n".join(canonical)
    print("TwiML equals that of twilio-python")


for make, library in (
    (plivo, "plivo"),
    (signalwire, "signalwire"),
    (signalwire_json, None),  # Its JavaScript library checks forms only.
    (telnyx, "telnyx"),
    (twilio, "twilio"),
    (twilio_json, "twilio"),
    (vonage, "vonage"),
):
    compare_signatures(make, library)
compare_twiml()
