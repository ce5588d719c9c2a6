"""Does what the Dockerfile says in clean Debian roots, then starts its entry point as a container engine would.

Each stage gets a root of its own: Debian's from debootstrap. The Rust image is that root with this machine's toolchain bound into it.
RUN, COPY, ENV and WORKDIR are done as they stand; an instruction that is not known here fails. Then, in the last stage, with a volume
that belongs to root: the entry point as PID 1 of a new PID namespace, its health check, who runs what, and SIGTERM.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RELEASE = "bookworm"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
BINARY = os.environ.get("DROVER_BINARY")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


PORT = free_port()


def say(*words):
    print("  ", *words, flush=True)


def instructions(text):
    """(name, rest) of each, continued lines joined, comments gone."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    for line in joined.splitlines():
        if line.strip():
            name, rest = line.split(None, 1)
            yield name.upper(), " ".join(rest.split())


class Stage:
    def __init__(self, root):
        self.root = root
        self.env = {"PATH": "/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.workdir = "/"
        self.binds = []
        self.facts = {}

    def path(self, inside):
        return self.root / str(Path(self.workdir, inside)).lstrip("/")

    def command(self, words, pid_namespace=False):
        """Runs words in the root, in a mount namespace of its own that ends with it."""
        mounts = [f"mount --bind {shlex.quote(str(source))} {shlex.quote(str(self.root) + target)}" for source, target in self.binds]
        mounts += [f"mount --rbind /dev {self.root}/dev", f"mount --bind /etc/resolv.conf {self.root}/etc/resolv.conf"]
        mounts += [f"mount -t proc proc {self.root}/proc"]
        inner = f"cd {shlex.quote(self.workdir)} && exec {shlex.join(words)}"
        script = " && ".join([*mounts, f"exec chroot {self.root} /bin/sh -c {shlex.quote(inner)}"])
        options = ["--mount", *(["--pid", "--fork", "--kill-child"] if pid_namespace else [])]
        return ["unshare", *options, "sh", "-c", script]

    def run(self, words, **options):
        return subprocess.run(self.command(words), env=self.env, check=True, **options)


def copy(sources, target, to):
    target_path = to.path(target)
    is_folder = target.endswith(("/", ".")) or len(sources) > 1 or target_path.is_dir()
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target_path, dirs_exist_ok=True, symlinks=True)
        else:
            at = target_path / source.name if is_folder else target_path
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, at)


def context(folder):
    """What the builder is sent: the files that git knows, but for what .dockerignore leaves out."""
    ignored = [line.strip() for line in open(".dockerignore") if line.strip() and not line.startswith("#")]
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        path = Path(name)
        if any(path.match(pattern) or any(str(parent) == pattern for parent in path.parents) for pattern in ignored):
            continue
        at = folder / name
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, at)
    return folder


def debian(scratch):
    base = scratch / "base"
    if not (base / "etc/debian_version").exists():
        say(f"debootstrap {RELEASE}")
        log = scratch / "debootstrap.log"
        done = subprocess.run(["debootstrap", "--variant=minbase", RELEASE, base, MIRROR], stdout=log.open("w"), stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f"debootstrap failed:\n{log.read_text()[-2000:]}")
        # As the Debian image does: no package that was installed stays behind, and the size that is told is the image's.
        for package in (base / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        clean = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
        (base / "etc/apt/apt.conf.d/docker-clean").write_text(clean)
    return base


def build(scratch, sent):
    base = debian(scratch)
    stages, stage = {}, None
    for name, rest in instructions(open("Dockerfile").read()):
        shown = rest if len(rest) < 90 else rest[:87] + "..."
        if name == "FROM":
            image, *named = rest.split()
            root = scratch / f"stage-{len(stages)}"
            subprocess.run(["cp", "-a", base, root], check=True)
            stage = Stage(root)
            stages[named[1] if named else str(len(stages))] = stage
            if image.startswith("rust:"):
                bind_toolchain(stage)
            else:
                assert image == f"debian:{RELEASE}-slim", f"{image} is no root that is made here"
        elif name == "RUN":
            if "cargo build" in rest and BINARY:
                say(f"passed over, DROVER_BINARY stands in: RUN {shown}")
                continue
            say("RUN", shown)
            out = subprocess.run(stage.command(["sh", "-c", rest]), env={**stage.env, "DEBIAN_FRONTEND": "noninteractive"}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if out.returncode:
                sys.exit(f"RUN {rest}\n{out.stdout[-2000:]}{out.stderr[-3000:]}")
        elif name == "COPY":
            words = rest.split()
            flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
            *sources, target = [word for word in words if not word.startswith("--")]
            if "from" in flags:
                found = [stages[flags["from"]].path(source) for source in sources]
                if BINARY:
                    found = [Path(BINARY)]
            else:
                found = [sent / source for source in sources]
            missing = [str(path) for path in found if not path.exists()]
            assert not missing, f"COPY {rest}: {missing} are not there (.dockerignore?)"
            copy(found, target, stage)
            if "chmod" in flags:
                os.chmod(stage.path(target), int(flags["chmod"], 8))
            say("COPY", shown)
        elif name == "WORKDIR":
            stage.workdir = rest
            stage.path(".").mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            stage.env.update(word.split("=", 1) for word in shlex.split(rest))
        elif name in ("EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD", "HEALTHCHECK"):
            stage.facts[name] = rest
        else:
            sys.exit(f"the instruction {name} is not known here (VOLUME is refused by some platforms)")
    return stage


def bind_toolchain(stage):
    if BINARY:
        return
    for variable, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
        source = os.environ.get(variable, str(Path.home() / folder))
        inside = {"CARGO_HOME": "/usr/local/cargo", "RUSTUP_HOME": "/usr/local/rustup"}[variable]
        (stage.root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
        stage.binds.append((source, inside))
        stage.env[variable] = inside


def start(stage, scratch):
    env = {**stage.env, "PORT": PORT, "DROVER_LOG__LEVEL": "info"}
    simulator = os.environ.get("DROVER_SIMULATOR")
    if simulator:
        env["DROVER_SIMULATOR"] = simulator
    # A volume as some platforms mount it: root's, and elsewhere than the image's own folder.
    volume = stage.root / "srv/volume"
    volume.mkdir(parents=True)
    os.chown(volume, 0, 0)
    env["RAILWAY_VOLUME_MOUNT_PATH"] = "/srv/volume"
    entry, command = json.loads(stage.facts["ENTRYPOINT"]), json.loads(stage.facts["CMD"])
    check = json.loads(stage.facts["HEALTHCHECK"].split("CMD", 1)[1])
    log = (scratch / "drover.log").open("w+")
    container = subprocess.Popen(stage.command([*entry, *command], pid_namespace=True), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        watch(stage, env, check, container, volume)
    finally:
        if container.poll() is None:
            # PID 1 of the namespace, with which all of it ends: it no longer ends with its parent, since it changed its user.
            for pid_one in children(container.pid):
                os.kill(pid_one, signal.SIGKILL)
            container.kill()
            container.wait()
        log.seek(0)
        (scratch / "last.log").write_text(log.read())


def watch(stage, env, check, container, volume):
    def health():
        return subprocess.run(stage.command(check), env=env, capture_output=True, text=True)

    deadline = time.monotonic() + 60
    while (answer := health()).returncode:
        assert container.poll() is None, "it ended by itself; see last.log"
        assert time.monotonic() < deadline, f"it never became ready: {answer.stdout}{answer.stderr}"
        time.sleep(0.5)
    say("HEALTHCHECK says", answer.stdout.strip())

    pid_one = children(container.pid)[0]
    drover = children(pid_one)[0]
    assert cmdline(pid_one)[0].endswith("drover"), f"PID 1 is drover's own init, not {cmdline(pid_one)}"
    for pid in [pid_one, drover, *descendants(drover)]:
        assert uid(pid) == 10001, f"{cmdline(pid)} runs as uid {uid(pid)}"
    privileges = Path(f"/proc/{drover}/status").read_text()
    assert re.search(r"^CapEff:\t0+$", privileges, re.M) and "NoNewPrivs:\t1" in privileges
    say("PID 1, drover and its Redis run as uid 10001, without capabilities or a way back")
    assert (volume / "admin.key").stat().st_uid == 10001 and volume.stat().st_uid == 10001
    say("the volume that was root's is drover's, and is the data folder")
    fonts(stage)
    if "DROVER_SIMULATOR" in env:
        show_qr(volume)
    os.kill(pid_one, signal.SIGTERM)
    began = time.monotonic()
    code = container.wait(timeout=20)
    assert code == 0, f"exit code {code} after SIGTERM"
    say(f"SIGTERM ended all of it in {time.monotonic() - began:.1f} s, exit code 0")


def fonts(stage):
    """Every script has a font; by this machine's fontconfig, since the image has only its library."""
    if not shutil.which("fc-query"):
        say("skipped: which scripts have a font (no fc-query here; Debian: fontconfig)")
        return
    files = [path for path in (stage.root / "usr/share/fonts").rglob("*") if path.suffix in (".ttf", ".ttc", ".otf")]
    found = subprocess.run(["fc-query", "--format", "%{lang}|", *files], capture_output=True, text=True).stdout
    languages = set(found.split("|"))
    wanted = {"en", "ru", "el", "ar", "he", "hi", "bn", "ta", "th", "km", "ka", "hy", "am", "ja", "ko", "zh-cn", "zh-tw"}
    assert wanted <= languages, f"no font for {wanted - languages}"
    assert any("Emoji" in path.name for path in files), "no font for emoji"
    say(f"{len(files)} fonts, for {len(languages)} languages and emoji")


def show_qr(volume):
    import urllib.request

    key = (volume / "admin.key").read_text().strip()

    def ask(path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", headers={"X-Api-Key": key, "Content-Type": "application/json"})
        request.data = json.dumps(body).encode() if body is not None else None
        return urllib.request.urlopen(request, timeout=10)

    ask("/api/sessions", {"name": "check"})
    deadline = time.monotonic() + 90
    while (state := json.load(ask("/api/sessions/check")))["status"] != "SCAN_QR_CODE":
        assert time.monotonic() < deadline, f"no QR code: {state}"
        time.sleep(0.5)
    say("the image's Chromium shows a QR code")


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants(pid):
    return [one for child in children(pid) for one in (child, *descendants(child))]


def cmdline(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def uid(pid):
    return int(re.search(r"^Uid:\t(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def main():
    kept = os.environ.get("CHECK_DEPLOY_DIR")
    scratch = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="drover-deploy-"))
    scratch.mkdir(parents=True, exist_ok=True)
    for old in scratch.glob("stage-*"):
        shutil.rmtree(old)
    try:
        with tempfile.TemporaryDirectory() as sent:
            stage = build(scratch, context(Path(sent)))
            size = subprocess.run(["du", "-sm", "--one-file-system", stage.root], capture_output=True, text=True).stdout.split()[0]
            say(f"the last stage is {size} MB")
            start(stage, scratch)
    finally:
        if not kept:
            shutil.rmtree(scratch, ignore_errors=True)


main()
