"""What reading a damaged zip archive, such as an npz file, may raise."""

import lzma
import zipfile
import zlib

#: Besides what the arrays inside may be: an unknown method of compression, a flag of encryption, and the errors of each method.
UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
