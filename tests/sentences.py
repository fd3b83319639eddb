"""The form that every user error must have."""

import re


def assert_one_sentence(text: str, *mentions: str) -> None:
    """One sentence on one line, ending in a full stop, that contains all `mentions`."""
    assert text.endswith(".") and "\n" not in text, text
    assert not re.search(r"[.!?]\s+[A-Z]", text), f"more than one sentence: {text}"
    assert "Traceback" not in text and not re.search(r"<\w+[ .]", text), f"not written for users: {text}"
    for mention in mentions:
        assert mention in text, f"{mention!r} is not in: {text}"
