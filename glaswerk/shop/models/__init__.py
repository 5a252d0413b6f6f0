"""The tables of the shop, one noun a file.  What is a rule here is a rule of the database."""

from glaswerk.shop.models.cart import MAX_LINES, MAX_QUANTITY, Address, Cart, CartLine
from glaswerk.shop.models.interest import Interest
from glaswerk.shop.models.merchant import Merchant, MerchantState, Staff, StaffRole
from glaswerk.shop.models.notice import Notice
from glaswerk.shop.models.order import (
    Invoice,
    Order,
    OrderEvent,
    OrderLine,
    OrderState,
    Parcel,
    ParcelLine,
    Refund,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
)
from glaswerk.shop.models.product import (
    MAX_GRAMS,
    MAX_MINOR,
    MAX_OPTIONS,
    Picture,
    Price,
    Product,
    ProductState,
    Sale,
    Variant,
    VatCategory,
)
from glaswerk.shop.models.purchase import Hold, Outgoing, Purchase, PurchaseState
from glaswerk.shop.models.review import MAX_REVIEW, MAX_STARS, Review
from glaswerk.shop.models.stock import MAX_UNITS, Location, Movement, MovementKind, Stock
from glaswerk.shop.models.tag import MAX_TAGS, Tag
from glaswerk.shop.models.terms import WHOLE_BP, DeliveryMethod, VatRate, Voucher, VoucherKind
from glaswerk.shop.models.token import MAX_TOKENS, Scope, Token
from glaswerk.shop.models.webhook import MAX_ENDPOINTS, Attempt, Delivery, DeliveryState, Endpoint, HookEvent

__all__ = [
    "MAX_ENDPOINTS",
    "MAX_GRAMS",
    "MAX_LINES",
    "MAX_MINOR",
    "MAX_OPTIONS",
    "MAX_QUANTITY",
    "MAX_REVIEW",
    "MAX_STARS",
    "MAX_TAGS",
    "MAX_TOKENS",
    "MAX_UNITS",
    "WHOLE_BP",
    "Address",
    "Attempt",
    "Cart",
    "CartLine",
    "Delivery",
    "DeliveryMethod",
    "DeliveryState",
    "Endpoint",
    "Hold",
    "HookEvent",
    "Interest",
    "Invoice",
    "Location",
    "Merchant",
    "MerchantState",
    "Movement",
    "MovementKind",
    "Notice",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderState",
    "Outgoing",
    "Parcel",
    "ParcelLine",
    "Picture",
    "Price",
    "Product",
    "ProductState",
    "Purchase",
    "PurchaseState",
    "Refund",
    "RefundState",
    "Return",
    "ReturnLine",
    "ReturnState",
    "Review",
    "Sale",
    "Scope",
    "Staff",
    "StaffRole",
    "Stock",
    "Tag",
    "Token",
    "Variant",
    "VatCategory",
    "VatRate",
    "Voucher",
    "VoucherKind",
]
