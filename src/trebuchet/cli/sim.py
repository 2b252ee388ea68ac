"""`trebuchet sim`: phones that call and answer, and the demonstration, for trying the server without a carrier."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trebuchet.cli.options import fail

if TYPE_CHECKING:
    from trebuchet.sim.phone_call import End, PhoneCall

app = typer.Typer(no_args_is_help=True)

ONCE_UP_S = 3600.0
"""How long a call to `sim answer` may last."""
_REFUSALS = {
    403: "callers from this address are not let in",
    404: "nobody has this number",
    480: "nobody can be reached there now; a number must be bound to an application",
    486: "busy",
    488: "no codec in common",
    503: "no room for calls now",
    603: "declined",
}
_Tone = Annotated[float, typer.Option(min=100, max=3500, metavar="HZ", help="What to say.")]


@app.command("phone", help="Call a sip: address, say a tone, report what was heard, hang up.")
def phone(
    uri: Annotated[str, typer.Argument(metavar="sip:USER@HOST:PORT")],
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="How long to talk.")] = 2.0,
    tone: _Tone = 700.0,
    number: Annotated[str, typer.Option(metavar="NUMBER", help="Who is calling.")] = "+15550188",
) -> None:
    if not uri.startswith("sip:"):
        raise typer.BadParameter("expected sip:USER@HOST:PORT, such as sip:+15550100@127.0.0.1:5060")
    _run(_call(uri, seconds, tone, number))


@app.command("answer", help="Be a phone that answers every call, says a tone, and reports what it heard.")
def answer(
    port: Annotated[int, typer.Option(min=0, max=65535, help="SIP port on 127.0.0.1; 0: a free one.")] = 5070,
    tone: _Tone = 1000.0,
    number: Annotated[str, typer.Option(metavar="USER", help="Name or number of the phone.")] = "agent",
    calls: Annotated[int, typer.Option(min=0, help="End after so many calls; 0: when interrupted.")] = 0,
) -> None:
    _run(_answer(port, tone, number, calls))


@app.command("demo", help="Play a call through: answered, recorded, transferred with a whisper; every claim checked.")
def demo(directory: Annotated[Path, typer.Argument(help="Data directory, made anew.")] = Path("build/demo")) -> None:
    from trebuchet.sim.demo import run

    raise typer.Exit(run(directory))


def _run(work: Coroutine[None, None, None]) -> None:
    from trebuchet.base.errors import TrebuchetError
    from trebuchet.sim.phone_call import CallFailed

    try:
        asyncio.run(work)
    except TimeoutError:
        fail("the other side does not answer any more")
    except (CallFailed, TrebuchetError, OSError) as error:
        fail(str(error))


async def _call(uri: str, seconds: float, tone: float, number: str) -> None:
    from trebuchet.sim.phone import Phone
    from trebuchet.sim.phone_call import CallFailed

    async with await Phone.open(number, tone_hz=tone) as caller:
        call = await caller.call(uri)
        try:
            await call.wait_answered()
        except TimeoutError:
            raise CallFailed("nobody answered") from None
        except CallFailed as error:
            raise CallFailed(str(error) if call.end is None else _why(call.end)) from None
        typer.echo("answered")
        await _talk(call, seconds)


async def _answer(port: int, tone: float, number: str, calls: int) -> None:
    from trebuchet.sim.phone import Phone

    async with await Phone.open(number, tone_hz=tone, port=port) as phone:
        typer.echo(f"listening at {phone.uri}")
        taken = 0
        while not calls or taken < calls:
            taken += 1
            call = await phone.wait_call(taken, timeout_s=None)
            typer.echo(f"call from {call.header('From')}")
            await _talk(call, ONCE_UP_S)


async def _talk(call: "PhoneCall", seconds: float) -> None:
    """Until the other side hangs up, at most `seconds`."""
    from trebuchet.base.units import RATE_HZ
    from trebuchet.testing.tones import level, loudest_hz

    try:
        await call.wait_ended(seconds)
    except TimeoutError:
        call.hang_up()
        await call.wait_ended()
    else:
        typer.echo("the other side hung up")
    heard = call.heard
    typer.echo(f"heard {len(heard) / RATE_HZ:.1f} s at {level(heard):.0f} dB, loudest at {loudest_hz(heard):.0f} Hz")


def _why(end: "End") -> str:
    """What ended a call before it was answered."""
    from trebuchet.sip.outputs import EndReason

    if end.reason in (EndReason.TRANSPORT, EndReason.TIMEOUT):
        return "nobody speaks SIP at that address"
    if end.status is None:
        return f"the call ended: {end.reason.value}"
    meaning = _REFUSALS.get(end.status)
    return f"refused with {end.status}" + (f": {meaning}" if meaning else "")
