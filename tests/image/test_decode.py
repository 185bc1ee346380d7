"""Decoding against Pillow's convert('RGB')."""

import io
import struct
import zlib

import numpy
import pytest
from image_tool import Rejected
from PIL import Image, ImageOps, features

random = numpy.random.default_rng(20)


def scene(width, height):
    """Smooth shapes with edges and noise: something for every part of a codec."""
    y, x = numpy.mgrid[:height, :width]
    red = 127 + 120 * numpy.sin(x / 9.0) * numpy.cos(y / 13.0)
    green = 255 * ((x // 16 + y // 16) % 2)
    blue = (x * 3 + y * 5) % 256
    noisy = numpy.stack([red, green, blue], axis=2) + random.normal(0, 12, (height, width, 3))
    return Image.fromarray(numpy.clip(noisy, 0, 255).astype("u1"))


def check(tool, path, *words):
    with Image.open(path) as image:
        expected = numpy.asarray(image.convert("RGB"))
    got = tool.decode(path, *words)
    assert got.shape == expected.shape
    assert numpy.array_equal(got, expected), numpy.abs(got.astype(int) - expected).max()


JPEG_OPTIONS = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "progressive": {"progressive": True},
    "coarse": {"quality": 5},
    "fine": {"quality": 100},
    "optimized": {"optimize": True},
    "restart": {"restart_marker_blocks": 3},
    "restart rows": {"restart_marker_rows": 1, "progressive": True},
    "rgb": {"keep_rgb": True},
}


COLOR_ONLY = ("4:4:4", "4:2:2", "4:2:0", "rgb")
JPEG_KINDS = [
    (name, mode)
    for name in JPEG_OPTIONS
    for mode in ("RGB", "L", "CMYK")
    if mode == "RGB" or name not in COLOR_ONLY
]


@pytest.mark.parametrize("name,mode", JPEG_KINDS)
def test_jpeg_equals_pillow(tool, tmp_path, name, mode):
    options = JPEG_OPTIONS[name]
    for width, height in [(1, 1), (7, 5), (16, 16), (33, 18), (127, 101), (200, 64)]:
        path = tmp_path / "picture.jpg"
        scene(width, height).convert(mode).save(path, "JPEG", **options)
        check(tool, path)


def with_sampling(data, horizontal, vertical):
    """The sampling factors of a JPEG that was written 4:4:4, changed in its header."""
    at = data.index(b"\xff\xc0")
    factor = at + 2 + 2 + 6 + 1
    return data[:factor] + bytes([horizontal << 4 | vertical]) + data[factor + 1 :]


def test_jpeg_odd_sampling_equals_pillow(tool, tmp_path):
    # A 4:4:4 file of W x H, read as if luma had 1x2 or 4x1 factors, is a legal file
    # whose blocks are shuffled and that ends early; a shorter picture fits inside.
    data = io.BytesIO()
    scene(256, 256).save(data, "JPEG", subsampling=0)
    for horizontal, vertical in [(1, 2), (2, 1), (2, 2), (4, 1), (1, 4)]:
        changed = bytearray(with_sampling(data.getvalue(), horizontal, vertical))
        size = changed.index(b"\xff\xc0") + 5
        changed[size : size + 4] = struct.pack(">HH", 61, 203)
        path = tmp_path / "picture.jpg"
        path.write_bytes(changed)
        check(tool, path)


def test_ycck_jpeg_equals_pillow(tool, tmp_path):
    data = io.BytesIO()
    scene(61, 47).convert("CMYK").save(data, "JPEG")
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"
    path = tmp_path / "picture.jpg"
    start = data.getvalue().index(b"\xff\xee")
    end = start + 2 + int.from_bytes(data.getvalue()[start + 2 : start + 4], "big")
    for transform in (0, 2):
        marker = adobe + bytes([transform])
        path.write_bytes(data.getvalue()[:start] + marker + data.getvalue()[end:])
        check(tool, path)


def test_truncated_jpeg_is_rejected_as_by_pillow(tool, tmp_path):
    path = tmp_path / "picture.jpg"
    for options in ({}, {"progressive": True}):
        data = io.BytesIO()
        scene(90, 70).save(data, "JPEG", **options)
        whole = data.getvalue()
        for size in [*range(3, len(whole), 61), *range(len(whole) - 12, len(whole))]:
            path.write_bytes(whole[:size])
            try:
                with Image.open(path) as image:
                    expected = numpy.asarray(image.convert("RGB"))
            except Exception:
                with pytest.raises(Rejected):
                    tool.decode(path)
            else:
                assert numpy.array_equal(tool.decode(path), expected), size


def test_corrupt_jpeg_ends_as_in_pillow(tool, tmp_path):
    # Damaged entropy data is tolerated, with the same pixels; what Pillow refuses, we do.
    path = tmp_path / "picture.jpg"
    data = io.BytesIO()
    scene(90, 70).save(data, "JPEG", restart_marker_blocks=5)
    whole = data.getvalue()
    scan = whole.index(b"\xff\xda") + 14
    agreed = 0
    for seed in range(60):
        generator = numpy.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in generator.integers(scan, len(whole), 3):
            damaged[at] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            with Image.open(path) as image:
                expected = numpy.asarray(image.convert("RGB"))
        except OSError:
            with pytest.raises(Rejected):
                tool.decode(path)
            continue
        assert numpy.array_equal(tool.decode(path), expected), seed
        agreed += 1
    assert agreed > 0


def test_jpeg_of_endless_scans_is_rejected(tool, tmp_path):
    # libjpeg would do a pass over the picture for each, at a few bytes a pass.
    data = io.BytesIO()
    scene(40, 40).save(data, "JPEG", progressive=True, quality=30)
    whole = data.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    path = tmp_path / "picture.jpg"
    path.write_bytes(whole[:-2] + scan * 20 + whole[-2:])
    tool.decode(path)
    path.write_bytes(whole[:-2] + scan * 600 + whole[-2:])
    with pytest.raises(Rejected, match="scans"):
        tool.decode(path)


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_orientation_only_on_request(tool, tmp_path, orientation):
    image = scene(50, 30)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture.jpg"
    image.save(path, exif=exif, quality=90)
    check(tool, path)
    with Image.open(path) as opened:
        expected = numpy.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert numpy.array_equal(tool.decode(path, "exif"), expected)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_equals_pillow(tool, tmp_path, mode):
    for width, height in [(1, 1), (7, 5), (33, 18), (127, 101)]:
        image = scene(width, height)
        if mode == "RGBA":
            image.putalpha(image.getchannel(1))
        path = tmp_path / "picture.png"
        (image.quantize(97) if mode == "P" else image.convert(mode)).save(path)
        check(tool, path)


def png(width, height, depth, kind, rows, *chunks, interlace=0):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace))
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    extra = b"".join(chunk(*named) for named in chunks)
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", [0, 3])
def test_png_of_few_bits_equals_pillow(tool, tmp_path, depth, kind):
    width, height = 37, 11
    rows = [random.bytes((width * depth + 7) // 8) for _ in range(height)]
    palette = [(b"PLTE", random.bytes(3 * 2**depth)), (b"tRNS", b"\0\x80")] if kind == 3 else []
    path = tmp_path / "picture.png"
    path.write_bytes(png(width, height, depth, kind, rows, *palette))
    check(tool, path)


def test_interlaced_png_equals_pillow(tool, tmp_path):
    # Adam7: seven passes, each a picture of every n-th row and column.
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    path = tmp_path / "picture.png"
    for height, width in [(1, 1), (5, 3), (23, 31)]:
        pixels = random.integers(0, 256, (height, width, 3)).astype("u1")
        parts = [pixels[top::down, left::across] for top, left, down, across in passes]
        rows = [row.tobytes() for part in parts if part.size for row in part]
        path.write_bytes(png(width, height, 8, 2, rows, interlace=1))
        check(tool, path)
        assert numpy.array_equal(tool.decode(path), pixels)


def test_png_index_outside_the_palette_is_black(tool, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(png(4, 1, 8, 3, [b"\0\1\2\xff"], (b"PLTE", b"\x09\x08\x07\xff\xfe\xfd")))
    assert tool.decode(path).tolist() == [[[9, 8, 7], [255, 254, 253], [0, 0, 0], [0, 0, 0]]]
    check(tool, path)


def test_truncated_png_is_rejected(tool, tmp_path):
    path = tmp_path / "picture.png"
    data = io.BytesIO()
    scene(60, 50).save(data, "PNG")
    whole = data.getvalue()
    for size in [0, 1, 8, 20, 33, 50, len(whole) // 2, len(whole) - 40]:
        path.write_bytes(whole[:size])
        with pytest.raises(Rejected):
            tool.decode(path)


@pytest.mark.parametrize("kind,channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_gives_the_high_byte(tool, tmp_path, kind, channels):
    samples = random.integers(0, 65536, (9, 13, channels))
    rows = [row.astype(">u2").tobytes() for row in samples]
    path = tmp_path / "picture.png"
    path.write_bytes(png(13, 9, 16, kind, rows))
    colors = samples[:, :, :3] if channels > 2 else samples[:, :, :1].repeat(3, axis=2)
    assert numpy.array_equal(tool.decode(path), colors >> 8)
    if kind != 0:  # of 16-bit gray Pillow makes something else
        check(tool, path)


def test_lossless_webp_equals_pillow(tool, tmp_path):
    for mode in ("RGB", "RGBA", "L"):
        image = scene(83, 45)
        if mode == "RGBA":
            image.putalpha(image.getchannel(1))
        path = tmp_path / "picture.webp"
        image.convert(mode).save(path, lossless=True, exact=True)
        check(tool, path)


def test_lossy_webp_equals_pillow(tool, tmp_path):
    # libwebp decodes to the same bytes in every version since 0.5, so that Pillow's
    # own copy and the system's may be compared exactly.
    print("Pillow's libwebp:", features.version("webp"))
    for mode, quality in [("RGB", 20), ("RGB", 80), ("RGB", 100), ("RGBA", 70)]:
        image = scene(101, 67)
        if mode == "RGBA":
            image.putalpha(image.getchannel(1))
        path = tmp_path / "picture.webp"
        image.save(path, quality=quality)
        check(tool, path)


def test_animated_webp_is_rejected(tool, tmp_path):
    path = tmp_path / "picture.webp"
    scene(20, 20).save(path, save_all=True, append_images=[scene(20, 20)])
    with pytest.raises(Rejected, match="animation"):
        tool.decode(path)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_bmp_equals_pillow(tool, tmp_path, mode):
    for width in (1, 2, 3, 4, 5, 37):
        image = scene(width, 21)
        if mode == "RGBA":
            image.putalpha(image.getchannel(1))
        path = tmp_path / "picture.bmp"
        (image.quantize(97) if mode == "P" else image.convert(mode)).save(path)
        check(tool, path)


def bmp(width, height, bits, compression=0, masks=b"", palette=b"", header=40):
    row = (width * bits + 31) // 32 * 4
    offset = 14 + header + (len(masks) if header == 40 else 0) + len(palette)
    info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 0, 0,
                       len(palette) // 4, 0)
    if header > 40:
        info += masks.ljust(header - 40, b"\0")
        masks = b""
    body = random.bytes(row * abs(height))
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + info + masks + palette + body


@pytest.mark.parametrize("height", [9, -9])
@pytest.mark.parametrize("header", [40, 56, 108, 124])
def test_bmp_layouts_equal_pillow(tool, tmp_path, height, header):
    path = tmp_path / "picture.bmp"
    masks = {
        (16, 0): b"",
        (24, 0): b"",
        (32, 0): b"",
        (16, 3): struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0),
        (32, 3): struct.pack("<IIII", 0xFF000000, 0xFF0000, 0xFF00, 0),
    }
    for (bits, compression), mask in masks.items():
        mask = mask[:12] if header == 40 else mask
        path.write_bytes(bmp(13, height, bits, compression, mask, header=header))
        check(tool, path)
    for bits in (1, 4, 8):
        path.write_bytes(bmp(13, height, bits, palette=random.bytes(4 << bits), header=header))
        check(tool, path)


@pytest.mark.parametrize("maxval", [1, 2, 7, 100, 254, 255, 256, 1000, 65535])
def test_ppm_equals_pillow(tool, tmp_path, maxval):
    kind = "u1" if maxval < 256 else ">u2"
    path = tmp_path / "picture.ppm"
    samples = random.integers(0, min(maxval + 3, 65536 if maxval > 255 else 256), (8, 9, 3))
    header = b"P6 # a comment\n9\t8 #another\n%d\n" % maxval
    path.write_bytes(header + samples.astype(kind).tobytes())
    check(tool, path)
    gray = samples[:, :, :1]
    path.write_bytes(header.replace(b"P6", b"P5") + gray.astype(kind).tobytes())
    if maxval < 256:
        check(tool, path)
    else:  # Pillow reads 32-bit integers, and clips them at 255 for RGB
        with Image.open(path) as image:
            high = numpy.asarray(image) >> 8
        assert numpy.array_equal(tool.decode(path), high[:, :, None].repeat(3, axis=2))


def test_photographs_equal_pillow(tool, shared_pictures):
    paths = sorted((shared_pictures / "val500").rglob("*.JPEG"))[::10]
    paths += sorted((shared_pictures / "odd").glob("*.[jJp]*"))
    assert len(paths) > 60
    for path in paths:
        check(tool, path)
