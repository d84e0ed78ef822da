"""Carries what was decided to the world: claims, pacing, retries, circuit breaking, endings.

`engine` and `service` import its names from here. It decides nothing about alerts and opens no
connection itself: `notify` does.
"""

from responder.core.orders import Attempted, Ending, Order
from responder.delivery.dispatch import STOP_BUDGET, Delivery
from responder.delivery.orders import (
    DeliverySettings,
    DeliveryStore,
    DestinationStatus,
    Snapshot,
)

__all__ = [
    "STOP_BUDGET",
    "Attempted",
    "Delivery",
    "DeliverySettings",
    "DeliveryStore",
    "DestinationStatus",
    "Ending",
    "Order",
    "Snapshot",
]
