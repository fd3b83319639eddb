"""python -m app.worker: see app.worker.loop."""

from app.worker.loop import main

main()
