"""Engines by name: built in, plugged in, missing; and Piper beside the embedded one."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from trebuchet.calls.interfaces import SpeechFailed
from trebuchet.model.prompt import Sentence
from trebuchet.speech import piper, tts
from trebuchet.speech.espeak import EspeakEngine
from trebuchet.speech.piper import PiperEngine
from trebuchet.speech.tts import SpeechOptions, SpeechUnavailable, VoiceRouter, engine_names, open_engine, open_speech

PLUG_IN = EntryPoint("parrot", f"{__name__}:make_parrot", tts.ENTRY_POINT_GROUP)
BROKEN = EntryPoint("broken", "no_such_module_anywhere:make", tts.ENTRY_POINT_GROUP)
THIEF = EntryPoint("espeak", f"{__name__}:make_parrot", tts.ENTRY_POINT_GROUP)


class Parrot:
    """A plug-in engine: its samples are its name."""

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options
        self.is_closed = False

    def fingerprint(self, sentence: Sentence) -> str:
        return "parrot"

    async def speak(self, sentence: Sentence) -> bytes:
        return b"parrot"

    async def close(self) -> None:
        self.is_closed = True


def make_parrot(options: SpeechOptions) -> Parrot:
    return Parrot(options)


@pytest.fixture(autouse=True)
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(*, group: str) -> list[EntryPoint]:
        return [point for point in (PLUG_IN, BROKEN, THIEF) if point.group == group]

    monkeypatch.setattr(tts, "entry_points", installed)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "amy.onnx").write_bytes(b"model")
    (tmp_path / "amy.onnx.json").write_bytes(b"{}")
    return tmp_path / "amy.onnx"


@pytest.fixture
def piper_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(piper, "find_spec", lambda name: object())


def test_built_in_and_plugged_in_engines_are_listed() -> None:
    assert engine_names() == ["broken", "espeak", "parrot", "piper"]


def test_a_plug_in_gets_the_options() -> None:
    engine = open_engine("parrot", SpeechOptions(extra={"mood": "grumpy"}))
    assert isinstance(engine, Parrot)
    assert engine.options.extra == {"mood": "grumpy"}


def test_a_plug_in_cannot_take_a_built_in_name() -> None:
    assert isinstance(open_engine("espeak", SpeechOptions()), EspeakEngine)


def test_a_missing_engine_is_named_with_what_there_is() -> None:
    with pytest.raises(SpeechUnavailable, match=r"'cockatoo' is not installed; known: broken, espeak, parrot, piper"):
        open_engine("cockatoo", SpeechOptions())


def test_a_plug_in_that_does_not_load_is_named() -> None:
    with pytest.raises(SpeechUnavailable, match=r"'broken' \(no_such_module_anywhere:make\) does not load"):
        open_engine("broken", SpeechOptions())


def test_piper_without_a_model_says_so() -> None:
    with pytest.raises(SpeechUnavailable, match="at least one voice model"):
        open_engine("piper", SpeechOptions())


def test_piper_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setattr(piper, "find_spec", lambda name: None)
    with pytest.raises(SpeechUnavailable, match="pip install piper-tts"):
        open_speech("espeak", SpeechOptions(piper_models={"en_US": model}))


@pytest.mark.usefixtures("piper_installed")
@pytest.mark.parametrize("missing", ["amy.onnx", "amy.onnx.json"])
def test_a_missing_model_file_is_named(model: Path, missing: str) -> None:
    (model.parent / missing).unlink()
    with pytest.raises(SpeechUnavailable, match=f"piper model of en_US: .*{missing} is missing"):
        PiperEngine({"en_US": model})


@pytest.mark.usefixtures("piper_installed")
async def test_voices_with_a_model_are_pipers_and_the_rest_are_not(model: Path) -> None:
    engine = open_speech("parrot", SpeechOptions(piper_models={"en_US/dave": model, "de_DE": model}))
    assert isinstance(engine, VoiceRouter)
    for locale, voice in (("en_US", "dave"), ("de_DE", "katrin")):
        assert engine.fingerprint(Sentence(text="x", locale=locale, voice=voice)).startswith("piper ")
    susan = Sentence(text="x")
    assert engine.fingerprint(susan) == "parrot"
    assert await engine.speak(susan) == b"parrot"
    await engine.close()


@pytest.mark.usefixtures("piper_installed")
async def test_piper_alone_refuses_voices_it_has_no_model_for(model: Path) -> None:
    engine = PiperEngine({"de_DE": model})
    with pytest.raises(SpeechFailed, match="no piper model for en_US/susan"):
        await engine.speak(Sentence(text="x"))
    assert await engine.speak(Sentence(text=" ", locale="de_DE")) == b""


@pytest.mark.usefixtures("piper_installed")
def test_a_changed_model_changes_the_fingerprint(model: Path) -> None:
    engine = PiperEngine({"en_US": model})
    before = engine.fingerprint(Sentence(text="x"))
    model.write_bytes(b"another model")
    assert engine.fingerprint(Sentence(text="x")) != before
