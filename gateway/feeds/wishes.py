"""What the replicas want to read, as the owner of a venue's streams sees it."""

import structlog

from adapters.models import VenueName
from gateway.fanout.topic import Topic
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_WISHES = Script.load("gateway.feeds", "wishes.lua")

log = structlog.get_logger()


async def wished_topics(store: Store, venue: VenueName) -> set[Topic]:
    """Every topic that some replica has a reader for. Raises `StoreUnavailable`."""
    members = await store.run(_WISHES, [keys.feed_wishes(venue)])
    topics = (parse_topic(member.rpartition(b"|")[0], venue) for member in members)
    return {topic for topic in topics if topic is not None}


def parse_topic(text: bytes, venue: VenueName) -> Topic | None:
    """A topic of this venue, or None, said in the log: another version of ours may know more channels."""
    try:
        topic = Topic.parse(text.decode())
    except ValueError:
        log.warning("feed_topic_unreadable", venue=venue, topic=text[:100])
        return None
    return topic if topic.venue == venue else None
