package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// certifiesASlice makes the certificate of a slice while the others trade. There is none of all orders yet, and none of a slice that was not moved.
func (s *slicedSystem) certifiesASlice(dir, slice string) {
	s.t.Helper()
	of, other := filepath.Join(dir, "slice"), filepath.Join(dir, "other")
	if text := s.does(exitDiverged, "certificate", "create", "--out", other); !strings.Contains(text, "name a slice that is, such as --slice") {
		s.t.Errorf("without a cutover of all orders: %s", text)
	}
	if text := s.does(exitDiverged, "certificate", "create", "--out", other, "--slice", "symbol=BETA"); !strings.Contains(text, "no cutover of the slice symbol=BETA is completed") {
		s.t.Errorf("a slice that was not moved: %s", text)
	}
	rows(s.t, s.dsn, "SELECT trade(101, 5)") // of another slice, after the fence
	if text := s.does(exitAgrees, "certificate", "create", "--out", of, "--slice", slice); !strings.Contains(text, "has 20 orders") || !strings.Contains(text, "the slice "+slice+" alone") {
		s.t.Errorf("the certificate is told as %s", text)
	}
	if text := s.does(exitAgrees, "certificate", "check", of); !strings.Contains(text, "20 orders") || !strings.Contains(text, "the slice "+slice+" alone") {
		s.t.Errorf("the check says %s", text)
	}
	if text := s.does(exitDiverged, "prove", "101", "--certificate", of); !strings.Contains(text, "does not have this order: 101, and is of the slice "+slice+" alone") {
		s.t.Errorf("an order of another slice: %s", text)
	}
}

// certifiesTheRest makes the certificate of all other orders, which says where the slice is.
func (s *slicedSystem) certifiesTheRest(dir, slice string) {
	s.t.Helper()
	rest, of := filepath.Join(dir, "rest"), filepath.Join(dir, "slice")
	if text := s.does(exitAgrees, "certificate", "create", "--out", rest); !strings.Contains(text, "has 60 orders") || !strings.Contains(text, slice+" (run orders-2026-") {
		s.t.Errorf("the certificate is told as %s", text)
	}
	s.does(exitAgrees, "certificate", "create", "--out", filepath.Join(dir, "again"), "--slice", slice)
	if text := s.does(exitDiverged, "prove", "1", "--certificate", rest); !strings.Contains(text, "and is of all orders but those of slices") || !strings.Contains(text, slice+" (run orders-2026-") {
		s.t.Errorf("an order of the slice: %s", text)
	}
	var got proven
	if err := json.Unmarshal([]byte(s.does(exitAgrees, "prove", "1", "--certificate", rest, "--certificate", of, "--json")), &got); err != nil {
		s.t.Fatal(err)
	}
	if !got.Proven || got.Orders != 20 || got.Slice != slice || !strings.HasSuffix(got.Of, "slice") || *got.Values[1].Value != "10" {
		s.t.Errorf("an order of the slice is proven as %+v", got)
	}
	s.does(exitAgrees, "prove", "101", "--certificate", rest)
}
