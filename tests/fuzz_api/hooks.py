"""What schemathesis cannot know: a session that is linked, a chat of it and a message in it. Most requests that name a session, a
chat or a message name these, so that they come further than to "there is no such session"; some name what might be there and is
not, and the others keep what was made up. FUZZ_SESSION, FUZZ_CHAT and FUZZ_MESSAGE say which are there.
"""

import os
import random

import schemathesis

CHAT, MESSAGE = os.environ["FUZZ_CHAT"], os.environ["FUZZ_MESSAGE"]
# By name: what is there, and what is not.
KNOWN = {
    "session": (os.environ["FUZZ_SESSION"], "ghost"),
    "chatId": (CHAT, "15550000000@c.us"),
    "contactId": (CHAT, "15550000000@c.us"),
    "messageId": (MESSAGE, "true_15550000000@c.us_3EB0000000000000000000"),
    "reply_to": (MESSAGE, "true_15550000000@c.us_3EB0000000000000000000"),
    "id": (MESSAGE, "3EB0000000000000000000"),
}
# An `id` of another kind, or one that is chosen.
OTHER_IDS = ("/api/send", "/api/webhooks", "/api/keys")


@schemathesis.serializer("application/x-tar")
def archive(context, value):
    """No archive; what is wrong with it has tests of its own."""
    return value if isinstance(value, bytes) else repr(value).encode()


@schemathesis.hook
def before_call(context, case, kwargs):
    chance = random.Random(f"{case.method} {case.path} {case.path_parameters!r} {case.query!r} {case.body!r}"[:2000])
    for place in (case.path_parameters, case.query, case.body):
        if not isinstance(place, dict):
            continue
        for name, (there, absent) in KNOWN.items():
            is_other = name == "id" and case.path.startswith(OTHER_IDS)
            if isinstance(place.get(name), str) and not is_other:
                place[name] = chance.choices((there, absent, place[name]), (7, 1, 2))[0]
    # The list instead of the stream, which never ends.
    if case.path == "/api/events":
        case.headers["Accept"] = "application/json"
    # Each that starts is a browser, and the machine would be the one thing that is tested.
    if (case.method, case.path) == ("POST", "/api/sessions") and isinstance(case.body, dict):
        case.body["start"] = False
