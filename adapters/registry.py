"""Which adapters there are: name → factory, one explicit line each. Nothing is discovered or imported by name."""

from collections.abc import Mapping

from adapters.backpack import backpack
from adapters.contract import VenueFactory
from adapters.zanbara import zanbara

FACTORIES: Mapping[str, VenueFactory] = {
    "backpack": backpack,
    "zanbara": zanbara,
}
