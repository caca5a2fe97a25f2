// Command reference prints what kubectl would send for a list of manifests, one row a manifest: the manifest
// as a JSON string, a tab, the objects as a JSON list or "-" where kubectl refuses the manifest, a tab, and
// "twice" where a mapping of it says one key twice, which kubectl's reader lets pass and the API server's strict
// reader does not.
//
// What reads is kubectl's own builder, as `kubectl apply -f -` sets it up, without a cluster behind it.
// The table is committed; `go run . > ../manifests.tsv` in this directory writes it anew.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/resource"
	"sigs.k8s.io/yaml"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, manifest := range manifests() {
		twice := ""
		if saysTwice(manifest) {
			twice = "twice"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\n", encoded(manifest), answer(manifest), twice)
	}
}

// answer is what kubectl would send, or "-".
func answer(manifest string) string {
	infos, err := resource.NewLocalBuilder().
		Unstructured().
		Local().
		Stream(strings.NewReader(manifest), "manifest").
		Flatten().
		Do().
		Infos()
	if err != nil {
		return "-"
	}
	objects := []interface{}{}
	for _, info := range infos {
		objects = append(objects, info.Object.(*unstructured.Unstructured).Object)
	}
	return encoded(objects)
}

// saysTwice tells whether the strict reader names a key that is set twice.
func saysTwice(manifest string) bool {
	if strings.HasPrefix(strings.TrimSpace(manifest), "{") && json.Valid([]byte(manifest)) {
		_, err := yaml.YAMLToJSONStrict([]byte(manifest))
		return err != nil && strings.Contains(err.Error(), "already set")
	}
	for _, document := range strings.Split("\n"+manifest, "\n---") {
		_, err := yaml.YAMLToJSONStrict([]byte(document))
		if err != nil && strings.Contains(err.Error(), "already set") {
			return true
		}
	}
	return false
}

func encoded(value interface{}) string {
	text := &strings.Builder{}
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return strings.TrimSpace(text.String())
}
