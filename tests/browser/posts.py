"""A small world for the pages: made-up people who write about lakes in several languages, over the last 26 hours, and
posts that try to break a page."""

from datetime import UTC, datetime, timedelta
from itertools import cycle
from math import sin, tau
from random import Random

from tests.builders import delete, post

HOSTILE_TEXTS = {
    "script": 'lake <script>window.broken = 1</script><img src=x onerror="window.broken = 2"> {{ 7|add:7 }}',
    "attribute": 'lake " onmouseover="window.broken = 3" autofocus onfocus=\'window.broken = 4\' x="',
    "bidi": "lake \u202ereversed\u2066 and never closed \u2067",
    "long": "lake" + "w" * 3000,
    "svg": "lake <svg onload=window.broken=5></svg></p></article></ol><h1>broken</h1>",
    "lines": "lake" + "\n" * 40 + "end",
    "emoji": "lake 👩‍👩‍👧‍👦🏳️‍🌈 \u0301\u0301\u0301 ﷽",
}
HOSTILE = "did:plc:hostileaaaaaaaaaaaaaaaaa"
PEOPLE = [f"did:plc:person{letter}aaaaaaaaaaaaaaaaa" for letter in "abcdefghijkl"]
NAMES = {
    did: f"{name}.example"
    for did, name in zip(
        PEOPLE,
        ("mika", "lena.lakes", "hiro", "ana", "yusuf", "noor", "tomas", "wei", "ines", "paavo", "rosa", "dagny"),
        strict=True,
    )
}
SENTENCES = {
    "en": (
        "A quiet morning at the lake, mist over the water and nobody around",
        "Who else is walking around the lake today? #lakelife",
        "The ferry across the lake is late again, third time this week",
        "Measured the water again: 14.2 degrees, up half a degree since Monday #fieldnotes",
        "New paper on how small lakes store carbon, surprisingly readable https://lake.example.edu/papers/7",
        "Good morning from the river house",
        "Heron, two grebes, one very confident swan #birds",
    ),
    "ja": (
        "地震のあと湖は静かです。みなさん無事ですか",
        "今日の湖、とてもきれいでした #湖",
        "地震速報を見てびっくりした",
        "朝の散歩、湖まで",
    ),
    "pt": ("Bom dia do lago, a água está fria", "O lago hoje parece um espelho #lago"),
    "de": ("Heute am See, endlich Sonne #see", "Der See ist wieder über die Ufer getreten"),
    "ar": ("صباح الخير من البحيرة الهادئة", "مشينا حول البحيرة اليوم"),
    "es": ("El lago amaneció tranquilo, con niebla", "Nadar en el lago antes del trabajo #lago"),
}
ALTS = ("A lake at dawn with mist over the water", "湖と山の写真", "Two grebes beside a wooden pier")
HOUR_US = 3_600_000_000
ROOT = {"uri": f"at://{PEOPLE[1]}/app.bsky.feed.post/r0", "cid": "bafyreib"}


def images(*alts):
    blob = {"$type": "blob", "mimeType": "image/jpeg", "size": 9000}
    return {"$type": "app.bsky.embed.images", "images": [{"alt": alt, "image": blob} for alt in alts]}


def card(url):
    return {"$type": "app.bsky.embed.external", "external": {"uri": url, "title": "A page", "description": ""}}


def labels(*names):
    return {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": name} for name in names]}


def written(us):
    """createdAt, two seconds before it was seen."""
    return f"{datetime.fromtimestamp(us / 1e6, UTC) - timedelta(seconds=2):%Y-%m-%dT%H:%M:%S.000Z}"


def events(now_us, hours=26, an_hour=24, hole=(9, 11), seed=7):
    """Oldest first. In the hours of `hole` (counted back from now) nothing was received."""
    random, languages = Random(seed), cycle(("en", "en", "ja", "en", "pt", "de", "en", "ar", "es", "ja"))
    start = now_us - hours * HOUR_US
    for number in range(hours * an_hour):
        at = start + int((number + random.random()) * HOUR_US / an_hour)
        received = not hole[0] * HOUR_US <= now_us - at < hole[1] * HOUR_US
        if received and random.random() < awake(at):
            yield ordinary(random, number, at, next(languages))
    yield from quake(random, now_us - 20 * HOUR_US, an_hour)
    yield from hostile(now_us - HOUR_US // 2)
    for number in range(3):
        at = now_us - HOUR_US // 3 + number
        yield post("a word that is gone: sturgeon", did=PEOPLE[0], rkey=f"d{number}", time_us=at)
        yield delete(f"d{number}", did=PEOPLE[0], time_us=at + 10)


def awake(at):
    """The share of people who are, by the hour of the day."""
    return 0.65 + 0.35 * sin(at / HOUR_US / 24 * tau)


def quake(random, at, posts):
    """All at once many write of an earthquake, fewer and fewer."""
    for number in range(posts):
        moment = at + int(2 * HOUR_US * (number / posts) ** 3)
        fields = {"embed": images(ALTS[1])} if number % 3 == 0 else {}
        fields |= {"langs": ["ja"], "createdAt": written(moment)}
        text = random.choice(("地震だ！みんな大丈夫？", "地震、けっこう揺れた", "湖のそばで地震。水面が揺れている"))
        yield post(text, did=random.choice(PEOPLE), rkey=f"q{number}", time_us=moment, **fields)


def ordinary(random, number, at, lang):
    """The numbers decide what else a post has."""
    text, fields = random.choice(SENTENCES[lang]), {}
    if number % 7 == 0:
        fields["embed"] = images(random.choice(ALTS) if number % 2 else "")
    elif "https://" in text:
        fields["embed"] = card("https://lake.example.edu/papers/7")
    if number % 9 == 0:
        fields["reply"] = {"root": ROOT, "parent": ROOT}
    if number % 40 == 0:
        fields["labels"] = labels("graphic-media")
    fields |= {"langs": [lang], "createdAt": written(at)}
    return post(text, did=random.choice(PEOPLE), rkey=f"p{number}", time_us=at, **fields)


def hostile(at):
    for number, (name, text) in enumerate(HOSTILE_TEXTS.items()):
        embed = card("javascript:window.broken=6") if name == "svg" else images(text[:200])
        fields = {"langs": ["en"], "createdAt": written(at), "embed": embed}
        yield post(text, did=HOSTILE, rkey=f"h{number}", time_us=at + number, **fields)
