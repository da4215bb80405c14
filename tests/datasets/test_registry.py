from __future__ import annotations

import bz2
import functools
import gzip
import http.server
import pathlib
import threading
import zipfile
from collections.abc import Iterator

import pytest

from jaxtsad.datasets import checksums, places, registry
from jaxtsad.datasets.registry import DataSet, File

FILES = {
    "toy/data/train/a.txt": b"1,2\n3,4\n",
    "toy/data/test/a.txt": b"5,6\n",
    "toy/labels.csv": b"0\n1\n",
}


def data_set(kind: str = "sha256") -> DataSet:
    files = [
        File(path, checksums.of(content, kind), len(content), (f"http://no/{path}",))
        for path, content in FILES.items()
    ]
    return DataSet("toy", ("public domain",), tuple(files))


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    known = [*registry.listing(), data_set()]
    monkeypatch.setattr(registry, "listing", lambda: known)


@pytest.fixture
def mirror(tmp_path: pathlib.Path) -> Iterator[str]:
    served = tmp_path / "mirror"
    for path, content in FILES.items():
        (served / path).parent.mkdir(parents=True, exist_ok=True)
        (served / path).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def states(root: pathlib.Path) -> list[str]:
    return [check.state for check in registry.verify("toy", root)]


def test_fetch_brings_what_is_missing_and_nothing_else(
    mirror: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    fetched = registry.fetch("toy", root, base_url=mirror)
    assert [path.relative_to(root).as_posix() for path in fetched] == list(FILES)
    assert states(root) == ["ok"] * 3
    assert "fetching 3 of 3: toy/labels.csv" in capsys.readouterr().err
    assert registry.fetch("toy", root, base_url=mirror) == []
    (root / "toy/labels.csv").write_bytes(b"changed")
    fetched = registry.fetch("toy", root, base_url=mirror + "/", progress=False)
    assert fetched == [root / "toy/labels.csv"]
    assert states(root) == ["ok"] * 3
    assert capsys.readouterr().err == ""


def test_verify_names_what_is_wrong_and_what_is_missing(
    mirror: str, tmp_path: pathlib.Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    assert states(root) == ["missing"] * 3
    registry.fetch("toy", root, base_url=mirror, progress=False)
    (root / "toy/data/train/a.txt").write_bytes(b"1,2\n")
    (root / "toy/labels.csv").unlink()
    train, test, labels = registry.verify("toy", root)
    assert (train.state, test.state, labels.state) == ("wrong", "ok", "missing")
    assert "got sha256:" in train.problem and "expected sha256:" in train.problem


def test_files_may_lie_packed_or_in_a_zip_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "toy").mkdir()
    train, test, labels = FILES
    with zipfile.ZipFile(tmp_path / "toy" / "data.zip", "w") as archive:
        archive.writestr("data/train/a.txt", FILES[train])
        archive.writestr("data/test/a.txt", FILES[test])
    (tmp_path / (labels + ".gz")).write_bytes(gzip.compress(FILES[labels]))
    assert states(tmp_path) == ["ok"] * 3
    (tmp_path / (labels + ".gz")).write_bytes(gzip.compress(FILES[labels])[:-9])
    assert states(tmp_path) == ["ok", "ok", "wrong"]
    (tmp_path / (labels + ".gz")).unlink()
    (tmp_path / (labels + ".bz2")).write_bytes(bz2.compress(FILES[labels]))
    archived = (tmp_path / "toy/data.zip").read_bytes()
    (tmp_path / "toy/data.zip").write_bytes(archived[:-30])
    assert states(tmp_path) == ["wrong", "wrong", "ok"]


def test_git_object_ids_are_those_of_git() -> None:
    assert str(checksums.of(b"hello\n", "gitblob")) == (
        "gitblob:ce013625030ba8dba906f756967f9e9ca394464a"
    )


def test_unknown_names_list_the_choices(tmp_path: pathlib.Path) -> None:
    for call in (registry.verify, registry.fetch):
        with pytest.raises(ValueError, match=r"'smapp' is unknown.*smap_msl, smd"):
            call("smapp", tmp_path)


def test_every_pinned_file_has_an_address_a_license_and_a_place() -> None:
    pinned = checksums.table(places.bundled("data", "checksums.txt"))
    assert len({one.path for one in pinned}) == len(pinned)
    listed = [each for each in registry.listing() if each.name != "toy"]
    assert sum(len(each.files) for each in listed) == len(pinned)
    digits = {"sha256": 64, "gitblob": 40}
    for each in listed:
        assert each.licenses and all(each.licenses)
        for file in each.files:
            assert file.path.startswith(each.name + "/") and ".." not in file.path
            assert file.urls and all(url.startswith("https://") for url in file.urls)
            assert len(file.checksum.digest) == digits[file.checksum.kind]
            assert int(file.checksum.digest, 16) > 0


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("smap_msl/labeled_anomalies.csv", "khundman/telemanom/"),
        ("smap_msl/data/train/P-1.npy", "/data/SMAP_MSL/train/P-1.npy"),
        ("smd/ServerMachineDataset/train/machine-1-1.txt", "/train/machine-1-1.txt"),
        ("psm/train.csv", "/data/train.csv"),
        ("mnist/t10k-labels-idx1-ubyte.gz", "/mnist/t10k-labels-idx1-ubyte.gz"),
        ("adbench/Classical/22_magic.gamma.npz", "/Classical/22_magic.gamma.npz"),
    ],
)
def test_addresses(path: str, url: str) -> None:
    files = {file.path: file for each in registry.listing() for file in each.files}
    assert url in files[path].urls[0]


def test_a_malformed_table_names_its_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "checksums.txt"
    path.write_text("# comment\n\nsha256:00 3 a.txt\nmd5:00 3 b.txt\n")
    with pytest.raises(ValueError, match="line 4"):
        checksums.table(path)


@pytest.mark.parametrize("name", ["smap_msl", "nab", "mnist", "devnet"])
def test_the_data_that_is_here_is_the_published_one(
    name: str, data_root: pathlib.Path
) -> None:
    if not (data_root / name).is_dir():
        pytest.skip(f"{name} is not below the data root")
    checks = registry.verify(name, data_root)
    assert [check.problem for check in checks if check.state == "wrong"] == []
    assert any(check.state == "ok" for check in checks)


def test_what_is_listed_reads_as_one_line() -> None:
    lines = [str(each) for each in registry.listing()]
    assert "toy: 3 files, 0.0 MB; license: public domain" in lines
    [line] = [line for line in lines if line.startswith("psm:")]
    assert line == "psm: 4 files, 1.0 MB and more; license: CC BY 4.0"
    assert str(registry.Check("a.txt", "ok")) == "ok: a.txt"
