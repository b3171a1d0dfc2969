"""This service and its peers: how each is started, what is asked of it for the same result, and whether that is right."""

import os
import random
import shutil
import subprocess
import tempfile

from measure import Afresh, Commands, Http, Server, Worker, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "data")
PEERS = os.path.join(HERE, "peers")
LIBRARY = os.path.join(DATA, "library")
VEDETTE = os.environ.get("VEDETTE") or os.path.join(HERE, "..", "target", "release", "vedette")
# Debian's own names of ImageMagick's programs come first: a wrapper of that name would be measured too.
CONVERT = shutil.which("convert-im6.q16") or shutil.which("convert")
COMPARE = shutil.which("compare-im6.q16") or shutil.which("compare")
IDENTIFY = shutil.which("identify-im6.q16") or shutil.which("identify")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
IMAGE_FILTER = "/usr/lib/nginx/modules/ngx_http_image_filter_module.so"
IPX = os.path.join(PEERS, "node_modules/ipx/bin/ipx.mjs")
THUMBOR = os.path.join(PEERS, "venv/bin/thumbor")
PYTHON = os.path.join(PEERS, "venv/bin/python")
SHARP = os.path.join(PEERS, "node_modules/sharp")

scratch = tempfile.TemporaryDirectory(prefix="vedette-bench-")
notes = []


def note(text):
    """Tells of what the table does not have."""
    if text not in notes:
        notes.append(text)


def installed(name, path):
    if path and os.path.exists(path):
        return True
    note(f"{name} is not installed, and left out")
    return False


def out(name):
    return os.path.join(scratch.name, name)


def moments(duration, count):
    """The same times in every run, spread over the clip and over the GOP; none is asked for twice."""
    chance = random.Random(7)
    return [round(duration * (i + chance.random()) / count, 3) for i in range(count)]


def library():
    """A folder of media for all: hard links, so that nothing is outside of it."""
    shutil.rmtree(LIBRARY, ignore_errors=True)
    os.makedirs(os.path.join(LIBRARY, "ladder"))
    for name in ("2s.mp4", "10s.mp4", "4k.mp4", "2h.mp4"):
        os.link(os.path.join(DATA, name), os.path.join(LIBRARY, name))
    for name in os.listdir(os.path.join(DATA, "ladder")):
        os.link(os.path.join(DATA, "ladder", name), os.path.join(LIBRARY, "ladder", name))
    for name in os.listdir(os.path.join(DATA, "photo")):
        os.link(os.path.join(DATA, "photo", name), os.path.join(LIBRARY, name))


def vedette(core=None, extra=(), media=LIBRARY):
    command = [VEDETTE, "serve", "--media", media, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *extra]
    return Server(command, core)


NGINX_CONFIG = """
{modules}
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000; default_type image/jpeg;
  open_file_cache max=100 inactive=1h; open_file_cache_valid 1h; etag on;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {root}; location / {{ {location} }} }}
}}
"""


def nginx(root, location="", modules="", core=None):
    """nginx over the files of a folder."""
    folder = tempfile.mkdtemp(dir=scratch.name)
    for path in (scratch.name, folder):
        os.chmod(path, 0o755)
    port = free_port()
    with open(f"{folder}/conf", "w") as file:
        file.write(NGINX_CONFIG.format(folder=folder, root=root, port=port, location=location, modules=modules))
    return Server([NGINX, "-c", f"{folder}/conf", "-p", folder], core, f"127.0.0.1:{port}")


def static(files, core=0):
    """nginx with an open-file cache over these files, by name."""
    root = tempfile.mkdtemp(dir=scratch.name)
    os.chmod(root, 0o755)
    for name, body in files.items():
        with open(f"{root}/{name}", "wb") as file:
            file.write(body)
    return nginx(root, core=core)


THUMBOR_CONFIG = """
LOADER = 'thumbor.loaders.file_loader'
FILE_LOADER_ROOT_PATH = {library!r}
STORAGE = 'thumbor.storages.no_storage'
RESULT_STORAGE = {results!r}
RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = {folder!r}
RESULT_STORAGE_STORES_UNSAFE = True
ENGINE = 'thumbor_video_engine.engines.video'
FILTERS = ['thumbor_video_engine.filters.still', 'thumbor_video_engine.filters.format', 'thumbor.filters.quality']
FFMPEG_PATH = {ffmpeg!r}
FFPROBE_PATH = {ffprobe!r}
QUALITY = 75
ALLOW_UNSAFE_URL = True
"""


def thumbor(core=None, keeps_results=False):
    folder = tempfile.mkdtemp(dir=scratch.name)
    results = "thumbor.result_storages.file_storage" if keeps_results else "thumbor.result_storages.no_storage"
    with open(f"{folder}/conf", "w") as file:
        file.write(THUMBOR_CONFIG.format(library=LIBRARY, results=results, folder=folder,
                                         ffmpeg=shutil.which("ffmpeg"), ffprobe=shutil.which("ffprobe")))
    port = free_port()
    command = [THUMBOR, "-c", f"{folder}/conf", "-i", "127.0.0.1", "-p", str(port), "-l", "error"]
    return Server(command, core, f"127.0.0.1:{port}")


def ipx():
    port = free_port()
    command = ["node", IPX, "serve", "--dir", LIBRARY, "--host", "127.0.0.1", "--port", str(port)]
    return Server(command, address=f"127.0.0.1:{port}")


def ffmpeg(file, at, output, *more):
    return ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", "1", "-ss", str(at), "-i", file, "-an",
            "-frames:v", "1", *more, output]


def kaltura(file, at, output, size):
    """Kaltura's way: the whole frame, then ImageMagick."""
    full = out("full.jpg")
    grab = ffmpeg(file, at, full, "-q:v", "2", "-f", "image2")
    return [grab, [CONVERT, full, "-resize", size, "-quality", "75", output]]


def frame_makers(entry, times):
    """Who makes 640x360 of a frame, told by its time; -1 is the one at the start."""
    file = os.path.join(LIBRARY, f"{entry}.mp4")
    at = lambda i: 0.0 if i < 0 else times[i]
    makers = [vedette_frames("vedette", entry, times)]
    one = lambda i: ([ffmpeg(file, at(i), out("one.jpg"), "-vf", "scale=640:360", "-q:v", "4")], out("one.jpg"))
    makers.append(Commands("ffmpeg, one command", one))
    both = lambda i: (kaltura(file, at(i), out("both.jpg"), "640x360"), out("both.jpg"))
    makers.append(Commands("ffmpeg, then ImageMagick (Kaltura's way)", both))
    if installed("PyAV", os.path.join(PEERS, ".pip")):
        line = lambda i: f"{file} {at(i)} 640 360 {out('still.jpg')}"
        makers.append(Worker("PyAV in a process that stays", [PYTHON, os.path.join(HERE, "still.py")], line))
    if installed("thumbor", THUMBOR):
        # Zero is no moment to it.
        target = lambda i: f"/unsafe/640x360/filters:still({at(i) or 0.01}):format(jpeg):quality(75)/{entry}.mp4"
        makers.append(Http("thumbor with thumbor-video-engine", thumbor(), target))
    return makers


def vedette_frames(name, entry, times, more="", extra=()):
    """This service asked for frames; the first, uncounted, is another, so that the file's index is known as in daily work."""
    target = f"/p/1/thumbnail/entry_id/{entry}/width/640/height/360/vid_sec/"
    return Http(name, vedette(extra=extra), lambda i: f"{target}{0 if i < 0 else times[i]}{more}")


def photo_makers(suffix):
    """Who makes 640x360 of a photo with 12 megapixels, cropped around its centre; jpg or webp."""
    file = lambda i: os.path.join(LIBRARY, f"photo{39 if i < 0 else i}.jpg")
    name = lambda i: os.path.basename(file(i))
    entry = lambda i: name(i).removesuffix(".jpg")
    output = out(f"photo.{suffix}")
    target = "/p/1/thumbnail/entry_id/{}/width/640/height/360/type/3/format/" + suffix
    makers = [Http("vedette", vedette(), lambda i: target.format(entry(i)))]
    if installed("sharp", SHARP):
        line = lambda i: f"{file(i)} 640 360 {output}"
        makers.append(Worker("sharp (libvips)", ["node", os.path.join(HERE, "sharp.js")], line))
    if installed("ipx", IPX):
        wanted = "/s_640x360,q_75" + ("" if suffix == "jpg" else ",f_webp")
        makers.append(Http("ipx", ipx(), lambda i: f"{wanted}/{name(i)}"))
    if installed("vipsthumbnail", shutil.which("vipsthumbnail")):
        command = ["vipsthumbnail", "--size", "640x360", "--smartcrop", "centre", "-o", f"{output}[Q=75,strip]"]
        makers.append(Commands("vipsthumbnail", lambda i: ([[*command, file(i)]], output)))
    crop = ["-auto-orient", "-resize", "640x360^", "-gravity", "center", "-extent", "640x360", "-quality", "75", output]
    hint = ["-define", "jpeg:size=1280x960"]
    makers.append(Commands("ImageMagick, told the size beforehand", lambda i: ([[CONVERT, *hint, file(i), *crop]], output)))
    makers.append(Commands("ImageMagick", lambda i: ([[CONVERT, file(i), *crop]], output)))
    if installed("thumbor", THUMBOR):
        place = f"/unsafe/640x360/filters:format({'jpeg' if suffix == 'jpg' else suffix})"
        makers.append(Http("thumbor", thumbor(), lambda i: f"{place}/{name(i)}"))
    if suffix == "jpg" and installed("nginx image_filter", IMAGE_FILTER):
        location = "image_filter crop 640 360; image_filter_jpeg_quality 75; image_filter_buffer 64M;"
        server = nginx(LIBRARY, location, f"load_module {IMAGE_FILTER};")
        makers.append(Http("nginx image_filter", server, lambda i: f"/{name(i)}"))
    return makers


def strip_makers(count):
    """Who makes a row of so many slices of 160x90 of a minute; each time of the video but a little at its end."""
    file = os.path.join(LIBRARY, "2s.mp4")
    end = lambda i: 60 - 0.1 * (i + 1)
    target = f"/p/1/thumbnail/entry_id/2s/width/160/height/90/vid_slices/{count}/end_sec/"
    warm = "/p/1/thumbnail/entry_id/2s/width/320/vid_sec/0"
    ours = lambda more: lambda i: warm if i < 0 else f"{target}{end(i):.1f}{more}"

    def slices(i):
        parts = [out(f"{slice:03}.jpg") for slice in range(count)]
        times = [end(i) * slice / count for slice in range(count)]
        commands = [command for at, part in zip(times, parts) for command in kaltura(file, f"{at:.3f}", part, "160x90")]
        return [*commands, [CONVERT, *parts, "+append", "-quality", "75", out("strip.jpg")]], out("strip.jpg")

    def tiled(i):
        row = f"fps={count}/{end(i):.1f}:round=up,scale=160:90,tile={count}x1"
        return [ffmpeg(file, 0, out("tiled.jpg"), "-vf", row, "-q:v", "4")], out("tiled.jpg")

    return [
        Afresh("vedette", vedette, ours("")),
        Afresh("vedette, `exact/0`", vedette, ours("/exact/0")),
        Commands("ffmpeg and ImageMagick per slice (Kaltura's way)", slices),
        Commands("ffmpeg, all slices in one pass", tiled),
    ]


def same_pictures(kind, width, height, likeness):
    """What checks that all answers are pictures of this kind and size, show something, and are like the first: by so many
    decibels of PSNR. Who answers otherwise is not compared."""

    def check(answers):
        paths = {}
        for number, (name, body) in enumerate(answers.items()):
            paths[name] = out(f"answer{number}")
            with open(paths[name], "wb") as file:
                file.write(body)
        ours = next(iter(paths))
        for name, path in paths.items():
            shape = subprocess.run([IDENTIFY, "-format", "%m %w %h %[fx:standard_deviation]", path],
                                   capture_output=True, text=True).stdout.split()
            if shape[:3] != [kind, str(width), str(height)] or float(shape[3]) < 0.02:
                raise SystemExit(f"{name} answers {shape}, which is no {kind} of {width}x{height} that shows something")
            if name != ours:
                compared = subprocess.run([COMPARE, "-metric", "PSNR", paths[ours], path, "null:"],
                                          capture_output=True, text=True).stderr
                if compared != "inf" and float(compared.split()[0]) < likeness:
                    raise SystemExit(f"{name} shows something else than {ours}: PSNR {compared} dB")

    return check
