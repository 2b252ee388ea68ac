"""The names in the old API's documents: parameters and properties, codes of errors, fields of events.

Each group says which test modules may answer for its names. BXML has its table beside its own tests.
"""

from dataclasses import dataclass

AUDIO = "fileUrl sentence gender locale voice loopEnabled tag"
CALLBACK = "callbackUrl callbackHttpMethod callbackTimeout fallbackUrl"
APPLICATION = (
    "name incomingCallUrl incomingCallUrlCallbackTimeout incomingCallFallbackUrl incomingMessageUrl "
    "incomingMessageUrlCallbackTimeout incomingMessageFallbackUrl callbackHttpMethod autoAnswer incomingSmsUrl "
    "incomingSmsUrlCallbackTimeout incomingSmsFallbackUrl messageApiVersion"
)
RECORDING = "id startTime endTime call media state"
TRANSCRIPTION = "id state text textSize textUrl time chargeableDuration"
MEMBER_FLAGS = "mute hold joinTone leavingTone"


@dataclass(frozen=True, slots=True)
class Group:
    """Names that belong together. `modules`: patterns of the test modules that may name them, without `.py`."""

    title: str
    names: str
    modules: str
    within: str = ""
    """What a test must mention for its names to count, where a module is about several resources."""


PARAMETERS = (
    Group("list of calls", "bridgeId conferenceId from to sortOrder", "test_api_call_read", "?"),
    Group(
        "create a call",
        f"from to callTimeout {CALLBACK} bridgeId conferenceId recordingEnabled recordingMaxDuration "
        "recordingFileFormat transcriptionEnabled tag sipHeaders",
        "test_api_call_create",
    ),
    Group(
        "a call",
        f"id direction from to state startTime activeTime endTime callTimeout {CALLBACK} bridgeId bridge conferenceId "
        "conference chargeableDuration recordingEnabled recordingFileFormat recordingMaxDuration transcriptionEnabled "
        "events recordings transcriptions sipHeaders tag transferTo transferCallerId whisperAudio displayName "
        "preferredId withholdCallerName withholdCallerNumber",
        "test_api_call_read",
    ),
    Group(
        "update a call",
        "state recordingEnabled recordingFileFormat recordingMaxDuration transferTo transferCallerId whisperAudio "
        "callbackUrl diversionTreatment diversionReason tag",
        "test_api_call_update",
    ),
    Group("whisper", f"{AUDIO} volume", "test_api_call_update", "whisperAudio"),
    Group("audio of a call", f"{AUDIO} volume", "test_api_audio"),
    Group("keys", "dtmfOut", "test_api_audio"),
    Group("events of a call", "id time name data", "test_api_call_read", "/events"),
    Group("recordings of a call", RECORDING, "test_api_call_read", "/recordings"),
    Group("transcriptions of a call", TRANSCRIPTION, "test_api_transcriptions"),
    Group(
        "create a gather",
        "maxDigits interDigitTimeout terminatingDigits tag suppressDtmf prompt fileUrl sentence gender locale voice "
        "loopEnabled bargeable",
        "test_api_gathers",
    ),
    Group("a gather", "id state reason digits call createdTime completedTime", "test_api_gathers"),
    Group("create and update a bridge", "bridgeAudio callIds", "test_api_meetings", "/bridges"),
    Group(
        "a bridge",
        "id state bridgeAudio callIds calls createdTime activatedTime completedTime",
        "test_api_meetings",
        "/bridges",
    ),
    Group("audio of a bridge", AUDIO, "test_api_meetings", "/bridges"),
    Group(
        "create and update a conference",
        f"from {CALLBACK} profile tag state hold mute",
        "test_api_meetings",
        "/conferences",
    ),
    Group(
        "a conference",
        f"id state from createdTime completedTime activeMembers hold mute profile {CALLBACK} tag",
        "test_api_meetings",
        "/conferences",
    ),
    Group("audio of a conference", AUDIO, "test_api_meetings", "/conferences"),
    Group("add and update a member", f"callId state {MEMBER_FLAGS}", "test_api_meetings", "/members"),
    Group("a member", f"id state {MEMBER_FLAGS} addedTime removedTime call", "test_api_meetings", "/members"),
    Group("audio of a member", AUDIO, "test_api_meetings", "/members"),
    Group("recordings", RECORDING, "test_api_recordings"),
    Group("transcriptions", TRANSCRIPTION, "test_api_transcriptions"),
    Group("media", "contentLength mediaName content", "test_api_media"),
    Group("headers of media", "content-length content-type cache-control", "test_api_media"),
    Group("applications", f"id {APPLICATION}", "test_api_applications"),
    Group(
        "phone numbers",
        "id number nationalNumber name city state applicationId application fallbackNumber price createdTime "
        "numberState",
        "test_api_phone_numbers",
    ),
    Group(
        "list of phone numbers",
        "applicationId state name city numberState",
        "test_api_phone_numbers",
        "?",
    ),
    Group(
        "import of a phone number",
        "provider providerName properties accountId userName password",
        "test_api_phone_numbers",
    ),
    Group(
        "search of available numbers",
        "city state zip areaCode localNumber inLocalCallingArea quantity pattern",
        "test_api_available_numbers",
    ),
    Group(
        "available numbers",
        "number nationalNumber patternMatch city lata rateCenter state price location",
        "test_api_available_numbers",
    ),
    Group("number info", "name number created updated", "test_api_available_numbers", "numberInfo"),
    Group("domains", "id name description endpoints endpointsUrl", "test_api_phones", "/domains"),
    Group(
        "endpoints",
        "id name description domainId applicationId enabled credentials username realm password sipUri",
        "test_api_phones",
    ),
    Group("tokens", "token expires", "test_api_phones", "/tokens"),
    Group("errors", "id time category code message details value", "test_api_account_and_errors", "/errors"),
    Group("account", "balance accountType", "test_api_account_and_errors", "/account"),
    Group(
        "transactions",
        "id time amount type units productType number resourceId",
        "test_api_transactions",
    ),
    Group("list of transactions", "maxItems fromDate toDate type number", "test_api_transactions"),
    *(
        Group(f"pages of {path}", "page size", "test_api_list_pages", path)
        for path in (
            "/calls",
            "/bridges",
            "/recordings",
            "/transcriptions",
            "/media",
            "/applications",
            "/phoneNumbers",
            "/domains",
            "/endpoints",
            "/errors",
            "/account/transactions",
        )
    ),
)

_CALL = "eventType callId callUri time"
_PARTIES = f"{_CALL} from to"
_INCOMING = "applicationId displayName withholdCallerNumber withholdCallerName"
_CONFERENCE = "eventType conferenceId conferenceUri status tag"
_OF_CALLS = "test_event_payload"
_OF_MEETINGS = "test_conference_payload"

EVENTS = (
    Group("incomingcall", f"{_PARTIES} callState {_INCOMING} diversion preferredId", _OF_CALLS),
    Group("answer", f"{_PARTIES} callState tag {_INCOMING} diversion", _OF_CALLS),
    Group("diversion", "origTo reason screen privacy counter limit", _OF_CALLS),
    Group("hangup", f"{_PARTIES} callState cause tag", _OF_CALLS),
    Group("timeout", f"{_PARTIES} tag", _OF_CALLS),
    Group("speak", f"{_CALL} status state tag", _OF_CALLS),
    Group("playback", f"{_CALL} status tag", _OF_CALLS),
    Group("dtmf", f"{_CALL} dtmfDigit tag", _OF_CALLS),
    Group("gather", f"{_CALL} state digits reason gatherId tag", _OF_CALLS),
    Group(
        "recording",
        "eventType callId recordingId recordingUri state status startTime endTime tag",
        _OF_CALLS,
    ),
    Group(
        "transcription",
        "eventType transcriptionId recordingId state status textSize text textUrl transcriptionUri tag",
        _OF_CALLS,
    ),
    Group("conference", f"{_CONFERENCE} createdTime completedTime", _OF_MEETINGS),
    Group(
        "conference-member",
        "eventType activeMembers conferenceId callId memberId memberUri state hold mute time tag",
        _OF_MEETINGS,
    ),
    Group("conference-playback", f"{_CONFERENCE} time", _OF_MEETINGS),
    Group("conference-speak", f"{_CONFERENCE} time", _OF_MEETINGS),
    Group("redirect", "eventType callId callState from to", "test_script_payload"),
    Group("transferComplete", f"{_PARTIES} callState", "test_script_payload"),
    Group("gather", f"{_CALL} state digits reason gatherId tag terminatingDigit", "test_script_payload"),
)
"""`title`: the event's name, or that of the object `diversion` inside of two events."""

CAUSES = (
    "NORMAL_CLEARING ORIGINATOR_CANCEL USER_BUSY CALL_REJECTED UNALLOCATED_NUMBER NO_ANSWER NORMAL_TEMPORARY_FAILURE"
)

CODES = (
    # 400
    "missing-property blank-property validation-error callback-invalid-url callback-url-invalid "
    "bridge-invalid-operation bridge-bridged-callId bridge-invalid-state invalid-zip-code "
    "invalid-available-number-search invalid-available-number-search-order "
    # 401
    "access-denied user-access-denied number-access-denied no-allocated-number "
    # 403
    "insufficient-available-balance call-rate-limit conference-max-members application-access-denied "
    "media-size-overflow media-invalid-url media-not-supported bridge-callIds-overflow maximum-recording-value-request "
    "call-id-not-found invalid-call-conference-id conference-error call-audio-invalid-state call-invalid-state "
    "invalid-call-to-number invalid-destination-number invalid-cnam-search invalid-recording-state "
    "invalid-rate-center domain-limit "
    # 404
    "user-not-found application-not-found bridge-not-found call-not-found conference-not-found "
    "conference-member-not-found recording-not-found transcription-not-found number-not-found message-not-found "
    "user-error-not-found api-token-not-found media-not-found media-invalid-content-lenght cnam-not-found "
    "order-number-quantity-unavailable resource-not-found domain-not-found endpoint-not-found gather-not-found "
    "call-event-not-found "
    # 409
    "call-duplicate-gather-error conflicted-recording-values-request call-update-conflict bridge-update-conflict "
    "conference-update-conflict conference-member-update-conflict recording-update-conflict call-duplicated-error "
    "duplicate-bridge duplicate-conference duplicate-recording duplicate-transcription duplicate-application "
    "duplicate-call-event duplicate-user-error duplicate-number duplicate-domain duplicate-endpoint "
    # 429, of which one table says `too-many-requests`, as the category does; 500, 503
    "rate-limit-reached backend-protocol-support-failure internal-error call-unavailable "
    "call-creation-failure call-transfer-error audio-update-failure send-dtmf-failure speak-error media-unavailable "
    "bridge-create-error bridge-update-error gateway-unavailable number-allocator-unavailable "
    "number-allocator-timeout cnam-error "
    # the list of errors
    "no-application-for-number no-callback-for-call callback-server-timeout callback-io-error "
    "callback-http-failure-status"
)

_SERIAL = "updates of one resource wait for each other"
_OUR_IDS = "ids are made here, once each"
_LOCAL = "numbers and names are looked up in the server's own tables"

NEVER_OCCUR = {
    "callback-url-invalid": "a second spelling of callback-invalid-url",
    "user-access-denied": "access-denied says the same of a foreign account",
    "user-not-found": "a foreign account is access-denied, so that nobody learns which exist",
    "insufficient-available-balance": "nobody pays through this server",
    "message-not-found": "messages are outside a voice server",
    "api-token-not-found": "the tokens of the API are no resource here",
    "call-update-conflict": _SERIAL,
    "bridge-update-conflict": _SERIAL,
    "conference-update-conflict": _SERIAL,
    "conference-member-update-conflict": _SERIAL,
    "call-duplicated-error": _OUR_IDS,
    "duplicate-bridge": _OUR_IDS,
    "duplicate-conference": _OUR_IDS,
    "duplicate-recording": _OUR_IDS,
    "duplicate-transcription": _OUR_IDS,
    "duplicate-application": _OUR_IDS,
    "duplicate-call-event": _OUR_IDS,
    "duplicate-user-error": _OUR_IDS,
    "backend-protocol-support-failure": "internal-error says it of every fault of our own",
    "gateway-unavailable": "a call over a trunk that does not answer is created and ends, with the event",
    "number-allocator-unavailable": _LOCAL,
    "number-allocator-timeout": _LOCAL,
    "cnam-error": _LOCAL,
}
