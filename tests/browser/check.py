"""Has redbot look at an answer of a running service: its fields, and what comes under conditions, ranges and codings.

    python3 check.py URL

Prints a line for each note: its level (good, info, warning, bad), its name, and what it says.
"""

import sys
from configparser import ConfigParser

import thor
from redbot.resource import HttpResource


def main(url):
    config = ConfigParser()
    config.read_dict({"redbot": {"enable_local_access": "True"}})
    resource = HttpResource(config["redbot"])
    resource.set_request(url)
    thor.events.on(resource, "check_done")(thor.stop)
    resource.check()
    thor.run()
    if not resource.response.complete:
        raise SystemExit(f"{url}: {resource.fetch_error}")
    for probe in (resource, *resource.subreqs.values()):
        for note in probe.response.notes:
            print(note.level.value, type(note).__name__, note.summary)


main(*sys.argv[1:])
