"""Components of our own: Python in front, plain scripts in the browser, nothing to build."""
