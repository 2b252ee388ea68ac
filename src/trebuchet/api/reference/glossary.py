"""What each property and parameter means, with an example. Keys are wire names; `Schema.name` wins over `name`.

A test walks the document: whatever a client can send or read has an entry here.
"""

from typing import Any

Entry = tuple[str, Any]
"""Meaning and example."""

_BASE = "https://api.example.test/v1/users/u-fiction"
CALL = "c-m4qk7vbnx2ydz5rt3halwei"
OTHER_CALL = "c-zt3walfe7qm2hdnx5kvybc4"
BRIDGE = "brg-y5kq3wzavt2hmb7nxcf4pdr"
CONFERENCE = "conf-w2nf6kxqdv5jyt7mrb3zaeh"
MEMBER = "member-n4bd7jkxwz2qmtf5hrycv3a"
RECORDING = "rec-q4mz7xvhfb2ktdnw5ayrj3c"
TRANSCRIPTION = "t-b6jxw3fkzq2mvd7nhtyrc5a"
APPLICATION = "a-k3vw7dxm2qzynrf5tbhc4jl"
NUMBER_ID = "n-d7hqx2mzwf5ktb3nvjyrc4a"
DOMAIN = "rd-c5jrw3tknzq7xhv2mfydb4a"
ENDPOINT = "re-h7vkq2zmx5wfyd3ntb4crja"
GATHER = "gtr-2hvq6zkcp3xw7trm5ydbnja"
EVENT = "ce-x3mqz5wkvt2hbn7jfydcr4a"
ERROR = "ue-f5wkz2qmxv7htd3nbjyrc4a"
NUMBER = "+19195550100"
OTHER_NUMBER = "+19195550177"
TIME = "2016-03-02T10:00:00Z"

GLOSSARY: dict[str, Entry] = {
    # in paths
    "userId": ("The account's user id; the credentials must be its own.", "u-fiction"),
    "callId": ("Id of a call.", CALL),
    "eventId": ("Id of an entry of the call's log.", EVENT),
    "gatherId": ("Id of a collection of digits.", GATHER),
    "bridgeId": ("Id of a bridge.", BRIDGE),
    "conferenceId": ("Id of a conference.", CONFERENCE),
    "memberId": ("Id of a member of the conference.", MEMBER),
    "recordingId": ("Id of a recording.", RECORDING),
    "transcriptionId": ("Id of a transcription.", TRANSCRIPTION),
    "mediaName": ("Name of a media file, percent-encoded.", "greeting.wav"),
    "applicationId": ("Id of an application.", APPLICATION),
    "numberId": ("Id of a phone number, or the number itself (`%2B1…`).", NUMBER_ID),
    "domainId": ("Id of a domain.", DOMAIN),
    "endpointId": ("Id of an endpoint.", ENDPOINT),
    "errorId": ("Id of an error.", ERROR),
    "token": ("A credential for a while, instead of the endpoint's password.", "et-3sjr6wkz2qmxv7htd5nb4ca"),
    # lists
    "page": ("Which page, counted from 0.", 0),
    "size": ("Items on a page; 0 means the default.", 25),
    "sortOrder": ("`desc`: newest first; `asc`: oldest first.", "desc"),
    # calls
    "id": ("The resource's id: a prefix that says what it is, and 23 letters and digits.", CALL),
    "direction": ("`in`: the server was called; `out`: it placed the call.", "out"),
    "from": ("Number (E.164) or SIP address of the caller.", NUMBER),
    "CreateCallBody.from": ("A phone number of the account (E.164).", NUMBER),
    "to": ("Number (E.164) or SIP address that is called.", OTHER_NUMBER),
    "state": ("The state in force.", "active"),
    "CallResource.state": ("`started`, `active`, `transferring`, `rejected` or `completed`.", "active"),
    "UpdateCallBody.state": (
        "`active` answers, `rejected` refuses, `completed` hangs up, `transferring` transfers to `transferTo`.",
        "active",
    ),
    "startTime": ("When it began (for a call: when it was made).", TIME),
    "activeTime": ("When the call was answered.", "2016-03-02T10:00:09Z"),
    "endTime": ("When it ended.", "2016-03-02T10:01:12Z"),
    "callTimeout": ("Seconds to ring before the call is given up.", 60),
    "callbackUrl": ("Where events go; `none` means nowhere.", "https://app.example.test/voice"),
    "UpdateCallBody.callbackUrl": (
        "Where events of the new call go after a transfer.",
        "https://app.example.test/voice",
    ),
    "callbackHttpMethod": ("How events are sent; `GET` lets the application answer with BXML.", "post"),
    "callbackTimeout": ("Milliseconds in which the application must answer an event.", 10000),
    "fallbackUrl": ("Where an event goes, once, when the first URL fails.", "https://backup.example.test/voice"),
    "bridge": ("URL of the bridge.", f"{_BASE}/bridges/{BRIDGE}"),
    "conference": ("URL of the conference.", f"{_BASE}/conferences/{CONFERENCE}"),
    "chargeableDuration": ("Seconds from answer to end, in started minutes.", 120),
    "recordingEnabled": ("Whether it is recorded; in a request, switches recording on or off.", True),
    "recordingFileFormat": ("Format of the next recording that starts.", "wav"),
    "recordingMaxDuration": ("Seconds after which a recording stops; the call goes on.", 3600),
    "transcriptionEnabled": ("Whether each finished recording is transcribed (wav only).", False),
    "events": ("URL of the call's log.", f"{_BASE}/calls/{CALL}/events"),
    "recordings": ("URL of the call's recordings.", f"{_BASE}/calls/{CALL}/recordings"),
    "transcriptions": ("URL of the call's transcriptions.", f"{_BASE}/calls/{CALL}/transcriptions"),
    "sipHeaders": (
        "`X-` headers of the INVITE: at most 5, each name and value at most 256 characters.",
        {"X-Order": "4711"},
    ),
    "tag": ("A text of the application's own, repeated in events.", "order-4711"),
    "transferTo": ("Number (E.164) or SIP address to transfer to.", OTHER_NUMBER),
    "transferCallerId": ("What the new party sees: `private` or a number of the account.", "private"),
    "whisperAudio": (
        "Heard by the new party alone, before the two are connected.",
        {"sentence": "A caller from the web site"},
    ),
    "diversionTreatment": ("What becomes of the incoming call's Diversion header in a transfer.", "none"),
    "diversionReason": ("The reason in the Diversion header that `stack` adds.", "unknown"),
    "displayName": ("The name that the caller's side sent.", "Reception"),
    "preferredId": ("The caller as the network vouches for it.", OTHER_NUMBER),
    "withholdCallerName": ("Whether the caller wants his name withheld.", False),
    "withholdCallerNumber": ("Whether the caller wants his number withheld.", False),
    # events
    "time": ("When it happened.", TIME),
    "name": ("The name.", "Reception"),
    "CallEventResource.name": ("What happened: `create`, `answer`, `playback`, `speak`, `hangup` …", "answer"),
    "LiveEventResource.name": ("What happened: `create`, `answer`, `playback`, `speak`, `hangup` …", "answer"),
    "data": ("Detail of the event.", "start"),
    "position": ("Place in the server's log; what `Last-Event-ID` takes.", 4711),
    "event": (
        "The object that the webhook carries, for events that have one.",
        {"eventType": "answer", "callId": CALL},
    ),
    # audio
    "fileUrl": (
        "A wav or mp3 file, also of this account's media; empty stops what is playing.",
        "https://app.example.test/hello.mp3",
    ),
    "sentence": ("Text to speak; empty stops what is playing.", "Good morning."),
    "gender": ("Of the voice, if no voice is named.", "female"),
    "locale": ("Language of the sentence.", "en_US"),
    "voice": ("Name of a voice; one that does not speak the locale gives way to one that does.", "susan"),
    "volume": ("Loudness, from -4 to 4.", 0),
    "loopEnabled": ("Again and again until stopped.", False),
    "dtmfOut": ("Digits to send; `,` and `w` wait half a second, `W` a second.", "1WWW,59#"),
    # gathers
    "maxDigits": ("How many digits end the gather.", 4),
    "interDigitTimeout": ("Seconds without a digit that end the gather.", 5),
    "terminatingDigits": ("Digits any of which ends the gather; it is not part of the result.", "#"),
    "suppressDtmf": ("No `dtmf` event for each digit of the gather.", False),
    "prompt": ("Played or spoken until the first digit.", {"sentence": "Please enter your code"}),
    "bargeable": ("Always true: the first digit stops the prompt.", True),
    "reason": (
        "Why it ended: `max-digits`, `terminating-digit`, `inter-digit-timeout`, `hung-up` or `cancelled`.",
        "max-digits",
    ),
    "digits": ("What was collected.", "4711"),
    "call": ("URL of the call.", f"{_BASE}/calls/{CALL}"),
    "createdTime": ("When it was made.", TIME),
    "completedTime": ("When it ended.", "2016-03-02T10:01:12Z"),
    # bridges and conferences
    "bridgeAudio": ("Whether the two hear each other.", True),
    "callIds": ("The calls in it, at most two; in an update the whole set, empty takes all out.", [CALL, OTHER_CALL]),
    "calls": ("URL of its calls.", f"{_BASE}/bridges/{BRIDGE}/calls"),
    "activatedTime": ("When two calls were connected for the first time.", TIME),
    "activeMembers": ("How many are in it now.", 2),
    "hold": ("Neither hears nor speaks.", False),
    "mute": ("Hears, and cannot speak.", False),
    "profile": (
        "`interpret_digits`: keys steer volumes and muting; `passthru_digits`: they do nothing.",
        "interpret_digits",
    ),
    "joinTone": ("A tone when the member joins.", False),
    "leavingTone": ("A tone when the member leaves.", False),
    "addedTime": ("When the member joined.", TIME),
    "removedTime": ("When the member left.", "2016-03-02T10:01:12Z"),
    # recordings, transcriptions, media
    "media": ("URL of the audio.", f"{_BASE}/media/{CALL}-1.wav"),
    "text": ("At most 1000 characters of the text.", "Good morning, how may I help you?"),
    "TranscriptionResource.id": ("Id of the transcription.", TRANSCRIPTION),
    "TranscriptionResource.state": ("`transcribing`; then `completed` with its text, or `error`.", "completed"),
    "TranscriptionResource.time": ("When it was asked for.", TIME),
    "TranscriptionResource.chargeableDuration": ("Seconds of the recording, in started minutes.", 120),
    "textSize": ("Length of the whole text in characters.", 33),
    "textUrl": ("URL of the whole text.", f"{_BASE}/media/{TRANSCRIPTION}"),
    "contentLength": ("Size in bytes.", 561276),
    "content": ("URL of the file.", f"{_BASE}/media/greeting.wav"),
    # applications and numbers
    "incomingCallUrl": ("Where events of incoming calls go.", "https://app.example.test/voice"),
    "incomingCallUrlCallbackTimeout": ("Milliseconds in which it must answer.", 10000),
    "incomingCallFallbackUrl": ("Where they go when that fails.", "https://backup.example.test/voice"),
    "incomingMessageUrl": ("Kept for clients that set it; messages are not served.", "https://app.example.test/text"),
    "incomingMessageUrlCallbackTimeout": ("Kept likewise.", 10000),
    "incomingMessageFallbackUrl": ("Kept likewise.", "https://backup.example.test/text"),
    "incomingSmsUrl": ("Older name of `incomingMessageUrl`.", "https://app.example.test/text"),
    "incomingSmsUrlCallbackTimeout": ("Older name of `incomingMessageUrlCallbackTimeout`.", 10000),
    "incomingSmsFallbackUrl": ("Older name of `incomingMessageFallbackUrl`.", "https://backup.example.test/text"),
    "messageApiVersion": ("Kept for clients that set it.", "V1"),
    "autoAnswer": ("Whether incoming calls are answered by the server itself.", True),
    "number": ("A phone number (E.164).", NUMBER),
    "nationalNumber": ("The number as it is written in its country.", "(919) 555-0100"),
    "city": ("City of the number.", "Cary"),
    "PhoneNumberResource.state": ("Two-letter code of the state.", "NC"),
    "application": ("URL of the application bound to it.", f"{_BASE}/applications/{APPLICATION}"),
    "fallbackNumber": ("Where calls go when the application cannot be reached.", OTHER_NUMBER),
    "price": ("Monthly price in dollars, as text.", "0.60"),
    "numberState": ("`enabled` or `released`.", "enabled"),
    "provider": ("Import from another provider; taken and not kept.", {"providerName": "bandwidth-dashboard"}),
    # available numbers
    "zip": ("ZIP code.", "27513"),
    "areaCode": ("First three digits after the country code.", "919"),
    "localNumber": ("First three or four digits after the area code.", "555"),
    "inLocalCallingArea": ("Also numbers that are a local call away.", False),
    "quantity": ("How many.", 10),
    "pattern": ("Letters, digits, `?` for one digit, `*` for any.", "*2?9*"),
    "patternMatch": ("The number with what the pattern matched.", "       2 9 "),
    "lata": ("Local access and transport area.", "426"),
    "rateCenter": ("Rate centre.", "RALEIGH"),
    "location": ("URL of the phone number that was ordered.", f"{_BASE}/phoneNumbers/{NUMBER_ID}"),
    # domains and endpoints
    "description": ("A text for people.", "Front desk phone"),
    "endpoints": ("URL of its endpoints.", f"{_BASE}/domains/{DOMAIN}/endpoints"),
    "endpointsUrl": ("The same, as some clients call it.", f"{_BASE}/domains/{DOMAIN}/endpoints"),
    "enabled": ("False: it cannot register, call or be called.", True),
    "credentials": ("What a phone registers with.", {"realm": "office.sip.example.test", "username": "frontdesk"}),
    "password": ("At least 6 characters; never shown.", "correct horse"),
    "username": ("The name to register with.", "frontdesk"),
    "realm": ("The realm to register with: the domain's host name.", "office.sip.example.test"),
    "sipUri": ("Its SIP address.", "sip:frontdesk@office.sip.example.test"),
    "expires": ("Seconds until it ends.", 3600),
    # webhooks
    "eventType": ("Name of the event.", "answer"),
    "sequence": ("The event's place among those of its call.", 3),
    "attempts": ("Every request that was made.", []),
    "url": ("Where it went.", "https://app.example.test/voice"),
    "result": ("`acknowledged`, `refused`, `timed-out` or `broken`.", "acknowledged"),
    "statusCode": ("The status that it was answered with.", 200),
    "duration": ("Milliseconds that it took.", 12),
    "nextAttemptTime": ("When it is tried again.", TIME),
    "secret": ("What webhooks are signed with.", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    "changedTime": ("When it was changed.", TIME),
    "previousValidUntil": ("Until then webhooks carry a signature with the one before too.", TIME),
    "DeliveryResource.state": ("`queued`, `waiting`, `delivered` or `failed`.", "delivered"),
    # account, errors, number info
    "balance": ("Dollars, as text.", "538.37250"),
    "accountType": ("`pre-pay` or `post-pay`.", "pre-pay"),
    "maxItems": ("At most so many in all.", 100),
    "fromDate": ("After this time.", "2016-03-01T00:00:00Z"),
    "toDate": ("Before this time.", "2016-04-01T00:00:00Z"),
    "type": ("`charge`, `payment`, `credit` or `auto-recharge`.", "charge"),
    "amount": ("Dollars, as text.", "0.06000"),
    "units": ("Quantity, such as minutes.", 6),
    "productType": ("What was charged.", "call-out"),
    "resourceId": ("What it was for.", CALL),
    "category": ("Groups codes.", "not-found"),
    "code": ("Says what went wrong; stable.", "call-not-found"),
    "message": ("Says it to people.", "The call 'c-nope' could not be found"),
    "details": ("What it is about: pairs of name and value.", [{"name": "callId", "value": "c-nope"}]),
    "value": ("The detail's value, always text.", "c-nope"),
    "created": ("When the entry was made.", TIME),
    "updated": ("When the entry was changed.", TIME),
}


def entry(schema: str, name: str) -> Entry | None:
    """What is known of a property of a schema, or of a parameter (`schema` is empty then)."""
    return GLOSSARY.get(f"{schema}.{name}") or GLOSSARY.get(name)
