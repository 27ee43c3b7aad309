"""Signatures of the carriers' own libraries, and 10,000 changes to each, told by our oracle."""

import base64
import hashlib
import json
import random
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as etree

import jwt
from nacl.signing import SigningKey
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3
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
    return sorted({f"Field{dice.randint(0, 99)}": word(0) for _ in range(8)}.items())


def twilio():
    request = {"carrier": "twilio", "key": "token", "url": url(), "fields": fields()}
    validator = RequestValidator(request["key"])
    request["signature"] = validator.compute_signature(request["url"], dict(request["fields"]))
    return request


def twilio_json():
    body = json.dumps({word(): word()})
    hash_ = hashlib.sha256(body.encode()).hexdigest()
    address = f"https://agent.example/path?bodySHA256={hash_}"
    signature = RequestValidator("token").compute_signature(address, {})
    assert RequestValidator("token").validate(address, body, signature)
    return {"carrier": "twilio json", "key": "token", "url": address, "body": body,
            "signature": signature}


def plivo():
    # Beyond ASCII, this library encodes twice what it signs; what Plivo does is not documented.
    plain = [(name, value.replace("é", "e")) for name, value in fields()]
    request = {"carrier": "plivo", "key": "token", "url": "https://agent.example/path",
               "fields": plain, "stamp": str(dice.randint(10**9, 10**15))}
    base = construct_post_url(request["url"], dict(request["fields"]))
    request["signature"] = get_signature_v3(request["key"], base, request["stamp"]).decode()
    return request


SEED = SigningKey(bytes(range(32)))
TELNYX_KEY = base64.b64encode(bytes(SEED.verify_key)).decode()


def telnyx():
    now = 1_700_000_000 + dice.randint(0, 10**6)
    body = json.dumps({"data": {word(): word()}})
    signature = base64.b64encode(SEED.sign(f"{now}|{body}".encode()).signature).decode()
    return {"carrier": "telnyx", "key": TELNYX_KEY, "body": body, "stamp": str(now), "now": now,
            "signature": signature}


def vonage():
    now = 1_700_000_000 + dice.randint(0, 10**6)
    body = json.dumps({word(): word()})
    claims = {"iat": now, "jti": word(), "iss": "Vonage", "application_id": "a", "api_key": "k",
              "payload_hash": hashlib.sha256(body.encode()).hexdigest()}
    key = "a signature secret of some length"
    token = jwt.encode(claims, key, algorithm="HS256")
    assert verify_signature(token, key)
    return {"carrier": "vonage", "key": key, "body": body, "now": now, "signature": token}


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


def ask(requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    told = subprocess.run([ORACLE], input=lines, capture_output=True, text=True, check=True)
    answers = told.stdout.split()
    assert len(answers) == len(requests), "an answer for each request"
    return answers


def compare_signatures(make):
    originals = [make() for _ in range(500)]
    assert set(ask(originals)) == {"1"}, f"{make.__name__}: a good signature is refused"
    forgeries = []
    while len(forgeries) < CHANGES:
        original = dice.choice(originals)
        forgery = tampered(original)
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


assert Telnyx, "the official library is there"
for carrier in (plivo, telnyx, twilio, twilio_json, vonage):
    compare_signatures(carrier)
compare_twiml()
