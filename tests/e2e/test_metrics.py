"""The figures of a running server, as a monitoring system reads them."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.server import Server
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_S = 15.0

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def figures(server: Server) -> Figures:
    """Every sample by its name and labels."""
    answer = await server.curl(f"{server.http}/metrics")
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return f"trebuchet_{name}", tuple(sorted(labels.items()))


async def test_a_call_with_audio_shows_in_the_figures(stage: Stage) -> None:
    before = await figures(stage.server)
    assert before[of("calls")] == 0 and before[of("ready")] == 1
    async with stage.phone("ann", 440.0) as ann:
        number = await stage.number()
        call_id = await stage.call_from(ann, number)
        await stage.answer(call_id)
        await stage.web.wait_for("answer", callId=call_id)
        await ann.listen(1.0)
        during = await figures(stage.server)
        assert during[of("calls")] == 1 and during[of("sip_dialogs")] == 1
        setup = of("call_setup_seconds_count", direction="in")
        assert during[setup] == before.get(setup, 0) + 1
        assert (await stage.update(call_id, state="completed")).status == 200
    await stage.web.wait_for("hangup", callId=call_id)
    ended = of("calls_ended_total", direction="in", cause="hangup")
    streams = of("rtp_mos_count")
    mixing = of("media_stage_seconds_total", stage="mix")
    async with asyncio.timeout(LIMIT_S):
        while not {ended, mixing} <= (after := await figures(stage.server)).keys() or after[streams] != 1:
            await asyncio.sleep(0.1)
    assert after[of("calls")] == 0
    assert after[of("rtp_packets_total", kind="received")] > 0
    assert after[of("webhook_attempts_total", verdict="acknowledged")] >= 3
    assert after[of("log_commit_seconds_count")] > 0
    assert after[mixing] > 0
    assert after[of("media_ticks_total", worker="0")] > before.get(of("media_ticks_total", worker="0"), 0)
    text = (await stage.server.curl(f"{stage.server.http}/metrics")).body.decode()
    assert number not in text and stage.server.user not in text


async def test_who_may_not_read_them_finds_nothing_there(tmp_path: Path) -> None:
    async with Server(tmp_path, environment={"TREBUCHET_API_METRICS_NETWORKS": "10.0.0.0/8"}) as server:
        for path in ("/metrics", "/nothing"):
            answer = await server.curl(f"{server.http}{path}")
            assert (answer.status, answer.json["code"]) == (404, "resource-not-found")
