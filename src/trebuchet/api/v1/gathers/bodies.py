"""What clients send to create and stop a gather."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from trebuchet.api import errors
from trebuchet.api.fields import Body, Flag, Text, decimal, fault, integer, read_text
from trebuchet.api.prompts import AudioBody
from trebuchet.api.v1.gathers.wire import COMPLETED
from trebuchet.base.ids import AccountId, CallId, GatherId
from trebuchet.calls.commands import StartGather
from trebuchet.model.gather import DEFAULT_INTER_DIGIT_S, DEFAULT_TERMINATORS, MAX_DIGITS, MAX_INTER_DIGIT_S

MAX_TERMINATORS = 16
"""There are no more keys."""
_TERMINATORS = re.compile(rf"[0-9*#A-D]{{1,{MAX_TERMINATORS}}}")


def _terminators(value: Any) -> str:
    """Keys, at least one; letters in any case."""
    text = read_text(value).upper()
    if not _TERMINATORS.fullmatch(text):
        raise fault("bad")
    return text


def _document_bargeable(schema: dict[str, Any]) -> None:
    schema["properties"]["bargeable"] = {"type": "boolean", "default": True, "deprecated": True}


class PromptBody(AudioBody):
    """The prompt of a gather. `bargeable`, which some clients send, is ignored: every prompt is."""

    model_config = ConfigDict(json_schema_extra=_document_bargeable)
    resource = "prompt"


class CreateGatherBody(Body):
    """A gather to start."""

    resource = "gather"
    max_digits: integer(1, MAX_DIGITS) = Field(  # type: ignore[valid-type]  # a type made by a function
        MAX_DIGITS, alias="maxDigits"
    )
    inter_digit_timeout: decimal(0, MAX_INTER_DIGIT_S) = Field(  # type: ignore[valid-type]  # likewise
        DEFAULT_INTER_DIGIT_S, alias="interDigitTimeout"
    )
    terminating_digits: Annotated[
        str,
        BeforeValidator(_terminators),
        WithJsonSchema({"type": "string", "pattern": "^[0-9*#A-Da-d]{1,16}$"}),
    ] = Field(DEFAULT_TERMINATORS, alias="terminatingDigits")
    suppress_dtmf: Flag = Field(False, alias="suppressDtmf")
    tag: Text | None = None
    prompt: PromptBody | None = None

    def to_command(self, account_id: AccountId, call_id: CallId, gather_id: GatherId) -> StartGather:
        """Raises `ApiError` for a prompt that holds nothing to play."""
        prompt = self.prompt.to_prompt() if self.prompt is not None else None
        if self.prompt is not None and prompt is None:
            raise errors.MISSING_PROPERTY(self.prompt.resource, "sentence")
        return StartGather(
            account_id=account_id,
            call_id=call_id,
            gather_id=gather_id,
            max_digits=self.max_digits,
            inter_digit_s=self.inter_digit_timeout,
            terminators=self.terminating_digits,
            suppresses_digits=self.suppress_dtmf,
            tag=self.tag,
            prompt=prompt,
            is_looped=self.prompt is not None and self.prompt.loop_enabled,
        )


class UpdateGatherBody(Body):
    """A gather can only be stopped."""

    resource = "gather"
    state: Text = Field("", json_schema_extra={"enum": [COMPLETED]})

    def check(self) -> None:
        """Raises `ApiError` for everything else."""
        if self.state.lower() != COMPLETED:
            raise errors.NOT_ONE_OF(self.resource, "state", COMPLETED)
