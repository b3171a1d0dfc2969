#!/usr/bin/env python3
"""What ffmpeg and ImageMagick do not write: EXIF and ICC in pictures, HEIC, a turned clip, a small PDF, files that mean harm."""

import struct
import sys
import zipfile
import zlib


def main(command, *arguments):
    {"exif": exif, "icc": icc, "pdf": pdf, "docx": docx, "turned": turned, "nostss": nostss, "co64": co64, "captions": captions, "dolby": dolby, "heic": heic, "hostile": hostile}[command](*arguments)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, *parts):
    with open(path, "wb") as file:
        file.write(b"".join(parts))


# --- Metadata in pictures -----------------------------------------------------------------------------------------


def jpeg_segment(marker, payload):
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def exif(orientation, source, target):
    """The JPEG with an EXIF orientation (CIPA DC-008 section 4.6.4), in little-endian order."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, int(orientation), 0)
    tiff = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    jpeg = read(source)
    write(target, jpeg[:2], jpeg_segment(0xE1, b"Exif\0\0" + tiff), jpeg[2:])


def s15(value):
    return struct.pack(">i", round(value * 65536))


def display_p3():
    """A profile of Display P3 made of a matrix and a curve (ICC.1:2010), its colours adapted to D50."""
    xyz = lambda x, y, z: b"XYZ \0\0\0\0" + s15(x) + s15(y) + s15(z)
    text = lambda words: b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(words) * 2, 28) + words.encode("utf-16-be")
    curve = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + b"".join(map(s15, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))
    tags = [
        (b"desc", text("Display P3")),
        (b"cprt", text("Public domain")),
        (b"wtpt", xyz(0.9642, 1.0, 0.8249)),
        (b"rXYZ", xyz(0.51512, 0.24120, -0.00105)),
        (b"gXYZ", xyz(0.29198, 0.69225, 0.04189)),
        (b"bXYZ", xyz(0.15710, 0.06657, 0.78407)),
        (b"rTRC", curve),
        (b"gTRC", curve),
        (b"bTRC", curve),
    ]
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, body in tags:
        body += b"\0" * (-len(body) % 4)
        table += struct.pack(">4sII", name, at + len(data), len(body))
        data += body
    size = at + len(data)
    date = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"\0\0\0\0", 0x04000000, b"mntr", b"RGB ", b"XYZ ", date, b"acsp")
    header += b"\0" * 28 + s15(0.9642) + s15(1.0) + s15(0.8249)
    return header + b"\0" * (128 - len(header)) + struct.pack(">I", len(tags)) + table + data


def icc(source, target):
    """The PNG or JPEG with a Display P3 profile; its numbers stay what they are."""
    picture, profile = read(source), display_p3()
    if picture.startswith(b"\x89PNG"):
        end = 8 + 25  # signature and IHDR
        chunk = png_chunk(b"iCCP", b"Display P3\0\0" + zlib.compress(profile))
        write(target, picture[:end], chunk, picture[end:])
    else:
        write(target, picture[:2], jpeg_segment(0xE2, b"ICC_PROFILE\0\x01\x01" + profile), picture[2:])


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def pdf(target):
    """One page with a line of text."""
    stream = b"BT /F1 24 Tf 72 720 Td (A document) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    write(target, body, b"xref\n0 6\n0000000000 65535 f \n", table, trailer)


def docx(target):
    """A document of one paragraph (ECMA-376 part 2), as ZIP, with the same times whenever it is made."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        f'<Default Extension="rels" ContentType="{relations}"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r" Type="{office}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>A document</w:t></w:r></w:p></w:body>'
        "</w:document>",
    }
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)


# --- ISO BMFF that lies (ISO/IEC 14496-12) ------------------------------------------------------------------------


def find(data, *names):
    """The offset of the first box of such a path; a box of each name is sought right inside the one before."""
    start, end = 0, len(data)
    for depth, name in enumerate(names):
        while data[start + 4 : start + 8] != name:
            start += struct.unpack_from(">I", data, start)[0]
            assert start < end, names
        if depth + 1 < len(names):
            end, start = start + struct.unpack_from(">I", data, start)[0], start + 8
    return start


TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def nostss(source, target):
    """The clip without its table of keyframes."""
    data = bytearray(read(source))
    at = find(data, *TABLES, b"stss")
    data[at + 4 : at + 8] = b"free"
    write(target, data)


def co64(source, target):
    """The clip, whose moov is last, with chunk offsets of 64 bits (section 8.7.5)."""
    data = read(source)
    moov = find(data, b"moov")
    write(target, data[:moov], wide_offsets(data[moov:]))


def wide_offsets(boxes):
    """The boxes with every table of chunk offsets widened, and all sizes to match."""
    result, at = b"", 0
    while at < len(boxes):
        size, name = struct.unpack_from(">I4s", boxes, at)
        body = boxes[at + 8 : at + size]
        if name in TABLES:
            body = wide_offsets(body)
        if name == b"stco":
            count = struct.unpack_from(">I", body, 4)[0]
            body = body[:8] + struct.pack(f">{count}Q", *struct.unpack_from(f">{count}I", body, 8))
            name = b"co64"
        result += struct.pack(">I4s", len(body) + 8, name) + body
        at += size
    return result


def captions(source, target):
    """The clip of AVC, whose moov is last, with closed captions in every picture (ATSC A/53 part 4 section 6.2.3)."""
    data = read(source)
    table = lambda name: find(data, *TABLES, name)
    count = struct.unpack_from(">I", data, table(b"stsz") + 16)[0]
    sizes = struct.unpack_from(f">{count}I", data, table(b"stsz") + 20)
    chunks = struct.unpack_from(">I", data, table(b"stco") + 12)[0]
    places = struct.unpack_from(f">{chunks}I", data, table(b"stco") + 16)
    runs = struct.unpack_from(">I", data, table(b"stsc") + 12)[0]
    runs = [struct.unpack_from(">II", data, table(b"stsc") + 16 + 12 * run) for run in range(runs)]
    mdat, moov = find(data, b"mdat"), find(data, b"moov")
    body, new_sizes, new_places = b"", [], []
    for number, place in enumerate(places, 1):
        new_places.append(mdat + 8 + len(body))
        for _ in range([length for first, length in runs if first <= number][-1]):
            sample = caption_unit(len(new_sizes)) + data[place : place + sizes[len(new_sizes)]]
            place += sizes[len(new_sizes)]
            new_sizes.append(len(sample))
            body += sample
    changed = bytearray(data)
    struct.pack_into(f">{count}I", changed, table(b"stsz") + 20, *new_sizes)
    struct.pack_into(f">{chunks}I", changed, table(b"stco") + 16, *new_places)
    header = struct.pack(">I4s", len(body) + 8, b"mdat")
    write(target, data[:mdat], header, body, changed[moov:])


def caption_unit(number):
    """A unit of messages behind its length: captions of both fields of CEA-608, and of the first service of CEA-708."""
    odd = lambda byte: byte | (bin(byte).count("1") + 1) % 2 << 7
    # Captions that roll up, then letters.
    code, letters = (odd(0x14), odd(0x25)), (odd(0x41 + number % 26), odd(0x20))
    first, second = (code, (odd(0x15), odd(0x25))) if number == 0 else (letters, letters)
    service = (0xFF, (number & 3) << 6 | 2, 1 << 5 | 2, 0xFE, 0x41 + number % 26, 0x20)
    data = bytes((0x43 + 1, 0xFF, 0xFC, *first, 0xFD, *second, *service, 0xFF))
    message = b"\xb5\x00\x31GA94\x03" + data
    unit = bytes((6, 4, len(message))) + message + b"\x80"
    return struct.pack(">I", len(unit)) + unit


def heic(columns, rows, width, height, source, target):
    """A picture whose tiles are the frames of a clip of HEVC, moov last, all of them keyframes (ISO/IEC 23008-12)."""
    data, (columns, rows, width, height) = read(source), map(int, (columns, rows, width, height))
    count = columns * rows
    sizes = struct.unpack_from(f">{count}I", data, find(data, *TABLES, b"stsz") + 20)
    at = find(data, b"mdat") + 8
    entry = find(data, *TABLES, b"stsd") + 16
    tile = struct.unpack_from(">HH", data, entry + 32)
    start = data.index(b"hvcC", entry) - 4
    config = data[start : start + struct.unpack_from(">I", data, start)[0]]
    full = lambda name, *parts: box(name, b"\0" * 4, *parts)
    extent = lambda size: full(b"ispe", struct.pack(">II", *size))
    colour = box(b"colr", b"nclx", struct.pack(">HHHB", 1, 1, 1, 0))
    properties = box(b"ipco", config, extent(tile), extent((width, height)), colour)
    link = lambda item, *numbers: struct.pack(">HB", item, len(numbers)) + bytes(numbers)
    links = link(1, 3, 4) + b"".join(link(item, 0x81, 2) for item in range(2, count + 2))
    entry_of = lambda item, kind, hidden: box(b"infe", struct.pack(">IHH", 2 << 24 | hidden, item, 0), kind, b"\0")
    entries = entry_of(1, b"grid", 0) + b"".join(entry_of(item, b"hvc1", 1) for item in range(2, count + 2))
    shape = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    parts = [shape]
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(place):
        places = b""
        for item, part in enumerate(parts, 1):
            places += struct.pack(">HHHII", item, 0, 1, place, len(part))
            place += len(part)
        return full(
            b"meta",
            full(b"hdlr", b"\0" * 4, b"pict", b"\0" * 13),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", b"\x44\0", struct.pack(">H", count + 1), places),
            full(b"iinf", struct.pack(">H", count + 1), entries),
            full(b"iref", box(b"dimg", struct.pack(f">HH{count}H", 1, count, *range(2, count + 2)))),
            box(b"iprp", properties, full(b"ipma", struct.pack(">I", count + 1), links)),
        )

    before = len(ftyp) + len(meta(0)) + 8
    write(target, ftyp, meta(before), box(b"mdat", *parts))


def box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def dolby(profile, compatibility, source, target):
    """The clip of HEVC, whose moov is last, said to be Dolby Vision of level 1 (Dolby Vision Streams Within the ISO Base Media
    File Format section 3.2): an honest claim needs data in every picture, which nothing here looks at."""
    profile, compatibility = int(profile), int(compatibility)
    # Version 1.0, then the profile, the level, and that there are such data and a base layer, but no other layer.
    record = struct.pack(">BBHB19x", 1, 0, profile << 9 | 1 << 3 | 0b101, compatibility << 4)
    box = struct.pack(">I4s", 8 + len(record), b"dvvC" if profile > 7 else b"dvcC") + record
    data = bytearray(read(source))
    entry = find(data, *TABLES, b"stsd") + 16
    end = entry + struct.unpack_from(">I", data, entry)[0]
    for at in [find(data, *TABLES[:depth]) for depth in range(1, len(TABLES) + 1)] + [entry - 16, entry]:
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(box))
    if compatibility == 0:
        data[entry + 4 : entry + 8] = b"dvh1"
    write(target, data[:end], box, data[end:])


def turned(angle, source, target):
    """The clip with a matrix that turns it clockwise on display (section 8.3.2)."""
    data = read(source)
    tkhd = find(data, b"moov", b"trak", b"tkhd")
    width, height = struct.unpack_from(">ii", data, tkhd + 84)
    one = 1 << 16
    a, b, c, d, x, y = {
        90: (0, one, -one, 0, height, 0),
        180: (-one, 0, 0, -one, width, height),
        270: (0, -one, one, 0, 0, width),
    }[int(angle)]
    matrix = (a, b, 0, c, d, 0, x, y, 1 << 30)
    write(target, patched(data, (b"moov", b"trak", b"tkhd"), 48, ">9i", *matrix))


def patched(data, path, offset, layout, *values):
    """The file with numbers overwritten at an offset from a box."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, find(data, *path) + offset, *values)
    return changed


def hostile(source, folder):
    """Files whose boxes or headers lie about sizes, counts and places."""
    data = read(source)
    table = lambda name, offset, layout, *values: patched(data, (*TABLES, name), offset, layout, *values)
    moov = find(data, b"moov")
    nested = b""
    for _ in range(10_000):
        nested = struct.pack(">I4s", len(nested) + 8, b"moov") + nested
    mp4 = {
        "box_of_7": patched(data, (b"moov",), 0, ">I", 7),
        "box_past_end": patched(data, (b"moov",), 0, ">I", len(data) + 1000),
        "box_of_2_gib": patched(data, (b"moov",), 0, ">I", 0x7FFFFFFF),
        "box_of_2_63": data[:moov] + struct.pack(">I4sQ", 1, b"moov", 2**63) + data[moov + 8 :],
        "box_in_itself": patched(data, TABLES, 0, ">I", 0),
        "depth_10000": data[:moov] + nested,
        "moov_empty": data[:moov] + struct.pack(">I4s", 8, b"moov"),
        "timescale_0": patched(data, (b"moov", b"trak", b"mdia", b"mdhd"), 20, ">I", 0),
        "stsz_count": table(b"stsz", 16, ">I", 0xFFFFFFFF),
        "stsz_count_equal": table(b"stsz", 12, ">II", 1, 0xFFFFFFFF),
        "stsz_sizes": table(b"stsz", 20, ">I", 0xFFFFFFFF),
        "stts_count": table(b"stts", 12, ">I", 0xFFFFFFFF),
        "stts_overflow": table(b"stts", 16, ">II", 0xFFFFFFFF, 0xFFFFFFFF),
        "ctts_overflow": table(b"ctts", 16, ">II", 0xFFFFFFFF, 0x7FFFFFFF),
        "stsc_gap": table(b"stsc", 16, ">II", 0, 0xFFFFFFFF),
        "stco_past_end": table(b"stco", 16, ">I", 0xFFFFFFF0),
        "stss_zero": table(b"stss", 16, ">I", 0),
        "stsd_count": table(b"stsd", 12, ">I", 0xFFFFFFFF),
        "stsd_size": table(b"stsd", 16, ">I", 0xFFFFFFFF),
        "elst_past_end": patched(data, (b"moov", b"trak", b"edts", b"elst"), 16, ">Ii", 0xFFFFFFFF, 0x7FFFFFFF),
        "elst_negative": patched(data, (b"moov", b"trak", b"edts", b"elst"), 16, ">Ii", 0xFFFFFFFF, -2),
        "picture_65535": table(b"stsd", 16 + 32, ">HH", 65535, 65535),
        "samples_of_noise": data[: find(data, b"mdat") + 8] + bytes((i * 7919 >> 3) & 0xFF for i in range(len(data))),
    }
    for name, body in mp4.items():
        write(f"{folder}/0_broken_{name}.mp4", body)
    bombs(folder)


def bombs(folder):
    """Pictures that claim to be far larger than they are, and one that is also a web page."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 65500, 65500, 8, 2, 0, 0, 0))
    end = png_chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000, 9)) + png_chunk(b"IEND", b"")
    write(f"{folder}/0_broken_bomb_png.png", b"\x89PNG\r\n\x1a\n", header, end)
    profile = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    profile += png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 100_000_000, 9))
    rows = png_chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * 24) * 8)) + png_chunk(b"IEND", b"")
    write(f"{folder}/0_broken_profile_bomb.png", b"\x89PNG\r\n\x1a\n", profile, rows)
    small = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    text = png_chunk(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 100_000_000, 9))
    write(f"{folder}/0_broken_text_bomb.png", small, text, rows)
    write(f"{folder}/0_broken_chunk_of_2_gib.png", small, struct.pack(">I", 1 << 31), b"tEXt", rows)
    write(f"{folder}/0_broken_many_chunks.png", small, png_chunk(b"tEXt", b"a\0b") * 200_000, rows)
    write(f"{folder}/0_broken_sum.png", small[:-1], bytes([small[-1] ^ 1]), rows)
    gif = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\0"
    write(f"{folder}/0_broken_bomb_gif.gif", gif, frame * 100, b";")
    canvas = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\0\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\x02\x05\x84\x8f\xa9\xcb\x5d\0"
    write(f"{folder}/0_broken_many_frames.gif", canvas, frame * 100_000, b";")
    bmp = b"BM" + struct.pack("<IHHI", 58, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 65500, 65500, 1, 24, 0, 0, 0, 0, 0, 0)
    write(f"{folder}/0_broken_bomb_bmp.bmp", bmp, b"\0" * 4)
    jpeg = bytearray(read(f"{folder}/0_jpeg.jpg"))
    at = jpeg.index(b"\xff\xc0")
    struct.pack_into(">HH", jpeg, at + 5, 65500, 65500)
    write(f"{folder}/0_broken_bomb_jpeg.jpg", jpeg)
    struct.pack_into(">H", jpeg, at + 5, 0)
    write(f"{folder}/0_broken_no_height.jpg", jpeg)
    write(f"{folder}/0_polyglot.jpg", read(f"{folder}/0_jpeg.jpg"), b"<html><script>alert(1)</script></html>")


if __name__ == "__main__":
    main(*sys.argv[1:])
