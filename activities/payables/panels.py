"""What a person sees of a plan: what is paid now, the calendar, the cash curve, what early payments are worth, what is
held and why, and what changed. Names and numbers out of invoices are cells: they are escaped wherever they are shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from activities.payables.holds_amount import money
from contracts.payables import AccountPlan, EarlyPayment, Payment
from contracts.paying import Books, Hold, Plan
from contracts.plots import PlotLine, PlotPanel, PlotSeries
from contracts.proposal import Cell, Panel, TablePanel

MOST = 200  # rows of a table


def panels(plan: Plan, books: Books, part: str) -> tuple[Panel, ...]:
    """Of the part that one person signs: all of the plan. Of the other: the payments, and what stands against them."""
    desk = _Desk(plan, books)
    if part == "alone":
        return tuple(filter(None, (desk.evidence(), desk.paid_now(alone=True))))
    first = (*desk.infeasible(), desk.answered(), desk.paid_now(alone=False), desk.held(), desk.apart())
    rest = (desk.changed(), *desk.curves(), desk.early(), desk.calendar(), desk.later())
    return tuple(filter(None, (*first, *rest, desk.foretold(), desk.credited(), desk.unread())))


class _Desk:
    def __init__(self, plan: Plan, books: Books) -> None:
        self.plan, self.books = plan, books
        self.names: Mapping[str, str] = {each.id: each.name for each in books.vendors}
        self.numbers = {each.id: each.number for each in books.invoices}
        self.alone = {hold.invoice: hold for hold in plan.holds if hold.alone}

    def name(self, vendor: str) -> str:
        return self.names.get(vendor, vendor)

    def number(self, invoice: str) -> str:
        return self.numbers.get(invoice) or invoice

    def infeasible(self) -> Iterator[Panel]:
        for each in self.plan.schedule.infeasible:
            ways = tuple((Cell(text=way.says),) for way in each.relax)
            yield TablePanel(
                title=f"Nothing is paid in {each.currency}: {each.says}",
                columns=("What would help, each by itself",),
                rows=ways,
            )

    def answered(self) -> Panel | None:
        return _rows("What became of what was asked for", ("",), [(each,) for each in self.plan.answers])

    def paid_now(self, *, alone: bool) -> Panel | None:
        firm = [each for each in self.plan.schedule.payments if each.firm and (each.payable in self.alone) is alone]
        columns = ("Leaves", "Vendor", "Invoice", "Amount", "To account", "Why now")
        banks = {each.id: each.bank.says for each in self.books.vendors}
        rows = [self._payment(each, banks.get(each.vendor, "")) for each in firm]
        title = "Paid by these files" if rows else "Nothing is paid today"
        return _rows(title, columns, rows) if rows or not alone else None

    def _payment(self, each: Payment, account: str) -> tuple[str, ...]:
        amount = f"{money(each.amount - each.fee)} {each.currency}"
        return (_day(each.day), self.name(each.vendor), self.number(each.payable), amount, account, each.why)

    def evidence(self) -> Panel | None:
        now = {each.payable for each in self.plan.schedule.payments if each.firm}
        rows = [row for hold in self.plan.holds if hold.alone and hold.invoice in now for row in self._evidence(hold)]
        return _rows(
            "Why two people",
            ("Vendor", "Invoice", "What", "Now", "Before"),
            rows,
            note="Call the vendor by a number that you knew before. Never use one from the invoice.",
            bad=3,
        )

    def _evidence(self, hold: Hold) -> Iterator[tuple[str, ...]]:
        first = (self.name(hold.vendor), self.number(hold.invoice))
        for each in hold.evidence:
            yield (*first, each.what, each.this, each.other)
        for out in self.plan.dropped:
            if hold.invoice in out.invoices:
                yield (*first, "Dropped before", f"by {out.by} on {out.at:%Y-%m-%d}", out.says)

    def held(self) -> Panel | None:
        rows = [self._held(hold) for hold in sorted(self.plan.holds, key=lambda each: each.kind) if not hold.alone]
        note = "“release NUMBER: why” pays one all the same, “leave out NUMBER: why” holds another: ask for changes so."
        return _rows("Held", ("Vendor", "Invoice", "Amount", "Why", "What it stands on"), rows, note=note, bad=3)

    def apart(self) -> Panel | None:
        rows = [self._held(hold) for hold in self.plan.holds if hold.alone]
        title = "Paid apart on their day, signed by two people"
        return _rows(title, ("Vendor", "Invoice", "Amount", "Why", "What it stands on"), rows, bad=3)

    def _held(self, hold: Hold) -> tuple[str, ...]:
        stands = "; ".join(f"{each.what}: {_beside(each.this, each.other)}" for each in hold.evidence)
        payee = self.plan.payees.get(hold.invoice)
        amount = f"{money(payee.amount)} {payee.currency}" if payee else ""
        return (self.name(hold.vendor), self.number(hold.invoice), amount, hold.says, stands)

    def changed(self) -> Panel | None:
        if self.plan.before is None:
            return None
        rows: list[tuple[str, ...]] = [
            (each.what, self.name(each.vendor), self.number(each.invoice), each.says) for each in self.plan.changes
        ]
        rows += [("dropped", "", "", f"{each.by}: {each.says}") for each in self.plan.dropped]
        title = f"What changed since {self.plan.before}"
        return _rows(title, ("", "Vendor", "Invoice", ""), rows or [("nothing", "", "", "")])

    def curves(self) -> Iterator[Panel]:
        for each in self.plan.schedule.accounts:
            if len({point.cash for point in each.curve}) > 1:
                yield curve(each, self.plan.receipts)

    def early(self) -> Panel | None:
        rows = [self._early(each) for each in self.plan.schedule.early]
        columns = ("Vendor", "Invoice", "Discount", "Pay by", "Days early", "A year", "Taken?")
        title = "What paying early is worth"
        return _rows(title, columns, rows, note="A year: simple interest on what is paid early, as an annual rate.")

    def _early(self, each: EarlyPayment) -> tuple[str, ...]:
        rate = "no day lost" if each.annual_percent is None else f"{each.annual_percent:.1f} %"
        saved = f"{money(each.discount)} {each.currency} ({each.percent.normalize():f} %)"
        taken = "yes" if each.taken else f"no: {each.why}"
        first = (self.name(each.vendor), self.number(each.payable), saved, _day(each.pay_by), str(each.days))
        return (*first, rate, taken)

    def calendar(self) -> Panel | None:
        rest = [each for each in self.plan.schedule.payments if not each.firm]
        rows = [
            (
                _day(each.day),
                self.name(each.vendor),
                self.number(each.payable),
                f"{money(each.amount)} {each.currency}",
                each.why,
            )
            for each in sorted(rest, key=lambda one: (one.day, one.vendor))
        ]
        columns = ("Leaves", "Vendor", "Invoice", "Amount", "Why then")
        return _rows("The days after, decided again each morning", columns, rows, folded=True)

    def later(self) -> Panel | None:
        rows = [
            (self.name(each.vendor), self.number(each.payable), f"{money(each.amount)} {each.currency}", each.why)
            for each in self.plan.schedule.later
            if not each.held
        ]
        return _rows("Not paid in this time", ("Vendor", "Invoice", "Amount", "Why"), rows, folded=True)

    def foretold(self) -> Panel | None:
        """Which forecast of receipts serves, how it did, and what it does not look at."""
        report = self.plan.forecast
        if report is None:
            return None
        scores = (
            ("Trained model", report.days_mae),
            ("Each customer's median", report.customer_median_mae),
            ("One median for all", report.overall_median_mae),
        )
        rows = [
            (name, f"off by {days:.1f} days on {report.judged:,} later ones")
            for name, days in scores
            if days is not None
        ]
        if report.late_auc is not None:
            rows.append(("Late or not, told in order", f"AUC {report.late_auc:.2f}"))
        rows.append(("Looks at", ", ".join(("customer", "weekend", *(name[:40] for name in report.columns)))))
        rows += [(f"Leaves out {name[:40]}", why) for name, why in report.left_out.items()]
        on = f", learnt on {_day(report.learnt)}" if report.learnt else ""
        rows.append(("Version", f"sha256 {report.sha256[:16]} of {report.rows:,} settled invoices{on}"))
        return _rows("How receipts were foretold", ("", ""), rows, note=self.plan.receipts, folded=True)

    def credited(self) -> Panel | None:
        rows = [
            (
                self.name(each.vendor),
                each.number,
                f"{money(each.amount)} {each.currency}",
                f"taken off {self.number(each.invoice)}" if each.invoice else "open: no invoice is large enough for it",
            )
            for each in self.plan.credits
        ]
        return _rows("Credit notes", ("Vendor", "Number", "Amount", ""), rows, folded=True)

    def unread(self) -> Panel | None:
        rows = [(each.where, each.says, str(each.rows), "; ".join(each.examples)) for each in self.books.flaws]
        rows += [("", each, "", "") for each in (*self.books.notes, *self.plan.schedule.notes) if each]
        return _rows("What could not be read", ("Where", "What", "Rows", "Such as"), rows, folded=not self.books.flaws)


def curve(account: AccountPlan, receipts: str) -> PlotPanel:
    """The account's cash day by day, with its band and its floor."""
    points = account.curve
    cash = PlotSeries(
        name="Cash, as expected",
        y=tuple(float(each.cash) for each in points),
        low=tuple(float(each.low) for each in points),
        high=tuple(float(each.high) for each in points),
    )
    series = [cash]
    if any(each.drawn for each in points):
        series.append(PlotSeries(name="Credit drawn", y=tuple(float(each.drawn) for each in points), as_="steps"))
    return PlotPanel(
        title=f"Cash in {account.currency}",
        series=tuple(series),
        days=tuple(each.day for each in points),
        lines=(PlotLine(name="floor", y=float(account.floor)),),
        unit=account.currency,
        note=f"After each day's payments and before its receipts. {receipts}".strip(),
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _beside(this: str, other: str) -> str:
    return f"{this} against {other}" if this and other else this or other


def _rows(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    note: str = "",
    bad: int = -1,
    folded: bool = False,
) -> TablePanel | None:
    """A table of these; None where there are no rows. `bad`: the column that is coloured."""
    if not rows:
        return None
    cells = tuple(
        tuple(Cell(text=text, tone="bad" if at == bad else "") for at, text in enumerate(row)) for row in rows[:MOST]
    )
    more = f"{len(rows) - MOST:,} more are not shown." if len(rows) > MOST else ""
    return TablePanel(
        title=title, columns=tuple(columns), rows=cells, note=" ".join(filter(None, (note, more))), folded=folded
    )
