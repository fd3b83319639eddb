"""The worker process, which does what needs torch, and the page's side of it.

`loop` and `messages` run in the worker; `process`, `pictures` and `downloads` run in the page's own process.
"""
