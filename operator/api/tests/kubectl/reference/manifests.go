package main

import "strings"

const head = "apiVersion: v1\nkind: X\nmetadata: {name: x}\n"

// manifests are scalars in every notation, then whole files.
func manifests() []string {
	var all []string
	for _, scalar := range scalars() {
		all = append(all, head+"v: "+scalar+"\n")
	}
	for _, scalar := range scalars() {
		if !strings.ContainsAny(scalar, "[{\n") {
			all = append(all, head+"v: {"+scalar+": 1}\n")
		}
	}
	for _, body := range bodies() {
		all = append(all, head+body)
	}
	return append(all, files()...)
}

func scalars() []string {
	return []string{
		// Booleans of YAML 1.1.
		"y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "nO", "on", "On", "ON", "oN", "off", "Off",
		"OFF", "oFF", "true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "fALSE", "\"on\"", "'no'", "\"y\"",
		"ye", "none", "t", "f", "T", "F",
		// Nothing.
		"", "~", "null", "Null", "NULL", "nULL", "nil", "\"\"", "''", "\"null\"", "~ ~",
		// Whole numbers.
		"0", "-0", "+0", "1", "+1", "-1", "1_000", "1_", "_1", "1__0", "-1_000", "017", "-017", "+017", "08", "09", "018", "0o17",
		"0O17", "0x1f", "0X1F", "-0x1f", "0x", "0x_1", "0b101", "0B101", "-0b101", "+0b101", "0b-1", "0b+1", "0b", "0b12", "00", "007", "1_0.5",
		"9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "0xffffffffffffffff", "0777777777777777777777", "123456789012345678901234567890",
		"1 000", "1,000", "+", "-", "--1", "+-1", "1-", "\"017\"", "'1_000'",
		// Numbers with a fraction or an exponent.
		"1.5", "-1.5", "+1.5", "1.", ".5", "-.5", "+.5", "._5", ".5_0", ".5e3", ".", "..", "1e3", "1E3", "1e+3", "1e-3", "1.0", "-0.0", "1e20",
		"1e21", "9e18", "1e19", "1e400", "-1e400", "1e-400", "1e", "e1", "1e3_0", "1.5.2", "0.1", "0.30000000000000004", "1e-7", "0x1p4", "0x1.8",
		".inf", ".Inf", ".INF", "+.inf", "-.inf", ".iNF", ".nan", ".NaN", ".NAN", ".nAN", "inf", "nan", "Infinity", "-.Inf", ".e3", ".5.",
		// Base sixty, times, addresses, and others that look like numbers.
		"1:30", "190:20:30", "190:20:30.15", "-1:30", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5",
		"2001-12-14 21:59:43", "2001-1-1", "2001-13-01", "1.2.3.4", "1/2", "10%", "5Ki", "1e3Mi", "12h", "0s", "=", "<<",
		// Tags.
		"!!str 1", "!!str on", "!!str", "!!int 1", "!!int \"0x1f\"", "!!int 1.5", "!!int x", "!!float 1", "!!float 1.5", "!!float \"1e3\"", "!!bool yes",
		"!!bool \"off\"", "!!bool 1", "!!null ~", "!!null \"\"", "!!null x", "!!binary aGVsbG8=", "!!binary \"aGVs\\nbG8=\"", "!!binary ?", "!!timestamp 2001-12-14",
		"!!timestamp x", "! 12", "! \"12\"", "!local 12", "!!set {a, b}", "!!map {a: 1}", "!!seq [1]", "!!omap [a: 1]", "!!str [1]", "!<tag:yaml.org,2002:str> 1",
		// Quotes and escapes.
		"\"\\ud83c\\udf89\"", "\"\\ud83c\"", "\"\\udf89x\"", "\"\\\\ud83c\"", "\"\\u00e9\"", "\"\\U0001F389\"", "\"\\x41\"", "\"\\/\"", "\"\\e\\a\\0\\_\\N\\L\\P\"", "\"\\q\"", "'it''s'",
		"\"a\\\n  b\"", "\"a\n\n  b\"", "'a\n  b'", "a\n  b", "\"tab\\tq\"", "\"unfinished", "'unfinished", "\"a\" b", "🎉", "\"🎉\"", "a #b", "a#b", "'#'", "@a", "`a", "%a", "&", "*", "!", "a: b",
		"\u00e9", "\"\u00a0\"", "\u00a0", "a\tb", "\ta", "- a", "? a", "?a", ":a", "-a", "a:", "\"a\":", "{", "}", "[", "]", ",", "[,]", "[a,]", "[a,,b]", "{,}", "{a}", "{a, b}", "{a: }", "{a: b,}", "{a:b}", "{\"a\":b}",
		"{a: 1, b: [x, y]}", "[on, 017, 1_000, 0x1f, ~]", "{on: off, no: yes}", "[a: 1]", "[[[]]]", "{? a: b}", "{[1]: 2}",
		"[http://a.b/c]", "{a: http://x:80/}", "[a:b]", "{a:1}", "[?a]", "[a?]", "[a ?b]", "[a, :b]", "&a.b c", "&a_-1 c", "&\u00e9 c", "a, b", "a]", "http://a.b:80/c?d#e", "{a: b: c}", "[a]b", "\"a\"#b", "'a' #b", "|", ">", "- ", "? ",
	}
}

func bodies() []string {
	return []string{
		// Blocks.
		"v: |\n  a\n  b\n", "v: |-\n  a\n", "v: |+\n  a\n\n", "v: >\n  a\n  b\n\n  c\n", "v: >-\n  a\n   b\n  c\n", "v: |2\n   a\n", "v: |\n a\n  b", "v: |\n", "v: |\n\n", "v: | # c\n  a\n", "v: |x\n  a\n",
		"v: |\n  on\n", "v: |\n  ---\n  a\n", "v:\n- a\n- b\n", "v:\n  - a\n  -\n  - c: 1\n    d: 2\n", "v:\n    a: 1\n    b: 2\n", "v:\n  a: 1\n   b: 2\n", "v:\n  a: 1\n b: 2\n", "v:\n\ta: 1\n", "v: a\n\n\n# end\n", "? v\n: 1\n", "? v\n", "? [v]\n: 1\n", "? {a: 1}\n: 1\n",
		"v: a\r\nw: b\r\n", "v: a\rw: b\n", "v: \"a\r\n  b\"\n", "v: a\u0085w: b\n", "v: \x01\n", "v: \x7f\n", "v: \"\ufeff\"\n", "v: 1 # \u2028\n", "v: 1",
		// Keys.
		"1: a\n", "017: a\n", "1.5: a\n", "1e6: a\n", "100000.0: a\n", "1e-5: a\n", "0.0001: a\n", "1e400: a\n", ".inf: a\n", "-.inf: a\n", ".nan: a\n", "16777217.0: a\n", "0.1: a\n", "123456789.0: a\n", "on: a\n", "no: a\n", "\"on\": a\n", "~: a\n", ": a\n", "null: a\n", "18446744073709551615: a\n", "2001-12-14: a\n", "[]: a\n", "{}: a\n", "!!str 1: a\n", "!!binary aGVsbG8=: a\n",
		// A key twice.
		"v: 1\nv: 2\n", "v: {a: 1, a: 2}\n", "v: {a: 1, \"a\": 2}\n", "v: [{a: 1, a: 1}]\n", "v: {on: 1, yes: 2}\n", "v: {1: a, 0x1: b}\n", "v: {1: a, 1.0: b}\n",
		// Anchors and merges.
		"a: &a 1\nb: *a\n", "a: &a {x: 1}\nb: *a\n", "a: &a on\nb: *a\n", "a: &a [1]\nb: [*a, *a]\n", "a: *a\n", "a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a 1\nb: &a 2\nc: *a\n", "a: &a k\n*a : v\n", "a: &a 1\n*a : v\n", "a: &a [1]\n*a : v\n", "&a a: &b b\nc: *a\nd: *b\n", "a: &\n", "a: &a\nb: *a\n",
		"a: &a {x: 1}\nb: {<<: *a, w: 2}\n", "a: &a {x: 1}\nb:\n  <<: *a\n  w: 2\n", "a: &a {x: 1}\nb: {<<: *a, x: 2}\n", "a: &a {x: 1}\nb: {x: 2, <<: *a}\n", "a: &a {x: 1}\nc: &c {x: 2, w: 3}\nb: {<<: [*a, *c]}\n", "b: {<<: {x: 1}}\n", "b: {<<: [{x: 1}, {w: 2}]}\n", "a: &a 1\nb: {<<: *a}\n", "b: {<<: 1}\n", "b: {<<: [1]}\n", "b: {<<: ~}\n",
		"a: &a [1]\nb: {<<: *a}\n", "a: &a [{x: 1}]\nb: {<<: *a}\n", "b: {\"<<\": {x: 1}}\n", "b: {!!merge <<: {x: 1}}\n", "b: {!!merge \"<<\": {x: 1}}\n", "b: {!!str <<: {x: 1}}\n", "a: &a {x: 1}\nb: &b {<<: *a, w: 2}\nc: {<<: *b}\n", "a: &a {x: 1}\nb: {<<: *a, <<: {w: 2}}\n", "b: [<<: {x: 1}]\n", "b: {<<: {<<: {x: 1}, w: 2}}\n", "b: {<<: [[{x: 1}]]}\n", "a: &a {1: x}\nb: {<<: *a, 2: w}\n",
	}
}

func files() []string {
	x := head
	w := "apiVersion: v1\nkind: W\nmetadata: {name: w}\n"
	return []string{
		// Several documents.
		"", "\n", "# nothing\n", "---\n", "---\n---\n", "~\n", "null\n", x + "---\n" + w, "---\n" + x + "---\n---\n" + w + "---\n", x + "--- # comment\n" + w, x + "---   \n" + w, x + "--- {a: 1}\n", "--- {apiVersion: v1, kind: X}\n", x + "---a: 1\n" + w, x + "----\n" + w, x + "...\n---\n" + w, x + "...\n",
		x + "v: |\n  a\n---\n" + w, x + " ---\n" + w, "%YAML 1.1\n---\n" + x, "%TAG ! tag:x,2000:\n---\n" + x, x + "---\n%YAML 1.1\n---\n" + w, "\ufeff" + x, "\ufeff---\n" + x + "---\n" + w, x + "---\n\ufeff" + w, strings.ReplaceAll(x+"---\n"+w, "\n", "\r\n"), x + "---\r\n" + w, x + "---\nnull\n---\n" + w, x + "---\n" + w + "---\n[\n",
		// What is no object.
		"a\n", "1\n", "[]\n", "- apiVersion: v1\n", "{}\n", "kind: X\n", "apiVersion: v1\n", "apiVersion: v1\nkind:\n", "apiVersion: v1\nkind: on\n", "apiVersion: v1\nkind: 1\n", "apiVersion: 1\nkind: X\n", "apiVersion: v1\nkind: ''\n",
		// Lists.
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: X, metadata: {name: x}, v: on}\n- {apiVersion: v1, kind: W, metadata: {name: w}, v: 017}\n",
		"apiVersion: v1\nkind: List\nitems: []\n", "apiVersion: v1\nkind: List\nitems:\n", "apiVersion: v1\nkind: List\n", "kind: List\nitems: [{apiVersion: v1, kind: X}]\n",
		"apiVersion: v1\nkind: XList\nitems: [{metadata: {name: x}}, {kind: W, apiVersion: v2}]\n", "apiVersion: v1\nkind: X\nitems: [{apiVersion: v1, kind: W}]\n", "apiVersion: v1\nkind: X\nitems: {a: 1}\n", "apiVersion: v1\nkind: X\nitems: 1\n", "apiVersion: v1\nkind: List\nitems: [1]\n", "apiVersion: v1\nkind: List\nitems: [{}]\n", "apiVersion: v1\nkind: List\nitems: [null]\n", "apiVersion: v1\nkind: List\nitems: [{kind: X}]\n", "apiVersion: v1\nkind: XList\nitems: [{kind: W}]\n", "apiVersion: v1\nkind: XList\nitems: [{apiVersion: v2}]\n",
		"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items: [{apiVersion: v1, kind: X}]\n- {apiVersion: v1, kind: W}\n", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: X}]}\n", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: X}]\n---\n" + w,
		// JSON.
		`{"apiVersion":"v1","kind":"X","v":"\ud83c\udf89"}`, `{"apiVersion":"v1","kind":"X","v":"\ud83c"}`, `{"apiVersion":"v1","kind":"X","v":"\udf89\ud83c x"}`, `{"apiVersion":"v1","kind":"X","v":"\\ud83c"}`, `{"apiVersion":"v1","kind":"X","v":"\/\b\f\n\r\t\u0000\""}`, `{"apiVersion":"v1","kind":"X","v":"\x41"}`, "{\"apiVersion\":\"v1\",\"kind\":\"X\",\"v\":\"a\tb\"}", "\n  {\"apiVersion\":\"v1\",\"kind\":\"X\",\n\t\"v\":1}\n",
		`{"apiVersion":"v1","kind":"X","v":1.0}`, `{"apiVersion":"v1","kind":"X","v":1e3}`, `{"apiVersion":"v1","kind":"X","v":9007199254740993}`, `{"apiVersion":"v1","kind":"X","v":18446744073709551615}`, `{"apiVersion":"v1","kind":"X","v":-0}`, `{"apiVersion":"v1","kind":"X","v":1e400}`, `{"apiVersion":"v1","kind":"X","v":017}`, `{"apiVersion":"v1","kind":"X","v":on}`, `{"apiVersion":"v1","kind":"X","v":"on"}`, `{"apiVersion":"v1","kind":"X","v":NaN}`, `{"apiVersion":"v1","kind":"X","v":[1,]}`, `{"apiVersion":"v1","kind":"X","v":null}`, `{"apiVersion":"v1","kind":"X","v":{"<<":{"a":1}}}`,
		`{"apiVersion":"v1","kind":"X"}{"apiVersion":"v1","kind":"W"}`, `{"apiVersion":"v1","kind":"X"} {"apiVersion":"v1","kind":"W"} {"apiVersion":"v1","kind":"Z"}`, "{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n{\"apiVersion\":\"v1\",\"kind\":\"W\"}\n", "{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n---\n{\"apiVersion\":\"v1\",\"kind\":\"W\"}\n", "{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n---\n{\"apiVersion\":\"v1\",\"kind\":\"W\",\"v\":\"\\ud83c\\udf89\"}\n", "{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n---\n" + w, "{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n---\n" + w + "---\n" + x, `{"apiVersion":"v1","kind":"X"},`, `{"apiVersion":"v1","kind":"X"} x`, `{"apiVersion":"v1","kind":"X"}{"apiVersion":"v1","kind":"W"} x`, "---\n{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n", "---\n{\"apiVersion\":\"v1\",\"kind\":\"X\",\"v\":\"\\ud83c\\udf89\"}\n",
		"{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n" + w, `[{"apiVersion":"v1","kind":"X"}]`, `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"X","v":"\ud83c\udf89"}]}`, `{"apiVersion":"v1","kind":"X","v":1,"v":2}`, `{"apiVersion":"v1","kind":"X","v":{"a":1,"a":2}}`, `{apiVersion: v1, kind: X, v: on}`, `{"apiVersion": v1, "kind": X, "v": "\ud83c\udf89"}`, "{\"apiVersion\":\"v1\",\"kind\":\"X\" # c\n}", "# c\n{\"apiVersion\":\"v1\",\"kind\":\"X\"}", "\ufeff{\"apiVersion\":\"v1\",\"kind\":\"X\"}", "{\"apiVersion\":\"v1\",\"kind\":\"X\"", "{\"apiVersion\":\"v1\",\n\t\"kind\": X}", `{"apiVersion":"v1","kind":"X","status":{}}`,
	}
}
