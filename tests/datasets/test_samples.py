"""Images and tables: tiny files made by hand, and the public ones where they are."""

from __future__ import annotations

import gzip
import io
import pathlib
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxtsad.datasets import catalog, cifar10, rgbd_shapes


def picture(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, kind)
    return stream.getvalue()


def idx(array: np.ndarray) -> bytes:
    header = np.array([2048 + array.ndim, *array.shape], ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def test_mnist(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    images = np.arange(5 * 4).reshape(5, 2, 2)
    for stem, part in (("train", slice(3)), ("t10k", slice(3, 5))):
        packed = gzip.compress(idx(images[part]))
        (folder / f"{stem}-images-idx3-ubyte.gz").write_bytes(packed)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(idx(np.arange(5)[part]))
    samples = catalog.load_samples("mnist", tmp_path)
    np.testing.assert_array_equal(samples.values[..., 0], images)
    assert samples.values.dtype == np.uint8
    assert samples.labels is not None and samples.labels.tolist() == [0, 1, 2, 3, 4]
    test = catalog.load_samples("mnist", tmp_path, part="test")
    assert test.labels is not None and test.labels.tolist() == [3, 4]
    with pytest.raises(ValueError, match="part='dev' is unknown"):
        catalog.load_samples("mnist", tmp_path, part="dev")
    path = folder / "t10k-labels-idx1-ubyte"
    for content in (b"", b"\x00\x00\x08\x01\x00\x00\x00\x02\x07", idx(images)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no IDX file or a truncated one"):
            catalog.load_samples("mnist", tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte"):
        catalog.load_samples("mnist", tmp_path)


def test_coil20(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "coil20"
    folder.mkdir()
    with zipfile.ZipFile(folder / "coil-20-proc.zip", "w") as archive:
        for name, value in (("obj10__0", 3), ("obj2__10", 2), ("obj2__9", 1)):
            content = picture(np.full((128, 128), value))
            archive.writestr(f"coil-20-proc/{name}.png", content)
    samples = catalog.load_samples("coil20", tmp_path, size=128)
    assert samples.values.shape == (3, 128, 128, 1)
    assert samples.values[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert samples.labels is not None and samples.labels.tolist() == [1, 1, 9]
    assert samples.metadata["pose"].tolist() == [9, 10, 0]
    with pytest.raises(FileNotFoundError, match=r"coil20_32x32\.npz"):
        catalog.load_samples("coil20", tmp_path)
    with pytest.raises(ValueError, match="size=64 is not published"):
        catalog.load_samples("coil20", tmp_path, size=64)
    np.savez(folder / "coil20_32x32.npz", images=np.zeros((2, 32, 32)))
    with pytest.raises(ValueError, match=r"lacks the arrays \['object_id', 'pose'\]"):
        catalog.load_samples("coil20", tmp_path)


def test_cifar10(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "cifar10"
    folder.mkdir()
    records = np.random.default_rng(0).integers(0, 256, (6, 3073), np.uint8)
    records[:, 0] = [0, 9, 3, 4, 5, 6]
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        names = [name for files in cifar10.PARTS.values() for name in files]
        for name, record in zip(names, records, strict=True):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(record)
            archive.addfile(member, io.BytesIO(record.tobytes()))
    samples = catalog.load_samples("cifar10", tmp_path)
    assert samples.values.shape == (6, 32, 32, 3)
    assert samples.labels is not None and samples.labels.tolist() == [0, 9, 3, 4, 5, 6]
    assert samples.values[2, 1, 3, 2] == records[2, 1 + 2 * 1024 + 1 * 32 + 3]
    test = catalog.load_samples("cifar10", tmp_path, part="test")
    np.testing.assert_array_equal(test.values, samples.values[5:])
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"cannot read .*cifar-10-binary"):
        catalog.load_samples("cifar10", tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="cifar-10-binary"):
        catalog.load_samples("cifar10", tmp_path)


def test_cifar10_jpeg(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "cifar10_jpeg"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"\.zip"):
        catalog.load_samples("cifar10_jpeg", tmp_path)
    content = picture(np.full((32, 32, 3), 90), "JPEG")
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("test/ship/0001.jpg", content)
        archive.writestr("test/cat/0000.jpg", content)
    samples = catalog.load_samples("cifar10_jpeg", tmp_path)
    assert samples.values.shape == (2, 32, 32, 3)
    assert samples.labels is not None and samples.labels.tolist() == [8, 3]
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("test/ship/0001.jpg", content[:100])
    with pytest.raises(ValueError, match=r"cannot read .*some\.zip"):
        catalog.load_samples("cifar10_jpeg", tmp_path)
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="holds no picture"):
        catalog.load_samples("cifar10_jpeg", tmp_path)


def test_adbench(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "adbench" / "Classical"
    folder.mkdir(parents=True)
    values = np.array([[200, 100], [3, 4]], np.uint8)
    np.savez(folder / "22_magic.gamma.npz", X=values, y=np.array([0, 1]))
    for table in ("magic.gamma", "22_magic.gamma"):
        samples = catalog.load_samples("adbench", tmp_path, table=table)
        assert samples.name == "22_magic.gamma"
        # Small integers would overflow: 200 + 100 is 44 in uint8.
        assert samples.values.dtype == np.float64
        assert samples.values.sum(axis=1).tolist() == [300, 7]
    with pytest.raises(ValueError, match=r"table='glass'.*magic\.gamma"):
        catalog.load_samples("adbench", tmp_path, table="glass")
    np.savez(folder / "14_glass.npz", X=values, y=np.array([0, 1, 1]))
    with pytest.raises(ValueError, match=r"X is \(2, 2\) and y is \(3,\)"):
        catalog.load_samples("adbench", tmp_path, table="glass")
    with pytest.raises(FileNotFoundError, match="there is no table"):
        catalog.load_samples("adbench", folder)


def test_devnet(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "devnet"
    folder.mkdir()
    table = b"proto=udp,dur,class\n1,0.5,0\n0,0.25,1\n"
    path = folder / "annthyroid_21feat_normalised.csv.gz"
    path.write_bytes(gzip.compress(table))
    member = tarfile.TarInfo("UNSW_NB15_traintest_backdoor.csv")
    member.size = len(table)
    packed = folder / "UNSW_NB15_traintest_backdoor.tar.xz"
    with tarfile.open(packed, "w:xz") as archive:
        archive.addfile(member, io.BytesIO(table))
    for name in ("annthyroid", "backdoor"):
        samples = catalog.load_samples("devnet", tmp_path, table=name)
        assert samples.values.tolist() == [[1, 0.5], [0, 0.25]]
        assert samples.labels is not None and samples.labels.tolist() == [0, 1]
        assert samples.metadata["features"] == ("proto=udp", "dur")
    packed.write_bytes(packed.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"cannot read devnet/UNSW"):
        catalog.load_samples("devnet", tmp_path, table="backdoor")
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(ValueError, match="no column 'class', it has a, b"):
        catalog.load_samples("devnet", tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="annthyroid"):
        catalog.load_samples("devnet", tmp_path)
    with pytest.raises(ValueError, match="table='kdd' is unknown"):
        catalog.load_samples("devnet", tmp_path, table="kdd")


def test_rgbd_shapes(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "rgbd_shapes"
    folder.mkdir()
    with zipfile.ZipFile(folder / "Data.zip", "w") as archive:
        for number, (name, index) in enumerate(
            [("spherical Data", 4), ("rectangle_data", 10), ("rectangle_data", 9)]
        ):
            color = picture(np.full((64, 64, 3), 40 * number), "JPEG")
            depth = picture(np.full((64, 64), number))
            archive.writestr(f"Data/{name}/RGB_Final/{index}.jpg", color)
            archive.writestr(f"Data/{name}/Depth_Final/{index}.png", depth)
        archive.writestr("Data/cylinder_data/Depth_Final/7.png", depth)
    samples = catalog.load_samples("rgbd_shapes", tmp_path)
    assert samples.values.shape == (3, 64, 64, 4)
    assert samples.labels is not None and samples.labels.tolist() == [0, 0, 2]
    assert samples.metadata["index"].tolist() == [9, 10, 4]
    assert samples.values[:, 5, 5, 3].tolist() == [2, 1, 0]
    (folder / "Data.zip").unlink()
    with pytest.raises(FileNotFoundError, match=r"Data\.zip"):
        catalog.load_samples("rgbd_shapes", tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "shape", "total"),
    [
        ("mnist", {"part": "test"}, (10_000, 28, 28, 1), 44_434),
        ("coil20", {}, (1440, 32, 32, 1), 13_680),
        ("coil20", {"size": 128}, (160, 128, 128, 1), 1520),
        ("adbench", {"table": "annthyroid"}, (7200, 6), 534),
        ("devnet", {}, (7200, 21), 534),
        ("rgbd_shapes", {}, (1500, 64, 64, 4), 1500),
    ],
)
def test_public_samples(
    data_root: pathlib.Path,
    name: str,
    options: dict[str, str],
    shape: tuple[int, ...],
    total: int,
) -> None:
    if not (data_root / name).is_dir():
        pytest.skip(f"{name} is not below JAXTSAD_DATA")
    samples = catalog.load_samples(name, data_root, **options)
    assert samples.values.shape == shape
    assert samples.labels is not None and int(samples.labels.sum()) == total


def test_public_rgbd_shapes_read_the_same_from_both_files(
    data_root: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    published = data_root / "rgbd_shapes" / "Data.zip"
    decoded = data_root / "rgbd_shapes" / "rgbd_shapes_64.npz"
    if not (published.is_file() and decoded.is_file()):
        pytest.skip("rgbd_shapes is not below JAXTSAD_DATA")
    (tmp_path / "rgbd_shapes").mkdir()
    (tmp_path / "rgbd_shapes" / "Data.zip").symlink_to(published.resolve())
    one = rgbd_shapes.load_samples(tmp_path)
    other = rgbd_shapes.load_samples(data_root)
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.metadata["index"], other.metadata["index"])
