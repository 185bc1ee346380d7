"""Resize and preprocessing against Pillow, to the byte."""

import math
import pathlib

import numpy
import pytest
from PIL import Image

MODES = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def noise(random, width, height):
    """Extreme values beside smooth ones, so that clamping and rounding both show."""
    kind = random.integers(3)
    shape = (height, width, 3)
    if kind == 0:
        return random.integers(0, 256, shape).astype("u1")
    if kind == 1:
        return (random.integers(0, 2, shape) * 255).astype("u1")
    ramp = numpy.add.outer(numpy.arange(height) * 3, numpy.arange(width) * 2)
    return numpy.stack([ramp, ramp // 2, 255 - ramp % 256], axis=2).astype("u1")


def save(folder, pixels):
    path = folder / "picture.ppm"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(60))
def test_resize_equals_pillow_at_random_sizes(tool, tmp_path, mode, seed):
    print("seed", seed)
    random = numpy.random.default_rng(seed)
    source = [int(size) for size in random.integers(1, random.choice([8, 80, 700]), 2)]
    target = [int(size) for size in random.integers(1, random.choice([8, 80, 700]), 2)]
    if seed % 7 == 0:
        target[seed % 2] = source[seed % 2]  # one side stays
    pixels = noise(random, *source)
    got = tool.resize(save(tmp_path, pixels), *target, mode)
    expected = numpy.asarray(Image.fromarray(pixels).resize(target, MODES[mode]))
    assert numpy.array_equal(got, expected), (source, target)


def round_half_even(value):
    return int(round(value))


def torchvision(image, height, width, short, mode):
    """Resize of the short side and centre crop as torchvision's functions do them."""
    if short:
        w, h = image.size
        long_side = int(short * max(w, h) / min(w, h))
        image = image.resize((short, long_side) if w <= h else (long_side, short), MODES[mode])
    w, h = image.size
    if width > w or height > h:
        left = (width - w) // 2 if width > w else 0
        top = (height - h) // 2 if height > h else 0
        padded = Image.new(image.mode, (max(w, width), max(h, height)))
        padded.paste(image, (left, top))
        image = padded
        w, h = image.size
    top, left = round_half_even((h - height) / 2.0), round_half_even((w - width) / 2.0)
    return image.crop((left, top, left + width, top + height))


@pytest.mark.parametrize("seed", range(120))
def test_preprocess_equals_resize_and_crop_of_the_whole(tool, tmp_path, seed):
    print("seed", seed)
    random = numpy.random.default_rng(1000 + seed)
    size = [int(size) for size in random.integers(1, random.choice([30, 600]), 2)]
    height, width = (int(size) for size in random.integers(1, 260, 2))
    short = int(random.choice([0, 31, 64, 232, 255, 256]))
    mode = list(MODES)[seed % 3]
    color = ["rgb", "bgr", "gray"][seed // 3 % 3]
    pixels = noise(random, *size)
    got = tool.preprocess(save(tmp_path, pixels), height, width, short, mode, color)
    image = Image.fromarray(pixels)
    expected = torchvision(image.convert("L") if color == "gray" else image, height, width, short, mode)
    expected = numpy.asarray(expected).reshape(height, width, -1)
    if color == "bgr":
        expected = expected[:, :, ::-1]
    assert numpy.array_equal(got, expected), (size, height, width, short, mode, color)


def test_tall_pictures_take_pillows_order_of_passes(tool, tmp_path):
    random = numpy.random.default_rng(7)
    pixels = (random.integers(0, 2, (2000, 300, 3)) * 255).astype("u1")
    path = save(tmp_path, pixels)
    for mode in ("bilinear", "bicubic"):
        got = tool.preprocess(path, 224, 224, 256, mode)
        expected = torchvision(Image.fromarray(pixels), 224, 224, 256, mode)
        assert numpy.array_equal(got, numpy.asarray(expected))


def test_photographs_preprocess_to_pillows_bytes(tool, shared_pictures):
    paths = sorted((shared_pictures / "val500").rglob("*.JPEG"))[::12]
    paths += [path for path in (shared_pictures / "odd").iterdir() if path.suffix != ".txt"]
    checked = 0
    for path in paths:
        if path.suffix == ".md":
            continue
        image = Image.open(path).convert("RGB")
        for mode, short, size in (("bilinear", 256, 224), ("bicubic", math.floor(240 / 0.875), 240)):
            got = tool.preprocess(path, size, size, short, mode)
            assert numpy.array_equal(got, numpy.asarray(torchvision(image, size, size, short, mode))), path
        checked += 1
    assert checked > 10


def generated_picture(width, height, channels, seed):
    """The picture of make_picture.h."""
    state, pixels = seed, bytearray()
    for _ in range(width * height * channels):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        pixels.append(state >> 56)
    mode = "L" if channels == 1 else "RGB"
    return Image.frombytes(mode, (width, height), bytes(pixels))


def digest(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_digests_for_other_machines_are_pillows():
    lines = (pathlib.Path(__file__).parent / "resize_digests.txt").read_text().splitlines()
    for line in lines:
        channels, width, height, to_width, to_height, mode, expected = line.split()
        image = generated_picture(int(width), int(height), int(channels), 1)
        resized = image.resize((int(to_width), int(to_height)), MODES[mode])
        assert digest(resized.tobytes()) == int(expected, 16), line
