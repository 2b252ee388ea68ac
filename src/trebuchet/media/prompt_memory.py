"""Prompts as arrays: mapped files, the newest few kept, so that a prompt played on a thousand calls is mapped once."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt

MAX_PROMPTS = 256
"""Mapped at once. A dropped one stays mapped until its last playback ends."""

Pcm = npt.NDArray[np.int16]
_Key = tuple[str, int]


class PromptMemory:
    """A bounded least-recently-used set of mapped prompt files."""

    def __init__(self) -> None:
        self._prompts: OrderedDict[_Key, Pcm] = OrderedDict()

    def load(self, path: str, samples: int) -> Pcm:
        """int16[samples], read-only, straight from the page cache (the file was just made, or is a popular one).
        A file shorter than it should be gives what there is. Raises `OSError`; `ValueError` for an empty one."""
        key = (path, samples)
        pcm = self._prompts.get(key)
        if pcm is None:
            whole = np.memmap(Path(path), dtype=np.int16, mode="r")
            pcm = self._prompts[key] = np.asarray(whole)[:samples]
            if len(self._prompts) > MAX_PROMPTS:
                self._prompts.popitem(last=False)
        self._prompts.move_to_end(key)
        return pcm
