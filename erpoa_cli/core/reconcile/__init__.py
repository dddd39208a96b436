"""The diff as SQL text: desired, actual and base relations in, the noteworthy rows out.

    shape      the columns of one target's relations
    compare    when two values of a field are the same
    desired    the relation a target is fed from → `desired."T"`
    recognise  which row of theirs is which row of ours
    judge      what the three values of a field mean
    near       which rows must be looked at: narrow joins over keys, identifiers and hashes
    rows       situations and actions of rows → `diff."T"`
    embedded   documents and the lines that live inside them
    compose    the whole list of a document's lines
    order      waves, pending references that lead nowhere

Everything here is text in, text out; `engine.changes.diff` runs it in DuckDB.
"""
