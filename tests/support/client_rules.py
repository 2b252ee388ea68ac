"""How the Ruby, Java and C# clients write what they send and read what they get.

What one of them could not read raises `Unreadable`, as the client itself would.
"""

from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx

Json = dict[str, Any]
TIMES = (
    "time startTime activeTime endTime createdTime activatedTime completedTime addedTime removedTime created updated"
)
LONGS = "chargeableDuration activeMembers callbackTimeout contentLength expires textSize units callTimeout"
MONEY = "price balance amount"


class Unreadable(Exception):
    """What this client cannot read."""


def need(is_so: bool, what: object) -> None:
    if not is_so:
        raise Unreadable(what)


def objects(value: Any) -> list[Json]:
    """The object, or those of a list."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def parsed(response: httpx.Response) -> Any:
    """What is not empty is JSON."""
    return response.json() if response.content else None


def there(value: Json, names: str) -> list[Any]:
    """What the object has of these."""
    return [value[name] for name in names.split() if name in value]


def next_link(response: httpx.Response) -> str | None:
    """Entries are cut at commas, and each at its semicolon."""
    for entry in filter(None, response.headers.get("link", "").split(",")):
        url, name = entry.split(";")
        if name.strip() == 'rel="next"':
            return str(url.strip().removeprefix("<").removesuffix(">"))
    return None


class Ruby:
    """Whatever is not empty is JSON, errors too; names become symbols with underscores; lists are their first page."""

    name = "ruby"
    headers: ClassVar[dict[str, str]] = {"Accept": "application/json", "User-Agent": "ruby-bandwidth/v3.0.1"}

    json_type = "application/json"

    def write(self, body: Json, *, as_it_is: bool = False) -> Json:
        return body

    def ask(self, query: Json) -> Json:
        return query

    def read(self, response: httpx.Response) -> Any:
        value = parsed(response)
        for each in objects(value):
            need(len({name.replace("_", "").lower() for name in each}) == len(each), each)
        if response.status_code >= 400:
            need(bool(value["message"]) and bool(value["code"]), value)
        return value

    def id_in(self, location: str, _: str) -> str:
        need("/" in location, location)
        return location.rsplit("/", 1)[1]

    def next_page(self, response: httpx.Response, query: Json) -> tuple[str, Json] | None:
        return None


class Java:
    """Flags and numbers are sent as text; times have one form; numbers are read as long ones, money as text."""

    name = "java"
    headers: ClassVar[dict[str, str]] = {
        "Accept": "application/json",
        "Accept-Charset": "utf-8",
        "User-Agent": "Apache-HttpClient/4.3.6 (java 1.5)",
    }
    json_type = "application/json"

    def write(self, body: Json, *, as_it_is: bool = False) -> Json:
        """`as_it_is`: what it has read it sends back in the same types."""
        return body if as_it_is else {name: self._text(value) for name, value in body.items()}

    def _text(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.write(value)
        return str(value).lower() if isinstance(value, int) else value

    def ask(self, query: Json) -> Json:
        return query

    def read(self, response: httpx.Response) -> Any:
        """A text with `access-denied` in it is an error, whatever the status says."""
        need(response.status_code >= 400 or "access-denied" not in response.text, response.text)
        value = parsed(response)
        for each in objects(value):
            self._check(each)
        return value

    def _check(self, value: Json) -> None:
        for time in there(value, TIMES):
            datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ")
        need(all(type(number) is int for number in there(value, LONGS)), value)
        need(all(isinstance(money, str) and float(money) >= 0 for money in there(value, MONEY)), value)
        need(isinstance(value.get("callIds", []), list), value)

    def id_in(self, location: str, collection: str) -> str:
        """What is left when the collection's URL is cut off."""
        need(location.startswith(f"{collection}/"), location)
        return location[len(collection) + 1 :]

    def next_page(self, response: httpx.Response, query: Json) -> tuple[str, Json] | None:
        """It asks for the next number as long as there is a next page, wherever that is."""
        if next_link(response) is None:
            return None
        return str(response.url.copy_with(query=None)), query | {"page": query["page"] + 1}


EVENT_WORDS = {
    ("speak", "status"): "started done",
    ("speak", "state"): "PLAYBACK_START PLAYBACK_STOP",
    ("playback", "status"): "started done",
    ("gather", "state"): "completed",
    ("gather", "reason"): "max-digits terminating-digit inter-digit-timeout hung-up cancelled",
    ("recording", "state"): "complete error",
    ("recording", "status"): "complete error",
    ("transcription", "state"): "completed error",
    ("transcription", "status"): "completed error",
    ("conference", "status"): "created completed",
    ("conference-member", "state"): "active completed",
    ("conference-playback", "status"): "started done",
    ("conference-speak", "status"): "started done",
}
KINDS = {kind for kind, _ in EVENT_WORDS} | {"incomingcall", "answer", "hangup", "timeout", "dtmf"}


class CSharp:
    """Members that have their default values are not sent; every content type is read; enumerations are closed."""

    name = "c#"
    headers: ClassVar[dict[str, str]] = {"User-Agent": "csharp-bandwidth/v4.1"}
    json_type = "application/json; charset=utf-8"
    words: ClassVar[dict[tuple[str, str], str]] = {
        ("calls", "state"): "started rejected active completed transferring error",
        ("calls", "direction"): "in out",
        ("calls", "recordingFileFormat"): "wav mp3",
        ("gather", "state"): "created completed",
        ("gather", "reason"): "max-digits terminating-digit inter-digit-timeout hung-up",
        ("bridges", "state"): "created active hold completed error",
        ("conferences", "state"): "created active completed",
        ("conferences", "profile"): "interpret_digits passthru_digits",
        ("members", "state"): "active completed",
        ("recordings", "state"): "recording saving complete error",
        ("transcriptions", "state"): "transcribing completed error",
        ("phoneNumbers", "numberState"): "enabled released",
        ("account", "accountType"): "pre-pay",
        ("transactions", "type"): "charge payment credit auto-recharge",
        ("transactions", "productType"): (
            "local-number-per-month toll-free-number-per-month sms-in sms-out mms-in mms-out call-in call-out "
            "sip-call-in sip-call-out transcription cnam-search"
        ),
        ("errors", "category"): (
            "authentication authorization not-found bad-request conflict forbidden unavailable credit limit payment"
        ),
    }

    def write(self, body: Json, *, as_it_is: bool = False) -> Json:
        return {name: self._inner(value) for name, value in body.items() if value not in (False, None, 0)}

    def _inner(self, value: Any) -> Any:
        return self.write(value) if isinstance(value, dict) else value

    def ask(self, query: Json) -> Json:
        return {name: str(value) for name, value in query.items()}

    def read(self, response: httpx.Response) -> Any:
        value = parsed(response)
        if response.status_code >= 400:
            need(bool(value.get("message") or value.get("code")), value)
        elif response.request.method == "GET":
            need(response.headers["content-type"].partition(";")[0] == "application/json", response.headers)
            for each in objects(value):
                self._check(response.url.path.split("/"), each)
        return value

    def _check(self, path: list[str], value: Json) -> None:
        resource = next(part for part in reversed(path) if not set(part) & set("-+%0123456789"))
        need(None not in value.values(), value)
        need(value.get("callbackHttpMethod", "get") in ("get", "post"), value)
        for (where, name), words in self.words.items():
            need(where != resource or name not in value or value[name] in words.split(), (name, value))
        for time in there(value, TIMES):
            datetime.fromisoformat(time)
        if resource == "events":
            need(isinstance(value.get("data", {}), dict), value)
        if resource == "recordings":
            need("/" in value["media"] and "/" in value["call"], value)

    def read_event(self, event: Json) -> str:
        """Its kind. One unknown word, wherever the class of events has an enumeration, spoils the whole."""
        kind: str = event["eventType"]
        need(kind in KINDS, event)
        for name in ("state", "status", "reason"):
            if name in event:
                need(event[name] in EVENT_WORDS.get((kind, name), "").split(), event)
        for time in there(event, TIMES):
            datetime.fromisoformat(time)
        return kind

    def id_in(self, location: str, _: str) -> str:
        need(bool(urlsplit(location).scheme), location)
        return urlsplit(location).path.rsplit("/", 1)[1]

    def next_page(self, response: httpx.Response, query: Json) -> tuple[str, Json] | None:
        """It goes where the link leads, whatever that is."""
        url = next_link(response)
        return None if url is None else (url, {})


Rules = Ruby | Java | CSharp
