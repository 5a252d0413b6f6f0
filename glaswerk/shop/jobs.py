"""What the shop does later.  Each job may run twice, and beside itself."""

from procrastinate.contrib.django import app

from glaswerk.shop import notices
from glaswerk.shop.actions import orders, purchases, stock


@app.periodic(cron="* * * * * */10")
@app.task(name="shop.deliver_notices", queue="events", queueing_lock="shop.deliver_notices")
def deliver_notices(timestamp: int) -> None:
    """Send what waits in the outbox."""
    notices.deliver()


@app.periodic(cron="* * * * *")
@app.task(name="shop.expire_purchases", queue="events", queueing_lock="shop.expire_purchases")
def expire_purchases(timestamp: int) -> None:
    """Give back what is held for who did not pay in time; what was paid after all becomes an order."""
    purchases.expire_purchases()


@app.periodic(cron="*/2 * * * *")
@app.task(name="shop.retry_refunds", queue="events", queueing_lock="shop.retry_refunds")
def retry_refunds(timestamp: int) -> None:
    """Ask about refunds that are not known to be done."""
    orders.retry_refunds()


@app.periodic(cron="*/5 * * * *")
@app.task(name="shop.tell_low_stock", queue="events", queueing_lock="shop.tell_low_stock")
def tell_low_stock(timestamp: int) -> None:
    """Tell merchants what is nearly sold out."""
    notices.tell_low_stock()


@app.periodic(cron="*/3 * * * *")
@app.task(name="shop.merge_cold_stock", queue="events", queueing_lock="shop.merge_cold_stock")
def merge_cold_stock(timestamp: int) -> None:
    """Make one row again of what was split and is not hot any more."""
    stock.merge_cold_stock()
