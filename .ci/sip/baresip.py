"""Calls the agent with baresip, plays noise to it, and looks for the noise in its echo.

Usage: baresip.py <host:port of the agent> <codec> <empty directory> [tcp|tls|srtp <authority>]
       baresip.py <host:port of the agent> <codec> <empty directory> keys

TLS is at the port of the agent plus 3; `srtp` is TLS with media that must be protected. `keys` presses
keys (RFC 4733), each of which the agent presses back, and plays no noise.
"""

import json
import os
import socket
import subprocess
import sys
import time

import likeness

agent, codec, work, way, authority = [*sys.argv[1:], "udp", ""][:5]
rate = int(codec.split("/")[1])
os.makedirs(f"{work}/dump")
said = f"{work}/say.wav"


def free_port():
    """A port of loopback that nobody has, neither for UDP nor for TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


own, steering = free_port(), free_port()
# After the tone of the agent.
likeness.make(said, rate, 2.5, 7)
secure = f"module srtp.so\nsip_cafile {authority}\n" if way in ("tls", "srtp") else ""
media = ";mediaenc=srtp-mand" if way == "srtp" else ""
host, port = agent.split(":")
target = {
    "udp": f"sip:agent@{agent}",
    "tcp": f"sip:agent@{agent};transport=tcp",
}.get(way, f"sip:agent@{host}:{int(port) + 3};transport=tls")
config = f"""poll_method epoll
sip_listen 127.0.0.1:{own}
audio_player aubridge,sink
audio_source aufile,{said}
audio_alert aubridge,alert
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_ports 32000-32100
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module_app account.so
module g711.so
module g722.so
module aufile.so
module aubridge.so
module sndfile.so
module_app menu.so
module_app ctrl_tcp.so
{secure}ctrl_tcp_listen 127.0.0.1:{steering}
snd_path {work}/dump
statmode_default off
"""
open(f"{work}/config", "w").write(config)
open(f"{work}/contacts", "w").close()
open(f"{work}/accounts", "w").write(
    f"<sip:bot@127.0.0.1:{own}>;regint=0;audio_codecs={codec}{media}\n"
)
log = open(f"{work}/log", "w")
baresip = subprocess.Popen(
    ["baresip", "-4", "-f", work], stdin=subprocess.DEVNULL, stdout=log, stderr=log
)


def control():
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", steering), timeout=10)
        except OSError:
            time.sleep(0.1)
    sys.exit("baresip does not listen\n" + open(f"{work}/log").read())


def command(name, params=""):
    text = json.dumps({"command": name, "params": params, "token": "t"})
    line.sendall(f"{len(text)}:{text},".encode())


def event(kind):
    """The next event of this kind, as baresip tells it: a netstring of JSON."""
    global read
    while True:
        length, colon, rest = read.partition(b":")
        if colon and len(rest) > int(length):
            read = rest[int(length) + 1 :]
            told = json.loads(rest[: int(length)])
            if told.get("type") == kind:
                return told
            continue
        more = line.recv(4096)
        if not more:
            sys.exit(f"baresip is gone before {kind}\n" + open(f"{work}/log").read())
        read += more


def press(keys):
    """Presses each key when the one before has come back."""
    event("CALL_ESTABLISHED")
    for key in keys:
        command("sndcode", key)
        try:
            back = event("CALL_DTMF_START")["param"]
        except TimeoutError:
            sys.exit(f"{key} did not come back\n" + open(f"{work}/log").read())
        if back != key:
            sys.exit(f"{key} came back as {back}")
    print(f"{len(keys)} keys went there and came back: {keys}")


KEYS = "1590*ABCD2468"
read = b""
try:
    line = control()
    command("dial", target)
    if way == "keys":
        press(KEYS)
    else:
        time.sleep(11)
    command("hangup")
    time.sleep(1)
    command("quit")
    baresip.wait(timeout=10)
finally:
    baresip.kill()

if way == "keys":
    sys.exit(0)
dumps = [f"{work}/dump/{name}" for name in os.listdir(f"{work}/dump") if name.endswith("dec.wav")]
if len(dumps) != 1:
    sys.exit("baresip has heard nothing\n" + open(f"{work}/log").read())
heard = likeness.read(dumps[0])
best = likeness.best(likeness.read(said), heard)
print(f"{codec} over {way}: {len(heard) / 8000:.1f} s heard, correlation {best:.3f}")
sys.exit(best < 0.9)
