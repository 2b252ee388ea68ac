"""What taking a number costs."""

from decimal import Decimal

from trebuchet.api.context import Context
from trebuchet.model.charge import Charge, Product
from trebuchet.model.number import PhoneNumber
from trebuchet.model.stock import StockKind


def number_charge(context: Context, number: PhoneNumber, kind: StockKind) -> Charge:
    """The first month of a number."""
    return Charge(
        id=context.deps.ids.charge(),
        account_id=number.account_id,
        at=number.created_at,
        product=Product.TOLL_FREE_NUMBER if kind is StockKind.TOLL_FREE else Product.LOCAL_NUMBER,
        units=1,
        amount=Decimal(number.price),
        number=number.number,
        resource_id=number.id,
    )
