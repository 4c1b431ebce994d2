"""Runs a command that the kernel kills when this program's parent dies (Linux).

Used as a script: ``python -I -S launch.py <parent pid> <program> <argument>…``. It sets the parent-death
signal and becomes the program; the signal setting survives that. (A ``preexec_fn`` would do the same, but
running Python between fork and exec of a threaded process can deadlock.) Elsewhere it only becomes the
program; there the reaper alone sees to orphans. It imports nothing of this package, to start quickly.
"""

import os
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):  # the parent died before the signal was set
            sys.exit(1)
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        print(f"cannot run {program}: {error.strerror}", flush=True)
        sys.exit(127)


if __name__ == "__main__":
    main()
