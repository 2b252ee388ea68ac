"""Request bodies as one would send them, by method and path below the account. A test reads each with the operation's
own model."""

from typing import Any

from trebuchet.api.reference import glossary

Examples = dict[str, dict[str, Any]]
"""By what they are for."""

_SPOKEN = {"sentence": "Good morning.", "gender": "female", "locale": "en_US", "voice": "susan", "tag": "greeting"}
_AUDIO: Examples = {
    "speak": _SPOKEN,
    "play a file": {"fileUrl": "https://app.example.test/hello.mp3", "loopEnabled": True, "volume": -2},
    "stop": {"sentence": ""},
}
_APPLICATION = {"name": "Reception", "incomingCallUrl": "https://app.example.test/voice", "autoAnswer": False}

EXAMPLES: dict[tuple[str, str], Examples] = {
    ("POST", "/calls"): {
        "to a number": {
            "from": glossary.NUMBER,
            "to": glossary.OTHER_NUMBER,
            "callbackUrl": "https://app.example.test/voice",
            "callTimeout": 30,
            "tag": "order-4711",
        },
        "to a SIP address, recorded": {
            "from": glossary.NUMBER,
            "to": "sip:desk@192.0.2.7",
            "recordingEnabled": True,
            "recordingFileFormat": "mp3",
            "sipHeaders": {"X-Order": "4711"},
        },
    },
    ("POST", "/calls/{callId}"): {
        "answer": {"state": "active"},
        "hang up": {"state": "completed"},
        "reject": {"state": "rejected"},
        "record": {"recordingEnabled": "true"},
        "stop recording": {"recordingEnabled": "false"},
        "transfer": {
            "state": "transferring",
            "transferTo": glossary.OTHER_NUMBER,
            "transferCallerId": "private",
            "whisperAudio": {"sentence": "A caller from the web site", "locale": "en_US"},
        },
    },
    ("POST", "/calls/{callId}/audio"): _AUDIO,
    ("POST", "/calls/{callId}/dtmf"): {"digits with pauses": {"dtmfOut": "1WWW,59#"}},
    ("POST", "/calls/{callId}/gather"): {
        "a code": {
            "maxDigits": 4,
            "terminatingDigits": "#",
            "interDigitTimeout": 7,
            "prompt": {"sentence": "Please enter your code"},
        }
    },
    ("POST", "/calls/{callId}/gather/{gatherId}"): {"stop": {"state": "completed"}},
    ("POST", "/bridges"): {"two calls": {"callIds": [glossary.CALL, glossary.OTHER_CALL], "bridgeAudio": True}},
    ("POST", "/bridges/{bridgeId}"): {
        "hold": {"bridgeAudio": False},
        "one call alone": {"callIds": [glossary.CALL]},
        "end": {"callIds": []},
    },
    ("POST", "/bridges/{bridgeId}/audio"): _AUDIO,
    ("POST", "/conferences"): {
        "a conference": {
            "from": glossary.NUMBER,
            "callbackUrl": "https://app.example.test/conference",
            "profile": "passthru_digits",
        }
    },
    ("POST", "/conferences/{conferenceId}"): {"mute all": {"mute": True}, "end": {"state": "completed"}},
    ("POST", "/conferences/{conferenceId}/audio"): _AUDIO,
    ("POST", "/conferences/{conferenceId}/members"): {
        "a call, heard coming": {"callId": glossary.CALL, "joinTone": True, "mute": False}
    },
    ("POST", "/conferences/{conferenceId}/members/{memberId}"): {
        "mute": {"mute": True},
        "remove": {"state": "completed"},
    },
    ("POST", "/conferences/{conferenceId}/members/{memberId}/audio"): _AUDIO,
    ("POST", "/recordings/{recordingId}/transcriptions"): {"transcribe": {}},
    ("POST", "/applications"): {"an application that decides itself": _APPLICATION},
    ("POST", "/applications/{applicationId}"): {"answer at once from now on": {"autoAnswer": True}},
    ("POST", "/phoneNumbers"): {
        "a number for an application": {"number": glossary.NUMBER, "applicationId": glossary.APPLICATION}
    },
    ("POST", "/phoneNumbers/{numberId}"): {
        "another application": {"applicationId": glossary.APPLICATION},
        "where to when the application fails": {"fallbackNumber": glossary.OTHER_NUMBER},
    },
    ("POST", "/domains"): {"a domain": {"name": "office", "description": "The phones of the office"}},
    ("POST", "/domains/{domainId}"): {"another description": {"description": "Phones of the ground floor"}},
    ("POST", "/domains/{domainId}/endpoints"): {
        "a phone": {
            "name": "frontdesk",
            "description": "Front desk phone",
            "applicationId": glossary.APPLICATION,
            "credentials": {"password": "correct horse"},
        }
    },
    ("POST", "/domains/{domainId}/endpoints/{endpointId}"): {
        "another password": {"credentials": {"password": "battery staple"}},
        "lock out": {"enabled": False},
    },
    ("POST", "/domains/{domainId}/endpoints/{endpointId}/tokens"): {"for an hour": {"expires": 3600}},
}
