"""Who a number is listed under."""
