"""Sends events with Segment's SDK for Python and ends with 0 when the SDK says that all of them were taken.

    python send_segment.py URL PREFIX COUNT [TRACK_EVENT [PAUSE]]

COUNT times an identify, a track and a page, PAUSE milliseconds apart; the messageIds are PREFIX-<type>-<number>.
"""

import sys
import time

from segment.analytics.client import Client

url, prefix, count, *rest = sys.argv[1:]
event = rest[0] if rest else "Product Added"
pause = int(rest[1]) / 1000 if len(rest) > 1 else 0
refused = []
client = Client("any-write-key", host=url, on_error=lambda error, batch: refused.append(error))

for number in range(int(count)):
    user = f"user-{number}"
    client.identify(user, {"plan": "pro"}, message_id=f"{prefix}-identify-{number}")
    client.track(user, event, {"price": 9.5, "currency": "EUR"}, message_id=f"{prefix}-track-{number}")
    client.page(user, name="Home", message_id=f"{prefix}-page-{number}")
    time.sleep(pause)
client.flush()
client.join()
if refused:
    sys.exit(f"not every event was taken: {refused[0]}")
