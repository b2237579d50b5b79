"""Paints what stands behind the objects of a drawn scene: a street, a shore, a floor and a wall, a table top.

    image, horizon = street(np.random.default_rng(7), (640, 480))       # (480, 640, 3) uint8 BGR, a row

Each function takes a random generator and a size, and returns the picture with the row where the ground
begins, or None where everything may lie anywhere. None of them shows anything of COCO's classes. The training
pictures and the test pictures take different ones (PLACES in scenes.py), so that a test says how the network
does in front of what it has never seen.
"""

import math

import cv2
import numpy as np

from segmentation.training.scenes.canvas import bgr, darker, lighter, mix, pick

FRACTION_BITS = 4       # OpenCV's drawing takes coordinates in sixteenths of a pixel


def noise(rng, size_wh, cell, stretch=1.0):
    """Smooth noise, blobs `cell` pixels high and cell * stretch wide: (H, W) float32, deviation about 0.8."""
    width, height = size_wh
    cells = (max(2, math.ceil(height / cell)) + 1, max(2, math.ceil(width / (cell * stretch))) + 1)
    return cv2.resize(rng.standard_normal(cells, np.float32), size_wh,
                      interpolation=cv2.INTER_CUBIC if cell > 8 else cv2.INTER_LINEAR)


def clouds(rng, size_wh, cell, stretch=1.0):
    """Noise of three sizes, each half of the one before."""
    return sum(noise(rng, size_wh, max(cell / 2**k, 1), stretch) / 2**k for k in range(3))


def as_image(picture):
    return np.clip(picture, 0, 255).astype(np.uint8)


def ramp(colours, size_wh):
    """Colours from top to bottom, evenly spaced: (H, W, 3) float32."""
    colours = np.array([bgr(colour) for colour in colours], np.float32)
    rows = np.linspace(0, len(colours) - 1, size_wh[1])
    column = np.stack([np.interp(rows, range(len(colours)), channel) for channel in colours.T], axis=1)
    return np.repeat(column[:, None].astype(np.float32), size_wh[0], axis=1)


def tinted(colour, shade):
    """A colour made brighter and darker: (H, W, 3) uint8 from shade (H, W) float32, in grey levels."""
    return cv2.merge([cv2.add(shade, (float(channel), 0, 0, 0), dtype=cv2.CV_8U) for channel in bgr(colour)])


def pieces(rng, size_wh, length, height, joint, shift):
    """A wall of bricks, boards or tiles: what each pixel lies on.

    Rows of `height` pixels hold pieces of `length`; each row is moved by `shift` lengths against the one
    above, or by any length where shift is None. Returns a value -1..1 for each piece, (H, W) float32, and
    where the joints run, (H, W) uint8, 0 or 255.
    """
    width, tall = size_wh
    y, x, rows = np.arange(tall), np.arange(width), tall // height + 1
    moves = rng.integers(0, length, rows) if shift is None else np.arange(rows) * int(shift * length)
    along = x + moves[:, None] % length                                         # (rows, W)
    values = rng.uniform(-1, 1, (rows, width // length + 2)).astype(np.float32)
    values = np.take_along_axis(values, along // length, axis=1)
    joints = np.where(along % length < joint, np.uint8(255), np.uint8(0))[y // height]
    joints[y % height < joint] = 255
    return values[y // height], joints


def fill(image, colour, where):
    """The image with that colour where the mask (H, W) uint8 is not 0."""
    plain = np.empty_like(image)
    plain[:] = bgr(colour)
    return cv2.copyTo(plain, where, image)


def poly(image, points, colour):
    points = np.rint(np.asarray(points, np.float32) * (1 << FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(image, [points], bgr(colour), cv2.LINE_AA, FRACTION_BITS)


def ridge(rng, size_wh, top, height, waves):
    """The outline of hills, closed along the bottom of the picture: (N, 2)."""
    x = np.linspace(0, size_wh[0], 60)
    y = sum(np.sin(x / size_wh[0] * rate * 2 * math.pi + rng.uniform(0, 6.3)) / rate
            for rate in rng.uniform(0.6, 1.4, 3) * (waves, 2 * waves, 4 * waves)) * waves
    y = top - height * (0.5 + 0.3 * y)
    return np.concatenate([np.stack([x, y], 1), [(size_wh[0], size_wh[1]), (0, size_wh[1])]])


def sky(rng, size_wh, horizon, tops=("#3f8fd6", "#6fb3e6", "#8ab6d9", "#5b7fb8")):
    """A sky with clouds down to the horizon, and the same colour below: (H, W, 3) float32."""
    top = pick(rng, tops)
    picture = np.empty((size_wh[1], size_wh[0], 3), np.float32)
    above = ramp([top, lighter(top, 0.35), pick(rng, ("#dceaf2", "#f5e6d3", "#e8f0e8"))],
                 (size_wh[0], horizon))
    cover = clouds(rng, (size_wh[0], horizon), max(8, horizon / 3), 2.2) - rng.uniform(0.2, 1.1)
    above += (250 - above) * np.clip(cover * 0.7, 0, 0.85)[..., None]
    picture[:horizon], picture[horizon:] = above, above[-1]
    return picture


# ---- Places with a ground to stand on --------------------------------------------------------------------

def field(rng, size_wh):
    """A meadow under the sky, with a line of hills."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.4, 0.6))
    image = as_image(sky(rng, size_wh, horizon))
    grass = pick(rng, ("#6ca04a", "#7fae52", "#94a84e", "#5a8f4f"))
    for k in (2, 1):
        poly(image, ridge(rng, size_wh, horizon + 2, height * 0.09 * k, 2), mix(grass, "#9fb8c8", 0.3 * k))
    low = (width, height - horizon)
    shade = noise(rng, low, 2, 0.7) * 7 + noise(rng, low, max(6, height / 16), 3) * 6
    image[horizon:] = tinted(grass, shade + np.linspace(22, -14, low[1], dtype=np.float32)[:, None])
    return image, horizon


def shore(rng, size_wh):
    """Sky, sea and sand; the ground begins where the sea ends."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.34, 0.44))
    beach = int(horizon + height * rng.uniform(0.14, 0.22))
    image = as_image(sky(rng, size_wh, horizon, ("#57a5dc", "#7fc0e4", "#e8a87c", "#6d8fc9")))
    sea, sand = pick(rng, ("#2f7fa8", "#3c94a6", "#2a668f"), 8), pick(rng, ("#e3cfa0", "#d8bf8f", "#ead9b4"),
                                                                      8)
    for y0, y1, colour, grain in ((horizon, beach, sea, (max(2, height / 150), 9)),
                                  (beach, height, sand, (2, 1))):
        shade = noise(rng, (width, y1 - y0), *grain) * (9 if colour == sea else 4)
        shade += noise(rng, (width, y1 - y0), max(6, height / 20), 4) * 4
        image[y0:y1] = tinted(colour, shade + np.linspace(-16, 18, y1 - y0, dtype=np.float32)[:, None])
    for k, colour in ((0, lighter(sea, 0.55)), (1, "#f2f6f4"), (2, darker(sand, 0.14))):      # foam, wet sand
        wave = ridge(rng, size_wh, beach + height * 0.012 * k, height * 0.012, 3)[:-2]
        below = wave[::-1] + np.array([0, height * 0.012])
        poly(image, np.concatenate([wave, below]), colour)
    return image, beach


def street(rng, size_wh):
    """A row of houses, a pavement and a road."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.46, 0.58))
    image = as_image(sky(rng, size_wh, horizon))
    x = -rng.uniform(0, 0.1) * width
    while x < width:
        wide, tall = rng.uniform(0.13, 0.26) * width, rng.uniform(0.45, 0.95) * horizon
        house(rng, image, x, horizon - tall, x + wide, horizon)
        x += wide
    kerb = int(horizon + height * rng.uniform(0.07, 0.11))
    stone, asphalt = pick(rng, ("#b9b4aa", "#a8a49c", "#c4bba8"), 6), pick(rng, ("#5b5e63", "#6b6c6e",
                                                                                 "#4f5358"), 5)
    image[horizon:kerb] = tinted(stone, noise(rng, (width, kerb - horizon), 3) * 4)
    image[kerb:] = tinted(asphalt, noise(rng, (width, height - kerb), 1.5) * 5)
    thick = max(2, height // 90)
    image[kerb:kerb + thick] = darker(stone, 0.25)
    y, dash, slant = (kerb + height) // 2, width * 0.09, height * 0.02
    for left in np.arange(rng.uniform(-1, 0) * dash, width, 2 * dash):
        poly(image, [(left + slant, y), (left + dash + slant, y), (left + dash, y + thick * 2),
                     (left, y + thick * 2)], "#d9d6cc")
    return image, horizon


def house(rng, image, x0, y0, x1, y1):
    """A front with rows of windows."""
    wall = mix(pick(rng, ("#c9a58a", "#b98f78", "#d8c8a8", "#9fb0b8", "#c7b0b8", "#a8b89a")), "#dfe6ea", 0.25)
    poly(image, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], wall)
    poly(image, [(x0, y0), (x1, y0), (x1, y0 + (y1 - y0) * 0.05), (x0, y0 + (y1 - y0) * 0.05)],
         darker(wall, 0.2))
    columns, storeys = int(rng.integers(2, 5)), max(2, round((y1 - y0) / (x1 - x0) * 3))
    pane = mix(darker(wall, 0.45), "#8fb0c8", 0.35)
    for row in range(storeys):
        for column in range(columns):
            wide, high = (x1 - x0) / columns, (y1 - y0) * 0.93 / storeys
            x, y = x0 + wide * (column + 0.25), y0 + (y1 - y0) * 0.07 + high * (row + 0.2)
            poly(image, [(x, y), (x + wide * 0.5, y), (x + wide * 0.5, y + high * 0.6), (x, y + high * 0.6)],
                 pane)
            poly(image, [(x - wide * 0.06, y + high * 0.6), (x + wide * 0.56, y + high * 0.6),
                         (x + wide * 0.56, y + high * 0.66), (x - wide * 0.06, y + high * 0.66)],
                 lighter(wall, 0.3))


WALLS = ("#d9cdb8", "#b8c8c4", "#c9b8b0", "#a9b8c9", "#d4d0c8", "#b5bfa0", "#c8a898")


def lay_floor(image, texture, horizon):
    """Puts a square texture on the ground below the horizon, in perspective."""
    height, width = image.shape[:2]
    side = len(texture)
    square = np.float32([(0, 0), (side, 0), (side, side), (0, side)])
    ground = np.float32([(0, 0), (width, 0), (1.7 * width, height - horizon), (-0.7 * width,
                                                                               height - horizon)])
    image[horizon:] = cv2.warpPerspective(texture, cv2.getPerspectiveTransform(square, ground),
                                          (width, height - horizon), flags=cv2.INTER_LINEAR,
                                          borderMode=cv2.BORDER_REFLECT)


def room(rng, size_wh):
    """A plain wall over a floor of boards."""
    width, height = size_wh
    horizon = int(height * rng.uniform(0.55, 0.7))
    wall, wood = pick(rng, WALLS), pick(rng, ("#a87845", "#8f6238", "#c09a68", "#77583f"), 8)
    shade = noise(rng, size_wh, 3) * 2 + noise(rng, size_wh, height) * 12
    image = tinted(wall, shade + np.linspace(-16, 14, height, dtype=np.float32)[:, None])
    side = min(max(2 * width // 3, 64), 640)
    values, joints = pieces(rng, (side, side), side // 3, side // 14, max(1, side // 300), None)
    texture = tinted(wood, values * 12 + noise(rng, (side, side), 2, 30) * 8)
    lay_floor(image, fill(texture, darker(wood, 0.45), joints).transpose(1, 0, 2), horizon)
    skirting = max(3, height // 40)
    image[horizon - skirting:horizon] = lighter(wall, 0.45)
    image[horizon - max(1, skirting // 6):horizon] = darker(wall, 0.4)
    return image, horizon


def lounge(rng, size_wh):
    """A striped wall paper over a panel, and a floor of chequered tiles or a carpet."""
    width, height = size_wh
    horizon, panel = int(height * rng.uniform(0.58, 0.7)), int(height * rng.uniform(0.38, 0.46))
    stripe = max(6, int(width * rng.uniform(0.02, 0.05)))
    bands = ((np.arange(width) // stripe) % 2).astype(np.float32) * 14
    image = tinted(pick(rng, WALLS), noise(rng, size_wh, height) * 9 + bands)
    wood = lighter(pick(rng, ("#8f6238", "#6f7f78", "#5f6f86", "#b8a88a"), 8), 0.25)
    image[panel:horizon] = wood
    image[panel:panel + max(2, height // 60)] = lighter(wood, 0.35)
    for left in range(-stripe, width, max(12, width // 8)):
        cv2.rectangle(image, (left, panel + height // 22), (left + width // 8 - width // 50,
                                                            horizon - height // 30), darker(wood, 0.16),
                      max(1, height // 200), cv2.LINE_AA)
    image[horizon - max(2, height // 45):horizon] = darker(wood, 0.35)
    tint, side = pick(rng, ("#b0a494", "#7f8a8c", "#8a5f58", "#6f7a5c"), 8), min(max(2 * width // 3, 64), 640)
    square = np.arange(side) // (side // 16)
    chequer = ((square[:, None] + square) % 2).astype(np.float32) * (45 if rng.random() < 0.5 else 0)
    lay_floor(image, tinted(tint, chequer + noise(rng, (side, side), 2) * 5), horizon)
    return image, horizon


# ---- Surfaces: anything may lie anywhere -----------------------------------------------------------------

def boards(rng, size_wh):
    """A table of wooden boards from above."""
    side, wood = min(size_wh), pick(rng, ("#b08050", "#8a5f3a", "#c9a878", "#6f5240", "#a89a88"), 8)
    values, joints = pieces(rng, size_wh, 3 * max(size_wh), max(12, int(side * rng.uniform(0.12, 0.25))),
                            max(1, side // 180), None)
    image = tinted(wood, values * 13 + noise(rng, size_wh, max(2, side / 120), 40) * 9)
    return fill(image, darker(wood, 0.45), joints), None


def bricks(rng, size_wh):
    tall = max(8, int(min(size_wh) * rng.uniform(0.05, 0.1)))
    colour = pick(rng, ("#a4523a", "#b86b4a", "#8f6a58", "#b9b0a4", "#c98f68"))
    values, joints = pieces(rng, size_wh, int(tall * rng.uniform(2.2, 3)), tall, max(1, tall // 9), 0.5)
    return fill(tinted(colour, values * 17 + noise(rng, size_wh, 2) * 7), mix(colour, "#d8d4cc", 0.7),
                joints), None


def lawn(rng, size_wh):
    grass = pick(rng, ("#5f9440", "#7aa052", "#8f9a48", "#8a7a58", "#c4b48a"))
    return tinted(grass, noise(rng, size_wh, 3, 0.5) * 13 + clouds(rng, size_wh, min(size_wh) / 5) * 9), None


def gradient(rng, size_wh):
    """Colours that run into each other from corner to corner."""
    corners = rng.uniform(30, 235, (3, 3, 3)).astype(np.float32)
    return as_image(cv2.resize(corners, size_wh, interpolation=cv2.INTER_CUBIC)), None


def colour_clouds(rng, size_wh):
    """Soft blots of any colours, of two sizes."""
    image = np.full((size_wh[1], size_wh[0], 3), rng.integers(70, 190, 3, np.uint8))
    for cell in min(size_wh) * rng.uniform(0.04, 0.4, 2):
        shape = (math.ceil(size_wh[1] / cell) + 2, math.ceil(size_wh[0] / cell) + 2, 3)
        blots = as_image(rng.normal(128, rng.uniform(8, 30), shape))
        image = cv2.addWeighted(image, 1, cv2.resize(blots, size_wh, interpolation=cv2.INTER_CUBIC), 1, -128)
    return image, None


def tablecloth(rng, size_wh):
    """A chequered cloth, or marble."""
    if rng.random() < 0.35:
        vein = np.abs(clouds(rng, size_wh, min(size_wh) / 3, 1.6))
        shade = clouds(rng, size_wh, min(size_wh) / 5) * 5 - 22 * np.exp(-12 * vein)
        return tinted(pick(rng, ("#e4e0d8", "#cfd3d6", "#d8c8b4", "#6f7780"), 6), shade), None
    cloth = np.array(pick(rng, ("#b8474a", "#4a6fa5", "#5f8f6a", "#c9a04a", "#8a6a9a", "#7a8288")))
    check = max(6, int(min(size_wh) * rng.uniform(0.05, 0.11)))
    across, down = ((np.arange(n) // check) % 2 for n in size_wh)
    shares = (across + down[:, None]).astype(np.uint8)                          # 0, 1 or 2 dyed threads
    table = np.zeros((256, 1, 3), np.uint8)
    table[:3, 0] = [238 + (cloth - 238) * share for share in (0.08, 0.4, 0.72)]
    weave = cv2.resize(rng.integers(0, 12, (size_wh[1] // 2, size_wh[0] // 2), np.uint8), size_wh)
    return cv2.subtract(cv2.LUT(cv2.merge([shares] * 3), table), cv2.merge([weave] * 3)), None


def tiles(rng, size_wh):
    side = max(10, int(min(size_wh) * rng.uniform(0.08, 0.22)))
    colour = pick(rng, ("#8fb0b8", "#d8d0c0", "#5f7f9a", "#b8705a", "#7f9a7a", "#3f4a58"))
    values, joints = pieces(rng, size_wh, side, side, max(1, side // 14), 0)
    return fill(tinted(colour, values * 14 + noise(rng, size_wh, side) * 5), mix(colour, "#e8e6e0", 0.6),
                joints), None


def stripes(rng, size_wh):
    """Slanting bands of two colours."""
    angle, band = rng.uniform(0, math.pi), min(size_wh) * rng.uniform(0.04, 0.2)
    x, y = np.arange(size_wh[0], dtype=np.float32), np.arange(size_wh[1], dtype=np.float32)[:, None]
    rate_x, rate_y = np.float32([math.cos(angle), math.sin(angle)]) * np.float32(math.pi / band)
    phase = x * rate_x + y * rate_y
    share = np.clip(np.sin(phase) * np.float32(rng.uniform(1, 8)), -1, 1)
    first, second = rng.uniform(60, 200, 3), rng.uniform(-35, 35, 3)
    return cv2.merge([cv2.add(share * np.float32(step), (float(level), 0, 0, 0), dtype=cv2.CV_8U)
                      for level, step in zip(first, second)]), None


def halo(rng, size_wh):
    """A colour that fades from a bright middle."""
    middle = rng.uniform(0.2, 0.8, 2) * size_wh
    x, y = np.arange(size_wh[0], dtype=np.float32), np.arange(size_wh[1], dtype=np.float32)[:, None]
    away = np.hypot(x - np.float32(middle[0]), y - np.float32(middle[1])) / (0.8 * max(size_wh))
    share = np.minimum(away, 1) * 255
    bright, dark = rng.uniform(110, 250, (1, 3)), rng.uniform(15, 160, (1, 3))
    table = np.uint8(bright + (dark - bright) * np.linspace(0, 1, 256)[:, None])[:, None]
    return cv2.LUT(cv2.merge([share.astype(np.uint8)] * 3), table), None


def pebbles(rng, size_wh):
    """A ground of stones."""
    stone = pick(rng, ("#9a948a", "#b0a08c", "#7f868c", "#a89078"), 6)
    image = tinted(darker(stone, 0.35), noise(rng, size_wh, 6) * 8)
    typical = min(size_wh) * rng.uniform(0.015, 0.04)
    for x, y in rng.uniform(0, 1, (int(0.12 * size_wh[0] * size_wh[1] / typical**2), 2)) * size_wh:
        axes = tuple(int(v) for v in np.maximum(1, rng.uniform(0.6, 1.4, 2) * typical))
        cv2.ellipse(image, (int(x), int(y)), axes, float(rng.uniform(0, 180)), 0, 360,
                    pick(rng, (stone,), 18), -1, cv2.LINE_AA)
    return image, None


def scatter_shapes(rng, image, count):
    """Lines, boxes, polygons and ellipses of plain colour, which the network is to ignore."""
    height, width = image.shape[:2]
    for _ in range(count):
        colour = tuple(int(level) for level in rng.integers(20, 236, 3))
        middle, reach = rng.uniform(0, 1, 2) * (width, height), min(width, height) * rng.uniform(0.03, 0.3)
        kind, drawn = rng.choice(["line", "box", "polygon", "ellipse"]), image.copy()
        if kind == "line":
            ends = np.rint(middle + rng.uniform(-2, 2, (2, 2)) * reach).astype(int).tolist()
            cv2.line(drawn, *ends, colour, int(rng.integers(1, 2 + width // 80)), cv2.LINE_AA)
        elif kind == "box":
            sides, angle = rng.uniform(0.4, 2, 2) * reach, rng.choice([0, 0, 30, 60])
            poly(drawn, cv2.boxPoints((middle.tolist(), sides.tolist(), float(angle))), colour)
        elif kind == "polygon":
            poly(drawn, middle + rng.uniform(-1, 1, (int(rng.integers(3, 6)), 2)) * reach, colour)
        else:
            axes = np.maximum(1, rng.uniform(0.2, 1, 2) * reach).astype(int).tolist()
            cv2.ellipse(drawn, middle.astype(int).tolist(), axes, float(rng.uniform(0, 180)), 0, 360, colour,
                        int(rng.choice([-1, -1, 2, 4])), cv2.LINE_AA)
        share = float(rng.uniform(0.4, 1))
        cv2.addWeighted(drawn, share, image, 1 - share, 0, dst=image)
