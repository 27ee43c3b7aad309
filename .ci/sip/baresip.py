"""Calls the agent with baresip, plays noise to it, and looks for the noise in its echo.

Usage: baresip.py <host:port of the agent> <codec> <empty directory> [tcp|tls|srtp <authority>]

TLS is at the port of the agent plus 3; `srtp` is TLS with media that must be protected.
"""

import array
import itertools
import json
import operator
import os
import socket
import subprocess
import sys
import time
import wave

agent, codec, work, way, authority = [*sys.argv[1:], "udp", ""][:5]
rate = int(codec.split("/")[1])
os.makedirs(f"{work}/dump")
said = f"{work}/say.wav"
# After the tone of the agent. Noise that comes and goes resembles itself at one place only, and passes every codec.
subprocess.run(
    ["sox", "-D", "-R", "-n", "-r", str(rate), "-c", "1", "-b", "16", said, "synth", "4",
     "brownnoise", "synth", "4", "sine", "amod", "2", "gain", "-n", "-6", "lowpass", "3000",
     "pad", "2.5", "7"],
    check=True,
)
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


def read(path):
    with wave.open(path) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return samples, file.getframerate()


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
heard, heard_rate = read(dumps[0])
source, _ = read(said)
step = heard_rate // 8000
heard, source = heard[::step], source[::rate // 8000]
# An eighth of a second from where the noise is loud.
size = 1000
begin = max(range(0, len(source) - size, 250), key=lambda at: sum(map(abs, source[at : at + size])))
piece = source[begin : begin + size]
own = sum(map(operator.mul, piece, piece))
energy = [0, *itertools.accumulate(map(operator.mul, heard, heard))]
best = 0.0
for lag in range(0, len(heard) - size):
    power = energy[lag + size] - energy[lag]
    if power > own / 100:
        product = sum(map(operator.mul, piece, heard[lag : lag + size]))
        best = max(best, product / (own * power) ** 0.5)
    if best > 0.99:
        break
print(f"{codec} over {way}: {len(heard) / 8000:.1f} s heard, correlation {best:.3f}")
sys.exit(best < 0.9)
