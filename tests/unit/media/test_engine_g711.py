"""G.711 against the reference formulas and an independent implementation."""

import warnings

import numpy as np
import pytest

from trebuchet.media.engine import Law, g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = np.arange(256, dtype=np.uint8)
LAWS = [(Law.PCMU, audioop.lin2ulaw, audioop.ulaw2lin), (Law.PCMA, audioop.lin2alaw, audioop.alaw2lin)]


def mu_formula(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -size if code & 0x80 else size


def a_formula(code: int) -> int:
    code ^= 0x55
    step, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = step + 8 if segment == 0 else (step + 0x108) << (segment - 1)
    return size if code & 0x80 else -size


@pytest.mark.parametrize(("law", "formula"), [(Law.PCMU, mu_formula), (Law.PCMA, a_formula)])
def test_every_code_decodes_by_the_formula(law, formula):
    assert g711.decode(ALL_CODES, law).tolist() == [formula(code) for code in range(256)]


@pytest.mark.parametrize(("law", "encode", "decode"), LAWS)
def test_every_sample_and_code_agree_with_another_implementation(law, encode, decode):
    assert g711.encode(ALL_SAMPLES, law).tobytes() == encode(ALL_SAMPLES.tobytes(), 2)
    assert g711.decode(ALL_CODES, law).tobytes() == decode(ALL_CODES.tobytes(), 2)


@pytest.mark.parametrize("law", list(Law))
def test_a_decoded_code_encodes_to_itself(law):
    again = g711.encode(g711.decode(ALL_CODES, law), law)
    differs = ALL_CODES[again != ALL_CODES].tolist()
    assert differs == ([0x7F] if law is Law.PCMU else [])  # the mu-law has two zeros


@pytest.mark.parametrize("law", list(Law))
def test_the_error_of_a_round_trip_is_below_half_a_step(law):
    error = np.abs(g711.decode(g711.encode(ALL_SAMPLES, law), law).astype(int) - ALL_SAMPLES)
    within = np.abs(ALL_SAMPLES.astype(int)) < 32000
    assert (error[within] <= (np.abs(ALL_SAMPLES.astype(int))[within] + 300) / 31).all()


@pytest.mark.parametrize("alaw_rows", [[], [1], [0, 1, 2, 4], [0, 1, 2, 3, 4]])
def test_rows_of_different_laws_decode_and_encode_each_by_its_own(alaw_rows):
    laws = np.zeros(5, np.uint8)
    laws[alaw_rows] = 1
    payload = np.random.default_rng(1).integers(0, 256, (5, 160)).astype(np.uint8)
    payload[payload == 0x7F] = 0xFF
    pcm, again = np.zeros((5, 160), np.int16), np.zeros((5, 160), np.uint8)
    g711.decode_rows(payload, laws, pcm)
    for row in range(5):
        assert np.array_equal(pcm[row], g711.decode(payload[row], Law(int(laws[row]))))
    g711.encode_rows(pcm, laws, again)
    assert np.array_equal(again, payload)
