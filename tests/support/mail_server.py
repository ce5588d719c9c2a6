"""A mail server for the tests: aiosmtpd on a port of loopback, with STARTTLS, TLS or neither, and a login. What it takes is written as
files; how it answers is read from a file before each command, so that a test changes it while it runs.

usage: mail_server.py PORT FOLDER plain|starttls|tls
FOLDER holds cert.pem, key.pem and behaviour.json: {"password": "...", "mail": "250"|"451 ...", "recipients": {"address": "550 ..."}}
"""

import json
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

port, folder, mode = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]


def behaviour():
    return json.loads((folder / "behaviour.json").read_text())


class Handler:
    # A server that was started again goes on with the numbers of the one before.
    taken = len(list(folder.glob("*.eml")))

    async def handle_MAIL(self, server, session, envelope, address, options):
        answer = behaviour().get("mail", "250 OK")
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = behaviour().get("recipients", {}).get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        Handler.taken += 1
        name = f"{Handler.taken:04}"
        facts = {"to": envelope.rcpt_tos, "from": envelope.mail_from, "tls": session.ssl is not None, "login": session.authenticated}
        (folder / f"{name}.json").write_text(json.dumps(facts))
        # Renamed, so that nobody reads half of it.
        (folder / f"{name}.part").write_bytes(envelope.content)
        (folder / f"{name}.part").rename(folder / f"{name}.eml")
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    wanted = behaviour().get("password", "")
    is_right = isinstance(data, LoginPassword) and data.login == b"drover" and data.password.decode() == wanted
    return AuthResult(success=is_right, handled=False)


context = None
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
options = dict(hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True, auth_require_tls=mode == "starttls")
if mode == "tls":
    options["ssl_context"] = context
elif mode == "starttls":
    options.update(tls_context=context, require_starttls=True)
controller = Controller(Handler(), **options)
controller.start()
print("ready", flush=True)
while True:
    time.sleep(3600)
