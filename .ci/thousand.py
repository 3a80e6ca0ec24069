#!/usr/bin/env python3
"""A thousand mixed sessions, ten at a time, through a server that has every
plugin configured: nothing accepted is lost, the server stays up, and every
line of its log can be read back."""

import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import smtplib
import socket
import subprocess
import sys
import time

RA = pathlib.Path("target/release/ra").resolve()
PORT, NEIGHBOUR, RATER = 2528, 2529, 2530
SESSIONS = 1000
ZONE = """\
scenarios:
- name: "thousand"
  zone:
    "friend.example":
    - {"MX": [10, "mx.friend.example"]}
    - {"TXT": "v=spf1 ip4:127.0.0.1 -all"}
    "mx.friend.example":
    - {"A": "127.0.0.1"}
    "strict.example":
    - {"MX": [10, "mx.friend.example"]}
    - {"TXT": "v=spf1 -all"}
    "1.0.0.127.kind.example":
    - {"TXT": "no address, so not listed"}
  tests: []
"""


def start(folder, arguments, environment):
    log = (folder / "log").open("w")
    process = subprocess.Popen([RA, *arguments], stderr=log, cwd=folder,
                               env={"PATH": "/usr/bin:/bin", **environment})
    for _ in range(200):
        if "listening" in (folder / "log").read_text():
            return process
        time.sleep(0.1)
    raise SystemExit(f"no start: {(folder / 'log').read_text()}")


def prepare(folder):
    control = folder / "control"
    control.mkdir(parents=True)
    (folder / "zone.yml").write_text(ZONE)
    (control / "rcpthosts").write_text("example.org\n")
    (control / "addresslist").write_text("joe@example.org\n")
    subprocess.run([RA, "addresses", "build", control / "addresslist",
                    control / "addresslist.cdb"], check=True)
    (control / "localonly").write_text("intern\n")
    listing = subprocess.run([RA, "plugins", "--json"], check=True,
                             capture_output=True, text=True).stdout
    sections = collections.defaultdict(list)
    plugins = json.loads(listing)
    for plugin in plugins:
        if plugin["sections"]:
            sections[plugin["sections"][0]].append(plugin["name"])
    # These two would turn away whoever has not logged in, or was not there.
    sections["mail"].remove("msa")
    sections["pass"].append("rater")
    sections["connection"].remove("rater")
    lines = [f"[{name}]\n" + "\n".join(names) + "\n"
             for name, names in sections.items()]
    (control / "smtpplugins").write_text("".join(lines))
    (folder / "rater.toml").write_text(
        f'[settings]\nlisten = ["127.0.0.1:{RATER}"]\n[limits]\n'
        'ip = [["*", 60, 100000]]\nuser = [["*", 60, 100000]]\n'
        'pair = [["*", 60, 100000]]\n')
    return [plugin["name"] for plugin in plugins]


def session(number):
    """One session; returns how many messages were accepted."""
    chance = random.Random(number)
    kind = chance.choice(["good", "good", "stranger", "nobody", "spf",
                          "junk", "vanish", "long"])
    if kind in ("junk", "vanish", "long"):
        with socket.create_connection(("127.0.0.1", PORT), 60) as wire:
            reply = wire.makefile("rb")
            assert reply.readline().startswith(b"220")
            if kind == "junk":
                wire.sendall(b"EHLO \xff\x00\r\nFLY\r\n\r\nRCPT\r\nQUIT\r\n")
                assert reply.read().rstrip().splitlines()[-1][:3] == b"221"
            elif kind == "long":
                wire.sendall(b"NOOP " + b"x" * 100000 + b"\r\nQUIT\r\n")
                assert b"221" in reply.read()
            else:
                wire.sendall(b"HELO me\r\nMAIL FROM:<a@friend.example>\r\n"
                             b"RCPT TO:<joe@example.org>\r\nDATA\r\nhalf a ")
        return 0
    sender, recipient, code = {
        "good": ("a@friend.example", "J.o.e+x@example.org", 250),
        "stranger": ("a@made-up.example", "joe@example.org", 553),
        "nobody": ("a@friend.example", "nobody@example.org", 511),
        "spf": ("a@strict.example", "joe@example.org", 550),
    }[kind]
    with smtplib.SMTP("127.0.0.1", PORT, "client.example", 60) as server:
        server.ehlo()
        answer = server.mail(sender)
        if answer[0] == 250:
            answer = server.rcpt(recipient)
        assert answer[0] == code, (kind, answer)
        if code != 250:
            return 0
        assert server.data(f"Subject: {number}\n\nhello\n")[0] == 250
        return 1


def main(folder):
    names = prepare(folder)
    there = folder / "neighbour"
    (there / "control").mkdir(parents=True)
    rater = folder / "rater"
    rater.mkdir()
    environment = {
        "RA_QMAIL": str(folder), "RA_DNS": f"zone:{folder}/zone.yml",
        "RATER": f"127.0.0.1:{RATER}", "BOUNCELEVEL": "0",
        "RBLSERVERS": "kind.example", "CHECKBACK_PRIVATE": "1",
        "CHECKBACK_PORT": str(NEIGHBOUR), "SPF_HEADER": "both",
        "RATER_CLASS": "pair", "RATER_KEY": "${SMTPMAILFROM} ${SMTPRCPTTO}",
        "TARPITCOUNT": "1000"}
    servers = []
    try:
        servers.append(start(rater, ["rater", "serve", "--config",
                                     folder / "rater.toml"], {}))
        servers.append(start(there, [
            "smtpd", "--listen", f"127.0.0.1:{NEIGHBOUR}",
            "--domain", "friend.example", "--deliver",
            f"maildir:{there}/Maildir"], {"RA_QMAIL": str(there)}))
        servers.append(start(folder, [
            "smtpd", "--listen", f"127.0.0.1:{PORT}", "--plugins",
            folder / "control/smtpplugins", "--per-ip", "50", "--deliver",
            f"maildir:{folder}/Maildir"], environment))
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            accepted = sum(pool.map(session, range(SESSIONS)))
        assert servers[-1].poll() is None, "the server has gone"
    finally:
        for process in reversed(servers):
            process.terminate()
            process.wait(30)
    stored = list((folder / "Maildir/new").iterdir())
    assert len(stored) == accepted > 100, (len(stored), accepted)
    for message in stored:
        text = message.read_text()
        assert text.startswith("Return-Path: <a@friend.example>\n"
                               "Delivered-To: Joe@example.org\n"), text
        assert "\nReceived-SPF: pass" in text, text
    heard = collections.Counter()
    for line in (folder / "log").read_text().splitlines():
        if line.startswith("ra: "):
            continue
        parts = re.fullmatch(r"([a-z]+): pid (\d+) - (.+)", line)
        assert parts, line
        assert parts[1] in [*names, "smtpd"], line
        assert int(parts[2]) == servers[-1].pid, line
        heard[parts[1]] += 1
    print(dict(heard))
    print(f"{SESSIONS} sessions, {accepted} messages accepted and stored")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve() / "thousand")
