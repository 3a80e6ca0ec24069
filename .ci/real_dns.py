#!/usr/bin/env python3
"""The DNS plugins as processes against a real authoritative server: nsd with
the zone of the recordings, each recorded case answered as recorded."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

RA = pathlib.Path("target/release/ra").resolve()


def zones(text):
    """The zone file of the recordings as records of one zone, `example.`;
    a zone that nsd is told of and cannot load answers SERVFAIL."""
    owner, records, broken = None, [], []
    for line in text.splitlines():
        line = line.strip()
        if re.fullmatch(r'".*":', line):
            owner = line[1:-2]
        elif line.startswith("- {"):
            for kind, value in json.loads(line[2:]).items():
                if value == "SERVFAIL":
                    broken.append(owner)
                elif kind == "MX":
                    host = value[1].rstrip(".") + "."
                    records.append(f"{owner}. MX {value[0]} {host}")
                elif kind == "TXT":
                    records.append(f'{owner}. TXT "{value}"')
                else:
                    records.append(f"{owner}. {kind} {value}")
    head = ["$TTL 60", "example. SOA ns.example. me.example. 1 60 60 60 60",
            "example. NS ns.example.", "ns.example. A 127.0.0.1"]
    return "\n".join(head + records) + "\n", sorted(set(broken))


def start(folder):
    zone, broken = zones(pathlib.Path("tests/sessions/zone.yml").read_text())
    (folder / "example.zone").write_text(zone)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    broken = "".join(f'zone:\n  name: "{name}"\n  zonefile: "no-such-file"\n'
                     for name in broken)
    (folder / "nsd.conf").write_text(f"""\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "example"
  zonefile: "example.zone"
{broken}""")
    log = (folder / "nsd.log").open("w")
    nsd = subprocess.Popen(["/usr/sbin/nsd", "-d", "-c", folder / "nsd.conf"],
                           stderr=log, stdout=log)
    for _ in range(100):
        if "nsd started" in (folder / "nsd.log").read_text():
            return nsd, port
        time.sleep(0.1)
    nsd.terminate()
    raise SystemExit((folder / "nsd.log").read_text())


def essence(text):
    """What counts where the wording is free (recordings/README.md)."""
    out = []
    for line in text.splitlines():
        if "SPF_RESULT_" in line:
            before, after = line.split("SPF_RESULT_", 1)
            decision = before.split(" - ", 1)[1].split(" on ")[0]
            out.append((decision, re.match("[A-Z]+", after)[0]))
        else:
            out.append(line if ": pid " in line else line[:4])
    return out


def differs(case, answer):
    right = dict(case["original"])
    expected = case.get("expected", {})
    for name in ("stdout", "stderr"):
        if f"{name}_has" in expected:
            right.pop(name)
            if expected[f"{name}_has"] not in answer[name]:
                return f"{name}: {answer[name]!r}"
    right.update(expected)
    for name in ("stdout", "stderr"):
        if name in right:
            wanted, got = right[name], answer[name]
            if case.get("compare") == "spf":
                wanted, got = essence(wanted), essence(got)
            if wanted != got:
                return f"{name}: expected {wanted!r}, got {got!r}"
    return None


def main(folder):
    folder.mkdir(parents=True)
    nsd, port = start(folder)
    cases = json.loads(pathlib.Path("tests/sessions/plugins.json").read_text())
    passed = failed = 0
    try:
        for case in cases:
            if case.get("zone") != "dns":
                continue
            assert not case["files"], case["name"]
            environment = {name: value for name, value in case["env"].items()
                           if value is not None}
            run = subprocess.run(
                [RA, "plugin", case["plugin"]], capture_output=True, text=True,
                env={**environment, "RA_DNS": f"127.0.0.1:{port}"},
                timeout=60)
            answer = {"stdout": run.stdout, "stderr": run.stderr.replace(
                f"pid {os.getpid()} ", "pid PID ")}
            difference = differs(case, answer)
            if difference or run.returncode:
                failed += 1
                print(f"FAIL {case['plugin']}/{case['name']}: {difference}")
            else:
                passed += 1
    finally:
        nsd.terminate()
        nsd.wait(30)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve() / "real-dns")
