"""BXML: calls that are led by documents. An application answers a call's `answer` event with a document of verbs; they
are executed from top to bottom on the call, with the same commands that clients of the API use.

    parse    bytes → a small tree of elements; hostile XML is refused here
    wire     the tree → verbs; the only place that knows the documents' names
    verbs    what a document can ask for, as values
    orders   what comes to a script, and what it wants done
    script   the rules: script + arrival → script + orders; no I/O
    runner   one for each call with a script: performs orders, brings arrivals
    scripts  the door: which answers begin a script, and what concerns a running one
"""
