#!/usr/bin/env python3
"""A message through the server with all seven plugins, from a real client:
delivered with its header line, or refused with the recorded replies. Once with
the plugins inside the server, once as programs."""

import pathlib
import smtplib
import subprocess
import sys
import time

RA = pathlib.Path("target/release/ra").resolve()
PLUGINS = """\
[auth]
{}authlogger
[mail]
{}overload
{}msa
:echo 'HX-Checked: yes'
[rcpt]
{}localmail
{}tarpit
{}plusaliases
{}dotblind
"""


def refused(code, text, command, *arguments):
    try:
        answer = command(*arguments)
        assert answer[0] == code and text in answer[1].decode(), answer
    except smtplib.SMTPResponseException as answer:
        assert answer.smtp_code == code and text in answer.smtp_error.decode()


def client(port, user=None):
    server = smtplib.SMTP("127.0.0.1", port, "client.example.com")
    if user:
        server.login(user, "secret")
    else:
        server.ehlo()
    return server


def try_all(folder, prefix, port):
    folder.mkdir(parents=True)
    control = folder / "control"
    control.mkdir()
    (control / "rcpthosts").write_text("example.org\n")
    (control / "localonly").write_text("intern\n")
    (control / "smtpplugins").write_text(PLUGINS.replace("{}", prefix))
    users = folder / "users"
    with users.open("w") as file:
        for user in ("boss", "intern"):
            subprocess.run([RA, "smtpd", "--hash-password", user],
                           input=b"secret", stdout=file, check=True)
    subprocess.run([RA, "install", folder / "plugins"], check=True,
                   stdout=subprocess.DEVNULL)
    log = folder / "log"
    environment = {"RA_QMAIL": str(folder), "TARPITCOUNT": "3",
                   "TARPITDELAY": "1", "PATH": "/usr/bin:/bin"}
    server = subprocess.Popen(
        [RA, "smtpd", "--listen", f"127.0.0.1:{port}",
         "--plugins", control / "smtpplugins", "--users", users,
         "--deliver", f"maildir:{folder}/Maildir"],
        env=environment, stderr=log.open("w"), cwd=folder)
    try:
        for _ in range(100):
            if "listening" in log.read_text():
                break
            time.sleep(0.1)
        swaks = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{port}",
             "--auth", "PLAIN", "--auth-user", "boss",
             "--auth-password", "secret", "--from", "boss@example.org",
             "--to", "m.i.ch+shop@example.org"],
            capture_output=True, text=True)
        assert swaks.returncode == 0, swaks.stdout + swaks.stderr
        messages = list((folder / "Maildir/new").iterdir())
        assert len(messages) == 1, messages
        message = messages[0].read_text()
        assert "Delivered-To: mich@example.org\n" in message, message
        received, checked = (message.index(header)
                             for header in ("Received:", "X-Checked: yes"))
        assert received < checked < message.index("X-Mailer: swaks"), message

        refused(550, "You should be authenticated",
                client(port).mail, "a@b.example")
        intern = client(port, "intern")
        intern.mail("intern@example.org")
        refused(550, "You are only allowed to send to local addresses.",
                intern.rcpt, "friend@elsewhere.example")
        assert intern.rcpt("u@example.org")[0] == 250
        before = time.monotonic()
        assert intern.rcpt("u@example.org")[0] == 250
        assert time.monotonic() - before >= 1
        (control / "overloaded").touch()
        refused(451, "Temporary Failure: Server overload",
                client(port).mail, "a@b.example")
        assert client(port, "boss").mail("boss@example.org")[0] == 250
    finally:
        server.terminate()
        server.wait(30)
    lines = log.read_text()
    for words in ("authlogger: pid {} - authenticated as boss",
                  "msa: pid {} - Message rejected (no auth).",
                  "localmail: pid {} - blocked from intern to "
                  "friend@elsewhere.example",
                  "tarpit: pid {} - started tarpitting",
                  "overload: pid {} - Temporary Failure: Server overload"):
        assert words.format(server.pid) in lines, (words, lines)


if __name__ == "__main__":
    scratch = pathlib.Path(sys.argv[1])
    try_all(scratch / "inside", "", 2526)
    try_all(scratch / "programs", "plugins/", 2527)
    print("2 passed, 0 failed")
