"""One file for each view. Importing this registers them."""

from app.views import explore, library

__all__ = ["explore", "library"]
