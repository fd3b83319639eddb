"""The one exception a user may see: a mistake of theirs, answered by a sentence they can act on."""


class UserError(Exception):
    """What the user gave is wrong.

    The message is one sentence: what was wrong, the offending value, what to do. The command line prints it on
    stderr and exits with 2; the page shows it in place. Anything else that is raised is our fault and fails loudly.
    """
