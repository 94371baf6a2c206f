"""What the columns of each table are, and how else they may be called."""

from activities.payables.sources.rows import Names

INVOICES: Names = {
    "id": (),
    "vendor": ("vendor_id", "supplier", "supplier_id", "creditor"),
    "number": ("invoice_number", "invoice_no", "invoice", "bill_no", "reference"),
    "amount": ("open_amount", "amount_due", "outstanding_amount", "total", "gross"),
    "currency": ("ccy",),
    "invoice_date": ("date", "bill_date", "issued"),
    "due_date": ("due", "due_on"),
    "terms": ("payment_terms",),
    "not_before_date": ("not_before",),
    "account": ("iban", "bank_account", "account_number"),
}
VENDORS: Names = {
    "id": ("vendor", "vendor_id", "supplier", "supplier_id"),
    "name": ("vendor_name", "supplier_name"),
    "iban": (),
    "bic": ("swift", "swift_bic"),
    "account": ("account_number", "account_no"),
    "country": ("country_code",),
    "terms": ("payment_terms",),
}
PAYMENTS: Names = {
    "vendor": ("vendor_id", "supplier", "supplier_id", "creditor"),
    "number": ("invoice_number", "invoice_no", "invoice", "bill_no", "reference"),
    "amount": ("paid_amount", "total", "gross"),
    "currency": ("ccy",),
    "day": ("paid_on", "paid", "payment_date", "date"),
    "account": ("iban", "account_number"),
    "invoice_date": ("bill_date", "issued"),
}
RECEIVABLES: Names = {
    "id": ("number", "invoice_number", "invoice_no", "invoice"),
    "customer": ("customer_id", "debtor", "client"),
    "amount": ("invoice_amount", "total", "gross"),
    "currency": ("ccy",),
    "invoice_date": ("date", "issued"),
    "due_date": ("due", "due_on"),
    "settled": ("settled_date", "paid", "paid_on", "paid_date"),
}
FLOWS: Names = {"day": ("date", "on"), "amount": ("total",), "currency": ("ccy",), "what": ("text", "description")}
