"""SIP without I/O: messages, transactions, dialogs and the user agent (RFC 3261 and its companions).

Message layer: `grammar` and `uri`, `headers` (values), `header_list`, `message` (the door: parse, validate,
answer), `stream` (framing on TCP), `sdp` and `offer_answer` (RFC 8866, 3264), `auth` (RFC 7616),
`identity` (who is calling: RFC 3323, 3325, 5806). The protocol layer above imports these and nothing else.
No module here imports sockets, clocks or randomness: time and random values are arguments.
"""
