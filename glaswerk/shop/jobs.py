"""What the shop does later.  Each job may run twice, and beside itself."""

from procrastinate.contrib.django import app

from glaswerk.shop import commission, notices
from glaswerk.shop.actions import orders, purchases, shelf, stock, touches
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


@app.periodic(cron="17 * * * *")
@app.task(name="shop.forget_changes", queue="events", queueing_lock="shop.forget_changes")
def forget_changes(timestamp: int) -> None:
    """Remove the notes of changes that every worker has read long ago."""
    shelf.forget_changes()


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


# Some minutes before `money.mature_commissions`.
@app.periodic(cron="5 * * * *")
@app.task(name="shop.hold_back_commissions", queue="events", queueing_lock="shop.hold_back_commissions")
def hold_back_commissions(timestamp: int) -> None:
    """Let wait what creators earned by orders that are not sent yet, or partly on their way back."""
    commission.hold_back()


@app.periodic(cron="41 3 * * *")
@app.task(name="shop.forget_touches", queue="events", queueing_lock="shop.forget_touches")
def forget_touches(timestamp: int) -> None:
    """Remove what is known of the ways by which buyers came, as soon as it is not needed any more."""
    touches.forget()


@app.periodic(cron="*/3 * * * *")
@app.task(name="shop.merge_cold_stock", queue="events", queueing_lock="shop.merge_cold_stock")
def merge_cold_stock(timestamp: int) -> None:
    """Make one row again of what was split and is not hot any more."""
    stock.merge_cold_stock()
