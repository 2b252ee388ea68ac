"""A telephone menu in BXML: one is the shop's opening hours, two leaves a message, everything else asks again."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MENU = """
<Gather requestUrl="/chosen" maxDigits="1">
  <SpeakSentence voice="kate">For our opening hours, press one. To leave a message, press two.</SpeakSentence>
</Gather>
<SpeakSentence voice="kate">Good bye.</SpeakSentence>
<Hangup/>
"""
HOURS = '<SpeakSentence voice="kate">We are open from nine to five.</SpeakSentence><Redirect requestUrl="/menu"/>'
MESSAGE = '<SpeakSentence voice="kate">Please speak.</SpeakSentence><Record terminatingDigits="#"/><Hangup/>'


def choose(event: dict[str, str]) -> str | None:
    """The verbs that follow an event; `None` for events that ask for none."""
    match event["eventType"]:
        case "answer" | "redirect":
            return MENU
        case "gather":
            return {"1": HOURS, "2": MESSAGE}.get(event["digits"], MENU)
        case _:
            return None


class Webhooks(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        event = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        verbs = choose(event)
        document = b"" if verbs is None else f"<Response>{verbs}</Response>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Webhooks).serve_forever()
