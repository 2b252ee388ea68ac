"""Every route and parameter that the old API documents, and every property its clients read, is in our document.

The tables repeat what the API's documents and clients say; what we add ourselves is not in them.
"""

import asyncio
from typing import Any

import pytest

from support.api_world import make_world

AUDIO = "fileUrl sentence gender locale voice loopEnabled tag"
PROMPT = "sentence fileUrl gender locale voice loopEnabled bargeable"
PAGE = "page size"
CALL = (
    "id direction from to state startTime activeTime endTime callTimeout callbackUrl callbackHttpMethod "
    "callbackTimeout fallbackUrl bridgeId bridge conferenceId conference chargeableDuration recordingEnabled "
    "recordingFileFormat recordingMaxDuration transcriptionEnabled events recordings transcriptions sipHeaders tag "
    "transferTo transferCallerId whisperAudio displayName preferredId withholdCallerName withholdCallerNumber"
)
CONFERENCE = "callbackUrl callbackHttpMethod callbackTimeout fallbackUrl tag"
APPLICATION = (
    "name incomingCallUrl incomingCallUrlCallbackTimeout incomingCallFallbackUrl incomingMessageUrl "
    "incomingMessageUrlCallbackTimeout incomingMessageFallbackUrl callbackHttpMethod autoAnswer"
)
OLDER_NAMES = "incomingSmsUrl incomingSmsUrlCallbackTimeout incomingSmsFallbackUrl"
NUMBER = (
    "id number nationalNumber name city state applicationId application fallbackNumber price createdTime numberState"
)
SEARCH = "city state zip areaCode localNumber inLocalCallingArea quantity"
ENDPOINT = "id name description domainId applicationId enabled credentials sipUri"
RECORDING = "id startTime endTime call media state"
TRANSCRIPTION = "id state text textSize textUrl time chargeableDuration"
BRIDGE = "id state bridgeAudio callIds calls createdTime activatedTime completedTime"
MEMBER = "id state mute hold joinTone leavingTone addedTime removedTime call"

USER = "/v1/users/{}"

Route = tuple[str, str, str, str, str]
"""Method, path, query parameters, body properties, properties of the result."""

ROUTES: list[Route] = [
    # calls
    ("GET", "/calls", f"bridgeId conferenceId from to sortOrder {PAGE}", "", CALL),
    (
        "POST",
        "/calls",
        "",
        "from to callTimeout callbackUrl callbackTimeout callbackHttpMethod fallbackUrl bridgeId conferenceId "
        "recordingEnabled recordingMaxDuration recordingFileFormat transcriptionEnabled tag sipHeaders",
        "",
    ),
    ("GET", "/calls/{}", "", "", CALL),
    (
        "POST",
        "/calls/{}",
        "",
        "state recordingEnabled recordingFileFormat recordingMaxDuration transferTo transferCallerId whisperAudio "
        "callbackUrl diversionTreatment diversionReason",
        "",
    ),
    ("POST", "/calls/{}/audio", "", f"{AUDIO} volume", ""),
    ("POST", "/calls/{}/dtmf", "", "dtmfOut", ""),
    ("GET", "/calls/{}/events", "", "", "id time name data"),
    ("GET", "/calls/{}/events/{}", "", "", "id time name data"),
    ("GET", "/calls/{}/recordings", "", "", RECORDING),
    ("GET", "/calls/{}/transcriptions", "", "", TRANSCRIPTION),
    (
        "POST",
        "/calls/{}/gather",
        "",
        "maxDigits interDigitTimeout terminatingDigits tag suppressDtmf prompt",
        "",
    ),
    ("GET", "/calls/{}/gather/{}", "", "", "id state reason digits call createdTime completedTime"),
    ("POST", "/calls/{}/gather/{}", "", "state", ""),
    # bridges
    ("GET", "/bridges", PAGE, "", BRIDGE),
    ("POST", "/bridges", "", "bridgeAudio callIds", ""),
    ("GET", "/bridges/{}", "", "", BRIDGE),
    ("POST", "/bridges/{}", "", "bridgeAudio callIds", ""),
    ("POST", "/bridges/{}/audio", "", AUDIO, ""),
    ("GET", "/bridges/{}/calls", "", "", CALL),
    # conferences
    ("POST", "/conferences", "", f"from profile {CONFERENCE}", ""),
    (
        "GET",
        "/conferences/{}",
        "",
        "",
        f"id state from createdTime completedTime activeMembers hold mute profile {CONFERENCE}",
    ),
    ("POST", "/conferences/{}", "", f"state hold mute {CONFERENCE}", ""),
    ("POST", "/conferences/{}/audio", "", AUDIO, ""),
    ("GET", "/conferences/{}/members", "", "", MEMBER),
    ("POST", "/conferences/{}/members", "", "callId joinTone leavingTone mute hold", ""),
    ("GET", "/conferences/{}/members/{}", "", "", MEMBER),
    ("POST", "/conferences/{}/members/{}", "", "state mute hold joinTone leavingTone", ""),
    ("POST", "/conferences/{}/members/{}/audio", "", AUDIO, ""),
    # recordings, transcriptions, media
    ("GET", "/recordings", PAGE, "", RECORDING),
    ("GET", "/recordings/{}", "", "", RECORDING),
    ("POST", "/recordings/{}/transcriptions", "", "", ""),
    ("GET", "/recordings/{}/transcriptions", PAGE, "", TRANSCRIPTION),
    ("GET", "/recordings/{}/transcriptions/{}", "", "", TRANSCRIPTION),
    ("GET", "/media", PAGE, "", "contentLength mediaName content"),
    ("PUT", "/media/{}", "", "", ""),
    ("GET", "/media/{}", "", "", ""),
    ("HEAD", "/media/{}", "", "", ""),
    ("DELETE", "/media/{}", "", "", ""),
    # applications, numbers
    ("GET", "/applications", PAGE, "", f"id {APPLICATION} {OLDER_NAMES}"),
    ("POST", "/applications", "", f"{APPLICATION} {OLDER_NAMES}", ""),
    ("GET", "/applications/{}", "", "", f"id {APPLICATION}"),
    ("POST", "/applications/{}", "", f"{APPLICATION} {OLDER_NAMES}", ""),
    ("DELETE", "/applications/{}", "", "", ""),
    ("GET", "/phoneNumbers", f"applicationId state name city numberState {PAGE}", "", NUMBER),
    ("POST", "/phoneNumbers", "", "number name applicationId fallbackNumber", ""),
    ("GET", "/phoneNumbers/{}", "", "", NUMBER),
    ("POST", "/phoneNumbers/{}", "", "applicationId name fallbackNumber", ""),
    ("DELETE", "/phoneNumbers/{}", "", "", ""),
    (
        "GET",
        "/v1/availableNumbers/local",
        f"{SEARCH} pattern",
        "",
        "number nationalNumber patternMatch city lata rateCenter state price",
    ),
    ("POST", "/v1/availableNumbers/local", SEARCH, "", "number nationalNumber price location"),
    ("GET", "/v1/availableNumbers/tollFree", "quantity pattern", "", "number nationalNumber patternMatch price"),
    ("POST", "/v1/availableNumbers/tollFree", "quantity", "", "number nationalNumber price location"),
    ("GET", "/v1/phoneNumbers/numberInfo/{}", "", "", "name number created updated"),
    # domains, endpoints
    ("GET", "/domains", PAGE, "", "id name description endpoints endpointsUrl"),
    ("POST", "/domains", "", "name description", ""),
    ("GET", "/domains/{}", "", "", "id name description endpoints endpointsUrl"),
    ("POST", "/domains/{}", "", "description", ""),
    ("DELETE", "/domains/{}", "", "", ""),
    ("GET", "/domains/{}/endpoints", PAGE, "", ENDPOINT),
    ("POST", "/domains/{}/endpoints", "", "name description applicationId enabled credentials", ""),
    ("GET", "/domains/{}/endpoints/{}", "", "", ENDPOINT),
    ("POST", "/domains/{}/endpoints/{}", "", "description applicationId enabled credentials", ""),
    ("DELETE", "/domains/{}/endpoints/{}", "", "", ""),
    ("POST", "/domains/{}/endpoints/{}/tokens", "", "expires", "token expires"),
    ("DELETE", "/domains/{}/endpoints/{}/tokens/{}", "", "", ""),
    # account, errors
    ("GET", "/account", "", "", "balance accountType"),
    (
        "GET",
        "/account/transactions",
        f"maxItems fromDate toDate type number {PAGE}",
        "",
        "id time amount type units productType number resourceId",
    ),
    ("GET", "/errors", PAGE, "", "id time category code message details"),
    ("GET", "/errors/{}", "", "", "id time category code message details"),
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made: dict[str, Any] = asyncio.run(make_world(tmp_path_factory.mktemp("media"))).app.openapi()
    return made


def shape(path: str) -> str:
    """A path without the names of its variables."""
    return "/".join("{}" if piece.startswith("{") else piece for piece in path.split("/"))


def properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    schema = schema.get("items", schema)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


def result_of(operation: dict[str, Any]) -> dict[str, Any]:
    for status in ("200", "201"):
        content = operation["responses"].get(status, {}).get("content", {})
        if "application/json" in content:
            schema: dict[str, Any] = content["application/json"]["schema"]
            return schema
    return {}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_a_documented_route_is_in_the_document(document: dict[str, Any], route: Route) -> None:
    method, path, query, body, result = route
    wanted = path if path.startswith("/v1/") else USER + path
    found = [
        operation
        for known, operations in document["paths"].items()
        for name, operation in operations.items()
        if (name.upper(), shape(known)) == (method, wanted)
    ]
    assert len(found) == 1
    (operation,) = found
    taken = {item["name"] for item in operation["parameters"] if item["in"] == "query"}
    assert set(query.split()) - taken == set()
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
    assert set(body.split()) - properties(document, content["schema"]) == set()
    assert set(result.split()) - properties(document, result_of(operation)) == set()


def test_the_parts_of_parameters_are_documented(document: dict[str, Any]) -> None:
    """Objects inside of bodies."""
    schemas = document["components"]["schemas"]
    whisper = schemas["UpdateCallBody"]["properties"]["whisperAudio"]
    assert properties(document, whisper) >= {*AUDIO.split(), "volume"}
    prompt = schemas["CreateGatherBody"]["properties"]["prompt"]
    assert properties(document, prompt) >= set(PROMPT.split())
