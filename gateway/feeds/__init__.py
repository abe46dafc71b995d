"""Market data streams: one upstream subscription per topic in the fleet, books that are never silently wrong."""

from gateway.feeds.market_feeds import FeedsState, MarketFeeds, VenueFeedState
from gateway.feeds.settings import FeedSettings

__all__ = ["FeedSettings", "FeedsState", "MarketFeeds", "VenueFeedState"]
