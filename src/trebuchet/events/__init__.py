"""From facts to webhooks: payloads as the API documents them, the event log, and the relay that delivers."""
