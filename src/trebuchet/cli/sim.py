"""`trebuchet sim`: a phone to call with, and the demonstration, for trying the server without a carrier."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from trebuchet.cli.options import fail

app = typer.Typer(no_args_is_help=True)


@app.command("phone", help="Call a sip: address, say a tone, report what was heard, hang up.")
def phone(
    uri: Annotated[str, typer.Argument(metavar="sip:USER@HOST:PORT")],
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="How long to talk.")] = 2.0,
    tone: Annotated[float, typer.Option(min=100, max=3500, metavar="HZ", help="What to say.")] = 700.0,
    number: Annotated[str, typer.Option(metavar="NUMBER", help="Who is calling.")] = "+15550188",
) -> None:
    from trebuchet.base.errors import TrebuchetError
    from trebuchet.base.units import RATE_HZ
    from trebuchet.sim.phone import Phone
    from trebuchet.sim.phone_call import CallFailed
    from trebuchet.testing.tones import level, loudest_hz

    async def talk() -> None:
        async with await Phone.open(number, tone_hz=tone) as caller:
            call = await caller.call(uri)
            await call.wait_answered()
            typer.echo("answered")
            heard = await call.hear(seconds)
            typer.echo(
                f"heard {len(heard) / RATE_HZ:.1f} s at {level(heard):.0f} dB, loudest at {loudest_hz(heard):.0f} Hz"
            )
            call.hang_up()
            await call.wait_ended()

    try:
        asyncio.run(talk())
    except (CallFailed, TrebuchetError) as error:
        fail(str(error))
    except TimeoutError:
        fail("nobody answered")


@app.command("demo", help="Play a call through: answered, recorded, transferred with a whisper; every claim checked.")
def demo(directory: Annotated[Path, typer.Argument(help="Data directory, made anew.")] = Path("build/demo")) -> None:
    from trebuchet.sim.demo import run

    raise typer.Exit(run(directory))
