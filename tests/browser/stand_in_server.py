"""The dashboard in a process of its own that takes a stand-in for CIFAR-10 and downloads it from a local site.

python -m tests.browser.stand_in_server ADDRESS BYTES MD5 [options of app.serve]
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.datasets.published import files as torchvision_files
from tests import stand_in_worker


def main(argv: Sequence[str]) -> int:
    address, size, md5, *options = argv
    with pytest.MonkeyPatch.context() as patch:
        files = torchvision_files.FILES["cifar10"]
        smaller = replace(files, archives=dict.fromkeys(files.archives, int(size)))
        patch.setattr(torchvision_files, "FILES", {**torchvision_files.FILES, "cifar10": smaller})
        # Whatever imports them from here on sees the stand-in
        from app.serve import main as serve
        from app.widgets import dataset_download
        from app.worker import process as worker_process

        patch.setattr(worker_process, "COMMAND", stand_in_worker.command(stand_in_worker.STAND_IN, address, md5))
        patch.setattr(dataset_download, "WAITING_INTERVAL", 1.0)  # instead of 5 seconds, for tests that put files there by hand
        return serve(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
