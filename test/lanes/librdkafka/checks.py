"""A check is a function of the bootstrap address that raises when it does not hold."""
import sys
import time
import traceback

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def run_all(client):
    bootstrap = sys.argv[1]
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    bad = 0
    for function in CHECKS:
        name = f"{client}: {function.__doc__}"
        if only not in name:
            continue
        start = time.monotonic()
        try:
            function(bootstrap)
            print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except BaseException:
            bad += 1
            print(f"FAIL  {name}", flush=True)
            for line in traceback.format_exc().splitlines()[-8:]:
                print(f"      {line}", flush=True)
    sys.exit(1 if bad else 0)


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{short(actual)} is not {short(expected)}")


def short(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}… ({len(text)} characters)"
