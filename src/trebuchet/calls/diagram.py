"""The page about call states, from the table: `python -m trebuchet.calls.diagram > docs/reference/call-states.md`."""

from collections.abc import Iterator

from trebuchet.calls.machine import COMMANDS, TABLE, Phase
from trebuchet.calls.stimuli import Stimulus

MEANINGS: dict[Phase, tuple[str, str]] = {
    Phase.OFFERED: ("started", "incoming, not answered: the caller hears ringing, the application decides"),
    Phase.DIALLING: ("started", "outgoing, not answered: our INVITE is out"),
    Phase.UP: ("active", "answered"),
    Phase.TRANSFERRING: ("transferring", "answered, and a new call is being set up to be joined with it"),
    Phase.REJECTED: ("rejected", "refused before the answer; final"),
    Phase.ENDED: ("completed", "final"),
}
"""The `state` that the API shows, and what the phase means."""


def _stimuli() -> list[type[Stimulus]]:
    """All stimuli, in the order in which the table first names them."""
    return list(dict.fromkeys(stimulus for row in TABLE.values() for stimulus in row))


def _arrows() -> Iterator[str]:
    yield "    [*] --> offered: INVITE arrives"
    yield "    [*] --> dialling: POST /calls, or a transfer"
    for phase, row in TABLE.items():
        for stimulus, transition in row.items():
            for to in transition.to:
                if to is not phase:
                    yield f"    {phase} --> {to}: {stimulus.__name__}"
    yield "    rejected --> [*]"
    yield "    ended --> [*]"


def _cell(phase: Phase, stimulus: type[Stimulus]) -> str:
    transition = TABLE[phase].get(stimulus)
    if transition is not None:
        return " or ".join(transition.to)
    return "refused" if issubclass(stimulus, COMMANDS) else "ignored"


def _first_line(stimulus: type[Stimulus]) -> str:
    return (stimulus.__doc__ or "").partition("\n")[0]


def page() -> Iterator[str]:
    """The page's lines."""
    yield "# Call states"
    yield ""
    yield "<!-- Made by `python -m trebuchet.calls.diagram`; a test compares the two. -->"
    yield ""
    yield "| phase | `state` in the API | meaning |"
    yield "| --- | --- | --- |"
    for phase in Phase:
        state, meaning = MEANINGS[phase]
        yield f"| {phase} | `{state}` | {meaning} |"
    yield ""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield from _arrows()
    yield "```"
    yield ""
    yield "What follows on each stimulus. *refused*: the client gets 403 `call-invalid-state` and nothing changes;"
    yield "*ignored*: what a plane reports about something that is over already."
    yield ""
    yield "| stimulus | " + " | ".join(Phase) + " |"
    yield "| --- |" + " --- |" * len(Phase)
    for stimulus in _stimuli():
        yield f"| {stimulus.__name__} | " + " | ".join(_cell(phase, stimulus) for phase in Phase) + " |"
    yield ""
    for stimulus in _stimuli():
        yield f"- **{stimulus.__name__}**: {_first_line(stimulus)}"


if __name__ == "__main__":
    print("\n".join(page()))
