"""`trebuchet call`: placing calls and acting on them, over the API of a running server."""

from typing import TYPE_CHECKING, Annotated

import typer

from trebuchet.cli.call_audio import CallId, Tag, audio_of, dtmf, gather, play, say
from trebuchet.cli.remote import (
    Access,
    Json,
    Profile,
    Secret,
    Token,
    Url,
    User,
    connected,
    find_access,
)
from trebuchet.cli.show import show_id, show_json, show_properties, show_table

if TYPE_CHECKING:
    from trebuchet.client import Call

app = typer.Typer(no_args_is_help=True)

LISTED = 25
"""Calls shown unless told otherwise: a screenful."""

CallbackUrl = Annotated[str | None, typer.Option(metavar="URL", help="Where events of the call go.")]
Format = Annotated[str | None, typer.Option("--format", metavar="wav|mp3", help="Of the recording.")]
MaxDuration = Annotated[int | None, typer.Option(metavar="SECONDS", help="Longest recording.")]


@app.callback()
def options(
    context: typer.Context,
    url: Url = None,
    user: User = None,
    token: Token = None,
    secret: Secret = None,
    profile: Profile = None,
) -> None:
    context.obj = (Access(url=url, user=user, token=token, secret=secret), profile)


@app.command("create", help="Place a call and print its id.")
def create(
    context: typer.Context,
    from_: Annotated[str, typer.Option("--from", metavar="NUMBER", help="A number of the account.")],
    to: Annotated[str, typer.Option(metavar="NUMBER|sip:…", help="Whom to call.")],
    timeout: Annotated[int | None, typer.Option(metavar="SECONDS", help="How long to ring.")] = None,
    callback_url: CallbackUrl = None,
    tag: Tag = None,
    record: Annotated[bool, typer.Option("--record", help="Record from the answer on.")] = False,
    file_format: Format = None,
    max_duration: MaxDuration = None,
    transcribe: Annotated[bool, typer.Option("--transcribe", help="Transcribe the recordings.")] = False,
    bridge: Annotated[str | None, typer.Option(metavar="ID", help="A bridge to join when answered.")] = None,
    conference: Annotated[str | None, typer.Option(metavar="ID", help="The conference it is meant for.")] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="X-NAME=VALUE", help="A SIP header; repeatable.")] = None,
    key: Annotated[str | None, typer.Option("--idempotency-key", help="Same key, same call.")] = None,
    as_json: Json = False,
) -> None:
    headers = dict(map(_read_header, header or ()))
    with connected(find_access(*context.obj)) as client:
        call_id = client.calls.create(
            from_,
            to,
            call_timeout=timeout,
            callback_url=callback_url,
            tag=tag,
            recording_enabled=record or None,
            recording_file_format=file_format,
            recording_max_duration=max_duration,
            transcription_enabled=transcribe or None,
            bridge_id=bridge,
            conference_id=conference,
            sip_headers=headers or None,
            idempotency_key=key,
        )
    show_id(call_id, as_json)


@app.command("get", help="Show a call.")
def get(context: typer.Context, call: CallId, as_json: Json = False) -> None:
    with connected(find_access(*context.obj)) as client:
        found = client.calls.get(call)
    if as_json:
        show_json(found.raw)
    else:
        show_properties(found.raw)


@app.command("list", help="List calls, newest first.")
def show(
    context: typer.Context,
    from_: Annotated[str | None, typer.Option("--from", metavar="NUMBER")] = None,
    to: Annotated[str | None, typer.Option(metavar="NUMBER")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = LISTED,
    as_json: Json = False,
) -> None:
    from itertools import islice

    with connected(find_access(*context.obj)) as client:
        found = list(islice(client.calls.list(from_=from_, to=to, size=min(limit, 1000)), limit))
    if as_json:
        show_json([call.raw for call in found])
    else:
        show_table(("id", "", "from", "to", "state", "started", "answered", "ended", "tag"), map(_row, found))


@app.command("answer", help="Answer an incoming call.")
def answer(context: typer.Context, call: CallId, as_json: Json = False) -> None:
    with connected(find_access(*context.obj)) as client:
        client.calls.answer(call)
        _show_state(client.calls.get(call), as_json)


@app.command("reject", help="Refuse an incoming call.")
def reject(context: typer.Context, call: CallId, as_json: Json = False) -> None:
    with connected(find_access(*context.obj)) as client:
        client.calls.reject(call)
        _show_state(client.calls.get(call), as_json)


@app.command("hangup", help="End a call.")
def hangup(context: typer.Context, call: CallId, as_json: Json = False) -> None:
    with connected(find_access(*context.obj)) as client:
        client.calls.hangup(call)
        _show_state(client.calls.get(call), as_json)


@app.command("record", help="Start recording a call, or stop with --off.")
def record(
    context: typer.Context,
    call: CallId,
    off: Annotated[bool, typer.Option("--off", help="Stop.")] = False,
    file_format: Format = None,
    max_duration: MaxDuration = None,
    as_json: Json = False,
) -> None:
    with connected(find_access(*context.obj)) as client:
        client.calls.record(call, not off, file_format=file_format, max_duration=max_duration)
        found = client.calls.get(call)
    if as_json:
        show_json(found.raw)
    else:
        typer.echo(f"{found.id} {'recording' if found.recording_enabled else 'not recording'}")


@app.command("transfer", help="Connect a call with somebody else and print the id of the new call.")
def transfer(
    context: typer.Context,
    call: CallId,
    to: Annotated[str, typer.Option(metavar="NUMBER|sip:…", help="Whom to call.")],
    whisper: Annotated[str | None, typer.Option(metavar="TEXT", help="Said to the new party alone.")] = None,
    whisper_file: Annotated[str | None, typer.Option(metavar="URL", help="Played to the new party alone.")] = None,
    caller_id: Annotated[str | None, typer.Option(metavar="NUMBER|private", help="What the new party sees.")] = None,
    callback_url: CallbackUrl = None,
    tag: Tag = None,
    as_json: Json = False,
) -> None:
    with connected(find_access(*context.obj)) as client:
        new_id = client.calls.transfer(
            call, to, whisper=audio_of(whisper, whisper_file), caller_id=caller_id, callback_url=callback_url, tag=tag
        )
    show_id(new_id, as_json)


app.command("play", help="Play a wav or mp3 file to a call, or stop it with --stop.")(play)
app.command("say", help="Speak a sentence to a call, or stop with --stop.")(say)
app.command("dtmf", help="Send digits into a call; , and w wait half a second, W a second.")(dtmf)
app.command("gather", help="Collect digits from a call; print the gather's id, or with --wait the digits.")(gather)


@app.command("events", help="Show a call's log.")
def events(context: typer.Context, call: CallId, as_json: Json = False) -> None:
    with connected(find_access(*context.obj)) as client:
        found = list(client.calls.events(call))
    if as_json:
        show_json([event.raw for event in found])
    else:
        show_table(("time", "name", "data"), [(event.time, event.name, event.data) for event in found])


# --- inside ---------------------------------------------------------------------------------------------------------


def _row(call: "Call") -> tuple[object, ...]:
    return (
        call.id,
        call.direction,
        call.from_,
        call.to,
        call.state,
        call.start_time,
        call.active_time,
        call.end_time,
        call.tag,
    )


def _show_state(call: "Call", as_json: bool) -> None:
    if as_json:
        show_json(call.raw)
    else:
        typer.echo(f"{call.id} {call.state}")


def _read_header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise typer.BadParameter(f"--header {text}: expected X-NAME=VALUE")
    return name, value
