"""The engine's process: killed, hung, flooded; the next sentence is spoken all the same."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trebuchet.calls.interfaces import SpeechFailed
from trebuchet.model.prompt import Sentence
from trebuchet.speech import piper, process
from trebuchet.speech.espeak import EspeakEngine
from trebuchet.speech.piper import PiperEngine
from trebuchet.speech.process import EngineBusy, EngineDied, EngineError, EngineHung, EngineProcess
from trebuchet.speech.protocol import Utterance

HELLO = Sentence(text="Hello there.")
LONG = Sentence(text="9 " * 500)
MOOD = """
import os, pathlib, sys, time
import numpy as np
from trebuchet.speech.child import serve
def speak(utterance):
    if utterance.text == "hang":
        time.sleep(60)
    if utterance.text == "die":
        os._exit(1)
    if utterance.text == "raise":
        raise ValueError("cannot say that")
    if utterance.text == "print":
        print("noise on the standard output", flush=True)
        os.write(1, b"more noise")
    if utterance.text == "environment":
        return np.frombuffer(" ".join(sorted(os.environ)).encode().ljust(4000), np.int16), 8000
    if utterance.text == "write":
        pathlib.Path("written-by-the-engine").write_text("x")
    if utterance.text.startswith("length "):
        return np.zeros(int(utterance.text.split()[1]), np.int16), 8000
    if utterance.text == "memory":
        np.ones(1 << 28)
    return np.arange(100, dtype=np.int16), 8000
def start():
    return speak
if __name__ == "__main__":
    serve(start, memory_bytes=1 << 30)
"""
BROKEN = """
from trebuchet.speech.child import serve
def start():
    raise RuntimeError("the voice data is damaged")
serve(start, memory_bytes=1 << 30)
"""
PIPER = """
import numpy as np
class Chunk:
    sample_rate = 16000
    def __init__(self, samples):
        self.audio_int16_bytes = samples.tobytes()
class PiperVoice:
    loads = 0
    @staticmethod
    def load(path):
        PiperVoice.loads += 1
        assert open(path, "rb").read() == b"model", "not the model"
        return PiperVoice()
    def synthesize(self, text):
        for word in text.split():
            yield Chunk(np.full(1600, 1000 * PiperVoice.loads, np.int16))
"""


@pytest.fixture
async def engine() -> AsyncIterator[EspeakEngine]:
    engine = EspeakEngine()
    yield engine
    await engine.close()


@pytest.fixture
async def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineProcess]:
    (tmp_path / "moody_engine.py").write_text(MOOD)
    (tmp_path / "broken_engine.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    engine = EngineProcess("moody_engine")
    yield engine
    await engine.close()


def say(text: str) -> Utterance:
    return Utterance(text=text, voice="any")


async def dead(pid: int) -> None:
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
            await asyncio.sleep(0.005)


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_kill_9_between_sentences(engine: EspeakEngine) -> None:
    first = await engine.speak(HELLO)
    pid = engine.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await engine.speak(HELLO) == first
    assert engine.process.pid != pid


async def test_kill_9_in_mid_sentence_costs_nothing_but_time(engine: EspeakEngine) -> None:
    await engine.speak(HELLO)
    pid = engine.process.pid
    assert pid is not None
    before = cpu_ticks(pid)
    speaking = asyncio.create_task(engine.speak(LONG))
    async with asyncio.timeout(10):
        while cpu_ticks(pid) < before + 2:  # it is at work
            await asyncio.sleep(0.001)
    assert not speaking.done()
    os.kill(pid, signal.SIGKILL)
    spoken = await speaking
    assert len(spoken) > 100 * 16_000
    assert engine.process.pid != pid
    assert len(await engine.speak(HELLO)) > 1000


async def test_sentences_at_once_each_get_their_own_samples(moody: EngineProcess) -> None:
    lengths = [1, 700, 20, 9000, 3]
    together = await asyncio.gather(*(moody.speak(say(f"length {length}"), 5) for length in lengths * 4))
    assert [len(spoken) // 2 for spoken in together] == lengths * 4


async def test_a_cancelled_sentence_leaves_no_samples_for_the_next(engine: EspeakEngine) -> None:
    length = len(await engine.speak(HELLO))
    speaking = asyncio.create_task(engine.speak(LONG))
    await asyncio.sleep(0)
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert abs(len(await engine.speak(HELLO)) - length) < 1600


async def test_a_closed_engine_has_no_process_and_speaks_no_more() -> None:
    engine = EspeakEngine()
    await engine.speak(HELLO)
    pid = engine.process.pid
    assert pid is not None
    await engine.close()
    await dead(pid)
    with pytest.raises(SpeechFailed, match="closed"):
        await engine.speak(HELLO)


async def test_a_hung_engine_is_killed_and_the_next_sentence_works(moody: EngineProcess) -> None:
    await moody.speak(say("fine"), 5)
    pid = moody.pid
    assert pid is not None
    with pytest.raises(EngineHung, match=r"within 0\.2 s"):
        await moody.speak(say("hang"), 0.2)
    await dead(pid)
    assert len(await moody.speak(say("fine"), 5)) == 200


async def test_a_sentence_that_kills_the_engine_twice_fails(moody: EngineProcess) -> None:
    with pytest.raises(EngineDied):
        await moody.speak(say("die"), 5)
    assert len(await moody.speak(say("fine"), 5)) == 200


async def test_a_sentence_that_fails_leaves_the_engine_running(moody: EngineProcess) -> None:
    await moody.speak(say("fine"), 5)
    pid = moody.pid
    with pytest.raises(EngineError, match="ValueError: cannot say that"):
        await moody.speak(say("raise"), 5)
    assert len(await moody.speak(say("fine"), 5)) == 200
    assert moody.pid == pid


async def test_what_a_library_prints_does_not_reach_the_answers(moody: EngineProcess) -> None:
    assert len(await moody.speak(say("print"), 5)) == 200


async def test_the_engine_cannot_write_files_or_take_all_memory(moody: EngineProcess, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="File too large"):
        await moody.speak(say("write"), 5)
    written = tmp_path / "written-by-the-engine"
    assert not written.exists() or written.stat().st_size == 0
    with pytest.raises(EngineError, match=r"MemoryError|Unable to allocate"):
        await moody.speak(say("memory"), 5)


async def test_the_engine_sees_no_secrets(moody: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREBUCHET_ACCOUNT", "u-1:t-1:s-secret")
    names = (await moody.speak(say("environment"), 5)).decode().split()
    assert "PATH" in names
    assert "TREBUCHET_ACCOUNT" not in names


async def test_an_engine_that_does_not_start_says_why(moody: EngineProcess) -> None:
    broken = EngineProcess("broken_engine")
    with pytest.raises(EngineError, match="the voice data is damaged"):
        await broken.speak(say("fine"), 5)
    assert broken.pid is None
    await broken.close()


async def test_an_engine_that_is_not_there_fails_and_leaves_nothing() -> None:
    missing = EngineProcess("no_such_engine_module")
    with pytest.raises(EngineDied):
        await missing.speak(say("fine"), 5)
    assert missing.pid is None


async def test_the_line_in_front_of_an_engine_is_bounded(moody: EngineProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_WAITING", 3)
    results = await asyncio.gather(*(moody.speak(say("fine"), 5) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [bytes, bytes, bytes, EngineBusy, EngineBusy]


async def test_the_engine_dies_with_its_server(moody: EngineProcess, tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from trebuchet.speech.process import EngineProcess\n"
        "from trebuchet.speech.protocol import Utterance\n"
        "async def main():\n"
        "    engine = EngineProcess('moody_engine')\n"
        "    asyncio.get_running_loop().call_later(30, sys.exit)\n"
        "    task = asyncio.create_task(engine.speak(Utterance(text='hang', voice='any'), 60))\n"
        "    while engine.pid is None: await asyncio.sleep(0.01)\n"
        "    print(engine.pid, flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    pid = int(await server.stdout.readline())
    server.kill()
    await server.wait()
    await dead(pid)
    assert len(await moody.speak(say("fine"), 5)) == 200


async def test_piper_speaks_in_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the package: what is tested is our side, from the model's path to 8 kHz samples."""
    (tmp_path / "piper.py").write_text(PIPER)
    (tmp_path / "amy.onnx").write_bytes(b"model")
    (tmp_path / "amy.onnx.json").write_text("{}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(piper, "find_spec", lambda name: object())
    engine = PiperEngine({"en_US": tmp_path / "amy.onnx"})
    try:
        spoken = await engine.speak(Sentence(text="three short words"))
        again = await engine.speak(Sentence(text="three short words"))
    finally:
        await engine.close()
    assert len(spoken) == 3 * 800 * 2  # 0.1 s a word, from 16 kHz
    assert again == spoken  # the model was loaded once
