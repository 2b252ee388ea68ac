"""What the server and the audio process say to each other."""

import msgspec

from trebuchet.media.messages import Message


class Job(Message, frozen=True):
    """Decode or encode `source` into the new file `target`."""

    job: int
    is_encoding: bool
    source: str
    target: str


class CancelJob(Message, frozen=True):
    job: int


class JobDone(Message, frozen=True):
    """`samples` per channel; or what went wrong, and whether the file is to blame."""

    job: int
    samples: int
    failure: str | None
    is_file_bad: bool


job_decoder = msgspec.msgpack.Decoder(list[Job | CancelJob])
done_decoder = msgspec.msgpack.Decoder(list[JobDone])
