"""Calls the agent with baresip, plays noise to it, and looks for the noise in its echo.

Usage: baresip.py <host:port of the agent> <codec> <empty directory> [tcp|tls|srtp <authority>]

TLS is at the port of the agent plus 3; `srtp` is TLS with media that must be protected.
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
sip_listen 127.0.0.1:15070
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
{secure}ctrl_tcp_listen 127.0.0.1:15444
snd_path {work}/dump
statmode_default off
"""
open(f"{work}/config", "w").write(config)
open(f"{work}/contacts", "w").close()
open(f"{work}/accounts", "w").write(
    f"<sip:bot@127.0.0.1:15070>;regint=0;audio_codecs={codec}{media}\n"
)
log = open(f"{work}/log", "w")
baresip = subprocess.Popen(
    ["baresip", "-4", "-f", work], stdin=subprocess.DEVNULL, stdout=log, stderr=log
)


def control():
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", 15444), timeout=10)
        except OSError:
            time.sleep(0.1)
    sys.exit("baresip does not listen\n" + open(f"{work}/log").read())


def command(name, params=""):
    text = json.dumps({"command": name, "params": params, "token": "t"})
    line.sendall(f"{len(text)}:{text},".encode())


try:
    line = control()
    command("dial", target)
    time.sleep(11)
    command("hangup")
    time.sleep(1)
    command("quit")
    baresip.wait(timeout=10)
finally:
    baresip.kill()

dumps = [f"{work}/dump/{name}" for name in os.listdir(f"{work}/dump") if name.endswith("dec.wav")]
if len(dumps) != 1:
    sys.exit("baresip has heard nothing\n" + open(f"{work}/log").read())
heard = likeness.read(dumps[0])
best = likeness.best(likeness.read(said), heard)
print(f"{codec} over {way}: {len(heard) / 8000:.1f} s heard, correlation {best:.3f}")
sys.exit(best < 0.9)
