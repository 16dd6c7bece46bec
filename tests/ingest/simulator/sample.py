"""What tests of the world know about its sample."""

START_US = 1_782_864_000_000_000
SAMPLE = 16_000
POST = "app.bsky.feed.post"


def is_post(event):
    return event["commit"]["collection"] == POST


def uri(event):
    return f"at://{event['did']}/{event['commit']['collection']}/{event['commit']['rkey']}"
