"""Calls the agent with linphonec.

Usage: linphone.py <host:port of the agent> <empty directory> hold
       linphone.py <host:port of the agent> <empty directory> refer <log of the agent>
       linphone.py <host:port of the agent> <empty directory> transfer <address>

`hold` puts the agent on hold and goes on, plays noise, and looks for it in the echo. `refer` presses a
key upon which the agent asks to be handed on, and waits until it says that it was. `transfer` asks the
agent to call an address, and looks at whether it does.
"""

import os
import queue
import subprocess
import sys
import threading
import time

import likeness

agent, work, mode, rest = [*sys.argv[1:], ""][:4]
os.makedirs(work)
said, heard = f"{work}/say.wav", f"{work}/heard.wav"
likeness.make(said, 8000, 0, 1)
with open(f"{work}/rc", "w") as config:
    config.write(
        "[sip]\nuse_ipv6=0\nguess_hostname=0\n"
        "[rtp]\naudio_rtp_port=34000\n[video]\nenabled=0\n"
        "[audio_codec_0]\nmime=PCMU\nrate=8000\nchannels=1\nenabled=1\n"
    )
phone = subprocess.Popen(
    ["linphonec", "-c", f"{work}/rc"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    env={**os.environ, "HOME": work}, text=True, bufsize=1,
)
lines = queue.Queue()
all_lines = []


def follow():
    for line in phone.stdout:
        lines.put(line)


threading.Thread(target=follow, daemon=True).start()


def tell(command):
    phone.stdin.write(command + "\n")
    phone.stdin.flush()


def until(*wanted):
    """Waits for a line with one of these words."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            line = lines.get(timeout=0.5)
        except queue.Empty:
            continue
        all_lines.append(line)
        if any(word in line for word in wanted):
            return
    sys.exit(f"not seen: {wanted}\n" + "".join(all_lines))


try:
    tell("ipv6 disable")
    tell("ports sip 15090")
    tell("soundcard use files")
    tell(f"call sip:agent@{agent}")
    until("Media streams established")
    # The tone of the agent.
    time.sleep(3)
    if mode == "hold":
        tell("pause")
        until("is now paused")
        time.sleep(1)
        tell("resume")
        until("Media streams established")
        tell(f"record {heard}")
        tell(f"play {said}")
        time.sleep(7)
    elif mode == "refer":
        tell("#")
        end = time.monotonic() + 20
        while "handed over" not in open(rest).read():
            if time.monotonic() > end:
                sys.exit("the agent was not handed over\n" + "".join(all_lines))
            time.sleep(0.2)
    else:
        tell(f"transfer {rest}")
        time.sleep(6)
    tell("terminate")
    time.sleep(1)
    tell("quit")
    phone.wait(timeout=10)
finally:
    phone.kill()
if mode == "hold":
    sound = likeness.read(heard)
    best = likeness.best(likeness.read(said), sound)
    print(f"{len(sound) / 8000:.1f} s heard, correlation {best:.3f}")
    sys.exit(best < 0.9)
