package proof

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Rule is a rule of docs/once-design.md, switched off by a patch in testdata/rules. Its file says in its first line what the
// patch does, and in its second which test has to fail then, and in which folder if it is not once.
type Rule struct {
	Name, Does, FoundBy, In string
	hunks                   []hunk
}

// hunk is a part of a unified diff, found by its text and not by its line numbers.
type hunk struct{ file, before, after string }

// Rules reads the patches from a folder.
func Rules(folder string) ([]Rule, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	slices.Sort(files)
	var rules []Rule
	for _, file := range files {
		text, readErr := os.ReadFile(file)
		if readErr != nil {
			return nil, readErr
		}
		rules = append(rules, parse(strings.TrimSuffix(filepath.Base(file), ".patch"), string(text)))
	}
	return rules, err
}

func parse(name, text string) Rule {
	head, diff, _ := strings.Cut(text, "\n\n")
	does, foundBy, _ := strings.Cut(head, "\nFound by: ")
	foundBy, in, _ := strings.Cut(foundBy, " in ")
	rule := Rule{Name: name, Does: does, FoundBy: foundBy, In: cmp.Or(in, "once")}
	file := ""
	for line := range strings.Lines(diff) {
		switch last := len(rule.hunks) - 1; {
		case strings.HasPrefix(line, "--- "):
		case strings.HasPrefix(line, "+++ b/"):
			file = strings.TrimSpace(line[len("+++ b/"):])
		case strings.HasPrefix(line, "@@"):
			rule.hunks = append(rule.hunks, hunk{file: file})
		case line[0] == ' ':
			rule.hunks[last].before += line[1:]
			rule.hunks[last].after += line[1:]
		case line[0] == '-':
			rule.hunks[last].before += line[1:]
		case line[0] == '+':
			rule.hunks[last].after += line[1:]
		}
	}
	return rule
}

// Apply returns the files under a module's root that the rule's patch changes, as they are with it.
func (r Rule) Apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, h := range r.hunks {
		text, read := changed[h.file]
		if !read {
			data, err := os.ReadFile(filepath.Join(root, h.file))
			if err != nil {
				return nil, err
			}
			text = string(data)
		}
		if n := strings.Count(text, h.before); n != 1 {
			return nil, fmt.Errorf("%s: %s has this %d times and not once:\n%s", r.Name, h.file, n, h.before)
		}
		changed[h.file] = strings.Replace(text, h.before, h.after, 1)
	}
	if len(changed) == 0 {
		return nil, fmt.Errorf("%s: the patch changes nothing", r.Name)
	}
	return changed, nil
}
