"""The one exception a user may see: an error of theirs, reported in a sentence they can act on."""


class UserError(Exception):
    """The user's input is invalid.

    The message is one sentence: what was wrong, the offending value, what to do. The command line prints it on
    stderr and exits with 2; the page shows it in place. Any other exception is a bug in Offramp and fails loudly.
    """
