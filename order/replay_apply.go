package order

// said is the content of a plain event.
type said struct {
	field           string // modified field, by its name in the default schema
	text            []byte // its new value
	quantity, price Fixed
	market          bool // the price is null
}

// applied applies an event of plain form. If it returns false, it has changed nothing.
func (r *Replay) applied(e StoredRow) bool {
	form := r.names.forms[string(e.Type)]
	if form == nil || e.At.IsZero() { // a type that is not in the vocabulary, or no time: never applied
		r.flaw = true
		return true
	}
	r.flat = flatValues{}
	if !form.reads(e.Payload, Key(r.key), &r.flat) || !r.read(form.event) {
		return false
	}
	created := form.event == OrderCreated
	if created == r.is.exists { // a second creation, or an event before the first one
		r.flaw = r.flaw || created
		return true
	}
	if !r.apply(form.event) {
		return false
	}
	if created {
		r.is.CreatedAt = e.At.UnixMicro()
	}
	r.is.UpdatedAt = e.At.UnixMicro()
	return true
}

// read takes the values that are needed from a payload that fits its form.
func (r *Replay) read(t EventType) (ok bool) {
	v, to := &r.flat, &r.said
	switch t {
	case OrderCreated:
		to.market = v[4].kind == jsonNull
		if !to.market {
			if to.price, ok = fixed(v[4].text); !ok {
				return false
			}
		}
		to.quantity, ok = fixed(v[3].text)
		return ok && v[0].isText() && v[1].isText() && v[2].isText()
	case OrderPartiallyFilled:
		if to.price, ok = fixed(v[2].text); ok {
			to.quantity, ok = fixed(v[0].text)
		}
	case OrderFilled:
		if to.price, ok = fixed(v[1].text); ok {
			to.quantity, ok = fixed(v[0].text)
		}
	case OrderModified:
		return r.readModified(v[0].text, v[2])
	case OrderCanceled:
		ok = true
	}
	return ok
}

func (r *Replay) readModified(field []byte, value token) (ok bool) {
	to := &r.said
	to.field = r.names.fields[string(field)]
	to.text, to.market = value.text, value.kind == jsonNull
	switch {
	case to.field == "quantity":
		to.quantity, ok = fixed(value.text)
		return ok
	case to.field != "price":
		return value.isText()
	case !to.market:
		to.price, ok = fixed(value.text)
		return ok
	}
	return true
}

// apply does the same as application.apply, but of the problems it keeps only whether one is impossible.
func (r *Replay) apply(t EventType) bool {
	is, by := &r.is, &r.said
	switch t {
	case OrderCreated:
		v := &r.flat
		is.Trader, is.Symbol, is.Side = append(is.Trader, v[0].text...), append(is.Symbol, v[1].text...), append(is.Side, v[2].text...)
		is.exists, is.Status = true, StatusOpen
		is.Quantity, is.Price, is.Market = by.quantity, by.price, by.market
	case OrderPartiallyFilled:
		return r.trade(StatusPartiallyFilled)
	case OrderFilled:
		return r.trade(StatusFilled)
	case OrderCanceled:
		r.flaw = r.flaw || is.Status == StatusFilled
		is.Status = StatusCanceled
	case OrderModified:
		switch by.field {
		case "trader_id":
			is.Trader = append(is.Trader[:0], by.text...)
		case "symbol":
			is.Symbol = append(is.Symbol[:0], by.text...)
		case "side":
			is.Side = append(is.Side[:0], by.text...)
		case "quantity":
			is.Quantity = by.quantity
		case "price":
			is.Price, is.Market = by.price, by.market
		}
	}
	return true
}

func (r *Replay) trade(status string) bool {
	is, by := &r.is, &r.said
	filled, ok := is.Filled.plus(by.quantity)
	if !ok {
		return false
	}
	notional, ok := is.notional.plus(product(by.quantity, by.price))
	if !ok {
		return false
	}
	over, ok := filled.exceeds(is.Quantity)
	if !ok {
		return false
	}
	r.flaw = r.flaw || over || is.Status == StatusCanceled
	is.Filled, is.notional, is.Status = filled, notional, status
	return true
}
