"""Who answers: a module per peer, found by being here.

Each exports ``ANSWERS`` (file stem → operation → function) and, where some are left out, ``NOT_SUPPORTED`` (``stem`` or
``stem/operation`` → reason). Several modules may answer operations of one file.
"""
