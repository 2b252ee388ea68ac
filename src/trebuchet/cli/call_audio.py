"""The audio of `trebuchet call`: playing, speaking, digits out and in."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from trebuchet.cli.remote import Json, connected, find_access
from trebuchet.cli.show import show_id, show_json

if TYPE_CHECKING:
    from trebuchet.client import Audio, Client, Gather

POLL_S = 0.5
"""Between two looks at a gather that is waited for."""

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id (c-…).")]
Tag = Annotated[str | None, typer.Option(help="A text of yours, repeated in events.")]
Loop = Annotated[bool, typer.Option("--loop", help="Again and again until stopped.")]
Volume = Annotated[int | None, typer.Option(min=-4, max=4, help="Loudness, -4 to 4.")]
Stop = Annotated[bool, typer.Option("--stop", help="Stop what is playing.")]


def play(
    context: typer.Context,
    call: CallId,
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Of the file.")] = None,
    stop: Stop = False,
    loop: Loop = False,
    volume: Volume = None,
    tag: Tag = None,
) -> None:
    _need_one(url, stop, "URL")
    with connected(find_access(*context.obj)) as client:
        if url is None:
            client.calls.stop_audio(call)
        else:
            client.calls.play(call, url, loop=loop or None, volume=volume, tag=tag)


def say(
    context: typer.Context,
    call: CallId,
    sentence: Annotated[str | None, typer.Argument(metavar="SENTENCE")] = None,
    stop: Stop = False,
    voice: Annotated[str | None, typer.Option(help="susan, dave, katrin …")] = None,
    gender: Annotated[str | None, typer.Option(metavar="female|male")] = None,
    locale: Annotated[str | None, typer.Option(help="en_US, de, fr …")] = None,
    loop: Loop = False,
    volume: Volume = None,
    tag: Tag = None,
) -> None:
    _need_one(sentence, stop, "SENTENCE")
    with connected(find_access(*context.obj)) as client:
        if sentence is None:
            client.calls.stop_audio(call)
        else:
            client.calls.say(
                call, sentence, voice=voice, gender=gender, locale=locale, loop=loop or None, volume=volume, tag=tag
            )


def dtmf(
    context: typer.Context, call: CallId, digits: Annotated[str, typer.Argument(metavar="DIGITS", help="0-9A-D*#")]
) -> None:
    with connected(find_access(*context.obj)) as client:
        client.calls.dtmf(call, digits)


def gather(
    context: typer.Context,
    call: CallId,
    max_digits: Annotated[int | None, typer.Option(help="How many at the most.")] = None,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="Between two digits.")] = None,
    terminators: Annotated[str | None, typer.Option(metavar="DIGITS", help="Any of them ends it.")] = None,
    say: Annotated[str | None, typer.Option(metavar="SENTENCE", help="Said until the first digit.")] = None,
    play: Annotated[str | None, typer.Option(metavar="URL", help="Played until the first digit.")] = None,
    tag: Tag = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over.")] = False,
    as_json: Json = False,
) -> None:
    with connected(find_access(*context.obj)) as client:
        gather_id = client.calls.gather(
            call,
            max_digits=max_digits,
            inter_digit_timeout=timeout,
            terminating_digits=terminators,
            prompt=audio_of(say, play),
            tag=tag,
        )
        if not wait:
            show_id(gather_id, as_json)
            return
        found = _wait_for_gather(client, call, gather_id)
    if as_json:
        show_json(found.raw)
    else:
        typer.echo(f"{found.digits or ''} ({found.reason})")


def audio_of(sentence: str | None, url: str | None) -> "Audio | None":
    """A sentence or a file as one wants it played; `None` when neither is given."""
    from trebuchet.client import AudioFile

    if sentence is not None and url is not None:
        raise typer.BadParameter("a sentence or a file, not both")
    return AudioFile(url=url) if url is not None else sentence


def _wait_for_gather(client: "Client", call: str, gather_id: str) -> "Gather":
    while (found := client.calls.get_gather(call, gather_id)).state != "completed":
        time.sleep(POLL_S)
    return found


def _need_one(what: str | None, stop: bool, name: str) -> None:
    if (what is None) is not stop:
        raise typer.BadParameter(f"give either {name} or --stop")
