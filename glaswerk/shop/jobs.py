"""What the shop does later.  Each job may run twice, and beside itself."""

from procrastinate.contrib.django import app

from glaswerk.shop import notices
from glaswerk.shop.actions import orders, purchases
from glaswerk.shop.webhooks import sending


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


@app.periodic(cron="* * * * * */5")
@app.task(name="shop.deliver_hooks", queue="events", lock="shop.deliver_hooks", queueing_lock="shop.deliver_hooks")
def deliver_hooks(timestamp: int) -> None:
    """Bring merchants' programs what they are to be told."""
    sending.deliver_due()


@app.periodic(cron="17 4 * * *")
@app.task(name="shop.forget_hooks", queue="events", queueing_lock="shop.forget_hooks")
def forget_hooks(timestamp: int) -> None:
    """Remove old messages to merchants' programs."""
    sending.forget_old()
