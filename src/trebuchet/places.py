"""Where numbers are at home: city and state of North American numbers, from the numbering data of `phonenumbers`.

The data of all countries would take 100 MB for good; the part that is needed takes a few. So a child process loads it,
prints that part and ends, once, when the first number asks for it.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE

import msgspec
import structlog

from trebuchet.model.stock import NORTH_AMERICA, Place

logger = structlog.get_logger(__name__)

LOAD_LIMIT_S = 30.0
"""Loading takes half a second on an idle core."""
LONGEST_PREFIX = 8
REGIONS = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY",
    "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
    "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH",
    "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND",
    "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI",
    "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT",
    "Virginia": "VA", "Washington State": "WA", "Washington": "WA", "West Virginia": "WV", "Wisconsin": "WI",
    "Wyoming": "WY", "Washington D.C.": "DC", "Alberta": "AB", "British Columbia": "BC", "Manitoba": "MB",
    "New Brunswick": "NB", "Newfoundland and Labrador": "NL", "Nova Scotia": "NS", "Ontario": "ON",
    "Prince Edward Island": "PE", "Quebec": "QC", "Québec": "QC", "Saskatchewan": "SK",
}  # fmt: skip


def read_place(description: str) -> Place | None:
    """`New York, NY` or `North Carolina`; `None` for anything else, such as a country."""
    city, comma, region = description.rpartition(", ")
    if comma and len(region) == 2 and region.isupper():
        return Place(city, region)
    code = REGIONS.get(description)
    return None if code is None else Place(None, code)


class Places:
    """Loads the data when first asked; without it, nothing is known of any number."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._descriptions: dict[str, str] | None = None

    async def find(self, number: str) -> Place | None:
        """`number`: E.164."""
        if not number.startswith(NORTH_AMERICA):
            return None
        async with self._turn:
            if self._descriptions is None:
                self._descriptions = await _load()
        return find_place(self._descriptions, number.removeprefix("+"))


def find_place(descriptions: dict[str, str], digits: str) -> Place | None:
    """By the longest prefix that has a description."""
    for length in range(LONGEST_PREFIX, 0, -1):
        description = descriptions.get(digits[:length])
        if description is not None:
            return read_place(description)
    return None


async def _load() -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trebuchet.places", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    try:
        async with asyncio.timeout(LOAD_LIMIT_S):
            output, _ = await process.communicate()
        return msgspec.json.decode(output, type=dict[str, str])
    except (TimeoutError, msgspec.DecodeError) as error:
        if process.returncode is None:
            process.kill()
            await process.wait()
        logger.warning("places of numbers not loaded", kind=type(error).__name__)
        return {}


def _print_descriptions() -> None:
    """The child's work: North America's prefixes with their English names."""
    from phonenumbers.geodata import GEOCODE_DATA

    country = NORTH_AMERICA.removeprefix("+")
    named = {prefix: names["en"] for prefix, names in GEOCODE_DATA.items() if prefix[:1] == country and "en" in names}
    sys.stdout.buffer.write(msgspec.json.encode(named))


if __name__ == "__main__":
    _print_descriptions()
