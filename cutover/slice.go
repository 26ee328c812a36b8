package cutover

import "strings"

// SliceFlag is the flag of the command line for a slice, as a person types it; empty for all orders.
func SliceFlag(slice string) string {
	if slice == "" {
		return ""
	}
	return " --slice '" + strings.ReplaceAll(slice, "'", `'\''`) + "'"
}
