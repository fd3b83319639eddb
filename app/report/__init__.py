"""One bundle under one policy as a single HTML file that needs no server: the page's own blocks over embedded resources."""
