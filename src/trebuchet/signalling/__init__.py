"""The asyncio shell around `trebuchet.sip`: sockets, DNS, timers, and the face call control sees (`SipPlane`)."""
