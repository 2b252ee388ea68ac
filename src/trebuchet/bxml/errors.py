"""What is wrong with a document, in words for its author."""

from trebuchet.base.errors import RemoteError


class DocumentError(RemoteError):
    """Nothing of the document is executed. The text is for the customer's error list."""

    code = "bxml-invalid"


class DocumentTooLarge(DocumentError):
    """More bytes, elements or levels than a document may have."""

    code = "bxml-too-large"


class NotXml(DocumentError):
    """Not well-formed, not UTF-8, or with declarations (DTD, entities) that are not taken from strangers."""

    code = "bxml-malformed"


class UnknownVerb(DocumentError):
    """A verb that does not exist, or not where it stands."""

    code = "bxml-unknown-verb"


class BadValue(DocumentError):
    """An attribute or a text is missing, of the wrong kind or out of its range."""

    code = "bxml-bad-value"
