"""One file for each view. Importing this registers them."""

from app.views import explore, library, methods

__all__ = ["explore", "library", "methods"]
