"""Every method of the old vendor's client libraries that is about voice, each a row.

The JavaScript and Python libraries run in our tests; the Ruby, Java and C# ones are replayed, so that their rows say
what they send: our words for it | their method | request | members of the body (of the query, for GET) that they add by
themselves | what else is special about it, see `support.replays.Row`.
"""

from support.replays import Row, read_rows

NODE = """
Call.create Call.get Call.list Call.update Call.answer Call.reject Call.hangup Call.transfer Call.enableRecording
Call.disableRecording Call.setMaxRecordingDuration Call.speakSentence Call.stopSpeaking Call.playAudioFile
Call.stopAudioFilePlayback Call.playAudioAdvanced Call.createGather Call.getGather Call.completeGather
Call.getEvents Call.getEvent Call.getRecordings Call.getTranscriptions Call.sendDtmf Bridge.create Bridge.get
Bridge.list Bridge.update Bridge.getCalls Bridge.speakSentence Bridge.stopSpeaking Bridge.playAudioFile
Bridge.stopAudioFilePlayback Bridge.playAudioAdvanced Conference.create Conference.get Conference.update
Conference.remove Conference.speakSentence Conference.stopSpeaking Conference.playAudioFile
Conference.stopAudioFilePlayback Conference.playAudioAdvanced Conference.getMembers Conference.getMember
Conference.createMember Conference.updateMember Conference.removeMember Conference.speakSentenceToMember
Conference.playAudioFileToMember Conference.playAudioAdvancedToMember Recording.get Recording.list
Recording.createTranscription Recording.getTranscription Recording.getTranscriptions Media.upload Media.download
Media.list Media.delete Application.create Application.get Application.list Application.update Application.delete
PhoneNumber.create PhoneNumber.get PhoneNumber.list PhoneNumber.update PhoneNumber.delete AvailableNumber.search
AvailableNumber.searchAndOrder Domain.create Domain.list Domain.delete Endpoint.create Endpoint.get Endpoint.list
Endpoint.update Endpoint.delete Endpoint.createAuthToken Error.get Error.list Account.get Account.getTransactions
NumberInfo.get
"""

PYTHON = """
list_calls create_call get_call update_call answer_call reject_call hangup_call enable_call_recording
disable_call_recording toggle_call_recording transfer_call play_audio_to_call speak_sentence_to_call
play_audio_file_to_call send_dtmf_to_call list_call_recordings list_call_transcriptions list_call_events
get_call_event create_call_gather get_call_gather update_call_gather list_bridges create_bridge get_bridge
update_bridge list_bridge_calls play_audio_to_bridge speak_sentence_to_bridge play_audio_file_to_bridge
create_conference get_conference update_conference terminate_conference hold_conference mute_conference
play_audio_to_conference speak_sentence_to_conference play_audio_file_to_conference list_conference_members
get_conference_member create_conference_member update_conference_member remove_conference_member
hold_conference_member mute_conference_member play_audio_to_conference_member speak_sentence_to_conference_member
play_audio_file_to_conference_member list_recordings get_recording list_transcriptions create_transcription
get_transcription get_account list_account_transactions list_applications create_application get_application
update_application delete_application search_available_local_numbers search_available_toll_free_numbers
search_and_order_local_numbers search_and_order_toll_free_numbers list_domains create_domain get_domain
delete_domain list_domain_endpoints create_domain_endpoint get_domain_endpoint update_domain_endpoint
delete_domain_endpoint create_domain_endpoint_auth_token list_errors get_error list_media_files upload_media_file
download_media_file delete_media_file get_number_info list_phone_numbers order_phone_number get_phone_number
update_phone_number delete_phone_number
"""

VOICES = {
    "KATE": '{"gender":"female","locale":"en_US","voice":"kate","tag":null}',
    "SUSAN": '{"gender":"female","locale":"en_US","voice":"susan"}',
}

_RUBY = """
create a call | Call.create | POST /calls | | object
get a call | Call.get | GET /calls/{}
list calls | Call.list | GET /calls | | list
update a call | call.update | POST /calls/{}
transfer a call | call.update | POST /calls/{} | {"state":"transferring"} | id
answer a call | call.answer_on_incoming | POST /calls/{} | {"state":"active"} | again
reject a call | call.reject_incoming | POST /calls/{} | {"state":"rejected"} | again
hang up a call | call.hangup | POST /calls/{} | {"state":"completed"} | again
record a call | call.recording_on | POST /calls/{} | {"recordingEnabled":true} | again
stop recording a call | call.recording_off | POST /calls/{} | {"recordingEnabled":false} | again
play audio to a call | call.play_audio | POST /calls/{}/audio
say to a call | call.speak_sentence | POST /calls/{}/audio | KATE
play a file to a call | call.play_recording | POST /calls/{}/audio | {"tag":null}
send keys | call.set_dtmf | POST /calls/{}/dtmf
gather | call.create_gather | POST /calls/{}/gather | | object
get a gather | call.get_gather | GET /calls/{}/gather/{}
stop a gather | call.update_gather | POST /calls/{}/gather/{} | {"state":"completed"}
list events of a call | call.get_events | GET /calls/{}/events | | list
get an event of a call | call.get_event | GET /calls/{}/events/{}
list recordings of a call | call.get_recordings | GET /calls/{}/recordings | | list
create a bridge | Bridge.create | POST /bridges | | object
get a bridge | Bridge.get | GET /bridges/{}
list bridges | Bridge.list | GET /bridges | | list
update a bridge | bridge.update | POST /bridges/{}
list calls of a bridge | bridge.get_calls | GET /bridges/{}/calls | | list
play audio to a bridge | bridge.play_audio | POST /bridges/{}/audio
create a conference | Conference.create | POST /conferences | | object
get a conference | Conference.get | GET /conferences/{}
update a conference | conference.update | POST /conferences/{}
mute a conference | conference.mute | POST /conferences/{} | {"mute":true}
end a conference | conference.complete | POST /conferences/{} | {"state":"completed"}
play audio to a conference | conference.play_audio | POST /conferences/{}/audio
say to a conference | conference.speak_sentence | POST /conferences/{}/audio | KATE
play a file to a conference | conference.play_recording | POST /conferences/{}/audio | {"tag":null}
create a member | conference.create_member | POST /conferences/{}/members | | object
get a member | conference.get_member | GET /conferences/{}/members/{}
list members | conference.get_members | GET /conferences/{}/members | | list
update a member | member.update | POST /conferences/{}/members/{}
play audio to a member | member.play_audio | POST /conferences/{}/members/{}/audio
say to a member | member.speak_sentence | POST /conferences/{}/members/{}/audio | KATE
play a file to a member | member.play_recording | POST /conferences/{}/members/{}/audio | {"tag":null}
get a recording | Recording.get | GET /recordings/{}
list recordings | Recording.list | GET /recordings | | list
transcribe a recording | recording.create_transcription | POST /recordings/{}/transcriptions | | object
get a transcription | recording.get_transcription | GET /recordings/{}/transcriptions/{}
list transcriptions | recording.get_transcriptions | GET /recordings/{}/transcriptions | | list
list media | Media.list | GET /media | | list
upload media | Media.upload | PUT /media/{}
download media | Media.download | GET /media/{} | | file
delete media | Media.delete | DELETE /media/{}
look at media | Media.get_info | HEAD /media/{} | | file
create an application | Application.create | POST /applications | | object
get an application | Application.get | GET /applications/{}
list applications | Application.list | GET /applications | | list
update an application | application.update | POST /applications/{}
delete an application | application.delete | DELETE /applications/{}
create a number | PhoneNumber.create | POST /phoneNumbers | | object
get a number | PhoneNumber.get | GET /phoneNumbers/{}
list numbers | PhoneNumber.list | GET /phoneNumbers | | list
update a number | number.update | POST /phoneNumbers/{}
delete a number | number.delete | DELETE /phoneNumbers/{}
search local numbers | AvailableNumber.search_local | GET /v1/availableNumbers/local | | list
search toll-free numbers | AvailableNumber.search_toll_free | GET /v1/availableNumbers/tollFree | | list
create a domain | Domain.create | POST /domains | | id
list domains | Domain.list | GET /domains | | list
delete a domain | domain.delete | DELETE /domains/{}
create an endpoint | domain.create_endpoint | POST /domains/{}/endpoints | | object
get an endpoint | domain.get_endpoint | GET /domains/{}/endpoints/{}
list endpoints | domain.get_endpoints | GET /domains/{}/endpoints | | list
delete an endpoint | domain.delete_endpoint | DELETE /domains/{}/endpoints/{}
create a token | endpoint.create_auth_token | POST /domains/{}/endpoints/{}/tokens | {"expires":86400} | made
delete a token | endpoint.delete_auth_token | DELETE /domains/{}/endpoints/{}/tokens/{}
get an error | Error.get | GET /errors/{}
list errors | Error.list | GET /errors | | list
get the account | Account.get | GET /account
list transactions | Account.get_transactions | GET /account/transactions | | list
look up a number | NumberInfo.get | GET /v1/phoneNumbers/numberInfo/{}
"""

_JAVA = """
create a call | Call.create | POST /calls | | object
create a call without callback | Call.create(to, from) | POST /calls | {"callbackUrl":"none","tag":null} | object
get a call | Call.get | GET /calls/{}
list calls | Call.list | GET /calls | {"page":0,"size":25} | list
answer a call | call.answerOnIncoming | POST /calls/{} | {"state":"active"} | again
reject a call | call.rejectIncoming | POST /calls/{} | {"state":"rejected"} | again
hang up a call | call.hangUp | POST /calls/{} | {"state":"completed"} | again
record a call | call.recordingOn | POST /calls/{} | {"recordingEnabled":"true"} | again
stop recording a call | call.recordingOff | POST /calls/{} | {"recordingEnabled":"false"} | again
transfer a call | call.callTransferBuilder | POST /calls/{} | {"state":"transferring"} | again made
play audio to a call | call.playAudio, newAudioBuilder | POST /calls/{}/audio
say to a call | call.speakSentence | POST /calls/{}/audio | KATE
play a file to a call | call.playRecording | POST /calls/{}/audio
stop a file of a call | call.stopAudioFilePlaying | POST /calls/{}/audio | {"fileUrl":""}
stop a sentence of a call | call.stopSentence | POST /calls/{}/audio | {"sentence":""}
send keys | call.sendDtmf | POST /calls/{}/dtmf
gather | call.createGather, callGatherBuilder | POST /calls/{}/gather | | id
get a gather | call.getGather | GET /calls/{}/gather/{}
stop a gather | Gather.complete | POST /calls/{}/gather/{} | {"state":"completed"}
list events of a call | call.getEventsList | GET /calls/{}/events | | list
get an event of a call | call.getEvent | GET /calls/{}/events/{}
list recordings of a call | call.getRecordings | GET /calls/{}/recordings | | list
create a bridge | Bridge.create | POST /bridges | {"bridgeAudio":"true"} | object
get a bridge | Bridge.get | GET /bridges/{}
list bridges | Bridge.list | GET /bridges | {"page":0,"size":25} | list
update a bridge | bridge.commit | POST /bridges/{} | | typed
list calls of a bridge | bridge.getBridgeCalls | GET /bridges/{}/calls | | list
play audio to a bridge | bridge.newBridgeAudioBuilder | POST /bridges/{}/audio
stop a file of a bridge | bridge.stopAudioFilePlaying | POST /bridges/{}/audio | {"fileUrl":""}
stop a sentence of a bridge | bridge.stopSentence | POST /bridges/{}/audio | {"sentence":""}
create a conference | Conference.createConference | POST /conferences | | object
get a conference | Conference.getConference | GET /conferences/{}
mute a conference | conference.mute | POST /conferences/{} | {"mute":"true"} | again
end a conference | conference.complete | POST /conferences/{} | {"state":"completed"} | again
list members | conference.getMembers | GET /conferences/{}/members | | list
play audio to a conference | conference.conferenceAudioBuilder | POST /conferences/{}/audio
get a recording | Recording.get | GET /recordings/{}
list recordings | Recording.list | GET /recordings | {"page":0,"size":25} | list
list media | Media.list | GET /media | {"page":0,"size":25} | list
upload media | Media.upload | PUT /media/{} | | file again
download media | Media.download | GET /media/{} | | file
delete media | MediaFile.delete | DELETE /media/{}
create an application | Application.create | POST /applications | | object
get an application | Application.get | GET /applications/{}
list applications | Application.list | GET /applications | {"page":0,"size":25} | list
update an application | application.commit | POST /applications/{} | | typed
delete an application | application.delete | DELETE /applications/{}
create a number | PhoneNumber.create | POST /phoneNumbers | | object
get a number | PhoneNumber.get | GET /phoneNumbers/{}
list numbers | PhoneNumber.list | GET /phoneNumbers | {"page":0,"size":25} | list
update a number | number.commit | POST /phoneNumbers/{} | | again
delete a number | number.delete | DELETE /phoneNumbers/{}
search local numbers | AvailableNumber.searchLocal | GET /v1/availableNumbers/local | | list
search toll-free numbers | AvailableNumber.searchTollFree | GET /v1/availableNumbers/tollFree | | list
create a domain | Domain.create | POST /domains | | object
get a domain | Domain.get | GET /domains/{}
list domains | Domain.list | GET /domains | {"page":0,"size":25} | list
update a domain | Domain.update | POST /domains/{} | | again
delete a domain | Domain.delete | DELETE /domains/{}
create an endpoint | Endpoint.create | POST /domains/{}/endpoints | | object
get an endpoint | Endpoint.get | GET /domains/{}/endpoints/{}
list endpoints | Endpoint.list | GET /domains/{}/endpoints | {"page":0,"size":20} | list
update an endpoint | Endpoint.update | POST /domains/{}/endpoints/{} | | again
delete an endpoint | Endpoint.delete | DELETE /domains/{}/endpoints/{}
create a token | EndpointToken.create | POST /domains/{}/endpoints/{}/tokens | | made
delete a token | EndpointToken.delete | DELETE /domains/{}/endpoints/{}/tokens/{}
get an error | Error.get | GET /errors/{}
list errors | Error.list | GET /errors | {"page":0,"size":25} | list
get the account | BandwidthClient.getInstance, Account.get | GET /account
list transactions | Account.getTransactions | GET /account/transactions | {"page":0,"size":25} | list
look up a number | NumberInfo.get | GET /v1/phoneNumbers/numberInfo/{}
"""

_CSHARP = """
create a call | Call.CreateAsync | POST /calls | | id
get a call | Call.GetAsync | GET /calls/{}
list calls | Call.List | GET /calls | | list
update a call | Call.UpdateAsync | POST /calls/{}
answer a call | Call.AnswerAsync | POST /calls/{} | {"state":"active"}
reject a call | Call.RejectAsync | POST /calls/{} | {"state":"rejected"}
hang up a call | Call.HangupAsync | POST /calls/{} | {"state":"completed"}
record a call | Call.TurnCallRecordingAsync(true) | POST /calls/{} | {"recordingEnabled":true}
stop recording a call | Call.TurnCallRecordingAsync(false) | POST /calls/{} | {"recordingEnabled":false}
transfer a call | Call.TransferAsync | POST /calls/{} | {"state":"transferring"} | id
play audio to a call | Call.PlayAudioAsync | POST /calls/{}/audio
say to a call | Call.SpeakSentenceAsync | POST /calls/{}/audio | SUSAN
play a file to a call | Call.PlayAudioFileAsync | POST /calls/{}/audio
send keys | Call.SendDtmfAsync | POST /calls/{}/dtmf
gather | Call.CreateGatherAsync | POST /calls/{}/gather | | id
get a gather | Call.GetGatherAsync | GET /calls/{}/gather/{}
stop a gather | Call.UpdateGatherAsync | POST /calls/{}/gather/{} | {"state":"completed"}
list events of a call | Call.GetEvents | GET /calls/{}/events | | list
get an event of a call | Call.GetEventAsync | GET /calls/{}/events/{}
list recordings of a call | Call.GetRecordings | GET /calls/{}/recordings | | list
list transcriptions of a call | Call.GetTranscriptions | GET /calls/{}/transcriptions | | list
create a bridge | Bridge.CreateAsync | POST /bridges | | id
get a bridge | Bridge.GetAsync | GET /bridges/{}
list bridges | Bridge.List | GET /bridges | | list
update a bridge | Bridge.UpdateAsync | POST /bridges/{}
list calls of a bridge | Bridge.GetCalls | GET /bridges/{}/calls | | list
play audio to a bridge | Bridge.PlayAudioAsync | POST /bridges/{}/audio
say to a bridge | Bridge.SpeakSentenceAsync | POST /bridges/{}/audio | SUSAN
play a file to a bridge | Bridge.PlayAudioFileAsync | POST /bridges/{}/audio
create a conference | Conference.CreateAsync | POST /conferences | | id
get a conference | Conference.GetAsync | GET /conferences/{}
update a conference | Conference.UpdateAsync | POST /conferences/{}
mute a conference | Conference.MuteAsync(true) | POST /conferences/{} | {"mute":true}
let a conference speak | Conference.MuteAsync(false) | POST /conferences/{} | {"mute":false}
hold a conference | Conference.HoldAsync(true) | POST /conferences/{} | {"hold":true}
release a conference | Conference.HoldAsync(false) | POST /conferences/{} | {"hold":false}
end a conference | Conference.TerminateAsync | POST /conferences/{} | {"state":"completed"}
play audio to a conference | Conference.PlayAudioAsync | POST /conferences/{}/audio
say to a conference | Conference.SpeakSentenceAsync | POST /conferences/{}/audio | SUSAN
play a file to a conference | Conference.PlayAudioFileAsync | POST /conferences/{}/audio
create a member | Conference.CreateMemberAsync | POST /conferences/{}/members | | id
get a member | Conference.GetMemberAsync | GET /conferences/{}/members/{}
list members | Conference.GetMembers | GET /conferences/{}/members | | list
update a member | Conference.UpdateMemberAsync | POST /conferences/{}/members/{}
mute a member | Conference.MuteMemberAsync(true) | POST /conferences/{}/members/{} | {"mute":true}
hold a member | Conference.HoldMemberAsync(true) | POST /conferences/{}/members/{} | {"hold":true}
remove a member | Conference.DeleteMemberAsync | POST /conferences/{}/members/{} | {"state":"completed"}
play audio to a member | Conference.PlayAudioToMemberAsync | POST /conferences/{}/members/{}/audio
say to a member | Conference.SpeakSentenceToMemberAsync | POST /conferences/{}/members/{}/audio | SUSAN
play a file to a member | Conference.PlayAudioFileToMemberAsync | POST /conferences/{}/members/{}/audio
get a recording | Recording.GetAsync | GET /recordings/{}
list recordings | Recording.List | GET /recordings | | list
transcribe a recording | Transcription.CreateAsync | POST /recordings/{}/transcriptions | | id
get a transcription | Transcription.GetAsync | GET /bridges/recordings/{}/transcriptions/{}
list transcriptions | Transcription.List | GET /recordings/{}/transcriptions | | list
list media | Media.List | GET /media | | list
upload media | Media.UploadAsync | PUT /media/{}
download media | Media.DownloadAsync | GET /media/{} | | file
delete media | Media.DeleteAsync | DELETE /media/{}
create an application | Application.CreateAsync | POST /applications | | id
get an application | Application.GetAsync | GET /applications/{}
list applications | Application.List | GET /applications | | list
update an application | Application.UpdateAsync | POST /applications/{}
delete an application | Application.DeleteAsync | DELETE /applications/{}
create a number | PhoneNumber.CreateAsync | POST /phoneNumbers | | id
get a number | PhoneNumber.GetAsync | GET /phoneNumbers/{}
list numbers | PhoneNumber.List | GET /phoneNumbers | | list
update a number | PhoneNumber.UpdateAsync | POST /phoneNumbers/{}
delete a number | PhoneNumber.DeleteAsync | DELETE /phoneNumbers/{}
search local numbers | AvailableNumber.SearchLocalAsync | GET /v1/availableNumbers/local | | list
search toll-free numbers | AvailableNumber.SearchTollFreeAsync | GET /v1/availableNumbers/tollFree | | list
order local numbers | AvailableNumber.SearchAndOrderLocalAsync | POST /v1/availableNumbers/local | | ordered
order toll-free numbers | AvailableNumber.SearchAndOrderTollFreeAsync | POST /v1/availableNumbers/tollFree | | ordered
create a domain | Domain.CreateAsync | POST /domains | | id
list domains | Domain.List | GET /domains | {"size":0} | list
delete a domain | Domain.DeleteAsync | DELETE /domains/{}
create an endpoint | Endpoint.CreateAsync | POST /domains/{}/endpoints | | id
get an endpoint | Endpoint.GetAsync | GET /domains/{}/endpoints/{}
list endpoints | Endpoint.List | GET /domains/{}/endpoints | | list
update an endpoint | Endpoint.UpdateAsync | POST /domains/{}/endpoints/{}
delete an endpoint | Endpoint.DeleteAsync | DELETE /domains/{}/endpoints/{}
create a token | Endpoint.CreateAuthTokenAsync | POST /domains/{}/endpoints/{}/tokens | | bare made
get an error | Error.GetAsync | GET /errors/{}
list errors | Error.List | GET /errors | | list
get the account | Account.GetAsync | GET /account
list transactions | Account.GetTransactions | GET /account/transactions | | list
look up a number | NumberInfo.GetAsync | GET /v1/phoneNumbers/numberInfo/{}
"""

ROWS: dict[str, dict[str, Row]] = {
    name: read_rows(table, VOICES) for name, table in (("ruby", _RUBY), ("java", _JAVA), ("c#", _CSHARP))
}
