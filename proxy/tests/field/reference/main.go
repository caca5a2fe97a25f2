// Command reference prints what RudderStack's date parser makes of a list of texts, one row a text:
// the text, a tab, and the instant in RFC 3339 with milliseconds, or "-" where it reads none.
//
// The version in go.mod is the one that rudder-server's go.mod names, and the call is the one that its
// gateway and processor make: dateparse.ParseAny without options, in a process whose local zone is UTC.
// The table is committed; `go run . > ../timestamps.tsv` in this directory writes it anew.
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"github.com/araddon/dateparse"
)

func main() {
	time.Local = time.UTC
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	seen := map[string]bool{}
	for _, text := range texts() {
		if seen[text] {
			continue
		}
		seen[text] = true
		fmt.Fprintf(out, "%s\t%s\n", text, answer(text))
	}
}

// answer is the reference's reading, or "-". Its parser panics on some texts; RudderStack's server would lose the request.
func answer(text string) (read string) {
	defer func() {
		if recover() != nil {
			read = "-"
		}
	}()
	at, err := dateparse.ParseAny(text)
	if err != nil {
		return "-"
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}
