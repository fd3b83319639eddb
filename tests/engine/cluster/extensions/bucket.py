"""An extension: object storage that all processes of this machine see, at addresses bucket://NAME. Each upload is noted in `puts.txt`."""

import os
from pathlib import Path

import fsspec


class Bucket(fsspec.AbstractFileSystem):
    """Objects are files of the data folder. As in object storage, there are no folders and no renaming, and an object appears whole."""

    protocol = "bucket"
    cachable = False

    @property
    def folder(self) -> Path:
        return Path(os.environ["OFFRAMP_DATA"]) / "bucket"

    def _objects(self) -> dict[str, Path]:
        return {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*") if path.is_file()}

    def ls(self, path, detail=True, **options):
        prefix = self._strip_protocol(path).strip("/") + "/"
        entries = {}
        for name, file in self._objects().items():
            if name.startswith(prefix):
                first, *more = name.removeprefix(prefix).split("/")
                entries[prefix + first] = {
                    "name": prefix + first,
                    "size": None if more else file.stat().st_size,
                    "type": "directory" if more else "file",
                }
        if not entries:
            raise FileNotFoundError(path)
        return list(entries.values()) if detail else sorted(entries)

    def cat_file(self, path, start=None, end=None, **options):
        return self._objects()[self._strip_protocol(path)].read_bytes()[start:end]

    def pipe_file(self, path, value, mode="overwrite", **options):
        file = self.folder / self._strip_protocol(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.folder.with_name(f"{os.getpid()}.uploading")
        temporary.write_bytes(value)
        temporary.replace(file)
        with open(self.folder.with_name("puts.txt"), "a") as notes:
            notes.write(f"{file.name}\n")

    def rm_file(self, path):
        (self.folder / self._strip_protocol(path)).unlink()


fsspec.register_implementation("bucket", Bucket, clobber=True)
