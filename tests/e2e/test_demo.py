"""The demonstration is what `make demo` shows: it must hold, and say where the recordings are."""

import asyncio
import re
import sys
from pathlib import Path


async def demo(directory: Path) -> tuple[int | None, str, str]:
    program = Path(sys.executable).with_name("trebuchet")
    process = await asyncio.create_subprocess_exec(
        str(program), "sim", "demo", str(directory), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_every_claim_of_the_demonstration_holds(tmp_path: Path) -> None:
    code, out, err = await demo(tmp_path / "demo")
    assert code == 0, out + err
    assert "✗" not in out and out.count("✓") == 10
    recordings = re.findall(r"^ +(/\S+\.(?:wav|mp3))$", out, re.M)
    assert len(recordings) == 2 and all(Path(path).stat().st_size > 0 for path in recordings)


async def test_it_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    code, _, err = await demo(tmp_path)
    assert code == 1 and "not empty" in err
    assert (tmp_path / "precious").read_text() == "kept"
