"""What dd gets of a disk, in GB/s (10^9 bytes), to hold rates against."""
import os
import re
import subprocess


def dd(*what):
    """As dd says it."""
    done = subprocess.run(["dd", "bs=1M", *what], stderr=subprocess.PIPE, text=True, check=True, env=dict(os.environ, LC_ALL="C"))
    size, seconds = re.search(r"(\d+) bytes .*, ([\d.e-]+) s,", done.stderr).groups()
    return int(size) / 1e9 / float(seconds)


def write(directory, size):
    """Of a new file, synced."""
    file = directory / "dd.bin"
    rate = dd("if=/dev/zero", "of=%s" % file, "count=%d" % -(-size // 2**20), "conv=fsync")
    file.unlink()
    return rate


def read(files, cached):
    rates = []
    for file in files:
        prepare(file, cached)
        rates.append((file.stat().st_size, dd("if=%s" % file, "of=/dev/null")))
    return sum(s for s, _ in rates) / sum(s / r for s, r in rates)


def prepare(file, cached):
    """Puts a file into the page cache, or drops it from there, once it is all on the medium."""
    if cached:
        dd("if=%s" % file, "of=/dev/null")
        return
    with open(file, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
