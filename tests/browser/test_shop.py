"""Buying from a playing video: the chip, the sheet, two presses, the order; and the same without a script."""

import time

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PATIENCE_S, PHONE, Visit, sign_in
from tests.browser.player import CURRENT, move, shown_video, wait_playing
from tests.browser.shopping import FROM_MS, TO_MS, Shop, ask, open_shop, returning_buyer
from tests.browser.test_accessibility import violations
from tests.cells import RunningCell

pytestmark = [pytest.mark.browser, pytest.mark.cell]

CHIP = ".product-chip"


@pytest.fixture(scope="module")
def stocked_cell(live_cell: RunningCell) -> RunningCell:
    """The shared cell as it is: one video is enough here."""
    return live_cell


@pytest.fixture(scope="module")
def shop(stocked_cell: RunningCell, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose vase is in a video."""
    return open_shop(stocked_cell, tmp_path_factory.mktemp("shop"))


@pytest.fixture
def buyer(stocked_cell: RunningCell) -> httpx.Client:
    """Somebody whose address is kept."""
    return returning_buyer(stocked_cell)


def clock(page: Page) -> float:
    """Return the second at which the video on the screen is."""
    return float(page.evaluate(f"() => document.querySelector('{CURRENT} video').currentTime"))


def seek(page: Page, ms: int) -> None:
    """Let the video on the screen go on from this moment."""
    page.evaluate(f"(at) => {{ document.querySelector('{CURRENT} video').currentTime = at / 1000 }}", ms)


def test_the_chip_shows_while_its_moment_plays(visit: Visit, shop: Shop) -> None:
    """It comes, and goes, with the moment; its key opens the sheet."""
    page = visit()
    page.goto(f"/v/{shop.video}")
    wait_playing(page)
    chip = page.locator(CHIP)
    seek(page, FROM_MS + 200)
    expect(chip).to_be_visible()
    expect(chip).to_have_accessible_name("Vase Flensburg from €31.20 before €39.00")
    seek(page, TO_MS + 50)
    expect(chip).to_be_hidden()
    seek(page, FROM_MS + 200)
    expect(chip).to_be_visible()
    page.keyboard.press("b")
    sheet = page.get_by_role("dialog", name="Vase Flensburg")
    expect(sheet.get_by_text("Only 2 left")).to_be_visible()
    expect(sheet.get_by_text("delivery €4.90")).to_be_visible()
    sheet.get_by_text("Sold by Glashütte Hansen").click()
    expect(sheet.get_by_text("HRB 4711")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_two_presses_buy_while_the_video_plays_on(visit: Visit, shop: Shop, buyer: httpx.Client) -> None:
    """A returning buyer presses twice; the order's page shows what they bought, and they send it back."""
    page = visit(reduced_motion="reduce")
    sign_in(page, buyer)
    page.goto(f"/v/{shop.video}")
    wait_playing(page)
    seek(page, FROM_MS + 100)
    expect(page.locator(CHIP)).to_be_visible()
    page.locator(CHIP).click()
    sheet = page.locator("#product")
    sheet.get_by_role("radio", name="Large").check()
    expect(sheet.locator(".price")).to_have_text("€59.00")
    before = clock(page)
    sheet.get_by_role("button", name="Buy now").click()
    sheet.get_by_role("button", name="Order and pay €63.90").click()
    expect(sheet.get_by_text("€63.90 paid.")).to_be_visible()
    page.wait_for_function(
        f"(before) => {{ const video = document.querySelector('{CURRENT} video');"
        " return !video.paused && video.currentTime !== before }",
        arg=before,
    )
    sheet.get_by_role("link", name="See the order").click()
    expect(page.get_by_role("heading", name="Glashütte Hansen")).to_be_visible()
    expect(page.get_by_text("Sea green · Large · 1 at €59.00")).to_be_visible()
    order = page.url.rsplit("/", 1)[1]
    ask(shop.owner, "POST", f"/api/shop/sold/{order}/parcels", {"carrier": "DHL", "tracking": "00340434"})
    page.reload()
    expect(page.get_by_text("00340434").first).to_be_visible()
    page.get_by_text("Send something back").click()
    page.get_by_label("Vase Flensburg").select_option("1")
    page.get_by_role("button", name="Withdraw from these").click()
    expect(page.get_by_text("Please send it to Hansen Glas GmbH")).to_be_visible()


def test_what_a_video_sells_earns_until_it_comes_back(
    visit: Visit, shop: Shop, buyer: httpx.Client, stocked_cell: RunningCell
) -> None:
    """Watch, buy, send, send back, pay back: creator and books follow each step."""
    plan = ask(
        shop.owner, "POST", f"/api/shop/merchants/{shop.name}/plans", {"kind": "open", "title": "All", "rate_bp": 1000}
    )
    ask(shop.creator, "PUT", f"/api/shop/enrolments/{plan['id']}")
    wait_shoppable(stocked_cell, shop)
    page, creator, merchant = visit(reduced_motion="reduce"), visit(), visit()
    for browser_of, client in ((page, buyer), (creator, shop.creator), (merchant, shop.owner)):
        sign_in(browser_of, client)
    # Only what the feed itself has served counts for its creator.
    page.goto("/?again=1")
    wait_playing(page)
    while shown_video(page) != shop.video:
        move(page, "ArrowDown")
    wait_playing(page)
    seek(page, FROM_MS + 100)
    page.locator(f"{CURRENT} {CHIP}").click()
    sheet = page.locator("#product")
    sheet.get_by_role("radio", name="Large").check()
    sheet.get_by_role("button", name="Buy now").click()
    sheet.get_by_role("button", name="Order and pay €63.90").click()
    sheet.get_by_role("link", name="See the order").click()
    expect(page.get_by_role("heading", name="Glashütte Hansen")).to_be_visible()
    order = page.url.rsplit("/", 1)[1]

    def earned(words: str, amount: str) -> None:
        creator.goto("/earnings")
        expect(creator.locator("dl.figures div", has_text=words).locator("dd")).to_have_text(amount)

    # Ten percent of €59.00 without its VAT.
    earned("Accrued", "€4.96")
    merchant.goto(f"/merchant/{shop.name}/orders/{order}")
    merchant.get_by_label("Tracking number").fill("00340435")
    merchant.get_by_role("button", name="Mark as sent").click()
    page.reload()
    expect(page.get_by_text("00340435").first).to_be_visible()
    page.get_by_text("Send something back").click()
    page.get_by_label("Vase Flensburg").select_option("1")
    page.get_by_role("button", name="Withdraw from these").click()
    expect(page.get_by_text("Please send it to Hansen Glas GmbH")).to_be_visible()
    merchant.goto(f"/merchant/{shop.name}/returns")
    card = merchant.locator("li.card", has_text=order)
    card.get_by_role("button", name="It arrived: pay it back").click()
    expect(card.get_by_text("Received")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Paid back")).to_be_visible()
    earned("Accrued", "€0.00")
    earned("Taken back", "€4.96")
    book = stocked_cell.json("money", "check")
    assert book["violations"] == 0 and book["entries"] > 0


def test_a_guest_buys_without_a_script(visit: Visit, shop: Shop) -> None:
    """Cart, checkout, the provider's page and the order are plain forms."""
    page = visit(java_script_enabled=False)
    page.goto(f"/checkout?variant={variant_of(shop)}")
    page.get_by_label("Country").select_option("IT")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Province")).to_be_visible()
    page.get_by_label("Country").select_option("DE")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Province")).to_have_count(0)
    page.get_by_role("button", name="Order and pay €63.90").click()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    for label, text in (
        ("Name", "Ada"),
        ("Street and number", "Torstraße 1"),
        ("Postal code", "10119"),
        ("City", "Berlin"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("DHL Express").check()
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("button", name="Order and pay €71.90").click()
    expect(page.get_by_text("This is a trial. No money moves.")).to_be_visible()
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("link", name="Glashütte Hansen").click()
    page.get_by_role("button", name="Cancel this order").click()
    expect(page.get_by_text("Your order is cancelled.")).to_be_visible()
    expect(page.get_by_text("Paid back")).to_be_visible()


def wait_shoppable(cell: RunningCell, shop: Shop) -> None:
    """Wait until the epoch in service knows that the shop's video sells something."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        slots = cell.client().get("/api/feed", params={"feed": "shop", "limit": 50}).json()["slots"]
        if any(slot["video"]["id"] == shop.video for slot in slots):
            return
        assert time.monotonic() < deadline, "the video is not shoppable"
        time.sleep(0.3)


def test_why_a_video_that_sells_something_is_there(visit: Visit, shop: Shop, stocked_cell: RunningCell) -> None:
    """On a phone: who brought it, that nobody paid, how many there may be; in both languages, and axe finds nothing."""
    wait_shoppable(stocked_cell, shop)
    for locale, words in {
        "en-GB": (
            "It shows something to buy",
            "Nobody paid for this place",
            "At most 1 of 10 places",
            "Things to buy",
        ),
        "de-DE": (
            "Es zeigt etwas zu kaufen",
            "Niemand hat für diesen Platz bezahlt",
            "Höchstens 1 von 10 Plätzen",
            "Dinge zum Kaufen",
        ),
    }.items():
        page = visit(locale=locale, has_touch=True, reduced_motion="reduce")
        page.goto("/")
        wait_playing(page)
        for _ in range(40):
            if page.locator(CURRENT).get_by_text("Why this vase leans").count():
                break
            page.keyboard.press("j")
            page.wait_for_timeout(300)
        page.keyboard.press("w")
        panel = page.locator("#why")
        for word in words[:2]:
            expect(panel.get_by_text(word)).to_be_visible()
        expect(panel.get_by_text(words[2])).to_be_visible()
        expect(panel.locator(".what-if")).to_contain_text(words[3])
        assert page.evaluate("() => document.querySelector('#why .sheet-body').scrollWidth <= innerWidth")
        assert violations(page) == []


def test_the_shop_picks_for_who_has_a_personal_feed_and_counts_for_others(
    visit: Visit, shop: Shop, stocked_cell: RunningCell
) -> None:
    """The picks come from the engine and say why; without a profile or a script the page's own list stays, and says how."""
    wait_shoppable(stocked_cell, shop)
    page = visit(reduced_motion="reduce")
    page.goto("/shop")
    expect(page.get_by_role("heading", name="Picked for you")).to_be_visible()
    page.get_by_role("button", name="Why Vase Flensburg?").click()
    panel = page.get_by_role("dialog", name="Why this?")
    expect(panel.get_by_text("It shows something to buy")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Why Vase Flensburg?")).to_be_focused()
    page.evaluate(
        """() => fetch("/api/dials", { method: "PUT", body: JSON.stringify({ profiling: false }),
             headers: { "Content-Type": "application/json" } })"""
    )
    for other in (page, visit(java_script_enabled=False)):
        other.goto("/shop")
        expect(other.get_by_role("heading", name="Often bought here")).to_be_visible()
        expect(other.get_by_text("Nothing about you counts")).to_be_visible()
        expect(other.locator("#picks .tile-title").first).to_be_visible()
        expect(other.get_by_role("heading", name="Picked for you")).to_have_count(0)


def variant_of(shop: Shop) -> str:
    """Return the large vase, of which there are enough."""
    return str(ask(shop.owner, "GET", f"/api/shop/products/{shop.product}")["variants"][1]["id"])


@pytest.mark.parametrize(
    "form",
    [
        {"viewport": PHONE, "color_scheme": "light", "locale": "de-DE", "has_touch": True, "reduced_motion": "reduce"},
        {"viewport": DESKTOP, "color_scheme": "dark", "locale": "en-GB", "reduced_motion": "reduce"},
    ],
    ids=["phone", "desktop"],
)
def test_axe_finds_nothing_in_the_shop(visit: Visit, shop: Shop, buyer: httpx.Client, form: dict[str, object]) -> None:
    """The chip, the sheet and its review, and every page; in both languages, in the light and in the dark."""
    page = visit(**form)
    found: list[str] = []
    for path in ("/cart", "/orders", f"/checkout?variant={variant_of(shop)}", "/shop", f"/shop/{shop.name}/vase"):
        page.goto(path)
        found += violations(page)
    sign_in(page, buyer)
    page.goto(f"/v/{shop.video}")
    wait_playing(page)
    seek(page, FROM_MS + 100)
    expect(page.locator(CHIP)).to_be_visible()
    found += violations(page)
    page.locator(CHIP).click()
    foot = page.locator("#product .buy-foot .button")
    expect(foot).to_have_count(2)
    page.locator("#product").get_by_role("radio", name="Large").check()
    found += violations(page)
    foot.first.click()
    expect(page.locator("#product .said a")).to_be_visible()
    foot.last.click()
    expect(page.locator("#product .review-line")).to_have_count(2)
    found += violations(page)
    for path in ("/cart", "/checkout"):
        page.goto(path)
        found += violations(page)
    page.locator("button[value=pay]").click()
    page.locator("button[value=tok_success]").click()
    expect(page.locator(".outcome.paid")).to_be_visible()
    found += violations(page)
    page.locator(".order-list a").click()
    expect(page.locator(".steps")).to_be_visible()
    found += violations(page)
    page.goto("/orders")
    found += violations(page)
    sign_in(page, shop.owner)
    console = f"/merchant/{shop.name}"
    places = ("", "/orders", "/products", "/products/new", "/stock", "/returns", "/send", "/terms", "/settings")
    for path in ("/merchants/apply", *(f"{console}{place}" for place in places)):
        page.goto(path)
        found += violations(page)
    sign_in(page, shop.creator)
    page.goto(f"/v/{shop.video}/products")
    expect(page.locator(".times")).to_have_count(2)
    found += violations(page)
    assert found == []
