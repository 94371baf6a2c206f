"""The command `countersign`; also `python -m workers`, for processes that start their own children."""

import signal


def main() -> None:
    """Run the command line. Ctrl-C during the second of imports ends it at once, without a traceback."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as under nohup
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from workers.cli import main as command_line
    from workers.processes import leave

    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code: object = 0
    try:
        command_line()
    except SystemExit as ended:
        code = ended.code
    leave(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
