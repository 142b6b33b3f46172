"""A program that starts another one with a private ``/opt/ml``: ``python -I -S enter.py SPEC``.

SPEC is a JSON file (`headrace.targets.local.private_root.command` says what it holds). The program

* enters a mount and a PID namespace; who is not root enters a user namespace first, in which the
  user keeps his own id, so that files belong to him,
* builds a new root folder in which every entry of ``/`` is a bind mount of the machine's, but for
  the folders above the private one; only the job sees it,
* mounts each input by overlayfs, so that a program may write to its inputs and changes nothing
  outside; where there is no overlayfs, inputs are copied,
* starts the job's program and waits for it. When it ends, or this program is killed, the kernel
  ends every process of the namespace, and the mounts are gone with the last of them,
* makes the outputs fit to be moved: links to files become copies, as an upload would follow them,
* writes down how it went, in the file that SPEC names ``report``, and ends as the program ended.

Where namespaces are forbidden, a folder ``/opt/ml`` of the machine can be borrowed, by one job at a
time: links in it lead to the job's own folders, and inputs are copied.

Standard library only, and nothing of ours: it starts in milliseconds, and runs without the packages
of the client.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any, NoReturn

_NEW_NS, _NEW_USER, _NEW_PID = 0x00020000, 0x10000000, 0x20000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC = 2, 4, 8, 4096, 16384
_MS_UNBINDABLE, _MS_PRIVATE = 1 << 17, 1 << 18
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_CANNOT_START = 127
_SCRATCH = "/scratch-"
"""Stands in the path of each job's folder."""
_MARK = "HEADRACE_LIFELINE_"
"""The beginning of the variables that mark a job's processes (`headrace.targets.shutdown`)."""
_READ_WRITE_ENTER = 0o700
_LIBC = ctypes.CDLL(None, use_errno=True)

Spec = dict[str, Any]
Entries = dict[str, set[str]]
"""Folder → names of its entries."""


def main(path: str) -> None:
    """Run what a specification says, and end as its program ended.

    Args:
        path: The JSON file.
    """
    with open(path, encoding="utf-8") as file:
        spec: Spec = json.load(file)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash of the program is passed on below
    answer, told = os.pipe()
    began = time.monotonic()
    try:
        if not spec["borrows"]:
            enter_namespaces()
        init = os.fork()
    except OSError as exc:
        _finish(spec, {"error": said(exc)})
    if init == 0:
        os.close(answer)
        _be_init(spec, told)
    os.close(told)
    for number in _FORWARDED:
        signal.signal(number, signal.SIG_IGN)  # the other process passes them on
    with open(answer, "rb") as pipe:
        content = pipe.read()
    os.waitpid(init, 0)
    outcome = json.loads(content) if content else {"status": signal.SIGKILL}
    _finish(spec, {**outcome, "seconds": time.monotonic() - began})


def _finish(spec: Spec, outcome: dict[str, Any]) -> NoReturn:
    """Write the report and end as the program did."""
    text = json.dumps(outcome)
    with open(spec["report"], "w", encoding="utf-8") as file:
        file.write(text)
    if "error" in outcome:
        os._exit(_CANNOT_START)
    code = os.waitstatus_to_exitcode(outcome["status"])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


def enter_namespaces() -> None:
    """Leave the namespaces of the machine: at once with the privilege, else by a user namespace.

    Raises:
        OSError: The system forbids it.
    """
    try:
        _unshare(_NEW_NS | _NEW_PID)
    except PermissionError:
        user, group = os.geteuid(), os.getegid()
        _unshare(_NEW_USER | _NEW_NS | _NEW_PID)
        maps = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
        for name, content in maps.items():
            with open(f"/proc/self/{name}", "w", encoding="ascii") as proc:
                proc.write(content)


def _be_init(spec: Spec, told: int) -> NoReturn:
    """Be the first process of the namespace: the others end with it."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        machines = borrow(spec) if spec["borrows"] else build_root(spec)
        outcome: dict[str, Any] = _run(spec) if spec["argv"] else {"status": 0}
        outcome["strays"] = _strays(machines)
        if spec["borrows"]:
            give_back(spec, machines)
    except OSError as exc:
        outcome = {"error": said(exc)}
    os.write(told, json.dumps(outcome).encode())
    os._exit(0)


def build_root(spec: Spec) -> Entries:
    """Make the new root folder, with the private folder in it, this process's root.

    Returns:
        The folders above the private one, which only the job sees, and what is in them.

    Raises:
        OSError: A mount is forbidden.
    """
    root, place = spec["root"], spec["place"]
    machines: Entries = {}
    _mount(None, "/", flags=_MS_REC | _MS_PRIVATE)
    _mount(root, root, flags=_MS_BIND)
    _mount(None, root, flags=_MS_UNBINDABLE)  # else it would hold itself once more
    _mirror("/", root, place.strip("/").split("/"), machines)
    inside = root + place
    os.mkdir(inside)
    _mount(spec["ml"], inside, flags=_MS_BIND | _MS_REC)
    for each in spec["inputs"]:
        _provide(each, f"{inside}/{each['at']}")
    with suppress(OSError):  # in a container that hides parts of /proc; the machine's stays then
        _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    os.chdir(root)
    _become_root()
    return machines


def borrow(spec: Spec) -> Entries:
    """Put links to the job's own folders into a folder of the machine, and copy its inputs.

    The folder is locked until this process ends. A job that was killed may have left its links.

    Returns:
        The folder, and what is in it now.

    Raises:
        OSError: The folder cannot be written, or something of another kind is in the way.
    """
    place, ml = spec["place"], spec["ml"]
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans come here, to be ended
    lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"note: another job uses {place}; waiting for its end", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    for each in spec["inputs"]:
        copy_layers(each["layers"], each["hidden"], f"{ml}/{each['at']}")
    for name in os.listdir(ml):
        link = os.path.join(place, name)
        if is_left_over(link):
            os.unlink(link)
        os.symlink(os.path.join(ml, name), link)
    return {place: set(os.listdir(place))}


def is_left_over(path: str) -> bool:
    """Return whether a path is a link to a folder of a job; this one's are not made yet."""
    return os.path.islink(path) and _SCRATCH in os.readlink(path)


def give_back(spec: Spec, machines: Entries) -> None:
    """Remove the links, and what the program has made in a folder that had been empty."""
    place, ours = spec["place"], set(os.listdir(spec["ml"]))
    made = set(os.listdir(place)) - machines[place]
    for link in (os.path.join(place, name) for name in ours):
        if is_left_over(link):
            os.unlink(link)
    if machines[place] <= ours:
        for path in (os.path.join(place, name) for name in made):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(
                path
            )


def _mirror(folder: str, copy: str, without: list[str], made: Entries) -> None:
    """Bind each entry of a folder into its copy; the folder that is left out is not the machine's.

    Args:
        folder: A folder of the machine.
        copy: An empty folder.
        without: Names that lead to what is left out.
        made: Gets the names.
    """
    try:
        names = os.listdir(folder)
    except OSError:  # it is not there, or hides what it holds
        names = []
    made[folder] = {*names, without[0]}
    for name in names:
        source, target = os.path.join(folder, name), os.path.join(copy, name)
        if name != without[0]:
            _attach(source, target)
    if len(without) > 1:
        os.mkdir(os.path.join(copy, without[0]))
        _mirror(os.path.join(folder, without[0]), os.path.join(copy, without[0]), without[1:], made)


def _attach(source: str, target: str) -> None:
    """Make an entry of the machine appear; one that cannot be looked at does not."""
    try:
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)
            return
        if stat.S_ISDIR(mode):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _mount(source, target, flags=_MS_BIND | _MS_REC)
    except OSError:
        return


def _strays(machines: Entries) -> list[str]:
    """Return what the program has put beside the machine's entries, where only it could see it."""
    return [
        os.path.join(folder, name)
        for folder, names in machines.items()
        for name in sorted(set(os.listdir(folder)) - names)
    ]


def _become_root() -> None:
    """Make the current folder the root; the old one is out of reach."""
    if _LIBC.pivot_root(b".", b".") == 0:
        _LIBC.umount2(b".", _MNT_DETACH)
    else:  # the root of the machine is in its memory
        os.chroot(".")
    os.chdir("/")


def _provide(entry: dict[str, Any], place: str) -> None:
    """Mount or copy an input."""
    os.makedirs(place, exist_ok=True)
    try:
        for name in entry["hidden"]:
            _hide(os.path.join(entry["upper"], name))
        _overlay(entry, place)
    except OSError:
        copy_layers(entry["layers"], entry["hidden"], place)


def _hide(path: str) -> None:
    """Make what overlayfs takes for a removed file; everybody may do that from Linux 5.8 on."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def _overlay(entry: dict[str, Any], place: str) -> None:
    """Mount layers, the uppermost first; what is changed goes elsewhere.

    Descriptors stand for the folders, because paths may hold what separates options.
    """
    folders = [entry["upper"], entry["work"], *entry["layers"]]
    opened = [os.open(each, os.O_PATH | os.O_DIRECTORY) for each in folders]
    try:
        upper, work, *layers = (f"/proc/self/fd/{each}" for each in opened)
        options = f"lowerdir={':'.join(layers)},upperdir={upper},workdir={work}"
        try:
            _mount("overlay", place, "overlay", data=options)
        except OSError:  # in a user namespace it needs an option, which older kernels do not know
            _mount("overlay", place, "overlay", data=f"{options},userxattr")
    finally:
        for each in opened:
            os.close(each)


def copy_layers(layers: list[str], hidden: list[str], place: str) -> None:
    """Copy what layers hold together, the uppermost first in the list.

    Raises:
        OSError: A file cannot be read, or the disk is full.
    """
    for layer in reversed(layers):
        without = {os.path.join(layer, name) for name in hidden}
        for folder, folders, names in os.walk(layer):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in without]
            above = os.path.join(place, os.path.relpath(folder, layer))
            os.makedirs(above, exist_ok=True)
            for name in names:
                if f"{folder}/{name}" not in without and os.path.isfile(f"{folder}/{name}"):
                    shutil.copy(f"{folder}/{name}", f"{above}/{name}")


def _run(spec: Spec) -> dict[str, Any]:
    """Run the program to its end, and end what it has left."""
    failed, why = os.pipe()
    program = os.fork()
    if program == 0:
        _become_program(spec, why)
    os.close(why)

    def forward(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(program, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    with open(failed, "rb") as pipe:
        error = pipe.read().decode()
    status, usage = _ended(program)
    for each in _others():
        usage["peak_memory_kb"] = max(usage["peak_memory_kb"], each)
    if error:
        return {"error": error}
    settle(spec["ml"] if spec["borrows"] else spec["place"], spec["outputs"])
    return {"status": status, **usage}


def _become_program(spec: Spec, why: int) -> NoReturn:
    try:
        os.setsid()
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                try:
                    signal.signal(number, signal.SIG_DFL)
                except (OSError, ValueError):  # one of the C library's own
                    continue
        environment = spec["environment"]
        if spec["borrows"]:  # nothing else tells the watchdog which processes are the job's
            marks = ((key, os.environ[key]) for key in os.environ if key.startswith(_MARK))
            environment = {**environment, **dict(marks)}
        os.chdir(spec["root"] if spec["borrows"] else "/")
        os.execvpe(spec["argv"][0], spec["argv"], environment)  # noqa: S606
    except OSError as exc:
        os.write(why, f"{spec['argv'][0]!r} cannot be started here: {exc.strerror}".encode())
    os._exit(_CANNOT_START)


def _ended(program: int) -> tuple[int, dict[str, Any]]:
    """Wait for the program, and for orphans meanwhile; return its status and what it has used."""
    peak = 0
    while True:
        pid, status, used = os.wait4(-1, 0)
        peak = max(peak, used.ru_maxrss)
        if pid == program:
            return status, {"peak_memory_kb": peak, "cpu_seconds": used.ru_utime + used.ru_stime}


def _others() -> Iterator[int]:
    """End all that is left; yield how much memory each had."""
    while True:
        _kill_others()
        try:
            _, _, used = os.wait4(-1, 0)
        except ChildProcessError:
            return
        yield used.ru_maxrss


def _kill_others() -> None:
    """Kill the other processes of the namespace; without one, the children, orphans among them."""
    pids = ["-1"]
    if os.getpid() != 1:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            pids = file.read().split()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def settle(place: str, outputs: list[str]) -> None:
    """Make what the program has written fit to be moved, or removed, from outside.

    Args:
        place: The private folder.
        outputs: Paths below it of folders in which links to files become copies.
    """
    place = os.path.realpath(place)
    device = os.lstat(place).st_dev
    for folder, folders, _ in os.walk(place):
        paths = {name: f"{folder}/{name}" for name in folders}
        # Inputs are mounts of their own, and stay as they are.
        folders[:] = [name for name, path in paths.items() if os.lstat(path).st_dev == device]
        for name in folders:
            if not os.path.islink(paths[name]):
                _permit(paths[name], _READ_WRITE_ENTER)
    for output in (os.path.normpath(os.path.join(place, output)) for output in outputs):
        if os.path.realpath(output) != output:  # behind a link are not the program's own files
            continue
        for folder, _, names in os.walk(output):
            for name in names:
                path = f"{folder}/{name}"
                if os.path.islink(path):
                    _copy_in_place(path)
                elif os.path.isfile(path):
                    _permit(path, stat.S_IRUSR)


def _permit(path: str, wanted: int) -> None:
    mode = os.lstat(path).st_mode
    if mode & wanted != wanted:
        try:
            os.chmod(path, stat.S_IMODE(mode) | wanted)
        except OSError:  # somebody else's
            return


def _copy_in_place(link: str) -> None:
    """Put the file in the place of the link to it; other links stay, for the client to tell of."""
    if not os.path.isfile(link):
        return
    paths = (os.path.join(os.path.dirname(link), f".headrace-{each}") for each in count())
    copy = next(path for path in paths if not os.path.lexists(path))
    shutil.copyfile(link, copy)
    os.replace(copy, link)


def _unshare(flags: int) -> None:
    if _LIBC.unshare(flags):
        raise _error("unshare")


def _mount(source: str | None, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    words = (source, target, kind or None)
    encoded = [None if each is None else os.fsencode(each) for each in words]
    if _LIBC.mount(*encoded, ctypes.c_ulong(flags), os.fsencode(data) if data else None):
        raise _error(f"mount {target}")


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


def said(exc: OSError) -> str:
    """Return an error as a part of a line."""
    return f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc.strerror)


if __name__ == "__main__":
    main(sys.argv[1])
