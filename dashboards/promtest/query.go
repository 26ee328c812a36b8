package promtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// Series is how many series the query answers with now.
func (s *Server) Series(ctx context.Context, expr string) (int, error) {
	values, err := s.Values(ctx, expr)
	return len(values), err
}

// Values are those of the series that the query answers with now, the smallest first.
func (s *Server) Values(ctx context.Context, expr string) ([]float64, error) {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]json.RawMessage }
		} // time and value
	}
	if err := s.get(ctx, "/api/v1/query?"+url.Values{"query": {expr}}.Encode(), &answer); err != nil {
		return nil, err
	}
	var values []float64
	for _, r := range answer.Data.Result {
		var text string
		err := json.Unmarshal(r.Value[1], &text)
		if err != nil {
			return nil, fmt.Errorf("reading a value of %s: %w", expr, err)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("reading a value of %s: %w", expr, err)
		}
		values = append(values, v)
	}
	slices.Sort(values)
	return values, nil
}

// LabelValues are those that series have in the label, as Grafana's label_values asks for them.
func (s *Server) LabelValues(ctx context.Context, label, selector string) ([]string, error) {
	var answer struct{ Data []string }
	err := s.get(ctx, "/api/v1/label/"+label+"/values?"+url.Values{"match[]": {selector}}.Encode(), &answer)
	return answer.Data, err
}
