package web

// formView is what a user can do on a page.
type formView struct {
	May, Not       string // the token of a user who may act; why nobody can
	Open, Accepted bool   // there is something to accept, or to withdraw
}
