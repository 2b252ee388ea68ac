"""`trebuchet sim phone` and `sim answer`, as processes of their own."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from support.ports import free_port
from trebuchet.sim.phone import Manner, Phone

PROGRAM = Path(sys.executable).with_name("trebuchet")
LIMIT_S = 60
HEARD = re.compile(r"heard ([\d.]+) s at -?\d+ dB, loudest at (\d+) Hz")


@contextlib.asynccontextmanager
async def command(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM), "sim", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def output_of(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(LIMIT_S):
        output, _ = await process.communicate()
    return output.decode()


async def run(*arguments: str) -> tuple[int | None, str]:
    async with command(*arguments) as process:
        output = await output_of(process)
    return process.returncode, output


async def test_one_command_calls_the_other() -> None:
    async with command("answer", "--port", "0", "--tone", "1000", "--calls", "1") as answering:
        assert answering.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            line = (await answering.stdout.readline()).decode()
        uri = line.removeprefix("listening at ").strip()
        assert uri.startswith("sip:agent@127.0.0.1:")
        code, said = await run("phone", uri, "--seconds", "1.5", "--number", "+15550199", "--tone", "700")
        report = await output_of(answering)
    assert (code, answering.returncode) == (0, 0)
    assert "+15550199" in report and "the other side hung up" in report
    for text, hz in ((said, 1000), (report, 700)):
        heard = HEARD.search(text)
        assert heard is not None, text
        assert float(heard[1]) > 0.5 and abs(int(heard[2]) - hz) < 10


async def test_a_caller_reports_also_when_the_other_side_hangs_up() -> None:
    async with await Phone.open("bob") as bob, command("phone", bob.uri, "--seconds", "3600") as calling:
        call = await bob.wait_call(timeout_s=LIMIT_S)
        await call.wait_answered()
        await call.hear(0.2)
        call.hang_up()
        said = await output_of(calling)
    assert calling.returncode == 0
    assert "the other side hung up" in said and HEARD.search(said)


async def test_what_goes_wrong_is_one_plain_line() -> None:
    assert await run("phone", f"sip:x@127.0.0.1:{free_port()}") == (
        1,
        "trebuchet: nobody speaks SIP at that address\n",
    )
    async with await Phone.open("bob") as bob:
        bob.manner, bob.reject_status = Manner.REJECT, 404
        assert await run("phone", bob.uri) == (1, "trebuchet: refused with 404: nobody has this number\n")
        bob.reject_status = 420
        assert await run("phone", bob.uri) == (1, "trebuchet: refused with 420\n")
        code, said = await run("answer", "--port", str(bob.port))
        assert code == 1
        assert said == f"trebuchet: cannot listen on sip 127.0.0.1:{bob.port}: Address already in use\n"


async def test_an_address_that_is_none_is_a_matter_of_usage() -> None:
    code, said = await run("phone", "+15550100")
    assert code == 2 and "expected sip:USER@HOST:PORT" in said
    code, said = await run("phone", "sip:a@b:99999")
    assert (code, said) == (1, "trebuchet: number out of range\n")
