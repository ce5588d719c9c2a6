"""Works drover with two clients of WAHA that we did not write: waha-py (made of WAHA's own OpenAPI document) and waha-python
(written by hand). All that they are told of drover is its base URL and key.

    clients.py <base URL> <key> <simulator's URL> <webhook's URL>

Writes a JSON line for each operation: {"client", "operation", "held", "detail"}. tests/daemon/waha_clients.rs runs it, with a phone
of the simulator at hand, and judges.
"""

import base64
import inspect
import json
import sys
import time
import urllib.request

import httpx
from waha import WahaClient
from waha.generated import models
from waha_python import WAHAClient

BASE, KEY, SIMULATOR, WEBHOOK = sys.argv[1:5]
ANA = "15559990001@c.us"
BEN = "15559990002@c.us"
PATIENCE_S = 60
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()


class NotSo(Exception):
    """An answer that a client of WAHA would stumble over."""


def want(condition, found):
    if not condition:
        raise NotSo(f"unexpected: {json.dumps(found, default=str)[:300]}")
    return found


def checked(found, holds):
    return want(holds(found), found)


def until(look, holds):
    """What `look` gives, once it holds."""
    began = time.monotonic()
    while True:
        found = look()
        if holds(found):
            return found
        if time.monotonic() - began > PATIENCE_S:
            raise NotSo(f"still: {json.dumps(found, default=str)[:300]}")
        time.sleep(0.2)


def post(path, body):
    """To the simulator, as the phone's owner and those who write to it."""
    request = urllib.request.Request(SIMULATOR + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def scan(code, number):
    post("/phones/scan", {"qr": code, "number": number, "name": "Ana"})


def shaped(model, found):
    """What was found, which has everything that WAHA's own document requires, in its types."""
    model.model_validate(as_documented(found))
    return found


def as_documented(found):
    """WAHA's document says `object` of a few things that WAHA gives as text."""
    if isinstance(found, list):
        return [as_documented(one) for one in found]
    if not isinstance(found, dict):
        return found
    texts = [name for name in ("presence", "event") if isinstance(found.get(name, 0), str | None)]
    shown = {name: {} if name in texts else as_documented(value) for name, value in found.items()}
    if isinstance(found.get("url"), str) and isinstance(found.get("events"), list):
        shown["events"] = [{} for _ in found["events"]]
    return shown


def is_message(found):
    shaped(models.WAMessage, found)
    return want(found["id"].startswith("true_") and isinstance(found["timestamp"], int) and found["fromMe"] is True, found)


# The events that a WAHA client is told.
EVENTS = {
    "session.status": models.WAHAWebhookSessionStatus,
    "message": models.WAHAWebhookMessage,
    "message.any": models.WAHAWebhookMessageAny,
    "message.ack": models.WAHAWebhookMessageAck,
    "message.reaction": models.WAHAWebhookMessageReaction,
    "message.edited": models.WAHAWebhookMessageEdited,
    "message.revoked": models.WAHAWebhookMessageRevoked,
    "presence.update": models.WAHAWebhookPresenceUpdate,
    "poll.vote": models.WAHAWebhookPollVote,
    "call.received": models.WAHAWebhookCallReceived,
}


def receive(number):
    """The phone gets from others one of each kind that WAHA's clients are told of."""
    order = lambda what, body: post(f"/phones/{number}/{what}", body)
    text = order("incoming", {"from": BEN, "type": "chat", "body": "helo"})
    order("incoming", {"from": BEN, "type": "chat", "body": "an answer", "quotedId": text["id"]})
    order("incoming", {"from": BEN, "type": "location", "fields": {"lat": 48.8584, "lng": 2.2945, "loc": "Paris"}})
    options = [{"name": name, "localId": place} for place, name in enumerate(("Friday", "Saturday"))]
    fields = {"pollName": "When?", "pollOptions": options, "pollSelectableOptionsCount": 1}
    poll = order("incoming", {"from": BEN, "type": "poll_creation", "fields": fields})
    order("vote", {"id": poll["id"], "options": ["Friday"], "from": BEN})
    order("react", {"id": text["id"], "text": "\U0001f389", "from": BEN})
    order("edit", {"id": text["id"], "body": "hello"})
    until(lambda: [one["event"] for one in events()], lambda names: "message.edited" in names)
    order("revoke", {"id": text["id"]})
    order("presence", {"from": ANA.split("@")[0], "state": "composing"})
    order("call", {"from": BEN, "video": True})


def events():
    request = urllib.request.Request(f"{BASE}/api/events?limit=1000", headers={"X-Api-Key": KEY, "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def told(name):
    """The session's events, each as WAHA's document has it."""
    own = lambda: [one for one in events() if one["session"] == name]
    found = until(own, lambda found: EVENTS.keys() <= {one["event"] for one in found})
    for one in found:
        if one["event"] in EVENTS:
            shaped(EVENTS[one["event"]], one)
    return found


class Table:
    def __init__(self, client):
        self.client = client

    def row(self, operation, act):
        try:
            result, held, detail = act(), True, ""
        except Exception as error:  # whatever the client makes of an answer is the finding
            answer = getattr(getattr(error, "response", None), "text", "")
            result, held, detail = None, False, f"{type(error).__name__}: {error} {answer}"[:500]
        print(json.dumps({"client": self.client, "operation": operation, "held": held, "detail": detail}), flush=True)
        return result


def session_config():
    return {"metadata": {"team": "sales"}, "webhooks": [{"url": WEBHOOK, "events": ["message", "session.status"]}]}


def waha_py(number, name="waha-py"):
    client, table = WahaClient(BASE, api_key=KEY), Table("waha-py 2026.9.2")
    row, text = table.row, {"session": name, "chatId": ANA}
    sessions, chatting, chats, contacts = client.sessions, client.chatting, client.chats, client.contacts
    row("ping", lambda: shaped(models.PingResponse, client.ping.ping()))
    row("health", lambda: client.health.check())
    row("version", lambda: shaped(models.WAHAEnvironment, client.version.get()))
    row("server status", lambda: shaped(models.ServerStatusResponse, client.server.status()))
    row("sessions create", lambda: shaped(models.SessionDTO, sessions.create({"name": name, "config": session_config()})))
    row("sessions list", lambda: checked(sessions.list({"all": True}), lambda found: name in [one["name"] for one in found]))
    row("sessions get", lambda: until(lambda: sessions.get(name), lambda found: found["status"] == "SCAN_QR_CODE"))
    row("auth qr, image", lambda: want(shaped(models.Base64File, found := client.auth.get_qr(name))["mimetype"] == "image/png", found))
    code = row("auth qr, raw", lambda: shaped(models.QRCodeValue, client.auth.get_qr(name, {"format": "raw"}))["value"])
    row("screenshot", lambda: want((found := client.screenshot.screenshot({"session": name}))["mimetype"] == "image/png", found))
    row("(a phone scans it)", lambda: scan(code, number))
    row("sessions get, WORKING", lambda: shaped(models.SessionInfo, until(lambda: sessions.get(name), lambda found: found["status"] == "WORKING")))
    row("sessions me", lambda: want(shaped(models.MeInfo, found := sessions.get_me(name))["id"] == f"{number}@c.us" and found["pushName"], found))
    row("sessions update", lambda: want((found := sessions.update(name, {"config": session_config()}))["name"] == name, found))
    row("new message id", lambda: shaped(models.NewMessageIDResponse, chatting.get_new_message_id(name)))
    sent = row("sendText", lambda: is_message(chatting.send_text({**text, "text": "hello", "reply_to": None, "mentions": None, "id": None})))
    row("sendText, replying", lambda: is_message(chatting.send_text({**text, "text": "again", "reply_to": sent["id"]})))
    row("sendImage, data", lambda: is_message(chatting.send_image({**text, "caption": "a picture", "file": {"mimetype": "image/png", "filename": "a.png", "data": PNG}})))
    row("sendFile, data", lambda: is_message(chatting.send_file({**text, "file": {"mimetype": "application/pdf", "filename": "a.pdf", "data": PDF}})))
    row("sendLocation", lambda: is_message(chatting.send_location({**text, "latitude": 38.8937255, "longitude": -77.0969763, "title": "Our office"})))
    row("sendContactVcard", lambda: is_message(chatting.send_contact_vcard({**text, "contacts": [{"fullName": "John Doe", "organization": "Company", "phoneNumber": "+91 11111 11111", "whatsappId": "911111111111", "vcard": None}]})))
    row("sendPoll", lambda: is_message(chatting.send_poll({**text, "poll": {"name": "How are you?", "options": ["Good", "Bad"], "multipleAnswers": False}})))
    row("startTyping", lambda: chatting.start_typing(text))
    row("stopTyping", lambda: chatting.stop_typing(text))
    row("sendSeen", lambda: chatting.send_seen(text))
    look = lambda: chats.get_chat_message(name, ANA, sent["id"])
    row("chats message, until its ack", lambda: until(look, lambda found: found["ack"] >= 1))
    row("reaction", lambda: chatting.set_reaction({"session": name, "messageId": sent["id"], "reaction": "\U0001f44d"}))
    row("forwardMessage", lambda: is_message(chatting.forward_message({"session": name, "chatId": BEN, "messageId": sent["id"]})))
    row("chats messages", lambda: checked(chats.get_chat_messages(name, ANA, params={"limit": 50, "downloadMedia": False}), lambda found: "hello" in [shaped(models.WAMessage, one)["body"] for one in found]))
    row("messages (by query)", lambda: checked(chatting.get_messages({"session": name, "chatId": ANA, "limit": 5}), len))
    row("chats message edit", lambda: chats.edit_message(name, ANA, sent["id"], {"text": "hello, edited"}))
    row("chats message delete", lambda: chats.delete_message(name, ANA, sent["id"]))
    # A chat may run under a hidden number; as with WAHA, it is told whose it is.
    person_of = lambda chat: chat["id"] if chat["id"].endswith("@c.us") else client.lids.find_pn_by_lid(name, chat["id"])["pn"]
    has_ana = lambda found: ANA in map(person_of, found)
    row("chats", lambda: checked(chats.get_chats(name), has_ana))
    row("chats overview", lambda: checked(chats.get_chats_overview(name), has_ana))
    row("contacts check-exists", lambda: want(shaped(models.WANumberExistResult, found := contacts.check_exists({"session": name, "phone": ANA.split("@")[0]}))["numberExists"] is True, found))
    row("contacts get", lambda: want((found := contacts.get({"session": name, "contactId": ANA}))["id"] == ANA, found))
    row("contacts about", lambda: want("about" in (found := contacts.get_about({"session": name, "contactId": ANA})), found))
    row("contacts profile-picture", lambda: want("profilePictureURL" in (found := contacts.get_profile_picture({"session": name, "contactId": ANA})), found))
    row("presence set", lambda: client.presence.set_presence(name, {"presence": "offline"}))
    row("presence get", lambda: shaped(models.WAHAChatPresences, client.presence.get_presence(name, ANA)))
    row("(others write, vote, call ...)", lambda: receive(number))
    row("events, as webhooks have them", lambda: told(name))
    made = row("keys create", lambda: shaped(models.ApiKeyDTO, client.api_keys.create({"isAdmin": False, "session": name, "isActive": True, "actions": {"read": True}})))
    row("keys list", lambda: want(isinstance(found := client.api_keys.list(), list), found))
    row("keys delete", lambda: client.api_keys.delete(made["id"]))
    row("sessions restart", lambda: until(lambda: (sessions.restart(name), sessions.get(name))[1], lambda found: found["status"]))
    row("sessions stop", lambda: sessions.stop(name))
    row("sessions get, STOPPED", lambda: until(lambda: sessions.get(name), lambda found: found["status"] == "STOPPED"))
    row("sessions start", lambda: sessions.start(name))
    row("sessions logout", lambda: sessions.logout(name))
    row("sessions delete", lambda: sessions.delete(name))
    row("all that the client knows", lambda: checked(unknown_operations(client), lambda found: not found))


def unknown_operations(client):
    """Which of the client's operations drover has never heard of: what it lacks is answered with 501."""
    made_something = {("sessions", "create"), ("api_keys", "create")}
    unknown, asked = [], 0
    for group, api in vars(client).items():
        for operation, ask in inspect.getmembers(api, inspect.ismethod):
            if operation.startswith(("_", "a_")) or (group, operation) in made_something or not hasattr(api, "_http"):
                continue
            needed = [one for one in inspect.signature(ask).parameters.values() if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
            asked += 1
            try:
                ask(*["nothing" for _ in needed])
            except httpx.HTTPStatusError as refused:
                if refused.response.json()["code"] in ("no_such_path", "method_not_allowed"):
                    unknown.append(f"{group}.{operation}")
    want(asked > 150, asked)
    return unknown


def waha_python(number, name="waha-python"):
    client, table = WAHAClient(BASE, api_key=KEY), Table("waha-python 1.0.0")
    row, sessions, messages = table.row, client.sessions, client.messages
    row("sessions create", lambda: sessions.create(name, config=session_config()))
    # Its `sessions.list` and `sessions.get_me` fail before they ask: its own `get` stands in their way.
    row("sessions get", lambda: until(lambda: sessions.get(name), lambda found: found["status"] == "SCAN_QR_CODE"))
    row("auth qr, image", lambda: want((found := sessions.get_qr(name)) and len(found) > 0, str(found)[:80]))
    code = row("auth qr, raw", lambda: sessions.get_qr(name, format="raw")["value"])
    row("screenshot", lambda: want(sessions.get_screenshot(name), "nothing"))
    row("(a phone scans it)", lambda: scan(code, number))
    row("sessions get, WORKING", lambda: until(lambda: sessions.get(name), lambda found: found["status"] == "WORKING"))
    row("sessions update", lambda: sessions.update(name, session_config()))
    sent = row("sendText", lambda: is_message(messages.send_text(name, ANA, "hello")))
    row("sendText, replying", lambda: is_message(messages.send_text(name, ANA, "again", reply_to=sent["id"])))
    row("sendImage, data", lambda: is_message(messages.send_image(name, ANA, {"mimetype": "image/png", "filename": "a.png", "data": PNG}, caption="a picture")))
    row("sendFile, data", lambda: is_message(messages.send_file(name, ANA, {"mimetype": "application/pdf", "filename": "a.pdf", "data": PDF})))
    row("sendLocation", lambda: is_message(messages.send_location(name, ANA, 38.8937255, -77.0969763, title="Our office")))
    row("sendContactVcard", lambda: is_message(messages.send_contact(name, ANA, [{"fullName": "John Doe", "phoneNumber": "+91 11111 11111", "whatsappId": "911111111111"}])))
    row("sendPoll", lambda: is_message(messages.send_poll(name, ANA, {"name": "How are you?", "options": ["Good", "Bad"], "multipleAnswers": False})))
    row("sendSeen", lambda: messages.send_seen(name, ANA))
    look = lambda: client.chats.get_message(name, ANA, sent["id"])
    row("chats message, until its ack", lambda: until(look, lambda found: found["ack"] >= 1))
    row("reaction", lambda: messages.add_reaction(name, sent["id"], "\U0001f44d"))
    row("forwardMessage", lambda: is_message(messages.forward_message(name, BEN, sent["id"])))
    row("chats messages", lambda: checked(client.chats.get_messages(name, ANA), lambda found: "hello" in [one["body"] for one in found]))
    row("chats message edit", lambda: messages.edit_message(name, ANA, sent["id"], "hello, edited"))
    row("chats message delete", lambda: messages.delete_message(name, ANA, sent["id"]))
    row("chats", lambda: want(isinstance(found := client.chats.list(name), list), found))
    row("chats overview", lambda: want(isinstance(found := client.chats.get_overview(name), list), found))
    row("contacts check-exists", lambda: want((found := client.contacts.check_exists(name, ANA.split("@")[0]))["numberExists"] is True, found))
    row("contacts get", lambda: want((found := client.contacts.get_contact(name, ANA))["id"] == ANA, found))
    row("contacts about", lambda: client.contacts.get_about(name, ANA))
    row("contacts profile-picture", lambda: client.contacts.get_profile_picture(name, ANA))
    row("sessions restart", lambda: sessions.restart(name))
    row("sessions stop", lambda: sessions.stop(name))
    row("sessions get, STOPPED", lambda: until(lambda: sessions.get(name), lambda found: found["status"] == "STOPPED"))
    row("sessions start", lambda: sessions.start(name))
    row("sessions logout", lambda: sessions.logout(name))
    row("sessions delete", lambda: sessions.delete(name))


if __name__ == "__main__":
    waha_py("15550007001")
    waha_python("15550007002")
