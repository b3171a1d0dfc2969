"""Makes sessions with the client library of the platform that the dialect comes from.

    python3 sessions.py SECRET

Prints a JSON object a line: version, type, user, partner, expiry, privileges and the session.
"""

import json
import sys

from KalturaClient import Client
from KalturaClient.Client import KalturaClient

HOLDERS = ["", "0", "user@example.com", "jane doe", "a+b&c=d%20", "ünï", "x~y", "a" * 300]
PRIVILEGES = [
    "",
    "*",
    "disableentitlement,*",
    "sview:0_abc12345,list:*",
    "sview:0_a/0_b, edit:*,,setrole:7",
    "sview:*,urirestrict:/p/1/*|/p/2/*,iprestrict:10.0.0.1/2001:db8::1",
    "appid:my app-1.2~x,privacycontext:a;b" ,
    "sview:0_a,sview:0_b",
]
NOW = 1700000000


def main(secret):
    Client.time.time = lambda: NOW
    for version, make in (("v1", KalturaClient.generateSession), ("v2", KalturaClient.generateSessionV2)):
        for kind in (0, 2):
            for user in HOLDERS:
                for privileges in PRIVILEGES:
                    if version == "v1" and ";" in privileges:
                        continue
                    session = make(secret, user, kind, 12345, 86400, privileges).decode()
                    case = {"version": version, "type": str(kind), "user": user, "partner": 12345}
                    print(json.dumps({**case, "expiry": NOW + 86400, "privileges": privileges, "ks": session}))


main(*sys.argv[1:])
