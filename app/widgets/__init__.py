"""Parts of views: the Python side of the live blocks, and forms and charts of stock widgets."""
